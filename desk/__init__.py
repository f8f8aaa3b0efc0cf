"""The read side: one query service, its JSON API and a server-rendered console in Japanese and English.

``Service`` answers two questions, who is this and what may I see of the household, and records every answer in
the log before handing it out. ``build_app`` puts the API and the console on top of it, ``serve`` listens.
"""

from desk.app import build_app
from desk.server import serve

__all__ = ["build_app", "serve"]
