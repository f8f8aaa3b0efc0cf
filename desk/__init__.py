"""The read side: one query service, its JSON API and a server-rendered console in Japanese and English.

``Service`` answers two questions, who is this and what may I see of the household, and records every answer in
the log before handing it out. ``create_app`` puts the API and the console on top of it, ``serve`` listens.
"""

from desk.app import build_app, create_app, open_service
from desk.readers import reader_of
from desk.server import serve
from desk.service import Service
from desk.views import HouseholdView, Query, Results

__all__ = [
    "HouseholdView",
    "Query",
    "Results",
    "Service",
    "build_app",
    "create_app",
    "open_service",
    "reader_of",
    "serve",
]
