"""個人番号 wherever it stands: in a column, in one cell, inside free text.

A column whose twelve-digit values are individual numbers holds the whole delivery (at least ``number_values`` of
them, at least ``number_share`` pass the check digit). A single one is cut out of its cell and the row goes on. A
tenth of all twelve-digit strings passes the check by chance, so a declared number column that is full of twelve
digits without being individual numbers is left alone.

Numbers are rare and rows are many: whole blocks of bytes are asked first whether they may hold one, and only what
may is looked at row by row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.source import SourceDefinition
from schemas.values.identifiers import cut_individual_numbers, individual_number_ok, twelve_digits

__all__ = ["CP932", "UTF_8", "Cleaner", "NumberGuard", "Writing", "may_hold_numbers"]

Cells = tuple[str, ...]

_TWELVE = b"0" * 12
_LONGER = b"0" * 13
_TOGETHER = 64
"""Rows that are asked together."""


class Writing:
    """How an encoding writes digits and the marks between them, so that a block of it can be searched as bytes.

    ``same`` makes the bytes of one group equal to its first, which may turn other letters into digits or marks:
    a search may say yes in vain, never no in vain. ``digit`` is a full-width digit after that, ``marks`` are the
    wide marks, ``narrow`` those of one byte.
    """

    def __init__(self, same: Sequence[bytes], digit: bytes, marks: Sequence[bytes], narrow: bytes) -> None:
        table = bytearray(range(256))
        for group in (b"0123456789", b"-. \t", *same):
            for byte in group:
                table[byte] = group[0]
        self._table, self._digit, self._marks, self._narrow = bytes(table), digit, marks, b"-" + narrow
        self._loose = bytes.maketrans(digit[-1:], b"0")
        self._nothing = bytes({*self._narrow, *digit, *b"".join(marks)} - {digit[-1]})

    def may_hold_numbers(self, raw: bytes) -> bool:
        """Tell fast whether bytes may hold twelve digits of whole groups in any width and grouping."""
        shape = raw.translate(self._table)
        if _LONGER in shape:  # a group of more digits is no part of a number; what is left only lengthens others
            shape = shape.replace(_LONGER, b",")
        if _TWELVE not in shape.translate(self._loose, self._nothing):  # no, even if every part of a mark were one
            return False
        shape = shape.replace(self._digit, b"0")
        for mark in self._marks:
            shape = shape.replace(mark, b"")
        return _TWELVE in shape.translate(None, self._narrow)


UTF_8 = Writing(
    (bytes(range(0x90, 0x9A)), b"\x8d\x8e", b"\xbc\xbb"),
    b"\xef\xbc\x90",
    (
        b"\xef\xbc\x8d",
        b"\xe3\x83\xbc",
        b"\xe3\x80\x80",
        b"\xe2\x80\x90",
        b"\xe2\x88\x90",
        b"\xef\xbd\xb0",
        b"\xc2\xa0",
    ),
    b"",
)
"""UTF-8 never takes a part of one letter for another; half-width ｰ and the fixed space are marks as well."""
CP932 = Writing((bytes(range(0x4F, 0x59)), b"\x40\x44\x45\x5b\x5c\x5d\x7c"), b"\x82\x4f", (b"\x81\x40",), b"\xb0\xa0")
"""The second byte of a letter may look like a first one here; that only ever adds digits or joins groups."""


def may_hold_numbers(text: str) -> bool:
    """Tell fast whether a text may hold an individual number in any width and grouping."""
    return UTF_8.may_hold_numbers(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Cuts single individual numbers out of the cells of one delivery."""

    exempt: frozenset[int]
    """Columns of numbers that have twelve digits without being individual numbers."""

    def clean_rows(self, rows: list[tuple[int, Cells]]) -> list[tuple[int, Cells]]:
        """Clean rows; those without any number are passed through."""
        cleaned: list[tuple[int, Cells]] = []
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            if may_hold_numbers("\n".join(["\n".join(cells) for _, cells in some])):
                some = [(line, self.clean_cells(cells)) for line, cells in some]
            cleaned += some
        return cleaned

    def clean_cells(self, cells: Sequence[str]) -> Cells:
        """Clean one row."""
        if not may_hold_numbers("\n".join(cells)):
            return tuple(cells)
        exempt = self.exempt
        return tuple(
            cell if len(cell) < 12 or at in exempt else cut_individual_numbers(cell)[0]
            for at, cell in enumerate(cells)
        )


class NumberGuard:
    """Judges the columns of one delivery."""

    def __init__(self, definition: SourceDefinition, names: Cells) -> None:
        self._names = names
        self._least = definition.guards.number_values
        self._share = definition.guards.number_share
        numbers = {column.name for column in definition.column if ".id." in column.to} | set(definition.identity)
        self._declared = {position for position, name in enumerate(names) if name in numbers}
        self._twelve = [0] * len(names)
        self._pass = [0] * len(names)
        self.cleaner: Cleaner | None = None
        """What cleans the rows; None as long as no suspect row was looked at."""
        self.warnings: list[str] = []

    def look_at(self, rows: list[tuple[int, Cells]]) -> None:
        """Count twelve-digit values per column."""
        self.cleaner = self.cleaner or Cleaner(frozenset())
        for start in range(0, len(rows), _TOGETHER):
            some = rows[start : start + _TOGETHER]
            if may_hold_numbers("\n".join(["\n".join(cells) for _, cells in some])):
                for _, cells in some:
                    self._count(cells)

    def verdict(self) -> tuple[str, str]:
        """Name the guard and the first column that holds individual numbers; empty when none does."""
        for position, name in enumerate(self._names):
            values, passed = self._twelve[position], self._pass[position]
            if values >= self._least and passed >= self._share * values:
                return "individual-numbers", (
                    f"column {name}: {passed} of {values} twelve-digit values are individual numbers (個人番号); "
                    "have the source leave the column out"
                )
        exempt = frozenset(at for at in self._declared if self._twelve[at] >= self._least)
        if exempt:
            self.cleaner = Cleaner(exempt)
        self.warnings += ["twelve-digit-number-column"] * len(exempt)
        return "", ""

    def _count(self, cells: Cells) -> None:
        for position, cell in enumerate(cells):
            if digits := twelve_digits(cell):
                self._twelve[position] += 1
                self._pass[position] += individual_number_ok(digits)
