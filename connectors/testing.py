"""For whoever adds a source: make its definition and deliveries in a test, and check that they behave.

``check_delivery`` is the conformance check: the accounting closes, the rows are the same at every batch size, every
reading and in parts that went to another process, every row maps or is rejected with a code, and nothing denied
comes through.
"""

import csv
import io
import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors import presets
from connectors.deliveries import Delivery, Inspection, RawBatch, RawFault, read_part
from connectors.mapping import Mapper
from connectors.sources import load_source, open_source
from schemas.drafts import RecordDraft
from schemas.errors import RecordRejected
from schemas.source import SourceDefinition

__all__ = ["Outcome", "SourceProbe", "check_delivery", "ordered", "preset_text", "read_away", "rows_text"]

LEGAL = """
[legal]
controller = "市長"
purpose = "相談支援"
holding = "社会福祉法106条の4"
linking = "個人情報保護法69条2項2号"
register = "1"
"""
PART_SIZES = (1, 7, 1000)
FILES = '[transport]\nkind = "files"\npath = "drop"\n'


@dataclass
class Outcome:
    """What became of every data row of a delivery."""

    inspection: Inspection
    header: tuple[str, ...] = ()
    drafts: list[RecordDraft] = field(default_factory=list)
    rejected: list[RecordRejected] = field(default_factory=list)
    faults: list[RawFault] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Data rows, each counted once."""
        return len(self.drafts) + len(self.rejected) + len(self.faults)

    @property
    def codes(self) -> list[str]:
        """Why rows were not taken."""
        return [fault.code for fault in self.faults] + [rejected.code for rejected in self.rejected]


class SourceProbe:
    """A source in a directory of its own, with a drop folder."""

    def __init__(self, root: Path, preset: str = "", extra: str = "", transport: str = FILES, top: str = "") -> None:
        self.root = root
        self.folder = root / "drop"
        self.folder.mkdir(exist_ok=True)
        base = f'preset = "{preset}"\n' if preset else ""
        path = root / "probe.toml"
        path.write_text(
            f'id = "probe"\n{base}agency = "desk"\nissuer = "132993"\n{top}\n{transport}{LEGAL}{extra}', "utf-8"
        )
        self.definition: SourceDefinition = load_source(path)

    def drop(self, name: str, content: bytes) -> Path:
        """Put a file into the drop folder."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def deliveries(self, known: frozenset[str] = frozenset()) -> list[Delivery]:
        """List what is there."""
        return list(open_source(self.definition, self.root).deliveries(known))

    def only(self) -> Outcome:
        """Take the one delivery that is there."""
        (delivery,) = self.deliveries()
        return check_delivery(delivery)


def rows_text(columns: Sequence[str], rows: Iterable[Mapping[str, str]], delimiter: str = ",") -> str:
    """Write rows as a vendor would: a header, CRLF, quotes where needed."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([row.get(name, "") for name in columns])
    return out.getvalue()


def preset_text(preset: str, rows: Iterable[Mapping[str, str]]) -> str:
    """Write rows under a preset's own header."""
    return rows_text(presets.columns(preset), rows)


Read = tuple[list[tuple[int, tuple[str, ...]]], list[RawFault]]


def read_away(delivery: Delivery, size: int) -> Read:
    """Read a delivery in parts as other processes do, each knowing nothing but its pickled part."""
    definition = pickle.dumps(delivery.definition)
    parts = [pickle.dumps(part) for part in delivery.parts(size)]
    return ordered(read_part(pickle.loads(definition), pickle.loads(part)) for part in parts)  # noqa: S301 - our own


def ordered(batches: Iterable[RawBatch]) -> Read:
    """Give all rows as they come and all faults by line; a fault may come in a batch of its own."""
    given = list(batches)
    faults = [fault for batch in given for fault in batch.faults]
    return [row for batch in given for row in batch.rows], sorted(faults, key=lambda fault: (fault.line, fault.cells))


def check_delivery(delivery: Delivery) -> Outcome:
    """Take a delivery as the product does and check the connector's promises on the way."""
    inspection = delivery.inspect()
    outcome = Outcome(inspection)
    if inspection.held:
        assert inspection.detail, "a held delivery says why"  # noqa: S101 - this is a test kit
        assert not list(delivery.raw_batches(10)), "nothing of a held delivery is read"  # noqa: S101
        assert not list(delivery.parts(10)), "nothing of a held delivery is given away"  # noqa: S101
        return outcome
    whole = list(delivery.raw_batches(1_000_000))
    small = list(delivery.raw_batches(7))
    assert [r for b in whole for r in b.rows] == [r for b in small for r in b.rows]  # noqa: S101
    assert all(len(batch.rows) <= 7 and len(batch.faults) <= 7 for batch in small)  # noqa: S101
    for size in PART_SIZES:
        assert read_away(delivery, size) == ordered(whole), f"parts of {size} give other rows"  # noqa: S101
    for batch in whole:
        mapper = Mapper(delivery.definition, batch.header)
        outcome.header = batch.header
        outcome.faults += batch.faults
        for line, cells in batch.rows:
            try:
                draft = mapper.map(cells, line)
            except RecordRejected as rejected:
                assert rejected.line == line  # noqa: PT017, S101
                outcome.rejected.append(rejected)
                continue
            assert draft == mapper.map(cells, line), "the same cells give the same draft"  # noqa: S101
            assert draft.record_key == mapper.record_key(cells)  # noqa: S101
            assert mapper.place(cells) == (draft.record_key, draft.history_no, draft.latest)  # noqa: S101
            outcome.drafts.append(draft)
    return outcome
