"""Finding an act in the log again, with its proof."""

import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from privacy.verify import (
    PROOF_HEADER,
    Checkpoint,
    LogDirectory,
    Mismatch,
    VerifierKey,
    leaf_hash,
    verify_receipt,
)
from schemas.errors import LedgerCorrupt
from schemas.tables import act, log_head, outbox


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One recorded act and, once sequenced, its place."""

    act_id: str
    kind: str
    agency_id: str
    recorded_at: str
    body: dict[str, Any]
    entry: bytes
    leaf_index: int | None
    """None: recorded, waiting for the next checkpoint."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Where an entry stands in the tree of a signed checkpoint (RFC 6962 §2.1.1)."""

    leaf_index: int
    leaf_hash: bytes
    path: tuple[bytes, ...]
    """Sibling hashes from the leaf up."""
    checkpoint: Checkpoint

    @property
    def receipt(self) -> str:
        """The offline receipt (C2SP tlog-proof); ``privacy.verify`` checks it with the entry and the public key."""
        hashes = "".join(f"{b64encode(sibling).decode()}\n" for sibling in self.path)
        return f"{PROOF_HEADER}\nindex {self.leaf_index}\n{hashes}\n{self.checkpoint.text}"


def entries(
    engine: Engine,
    *,
    agency_id: str | None = None,
    staff: str | None = None,
    act_id: str | None = None,
    kind: str | None = None,
    limit: int = 50,
) -> list[LogEntry]:
    """Give recorded acts, newest first; of one agency, member of staff (pseudonym), act or kind where asked."""
    query = (
        select(act.c.act_id, act.c.kind, act.c.agency_id, act.c.recorded_at, outbox.c.entry, outbox.c.leaf_index)
        .join_from(act, outbox, act.c.act_id == outbox.c.act_id)
        .order_by(act.c.recorded_at.desc(), act.c.act_id)
        .limit(limit)
    )
    wanted = {act.c.agency_id: agency_id, act.c.staff: staff, act.c.act_id: act_id, act.c.kind: kind}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(column == value)
    with engine.connect() as conn:
        rows = conn.execute(query).all()
    return [
        LogEntry(row.act_id, row.kind, row.agency_id, row.recorded_at, _body(row.entry), row.entry, row.leaf_index)
        for row in rows
    ]


def prove(engine: Engine, log_dir: Path, key: VerifierKey, act_id: str) -> Proof | None:
    """Give the place of an act in the log, proven against the newest checkpoint; None before it is signed.

    The proof is checked before it is handed out; LedgerCorrupt where the log does not prove the entry.
    """
    with engine.connect() as conn:
        row = conn.execute(select(outbox.c.entry, outbox.c.leaf_index).where(outbox.c.act_id == act_id)).one_or_none()
        text = conn.execute(select(log_head.c.checkpoint).where(log_head.c.origin == key.name)).scalar_one_or_none()
    if row is None or row.leaf_index is None or text is None:
        return None
    try:
        head = Checkpoint.open(text, key)
        if row.leaf_index >= head.size:
            return None
        path = tuple(LogDirectory(log_dir, head.size).inclusion(row.leaf_index))
        proof = Proof(row.leaf_index, leaf_hash(row.entry), path, head)
        verify_receipt(proof.receipt, row.entry, key)
    except Mismatch as fault:
        raise LedgerCorrupt(f"log: {fault}") from None
    return proof


def _body(entry: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(entry)["body"]
    return body
