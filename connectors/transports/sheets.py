"""Excel workbooks as tables: what people typed, with dates as dates and formulas only by their last shown value."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile
from zlib import error as DeflateError  # noqa: N812 - an error that is named like a function

from openpyxl.utils.exceptions import InvalidFileException

from connectors.deliveries import RawFault, Rows, pieces_of
from connectors.headers import Layout
from connectors.transports.encodings import private_use
from connectors.transports.sheet_xml import SheetRow
from connectors.transports.workbook import Workbook
from schemas.source import SourceDefinition

__all__ = ["SheetTable"]

HEADER_SEARCH = 10
_EXCEL_ERRORS = frozenset(("#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"))
_BROKEN_ARCHIVE = (BadZipFile, DeflateError, InvalidFileException, EOFError, OSError)
_BROKEN_CONTENT = (ExpatError, SyntaxError, LookupError, ValueError)

Cells = tuple[str, ...]


class SheetTable:
    """The sheet of a workbook that carries the source's columns."""

    def __init__(self, definition: SourceDefinition, path: Path) -> None:
        self.definition = definition
        self.problem: tuple[str, str] = ("", "")
        self.header: Cells = ()
        self._rows: list[tuple[int, Cells]] = []
        self._faults: list[RawFault] = []
        self._gaiji = private_use(definition.format.gaiji)
        try:
            book = Workbook(path)
            try:
                self._read(book)
            finally:
                book.close()
        except (*_BROKEN_ARCHIVE, *_BROKEN_CONTENT):
            self.header, self._rows, self._faults = (), [], []
            self.problem = ("truncated", "not a whole .xlsx workbook; save it again as .xlsx and deliver it again")

    def pieces(self, size: int) -> Iterator[Rows]:
        """Give the rows, which are all in memory: a sheet people type into is small."""
        return pieces_of(self._rows, self._faults, size)

    def suspects(self, size: int) -> Iterator[Rows]:
        """Give the rows that may hold individual numbers."""
        return (piece for piece in self.pieces(size) if piece.may_hold_numbers())

    def _read(self, book: Workbook) -> None:
        """Read the first sheet that has the columns; where none has, the first that has rows, to be counted."""
        wanted = self.definition.format.sheet
        other: tuple[str, SheetRow] | None = None
        for name in [name for name in book.sheets if name == wanted or not wanted]:
            rows = book.rows(name)
            first = _first(rows)
            for row in first:
                if row.line <= HEADER_SEARCH and not Layout.of(self.definition, _names(row)).held:
                    self._take(row, chain(first, rows))
                    return
            if first and other is None:
                other = name, next((row for row in chain(first, rows) if any(row.cells) or row.formulas), first[0])
            deque(rows, maxlen=0)  # a sheet that breaks off says that the workbook does
        if other is not None:
            self._take(other[1], book.rows(other[0]))
            return
        sheet = f"no sheet {wanted}" if wanted else "no sheet has the columns"
        self.problem = ("missing-sheet", f"{sheet}; name it in [format] sheet")

    def _take(self, header: SheetRow, rows: Iterable[SheetRow]) -> None:
        """Take the rows below the header, as far as the header reaches."""
        self.header = _names(header)
        width = len(self.header)
        for line, given, _, unshown in rows:
            if line <= header.line:
                continue
            cells = (*given[:width], *[""] * (width - len(given)))
            if self._gaiji:
                cells = tuple([cell.translate(self._gaiji) for cell in cells])
            if code := _fault(cells, unshown):
                self._faults.append(RawFault(line, code, cells))
            elif any(cells):
                self._rows.append((line, cells))


def _first(rows: Iterator[SheetRow]) -> list[SheetRow]:
    """Take off the rows among which the header is looked for."""
    first: list[SheetRow] = []
    for row in rows:
        first.append(row)
        if row.line >= HEADER_SEARCH:
            break
    return first


def _names(row: SheetRow) -> Cells:
    """Give a row as column names: a formula by what it says, without empty cells at the end."""
    names = [row.formulas.get(place, cell) for place, cell in enumerate(row.cells)]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def _fault(cells: Cells, unshown: tuple[int, ...]) -> str:
    """Name the first fault of a row: a formula without a value, or one of Excel's error values."""
    if not unshown and _EXCEL_ERRORS.isdisjoint(cells):
        return ""
    faults = {place: "formula" for place in unshown if place < len(cells)}
    faults |= {place: "excel-error" for place, cell in enumerate(cells) if cell in _EXCEL_ERRORS}
    return faults[min(faults)] if faults else ""
