"""A delivery: one pull of one source with its place in time, read as raw rows.

A source is pulled in deliveries. Each says what it is authoritative for and as of when; it can be inspected whole
before anything of it is applied, and then read in batches. Raw batches hold cells as delivered under the official
column names, without denied columns (個人番号, 通告者) and with single individual numbers cut out, so that
everything behind this point, quarantine included, is free of them.

The accounting closes: the rows and faults of all batches together are the data rows of the delivery; header, frame
and blank rows are not data.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from connectors.headers import Layout
from connectors.numbers import NumberGuard
from schemas.source import SourceDefinition

__all__ = ["Chunk", "Delivery", "Inspection", "RawBatch", "RawFault", "Source", "Table"]

Cells = tuple[str, ...]


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
    """Data rows, faulted ones included."""
    dropped: tuple[str, ...] = ()
    """Headers of the columns that are thrown away."""


Chunk = tuple[list[tuple[int, list[str]]], list[RawFault]]
"""Some rows as (line, cells under the raw header) and the faults among them."""


class Table(Protocol):
    """A delivery's content as a table, whatever it was stored in.

    ``header`` is the raw header. ``chunks`` may be called again and gives the same rows; it raises
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

    def chunks(self) -> Iterator[Chunk]:
        """Read the rows in chunks of any size."""
        ...

    def suspects_numbers(self) -> bool:
        """Whether any cell may hold an individual number; may say yes in vain, never no in vain."""
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
    _guard: NumberGuard | None = field(default=None, repr=False)
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

    def raw_batches(self, size: int) -> Iterator[RawBatch]:
        """Read the rows in batches of at most ``size`` rows and faults; only of a delivery that is not held."""
        self.inspect()
        if self._table is None or self._guard is None:
            return
        layout = Layout.of(self.definition, self._table.header)
        rows: list[tuple[int, Cells]] = []
        faults: list[RawFault] = []
        for chunk_rows, chunk_faults in self._table.chunks():
            rows += self._guard.clean_rows(layout.select_rows(chunk_rows))
            faults += [RawFault(fault.line, fault.code, self._fault_cells(layout, fault)) for fault in chunk_faults]
            while len(rows) >= size:
                yield RawBatch(layout.names, rows[:size], faults[:size])
                rows, faults = rows[size:], faults[size:]
        while rows or faults:
            yield RawBatch(layout.names, rows[:size], faults[:size])
            rows, faults = rows[size:], faults[size:]

    def _fault_cells(self, layout: Layout, fault: RawFault) -> Cells:
        guard = self._guard
        cells = layout.keep_known(fault.cells)
        return guard.clean_cells(cells) if guard else ()

    def _inspect(self) -> Inspection:
        table = self.opener()
        code, detail = table.problem
        if code:
            return Inspection(code, f"{self.name}: {detail}", rows=_count(table))
        layout = Layout.of(self.definition, table.header)
        dropped, warnings = layout.dropped, list(layout.warnings)
        if layout.held:
            return Inspection(layout.held, f"{self.name}: {layout.detail}", tuple(warnings), _count(table), dropped)
        guard = NumberGuard(self.definition, layout.names)
        rows = 0
        if table.suspects_numbers():
            for chunk_rows, chunk_faults in table.chunks():
                guard.look_at(layout.select_rows(chunk_rows))
                rows += len(chunk_rows) + len(chunk_faults)
        held, detail = guard.verdict()
        warnings += guard.warnings
        if held:
            return Inspection(held, f"{self.name}: {detail}", tuple(warnings), rows, dropped)
        self._table, self._guard = table, guard
        code, detail = table.problem  # a truncation shows only at the end
        if code:
            return Inspection(code, f"{self.name}: {detail}", tuple(warnings), _count(table), dropped)
        return Inspection(None, "", tuple(warnings), rows, dropped)


def _count(table: Table) -> int:
    chunks: Iterable[Chunk] = table.chunks() if table.header else ()
    return sum(len(rows) + len(faults) for rows, faults in chunks)
