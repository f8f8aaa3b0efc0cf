"""From a signed-in worker to the reader the policy judges."""

from datetime import datetime

from desk.sessions import Session
from privacy.policy import Reader
from schemas.errors import AccessDenied
from schemas.vocabulary import Purpose
from schemas.workspace import Workspace

PRESENT = ("self", "family", "supporter", "representative", "telephone", "nobody")
"""Who may be present in the desk's first minute, coded; no name is ever asked."""

REASONS = ("came", "referred", "visit", "own_case", "meeting")
"""Why the worker looks, coded."""


def reader_of(workspace: Workspace, staff: str, purpose: str, now: datetime, *, stated: frozenset[str]) -> Reader:
    """Return the reader a worker is; refuse workers the directory does not list."""
    worker = workspace.staff.get(staff)
    if worker is None:
        raise AccessDenied("the worker is not in the directory")
    agency = workspace.agencies[worker.agency]
    return Reader(agency.id, agency.kind, worker.role, worker.id, Purpose(purpose), now, stated)


def stated_in(session: Session) -> frozenset[str]:
    """Return what the policy needs to know of the first minute: that it was stated, not what."""
    given = {"present": session.present, "reason": session.reason}
    return frozenset(name for name, answer in given.items() if answer)


def statement_of(session: Session) -> tuple[str, ...]:
    """Return the coded answers of the first minute as the log keeps them."""
    return (*(f"present:{code}" for code in session.present), f"reason:{session.reason}")
