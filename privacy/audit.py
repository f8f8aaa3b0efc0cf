"""The audit: the log directory against the database, both ways.

What is compared:

- the log against itself and its signature (``privacy.verify``), at the size the database last signed;
- every entry of the log against its rows in ``outbox`` and ``act`` (same bytes, same digest, same actor);
- every row of ``act`` and ``outbox`` against the log, those still waiting for their leaf included;
- every finished run of the run ledger against the entries: a run is an act, too;
- the published checkpoint against the one in the database, and, where given, against one kept elsewhere.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, Select, exists, or_, select

from privacy.log.outbox import actor
from privacy.log.sequencer import CHECKPOINT
from privacy.verify import VerifierKey, verify_log
from schemas.tables import act, log_head, outbox, run

STEP = 4096
"""Entries compared with the database at a time."""
PATIENCE = 2.0
"""Seconds a sequencer at work may take between signing a checkpoint and publishing its file."""
RUN_KEY = "run"
"""The key of an entry's body that names the row of table ``run`` it proves."""


class Fault(StrEnum):
    """What an audit can find."""

    LOG_CHANGED = "log-changed"
    """A byte of the log directory is not what was signed."""
    HEAD_CHANGED = "head-changed"
    """Published checkpoint, database and directory do not agree."""
    ACT_DELETED = "act-deleted"
    """The log holds an entry whose act is gone from the database."""
    ACT_CHANGED = "act-changed"
    """An act in the database is not as the log says."""
    ENTRY_MISSING = "entry-missing"
    """An act stands in the database without its entry."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing that does not fit; ``where`` is a path below the log directory or ``table row``."""

    fault: Fault
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit looked at and found."""

    origin: str
    size: int
    """Entries under the signed checkpoint."""
    pending: int
    """Acts recorded since, waiting for the next checkpoint; compared with each other only."""
    findings: tuple[AuditFinding, ...]
    checkpoint: str
    """The signed checkpoint that was verified: keep it in a second place for the next audit."""

    @property
    def clean(self) -> bool:
        """Whether everything fits."""
        return not self.findings


def verify(engine: Engine, log_dir: Path, key: VerifierKey, *, against: str | None = None) -> AuditReport:
    """Audit a log directory and its database; reads only, and may run while the desk works.

    ``against`` is an older checkpoint of the same log, kept elsewhere.
    """
    findings: list[AuditFinding] = []
    text = _agreed_head(engine, log_dir, key, findings)
    compared = _Comparison(engine, findings)
    size = 0
    if text is not None:
        head, faults = verify_log(log_dir, key, checkpoint=text, against=against, each=compared.entry)
        compared.flush()
        fault_of = {"checkpoint": Fault.HEAD_CHANGED, "older checkpoint": Fault.HEAD_CHANGED}
        findings.extend(
            AuditFinding(fault_of.get(fault.where, Fault.LOG_CHANGED), fault.where, fault.what) for fault in faults
        )
        size = head.size if head else 0
    findings.extend(_rows_without_proof(engine))
    waiting = list(compared.waiting(size))
    findings.extend(finding for finding in waiting if finding is not None)
    findings.extend(_runs_without_proof(engine, compared.runs))
    return AuditReport(key.name, size, len(waiting), tuple(findings), text or "")


def _agreed_head(engine: Engine, log_dir: Path, key: VerifierKey, findings: list[AuditFinding]) -> str | None:
    """Give the checkpoint in the database; the published file must come to agree with it."""
    patience = time.monotonic() + PATIENCE
    while True:
        with engine.connect() as conn:
            rows = conn.execute(select(log_head.c.origin, log_head.c.checkpoint))
            heads: dict[str, str] = {row.origin: row.checkpoint for row in rows}
        try:
            shown = (log_dir / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            shown = None
        text = heads.pop(key.name, None)
        agreed = shown == (None if text is None else text.encode())
        if agreed or time.monotonic() > patience:
            break
        time.sleep(PATIENCE / 40)
    findings.extend(
        AuditFinding(Fault.HEAD_CHANGED, f"log_head {origin}", "no log of this workspace") for origin in sorted(heads)
    )
    if not agreed:
        what = "is missing" if shown is None else "is not the one the database signed last"
        findings.append(AuditFinding(Fault.HEAD_CHANGED, CHECKPOINT, what))
    return text


class _Comparison:
    """Takes the log's entries in order and compares them with the database, some thousands at a time."""

    def __init__(self, engine: Engine, findings: list[AuditFinding]) -> None:
        self._engine = engine
        self._findings = findings
        self._waiting: list[tuple[int, bytes]] = []
        self.runs: set[str] = set()

    def entry(self, index: int, entry: bytes) -> None:
        self._waiting.append((index, entry))
        if len(self._waiting) == STEP:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        first, last = self._waiting[0][0], self._waiting[-1][0]
        query = _recorded().where(outbox.c.leaf_index.between(first, last))
        with self._engine.connect() as conn:
            rows = {row.leaf_index: row for row in conn.execute(query)}
        for index, entry in self._waiting:
            content = _content(entry)
            self.runs.add(_run_of(content))
            row = rows.get(index)
            if row is None:
                self._find(Fault.ACT_DELETED, f"outbox leaf {index}", "the row of a logged entry is gone")
            elif row.entry != entry:
                self._find(Fault.ACT_CHANGED, f"outbox leaf {index}", "not the bytes that were logged")
            elif row.digest is None:
                self._find(Fault.ACT_DELETED, f"act of leaf {index}", "the act of a logged entry is gone")
            elif not _fits(row, entry, content):
                self._find(Fault.ACT_CHANGED, f"act of leaf {index}", "not as the logged entry says")
        self._waiting.clear()

    def waiting(self, size: int) -> Iterator[AuditFinding | None]:
        """Compare the entries beyond the signed size with their acts; yields None for one that fits."""
        query = _recorded().where(or_(outbox.c.leaf_index.is_(None), outbox.c.leaf_index >= size))
        with self._engine.connect() as conn:
            for row in conn.execution_options(yield_per=STEP).execute(query):
                content = _content(row.entry)
                self.runs.add(_run_of(content))
                if row.digest is None:
                    yield AuditFinding(Fault.ACT_DELETED, f"outbox {row.outbox_act}", "an entry without its act")
                elif not _fits(row, row.entry, content):
                    yield AuditFinding(Fault.ACT_CHANGED, f"act {row.outbox_act}", "not as its waiting entry says")
                else:
                    yield None

    def _find(self, fault: Fault, where: str, what: str) -> None:
        self._findings.append(AuditFinding(fault, where, what))


def _recorded() -> Select[Any]:
    return select(
        outbox.c.leaf_index,
        outbox.c.act_id.label("outbox_act"),
        outbox.c.kind.label("outbox_kind"),
        outbox.c.recorded_at.label("outbox_at"),
        outbox.c.entry,
        act,
    ).join_from(outbox, act, outbox.c.act_id == act.c.act_id, isouter=True)


def _content(entry: bytes) -> dict[str, Any]:
    """Read an entry; an unreadable one gives nothing, and then fits no act."""
    try:
        content = json.loads(entry)
    except ValueError:
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("body"), dict) else {}


def _run_of(content: dict[str, Any]) -> str:
    return str(content.get("body", {}).get(RUN_KEY) or "")


def _fits(row: Row[Any], entry: bytes, content: dict[str, Any]) -> bool:
    """Tell whether every column beside an entry says what the entry says."""
    if not content or row.digest != hashlib.sha256(entry).digest():
        return False
    said = (content.get("act"), content.get("kind"), content.get("at"))
    who = actor(content["body"])
    return (
        said == (row.act_id, row.kind, row.recorded_at)
        and said == (row.outbox_act, row.outbox_kind, row.outbox_at)
        and who == {"agency_id": row.agency_id, "staff": row.staff}
    )


def _rows_without_proof(engine: Engine) -> Iterator[AuditFinding]:
    """Name acts that have no entry at all."""
    alone = select(act.c.act_id).where(~exists().where(outbox.c.act_id == act.c.act_id)).order_by(act.c.act_id)
    misplaced = select(outbox.c.act_id).where(outbox.c.leaf_index < 0)
    with engine.connect() as conn:
        for act_id in conn.execute(alone).scalars():
            yield AuditFinding(Fault.ENTRY_MISSING, f"act {act_id}", "an act without an entry")
        for act_id in conn.execute(misplaced).scalars():
            yield AuditFinding(Fault.ENTRY_MISSING, f"outbox {act_id}", "a leaf that no log can hold")


def _runs_without_proof(engine: Engine, proven: set[str]) -> Iterator[AuditFinding]:
    """Name finished runs that no entry speaks of."""
    with engine.connect() as conn:
        finished = set(conn.execute(select(run.c.run_id).where(run.c.finished.is_not(None))).scalars())
    for run_id in sorted(finished - proven):
        yield AuditFinding(Fault.ENTRY_MISSING, f"run {run_id}", "a finished run without an entry")
