"""How single cells are read: dates, codes, conditions. Everything is compiled once per header and remembered.

A reader takes the row's cells and gives a value; what it cannot read it rejects with the column's name, never with
the cell.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import TypeVar

from connectors.readings import MEMORY, Cells, Reading
from schemas.errors import RecordRejected
from schemas.source import Cell, Condition, SourceDefinition, Value
from schemas.values.dates import PartialDate, parse_date

__all__ = ["Cells", "Columns", "bounded", "folded", "join_key"]

Reader = Callable[[Cells], str]
Key = TypeVar("Key")
Answer = TypeVar("Answer")
_EXCEL_EPOCH = date(1899, 12, 30).toordinal()
_EXCEL_LEAST, _EXCEL_MOST = 10_000, 80_000
"""Serial day numbers that are taken for dates, 1927 to 2119."""
_PLAIN_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.:_-]{0,29}")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
EXCEL_SERIAL = "excel-serial-date"
UNKNOWN_AGENCY = "unknown-agency"
UNREAD_DATE, UNREAD_CODE = "unread-date", "unread-code"


def folded(text: str) -> str:
    """Fold a coded cell: NFKC, no outer spaces."""
    return text if text.isascii() and text == text.strip() else unicodedata.normalize("NFKC", text).strip()


def join_key(parts: Sequence[str]) -> str:
    """Make a record key of the identifying cells, folded and joined by a slash."""
    return "/".join(folded(part) for part in parts)


def bounded(memory: dict[Key, Answer], most: int = MEMORY) -> dict[Key, Answer]:
    """Empty a memory that has grown full."""
    if len(memory) >= most:
        memory.clear()
    return memory


class Columns:
    """The columns of one header and the readers over them."""

    def __init__(self, definition: SourceDefinition, header: Sequence[str]) -> None:
        self.definition = definition
        self.at = {name: position for position, name in enumerate(header)}
        self.warnings: list[str] = []
        """Filled while a row is read, emptied by the mapper."""
        self._lenient = definition.protects
        """A row of the protection feed protects whatever of it cannot be read."""
        self._dates: dict[str, PartialDate | None] = {}
        self._era = True

    def position(self, name: str) -> int | None:
        """Where a column stands in this header; None when the delivery does not have it."""
        return self.at.get(name) if name else None

    def date(self, cells: Cells, position: int | None, name: str) -> PartialDate | None:
        """Read a date; empty cells give None, what is no date at all is rejected."""
        if position is None:
            return None
        text = cells[position]
        if not text or text.isspace():
            return None
        try:
            return self._dates[text]
        except KeyError:
            return self._read_date(text, name)

    def _read_date(self, text: str, name: str) -> PartialDate | None:
        plain = folded(text)
        if not plain.strip("0-/. "):
            return None  # 00000000 is "not set" (国保連 共通編)
        if len(plain) == 5 and plain.isdigit() and _EXCEL_LEAST <= int(plain) <= _EXCEL_MOST:
            self.warnings.append(EXCEL_SERIAL)
            day = date.fromordinal(_EXCEL_EPOCH + int(plain)).isoformat()
            return PartialDate(day, "day", text)
        try:
            found = parse_date(text.strip(), era=self._era)
        except ValueError:
            if not self._lenient:
                raise RecordRejected("bad-date", name) from None
            self.warnings.append(UNREAD_DATE)
            return PartialDate("", "unknown", text)
        bounded(self._dates)[text] = found
        return found

    def reading(
        self,
        positions: Iterable[int],
        read: Callable[[Cells], Answer],
        *,
        absent: Answer,
        needed: int | None = None,
        most: int = MEMORY,
    ) -> Reading[Answer]:
        """Compile a function of the cells at ``positions``."""
        return Reading(
            sorted(set(positions)),
            read,
            absent=absent,
            width=len(self.at),
            warnings=self.warnings,
            needed=needed,
            most=most,
        )

    def text(self, position: int, read: Callable[[str], Answer], *, absent: Answer) -> Reading[Answer]:
        """Compile the reading of one cell; ``absent`` where it is empty."""
        return self.reading((position,), lambda cells: read(cells[position]), absent=absent, needed=position)

    def condition(self, rule: Condition | None, *, otherwise: bool) -> Reading[bool] | None:
        """Compile a condition; None when there is none. A column the delivery lacks makes it ``otherwise``."""
        if rule is None:
            return None
        position = self.position(rule.column)
        if position is None:
            return self.reading((), lambda _cells: otherwise, absent=otherwise)
        at, wanted = position, frozenset(rule.equals)
        if not wanted:
            return self.reading((at,), lambda cells: bool(cells[at].strip()), absent=False)
        return self.reading((at,), lambda cells: folded(cells[at]) in wanted, absent=False)

    def value(self, rule: Value) -> tuple[Reader, tuple[int, ...]]:
        """Compile a value: its reader and the positions it looks at."""
        if isinstance(rule, str):
            constant = rule
            return (lambda _cells: constant), ()
        at = self.position(rule.column)
        if at is None:
            return (lambda _cells: ""), ()
        if rule.more:
            return self._chain(rule, at)
        read = self.code(rule.codes, rule.column)
        position = at
        return (lambda cells: read(cells[position])), (at,)

    def code(self, name: str, column: str) -> Callable[[str], str]:
        """Compile the reading of one coded text through a code map or a built-in reading."""
        match name:
            case "":
                return _plain_code
            case "agency":
                return self._agency
            case "date":
                return lambda text: found.value if (found := self._date_text(text, column)) else ""
            case "number":
                return lambda text: match[0] if (match := _NUMBER.search(folded(text))) else ""
            case "plain_code":
                return _plain_code
        table = self.definition.codes[name]
        known = dict(table) | {folded(key): code for key, code in table.items()}
        default = table.get("*")

        def read(text: str) -> str:
            try:
                return known[text]
            except KeyError:
                pass
            plain = folded(text)
            found = known.get(plain, "" if not plain else default)
            if found is None and self._lenient:
                self.warnings.append(UNREAD_CODE)
                return ""
            if found is None:
                raise RecordRejected("unknown-code", column)
            if default is None or not plain:
                return found
            bounded(known)[text] = found
            return found

        return read

    def parts(self, separators: str) -> Callable[[str], list[str]]:
        """Compile the splitting of a cell that holds several values."""
        pattern = re.compile("[" + re.escape(separators) + r"\n]") if separators else None
        if pattern is None:
            return lambda text: [text]
        return lambda text: [part.strip() for part in pattern.split(text) if part.strip()] or [""]

    def _chain(self, rule: Cell, first: int) -> tuple[Reader, tuple[int, ...]]:
        found = [(position, name) for name in rule.more if (position := self.position(name)) is not None]
        positions = (first, *(position for position, _ in found))
        readers = [self.code(rule.codes, name) for name in (rule.column, *(name for _, name in found))]

        def read(cells: Cells) -> str:
            codes = [
                reader(cells[position])
                for position, reader in zip(positions, readers, strict=True)
                if cells[position].strip()
            ]
            return ",".join(code for code in codes if code)

        return read, positions

    def _agency(self, text: str) -> str:
        plain = text.strip()
        if not plain:
            return ""
        table = self.definition.codes.get("agency")
        if table is None:
            return _plain_code(plain)
        found = table.get(plain) or table.get(folded(plain))
        if found is None:
            self.warnings.append(UNKNOWN_AGENCY)
            return ""
        return found

    def _date_text(self, text: str, column: str) -> PartialDate | None:
        return self.date((text,), 0, column)


def _plain_code(text: str) -> str:
    plain = folded(text)
    return plain if _PLAIN_CODE.fullmatch(plain) else ""
