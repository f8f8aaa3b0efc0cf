"""The log room: a worker's own readings, each with its place in the log and the proof of it."""

from base64 import b64encode
from pathlib import Path

from sqlalchemy import Engine

from desk.refusals import NotShown
from desk.views import Inclusion, Reading
from privacy.keyring import Keyring
from privacy.log import LogEntry, Sequencer, entries, prove, staff_pseudonym, verifier_key
from privacy.policy import Reader


class LogRoom:
    """Entries of one workspace's log as their authors may see them."""

    def __init__(self, engine: Engine, keyring: Keyring, log_dir: Path, origin: str) -> None:
        self._engine = engine
        self._keyring = keyring
        self._dir = log_dir
        self._origin = origin
        self._key = verifier_key(keyring, origin)

    def readings(self, reader: Reader) -> tuple[Reading, ...]:
        """List the reader's own latest entries, newest first."""
        own = staff_pseudonym(self._keyring, reader.staff_id)
        return tuple(_reading(entry) for entry in entries(self._engine, agency_id=reader.agency_id, staff=own))

    def inclusion(self, reader: Reader, act_id: str) -> Inclusion:
        """Show one of the reader's own entries, sequenced now where it still waited, with its verified proof."""
        entry = self._own(reader, act_id)
        if entry.leaf_index is None:
            Sequencer(self._engine, self._dir, self._keyring, self._origin).run()
            entry = self._own(reader, act_id)
        proof = prove(self._engine, self._dir, self._key, act_id)
        if proof is None:
            return Inclusion(reading=_reading(entry))
        return Inclusion(
            reading=_reading(entry),
            leaf_hash=_base64(proof.leaf_hash),
            path=tuple(_base64(sibling) for sibling in proof.path),
            size=proof.checkpoint.size,
            root=_base64(proof.checkpoint.root),
            checkpoint=proof.checkpoint.text,
            key=str(self._key),
            receipt=proof.receipt,
            verified=True,
        )

    def _own(self, reader: Reader, act_id: str) -> LogEntry:
        own = staff_pseudonym(self._keyring, reader.staff_id)
        found = entries(self._engine, agency_id=reader.agency_id, staff=own, act_id=act_id, limit=1)
        if not found:
            raise NotShown("no such entry of this reader")
        return found[0]


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _reading(entry: LogEntry) -> Reading:
    return Reading(
        act_id=entry.act_id,
        kind=entry.kind,
        recorded_at=entry.recorded_at,
        body=entry.body,
        leaf_index=entry.leaf_index,
    )
