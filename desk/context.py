"""What a request handler reaches: workspace, query service, sessions, pages and clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from desk.pages import Pages
from desk.reads import Reads
from desk.sessions import Sessions
from schemas.workspace import Workspace

DEMO_UNLOCK = "demo"
"""``keys.unlock`` of a workspace for trying out; only there workers sign in by choosing a name."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One served workspace."""

    workspace: Workspace
    reads: Reads
    sessions: Sessions
    pages: Pages
    clock: Callable[[], datetime]

    @property
    def demo(self) -> bool:
        """True where demo sign-in is allowed."""
        return self.workspace.config.keys.unlock == DEMO_UNLOCK


def desk_of(request: Request) -> Desk:
    """Return the desk a request came to."""
    desk: Desk = request.app.state.desk
    return desk
