"""Sequencing: recorded entries get their leaf index, their tiles and a signed checkpoint.

The order of steps makes every interruption harmless:

1. Pending entries get consecutive leaf indexes, committed in the database. From here on what stands at an
   index is fixed, so a repeat, or a second sequencer, writes the same bytes.
2. Full tiles, partial tiles and bundles become durable on disk; nothing refers to them yet.
3. The signed checkpoint is committed to ``log_head`` by compare-and-swap on the previous size and root. This
   row, not the disk, is the log's memory: a restored back-up of either side is noticed, never forked.
4. The checkpoint file is replaced. A kill before this is made up for at the next start.
"""

import fcntl
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from privacy.keyring import Keyring
from privacy.log.tiles import Edge, LogFiles
from privacy.verify import EMPTY_ROOT, TILE, Checkpoint, Mismatch, VerifierKey, leaf_hash
from schemas.errors import LedgerCorrupt
from schemas.tables import log_head, outbox

BATCH = 4096
"""Entries per checkpoint: large enough to spread the flushes, small enough for one short write transaction."""
CHECKPOINT = "checkpoint"


def verifier_key(keyring: Keyring, origin: str) -> VerifierKey:
    """Give the public key of the log: its text form is what an auditor keeps."""
    return VerifierKey(origin, keyring.signing_key().public_key().public_bytes_raw())


class Sequencer:
    """The one writer of a log directory."""

    def __init__(
        self, engine: Engine, log_dir: Path, keyring: Keyring, origin: str, *, files: LogFiles | None = None
    ) -> None:
        self._engine = engine
        self._dir = log_dir
        self._files = files or LogFiles(log_dir)
        self._signer: Ed25519PrivateKey = keyring.signing_key()
        self._key = verifier_key(keyring, origin)

    def run(self) -> int:
        """Sequence everything recorded so far; give the number of entries added.

        Several processes may call this; they take turns. Raises LedgerCorrupt where database and directory
        contradict each other, before anything is written.
        """
        added = 0
        self._dir.mkdir(parents=True, exist_ok=True)
        with _turn(self._dir):
            head = self._head()
            self._republish(head)
            while True:
                size = head.size if head else 0
                self._assign(size)
                batch = self._batch(size)
                if not batch:
                    return added
                head = self._extend(head, batch)
                added += len(batch)

    def rebuild(self) -> int:
        """Write a lost log directory anew from the database, up to the signed size; give the number of entries.

        Refuses a directory that holds anything, and a database whose entries do not give the signed root: a
        rebuilt log is the same log or none.
        """
        self._dir.mkdir(parents=True, exist_ok=True)
        with _turn(self._dir):
            if any(not path.name.startswith(".") for path in self._dir.iterdir()):
                raise LedgerCorrupt(f"{self._dir}: not empty; move it away as evidence first")
            head = self._head()
            if head is None:
                return 0
            self._compose(head, write=False)
            self._compose(head, write=True)
            self._files.write({CHECKPOINT: head.text.encode()})
            return head.size

    def _compose(self, head: Checkpoint, *, write: bool) -> None:
        """Grow the tree of ``head`` from the database; its root must be the signed one."""
        edge, open_bundle = Edge(0, []), list[bytes]()
        while edge.size < head.size:
            batch = self._batch(edge.size)[: head.size - edge.size]
            if not batch:
                raise LedgerCorrupt(f"outbox: the entry for leaf {edge.size} is gone")
            files = edge.append(open_bundle, batch)
            if write:
                self._files.write(files)
                self._files.drop_partials(files)
        if edge.root() != head.root:
            raise LedgerCorrupt("outbox: the entries are not those that were signed")

    def _head(self) -> Checkpoint | None:
        with self._engine.connect() as conn:
            text = conn.execute(
                select(log_head.c.checkpoint).where(log_head.c.origin == self._key.name)
            ).scalar_one_or_none()
        try:
            return None if text is None else Checkpoint.open(text, self._key)
        except Mismatch as fault:
            raise LedgerCorrupt(f"log_head: {fault}") from None

    def _republish(self, head: Checkpoint | None) -> None:
        """Make up for a kill between the commit of a checkpoint and its publication; refuse a restored database."""
        path = self._dir / CHECKPOINT
        try:
            text = path.read_bytes().decode()
            shown = Checkpoint.open(text, self._key)
        except FileNotFoundError:
            shown = None
        except (Mismatch, UnicodeDecodeError) as fault:
            raise LedgerCorrupt(f"{path}: {fault if isinstance(fault, Mismatch) else 'not UTF-8'}") from None
        if shown is not None and (head is None or shown.size > head.size):
            raise LedgerCorrupt(f"{path}: the log is ahead of the database, which seems restored from a back-up")
        if shown is not None and head is not None and shown.size == head.size and shown.root != head.root:
            raise LedgerCorrupt(f"{path}: another history than the database's")
        if head is not None and (shown is None or shown.text != head.text):
            self._files.write({CHECKPOINT: head.text.encode()})

    def _assign(self, size: int) -> None:
        """Give pending entries their leaf indexes, in the order of their recording."""
        try:
            with self._engine.begin() as conn:
                following = _next_index(conn, size)
                pending = conn.execute(
                    select(outbox.c.act_id)
                    .where(outbox.c.leaf_index.is_(None))
                    .order_by(outbox.c.recorded_at, outbox.c.act_id)
                    .limit(BATCH)
                ).scalars()
                places = [{"a": act_id, "i": index} for index, act_id in enumerate(pending, following)]
                if places:
                    # One statement per row is what both databases run fastest; the batch bounds the lock.
                    conn.exec_driver_sql(_ASSIGN[conn.dialect.name], places)
        except IntegrityError:
            return  # another sequencer was faster; its places stand

    def _batch(self, size: int) -> list[bytes]:
        """Give the entries that follow the signed size; their indexes must have no gap."""
        with self._engine.connect() as conn:
            rows = conn.execute(
                select(outbox.c.leaf_index, outbox.c.entry)
                .where(outbox.c.leaf_index >= size, outbox.c.leaf_index < size + BATCH)
                .order_by(outbox.c.leaf_index)
            ).all()
        for expected, (index, _) in enumerate(rows, size):
            if index != expected:
                raise LedgerCorrupt(f"outbox: the entry for leaf {expected} is gone")
        return [entry for _, entry in rows]

    def _extend(self, head: Checkpoint | None, batch: list[bytes]) -> Checkpoint:
        size, root = (head.size, head.root) if head else (0, EMPTY_ROOT)
        try:
            edge = Edge.load(self._dir, size)
        except Mismatch as fault:
            raise LedgerCorrupt(f"{self._dir}: {fault}") from None
        if edge.root() != root:
            raise LedgerCorrupt(f"{self._dir}: the tiles do not give the signed root at size {size}")
        files = edge.append(self._open_bundle(edge), batch)
        self._files.write(files)
        self._files.drop_partials(files)
        checkpoint = self._sign(edge)
        self._swap(head, checkpoint)
        self._files.write({CHECKPOINT: checkpoint.text.encode()})
        return checkpoint

    def _open_bundle(self, edge: Edge) -> list[bytes]:
        """Give the entries of the unfinished bundle, from the database and checked against the tree."""
        start = edge.size - edge.size % TILE
        if start == edge.size:
            return []
        with self._engine.connect() as conn:
            entries = list(
                conn.execute(
                    select(outbox.c.entry)
                    .where(outbox.c.leaf_index >= start, outbox.c.leaf_index < edge.size)
                    .order_by(outbox.c.leaf_index)
                ).scalars()
            )
        if [leaf_hash(entry) for entry in entries] != edge.levels[0]:
            raise LedgerCorrupt(f"outbox: entries from leaf {start} on are not those that were signed")
        return entries

    def _sign(self, edge: Edge) -> Checkpoint:
        root = edge.root()
        note = f"{self._key.name}\n{edge.size}\n{b64encode(root).decode()}\n"
        signature = b64encode(self._key.key_id + self._signer.sign(note.encode())).decode()
        return Checkpoint(self._key.name, edge.size, root, f"{note}\n— {self._key.name} {signature}\n")

    def _swap(self, head: Checkpoint | None, checkpoint: Checkpoint) -> None:
        values = {"size": checkpoint.size, "root": checkpoint.root, "checkpoint": checkpoint.text}
        try:
            with self._engine.begin() as conn:
                if head is None:
                    conn.execute(insert(log_head), {"origin": checkpoint.origin, **values})
                    return
                changed = conn.execute(
                    update(log_head)
                    .where(
                        log_head.c.origin == checkpoint.origin,
                        log_head.c.size == head.size,
                        log_head.c.root == head.root,
                    )
                    .values(values)
                ).rowcount
        except IntegrityError:
            changed = 0
        if changed != 1:
            raise LedgerCorrupt("log_head: another sequencer signed meanwhile; one log directory has one writer")


_ASSIGN = {
    "sqlite": "UPDATE outbox SET leaf_index = :i WHERE act_id = :a AND leaf_index IS NULL",
    "postgresql": "UPDATE outbox SET leaf_index = %(i)s WHERE act_id = %(a)s AND leaf_index IS NULL",
}


def _next_index(conn: Connection, size: int) -> int:
    newest = conn.execute(
        select(outbox.c.leaf_index).where(outbox.c.leaf_index >= size).order_by(outbox.c.leaf_index.desc()).limit(1)
    ).scalar_one_or_none()
    return size if newest is None else newest + 1


@contextmanager
def _turn(log_dir: Path) -> Iterator[None]:
    """Wait for this process's turn at the directory; the system gives the turn back when a holder dies."""
    handle = os.open(log_dir / ".turn", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
