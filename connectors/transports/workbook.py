"""An .xlsx workbook: its sheets as rows of text, read once, with what a formula says and what it last showed.

openpyxl knows what a workbook says about itself (sheets, styles, calendar) and how it writes dates.
"""

from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.datetime import from_excel, from_ISO8601
from openpyxl.xml.constants import SHARED_STRINGS

from connectors.transports.sheet_xml import SheetRow, read_rows, read_strings

__all__ = ["Workbook"]

_TYPED = frozenset("nsbd")
"""Kinds of cells in which a number, a shared string, a truth value or a day is written; all others hold text."""
MEMORY = 1 << 14
"""Cells that are remembered before the memory starts anew."""
OUT_OF_RANGE = "#VALUE!"
"""What a day number no calendar has is read as."""


class Workbook:
    """An opened workbook; whatever is wrong with it is an error of openpyxl, of the archive or of its XML."""

    def __init__(self, path: Path) -> None:
        self._reader = ExcelReader(path, read_only=True, keep_links=False)
        self._reader.read_manifest()
        self._reader.read_workbook()
        apply_stylesheet(self._reader.archive, self._reader.wb)
        self._files = {
            sheet.name: found.target
            for sheet, found in self._reader.parser.find_sheets()
            if found.target in self._reader.valid_files and "chartsheet" not in found.Type
        }
        self._shown = _Shown(self._reader.wb, self._strings())

    @property
    def sheets(self) -> list[str]:
        """The names of the sheets, hidden ones too, in the order of their tabs."""
        return list(self._files)

    def rows(self, sheet: str) -> Iterator[SheetRow]:
        """Read the rows of a sheet that are written down, in order."""
        with self._reader.archive.open(self._files[sheet]) as source:
            yield from read_rows(source, self._shown)

    def close(self) -> None:
        """Close the archive."""
        self._reader.archive.close()

    def _strings(self) -> list[str]:
        part = self._reader.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
        if part is None:
            return []
        with self._reader.archive.open(part.PartName[1:]) as source:
            return read_strings(source)


class _Shown(dict[tuple[str, str, str], str]):
    """What cells show as people read it, by kind, style and what is written.

    ValueError or IndexError where a cell cannot hold what is written.
    """

    def __init__(self, book: Any, strings: list[str]) -> None:
        super().__init__()
        self._strings = strings
        self._epoch = book.epoch
        self._dates = {str(style) for style in book._date_formats}  # noqa: SLF001 - openpyxl tells it nowhere else
        self._durations = {str(style) for style in book._timedelta_formats}  # noqa: SLF001

    def __missing__(self, cell: tuple[str, str, str]) -> str:
        kind, style, written = cell
        text = _text(self._value(kind, style, written)) if kind in _TYPED else written.strip()
        if len(self) >= MEMORY:
            self.clear()
        self[cell] = text
        return text

    def _value(self, kind: str, style: str, written: str) -> Any:
        match kind:
            case "n":
                number = float(written) if "." in written or "e" in written.lower() else int(written)
                return self._day(number, style) if style in self._dates else number
            case "s":
                return self._strings[int(written)]
            case "b":
                return bool(int(written))
            case _:
                return from_ISO8601(written)  # type: ignore[no-untyped-call]

    def _day(self, number: float, style: str) -> Any:
        try:
            return from_excel(number, self._epoch, timedelta=style in self._durations)
        except (OverflowError, ValueError):
            return OUT_OF_RANGE


def _text(value: Any) -> str:
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
        case datetime():
            return value.isoformat(sep=" ")
        case date():
            return value.isoformat()
        case _:
            return str(value)
