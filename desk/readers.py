"""From a signed-in worker to the reader the policy judges."""

from dataclasses import dataclass
from datetime import datetime

from desk.sessions import Session
from schemas.errors import AccessDenied
from schemas.vocabulary import AgencyKind, Purpose, StaffRole
from schemas.workspace import Workspace

PRESENT = ("self", "family", "supporter", "representative", "telephone", "nobody")
"""Who may be present in the desk's first minute, coded; no name is ever asked."""

REASONS = ("came", "referred", "visit", "own_case", "meeting")
"""Why the worker looks, coded."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, for what, when."""

    agency_id: str
    agency_kind: AgencyKind
    role: StaffRole
    staff_id: str
    purpose: Purpose
    instant: datetime
    stated: frozenset[str]


def reader_of(workspace: Workspace, session: Session, now: datetime) -> Reader:
    """Return the reader a session stands for; refuse workers the directory no longer lists."""
    worker = workspace.staff.get(session.staff)
    if worker is None:
        raise AccessDenied("the worker is not in the directory")
    agency = workspace.agencies[worker.agency]
    stated = frozenset(
        (*(f"present:{code}" for code in session.present), *([f"reason:{session.reason}"] * bool(session.reason)))
    )
    return Reader(agency.id, agency.kind, worker.role, worker.id, Purpose(session.purpose), now, stated)
