"""A delivery: one pull of one source with its place in time, read as raw rows.

A source is pulled in deliveries. Each says what it is authoritative for and as of when; it can be inspected whole
before anything of it is applied, and then read in parts, here or in another process. Raw batches hold cells as
delivered under the official column names, without denied columns (個人番号, 通告者) and with single individual
numbers cut out, so that everything behind this point, quarantine included, is free of them.

The accounting closes: the rows and faults of all batches together are the data rows of the delivery; header, frame
and blank rows are not data.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from connectors.headers import Layout
from connectors.numbers import Cleaner, NumberGuard, may_hold_numbers
from schemas.source import SourceDefinition

__all__ = [
    "Chunk",
    "Delivery",
    "Inspection",
    "Part",
    "Piece",
    "RawBatch",
    "RawFault",
    "Rows",
    "Source",
    "Table",
    "dated",
    "pieces_of",
    "read_part",
]

Cells = tuple[str, ...]
LOOK = 2000
"""Rows that are looked at together by the guards."""


@dataclass(frozen=True, slots=True)
class RawFault:
    """A data row that could not be read as cells; ``cells`` is what there was of it."""

    line: int
    code: str
    cells: Cells


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Rows as delivered, under official column names. ``rows`` are (line, cells) pairs."""

    header: Cells
    rows: list[tuple[int, Cells]]
    faults: list[RawFault]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a look at the whole delivery found; ``held`` is the code of the guard that stops it."""

    held: str | None = None
    detail: str = ""
    warnings: tuple[str, ...] = ()
    rows: int = 0
    """Data rows of a held delivery, faulted ones included; those of any other are counted as they are read."""
    dropped: tuple[str, ...] = ()
    """Headers of the columns that are thrown away."""


Chunk = tuple[Sequence[tuple[int, Sequence[str]]], Sequence[RawFault]]
"""Some rows as (line, cells under the raw header) and the faults among them."""


class Piece(Protocol):
    """Some successive rows of a table, as cheap to make and to send to another process as its format allows."""

    def read(self, definition: SourceDefinition) -> Chunk:
        """Read the rows; the same wherever and however often it is done."""
        ...

    def may_hold_numbers(self) -> bool:
        """Whether any cell may hold an individual number; may say yes in vain, never no in vain."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """A piece of a table whose rows are read already."""

    rows: Sequence[tuple[int, Sequence[str]]]
    faults: Sequence[RawFault]

    def read(self, definition: SourceDefinition) -> Chunk:
        """Give the rows."""
        del definition
        return self.rows, self.faults

    def may_hold_numbers(self) -> bool:
        """Look at all cells at once."""
        texts = ["\n".join(cells) for _, cells in self.rows]
        texts += ["\n".join(fault.cells) for fault in self.faults]
        return may_hold_numbers("\n".join(texts))


def pieces_of(rows: Sequence[tuple[int, Sequence[str]]], faults: Sequence[RawFault], size: int) -> Iterator[Rows]:
    """Cut rows that are read already into pieces of at most ``size`` rows and faults."""
    for start in range(0, max(len(rows), len(faults)), size):
        yield Rows(rows[start : start + size], faults[start : start + size])


class Table(Protocol):
    """A delivery's content as a table, whatever it was stored in.

    ``header`` is the raw header. ``pieces`` may be called again and gives the same rows; it raises
    SourceUnavailable when the source fails. ``problem`` is a guard code and detail known after opening, or empty.
    """

    @property
    def header(self) -> Cells:
        """The column names as delivered."""
        ...

    @property
    def problem(self) -> tuple[str, str]:
        """Why the whole delivery cannot be taken: guard code and a sentence; empty code: it can."""
        ...

    def pieces(self, size: int) -> Iterator[Piece]:
        """Cut the rows into pieces of about ``size`` rows."""
        ...

    def suspects(self, size: int) -> Iterator[Piece]:
        """Give the pieces that may hold individual numbers, and leave out the others as cheaply as can be."""
        ...


class Opener(Protocol):
    """Opens the table of a delivery; called when the delivery is looked at, not when it is listed."""

    def __call__(self) -> Table:
        """Open it."""
        ...


class Source(Protocol):
    """A source that can be asked for its deliveries."""

    @property
    def waiting(self) -> tuple[str, ...]:
        """Names of deliveries that are not complete yet (half-written files), after ``deliveries``."""
        ...

    def deliveries(self, known_hashes: AbstractSet[str]) -> Iterator["Delivery"]:
        """List what is there and not among the hashes; raise SourceUnavailable when the source cannot be asked."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an inspected delivery with what is needed to read it in another process."""

    layout: Layout
    piece: Piece
    cleaner: Cleaner | None
    """None: the inspection saw nothing that may be an individual number."""


def read_part(definition: SourceDefinition, part: Part) -> RawBatch:
    """Read a part of a delivery as raw rows: a pure function, to be called in whatever process."""
    layout = part.layout
    read_rows, read_faults = part.piece.read(definition)
    rows = layout.select_rows(read_rows)
    faults = [RawFault(fault.line, fault.code, layout.keep_known(fault.cells)) for fault in read_faults]
    if part.cleaner is not None and part.piece.may_hold_numbers():
        rows = part.cleaner.clean_rows(rows)
        faults = [RawFault(fault.line, fault.code, part.cleaner.clean_cells(fault.cells)) for fault in faults]
    return RawBatch(layout.names, rows, faults)


def dated(as_of: str, digest: str) -> str:
    """Give the content hash of a delivery whose content does not say itself as of when it is.

    The same bytes under a newer date are news: nothing changed up to that day, or everything is as it was again.
    """
    return f"{as_of}:{digest}"


@dataclass
class Delivery:
    """One pull of a source. ``as_of`` is ISO text that sorts by time; ``scopes`` empty means the whole source."""

    definition: SourceDefinition
    name: str
    content_hash: str
    as_of: str
    opener: Opener
    mode: str = ""
    scopes: tuple[str, ...] = ()
    _table: Table | None = field(default=None, repr=False)
    _cleaner: Cleaner | None = field(default=None, repr=False)
    _inspection: Inspection | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.mode = self.mode or self.definition.mode
        self.scopes = self.scopes or self.definition.scopes

    @property
    def source_id(self) -> str:
        """The source it came from."""
        return self.definition.id

    def inspect(self) -> Inspection:
        """Look at the whole delivery before anything of it is applied."""
        if self._inspection is None:
            self._inspection = self._inspect()
        return self._inspection

    def parts(self, size: int) -> Iterator[Part]:
        """Cut the delivery into parts for ``read_part``; none of a delivery that is held.

        A part holds at most ``size`` rows and faults each, or up to 65 more where a file must not be cut inside a
        quoted cell.
        """
        self.inspect()
        if self._table is None:
            return
        layout = Layout.of(self.definition, self._table.header)
        for piece in self._table.pieces(size):
            yield Part(layout, piece, self._cleaner)

    def raw_batches(self, size: int) -> Iterator[RawBatch]:
        """Read the rows in batches of at most ``size`` rows and faults; only of a delivery that is not held."""
        for part in self.parts(size):
            batch = read_part(self.definition, part)
            for start in range(0, max(len(batch.rows), len(batch.faults)), size):
                end = start + size
                yield RawBatch(batch.header, batch.rows[start:end], batch.faults[start:end])

    def _inspect(self) -> Inspection:
        table = self.opener()
        code, detail = table.problem
        if code:
            return Inspection(code, f"{self.name}: {detail}", rows=self._count(table))
        layout = Layout.of(self.definition, table.header)
        dropped, warnings = layout.dropped, list(layout.warnings)
        if layout.held:
            detail = f"{self.name}: {layout.detail}"
            return Inspection(layout.held, detail, tuple(warnings), self._count(table), dropped)
        guard = NumberGuard(self.definition, layout.names)
        for piece in table.suspects(LOOK):
            rows, _ = piece.read(self.definition)
            guard.look_at(layout.select_rows(rows))
        held, detail = guard.verdict()
        warnings += guard.warnings
        if not held:
            held, detail = table.problem  # a truncation may show only at the end
        if held:
            return Inspection(held, f"{self.name}: {detail}", tuple(warnings), self._count(table), dropped)
        self._table, self._cleaner = table, guard.cleaner
        return Inspection(None, "", tuple(warnings), dropped=dropped)

    def _count(self, table: Table) -> int:
        if not table.header:
            return 0
        chunks = (piece.read(self.definition) for piece in table.pieces(LOOK))
        return sum(len(rows) + len(faults) for rows, faults in chunks)
