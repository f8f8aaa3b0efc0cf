"""Excel workbooks as tables: what people typed, with dates as dates and formulas only by their last shown value."""

from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from connectors.deliveries import RawFault, Rows, pieces_of
from connectors.headers import Layout
from connectors.transports.encodings import private_use
from schemas.source import SourceDefinition

__all__ = ["SheetTable"]

HEADER_SEARCH = 10
_EXCEL_ERRORS = frozenset(("#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"))
_FORMULA = "f"

Cells = tuple[str, ...]


class SheetTable:
    """The sheet of a workbook that carries the source's columns."""

    def __init__(self, definition: SourceDefinition, path: Path) -> None:
        self.definition = definition
        self.path = path
        self.problem: tuple[str, str] = ("", "")
        self.header: Cells = ()
        self._rows: list[tuple[int, list[str]]] = []
        self._faults: list[RawFault] = []
        self._gaiji = private_use(definition.format.gaiji)
        try:
            self._read()
        except (BadZipFile, InvalidFileException, KeyError, ValueError, EOFError, OSError, SyntaxError):
            self.problem = ("truncated", "not a whole .xlsx workbook; save it again as .xlsx and deliver it again")

    def pieces(self, size: int) -> Iterator[Rows]:
        """Give the rows, which are all in memory: a sheet people type into is small."""
        return pieces_of(self._rows, self._faults, size)

    def suspects(self, size: int) -> Iterator[Rows]:
        """Give the rows that may hold individual numbers."""
        return (piece for piece in self.pieces(size) if piece.may_hold_numbers())

    def _read(self) -> None:
        found = self._typed(formulas=True)
        if found is None:
            name = self.definition.format.sheet
            sheet = f"no sheet {name}" if name else "no sheet has the columns"
            self.problem = ("missing-sheet", f"{sheet}; name it in [format] sheet")
            return
        at, header, rows = found
        self.header = tuple(_text(value) for value, _ in header)
        shown: list[list[Any]] | None = None
        for line, row in rows:
            if line <= at or all(value is None or value == "" for value, _ in row):
                continue
            cells: list[str] = []
            code = ""
            for place, (value, kind) in enumerate(row[: len(self.header)]):
                used = value
                if kind == _FORMULA:
                    shown = shown if shown is not None else self._shown()
                    used = shown[line - 1][place] if line <= len(shown) and place < len(shown[line - 1]) else None
                    if used is None:
                        code = code or "formula"
                text = _text(used).translate(self._gaiji)
                code = code or ("excel-error" if text in _EXCEL_ERRORS else "")
                cells.append(text)
            cells += [""] * (len(self.header) - len(cells))
            if code:
                self._faults.append(RawFault(line, code, tuple(cells)))
            elif any(cells):
                self._rows.append((line, cells))

    def _typed(self, *, formulas: bool) -> tuple[int, Any, list[tuple[int, Any]]] | None:
        """Find the sheet and the line of its header; the rows as (value, type) cells."""
        book = load_workbook(self.path, read_only=True, data_only=not formulas)
        try:
            wanted = self.definition.format.sheet
            names = [wanted] if wanted in book.sheetnames else ([] if wanted else book.sheetnames)
            best = None
            for name in names:
                sheet = book[name]
                sheet.reset_dimensions()
                rows = [
                    (line, [(cell.value, getattr(cell, "data_type", "n")) for cell in row])
                    for line, row in enumerate(sheet.iter_rows(), 1)
                ]
                for line, row in rows[:HEADER_SEARCH]:
                    if not Layout.of(self.definition, [_text(value) for value, _ in row]).held:
                        return self._found(name, line, row, rows)
                if best is None and rows:
                    line, row = next(((n, r) for n, r in rows if any(v for v, _ in r)), rows[0])
                    best = self._found(name, line, row, rows)
            return best
        finally:
            book.close()

    def _found(self, name: str, line: int, row: Any, rows: Any) -> tuple[int, Any, list[tuple[int, Any]]]:
        self._sheet = name
        while row and row[-1][0] is None:
            row = row[:-1]
        return line, row, rows

    def _shown(self) -> list[list[Any]]:
        book = load_workbook(self.path, read_only=True, data_only=True)
        try:
            sheet = book[self._sheet]
            sheet.reset_dimensions()
            return [list(row) for row in sheet.iter_rows(values_only=True)]
        finally:
            book.close()


def _text(value: Any) -> str:
    """Write a typed value as people read it: whole numbers without a point, dates in ISO form."""
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            return "1" if value else "0"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time(0):
            return value.date().isoformat()
        case datetime() | date():
            return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
        case _:
            return str(value)
