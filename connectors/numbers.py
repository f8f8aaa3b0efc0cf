"""個人番号 wherever it stands: in a column, in one cell, inside free text.

A column whose twelve-digit values are individual numbers holds the whole delivery (at least ``number_values`` of
them, at least ``number_share`` pass the check digit). A single one is cut out of its cell and the row goes on. A
tenth of all twelve-digit strings passes the check by chance, so a declared number column that is full of twelve
digits without being individual numbers is left alone.
"""

import unicodedata
from collections.abc import Sequence

from schemas.source import SourceDefinition
from schemas.values.identifiers import cut_individual_numbers, individual_number_ok

__all__ = ["NumberGuard", "may_hold_numbers"]

Cells = tuple[str, ...]

_DIGITS = frozenset("0123456789")
_WIDE_DIGITS = [(chr(0xFF10 + digit).encode(), str(digit).encode()) for digit in range(10)]
_GAPS = tuple(mark.encode() for mark in "－ー‐‑‒–—―−ー・．　")
_CLASSES = bytes(ord("0") if chr(code) in "0123456789" else ord(",") for code in range(256))
_DELETED = b"- ."
_TWELVE = b",000000000000,"


def _shape(text: str) -> bytes:
    """Reduce a text to its runs of digits: every digit is 0, marks inside numbers are gone, all else is a comma."""
    raw = text.encode("utf-8", "surrogatepass")
    if not text.isascii():
        if b"\xef\xbc" in raw:
            for wide, digit in _WIDE_DIGITS:
                raw = raw.replace(wide, digit)
        for gap in _GAPS:
            raw = raw.replace(gap, b"")
    return b"," + raw.translate(_CLASSES, _DELETED) + b","


def may_hold_numbers(text: str) -> bool:
    """Tell fast whether a text holds a run of exactly twelve digits in any width and grouping."""
    return _TWELVE in _shape(text)


class NumberGuard:
    """Judges the columns of one delivery and cleans its cells."""

    def __init__(self, definition: SourceDefinition, names: Cells) -> None:
        self._names = names
        self._least = definition.guards.number_values
        self._share = definition.guards.number_share
        numbers = {column.name for column in definition.column if ".id." in column.to} | set(definition.identity)
        self._declared = {position for position, name in enumerate(names) if name in numbers}
        self._twelve = [0] * len(names)
        self._pass = [0] * len(names)
        self._exempt: frozenset[int] = frozenset()
        self._suspected = False
        self.cut = 0
        self.warnings: list[str] = []

    def look_at(self, rows: list[tuple[int, Cells]]) -> None:
        """Count twelve-digit values per column."""
        self._suspected = True
        for _, cells in rows:
            if not may_hold_numbers("\n".join(cells)):
                continue
            for position, cell in enumerate(cells):
                if len(cell) >= 12 and _shape(cell) == _TWELVE:
                    digits = "".join(letter for letter in unicodedata.normalize("NFKC", cell) if letter in _DIGITS)
                    self._twelve[position] += 1
                    self._pass[position] += individual_number_ok(digits)

    def verdict(self) -> tuple[str, str]:
        """Name the guard and the first column that holds individual numbers; empty when none does."""
        for position, name in enumerate(self._names):
            values, passed = self._twelve[position], self._pass[position]
            if values >= self._least and passed >= self._share * values:
                return "individual-numbers", (
                    f"column {name}: {passed} of {values} twelve-digit values are individual numbers (個人番号); "
                    "have the source leave the column out"
                )
        self._exempt = frozenset(at for at in self._declared if self._twelve[at] >= self._least)
        self.warnings += ["twelve-digit-number-column"] * len(self._exempt)
        return "", ""

    def clean_rows(self, rows: list[tuple[int, Cells]]) -> list[tuple[int, Cells]]:
        """Cut single individual numbers out of the cells; rows without any are passed through."""
        if not self._suspected:
            return rows
        return [(line, self.clean_cells(cells)) for line, cells in rows]

    def clean_cells(self, cells: Sequence[str]) -> Cells:
        """Cut single individual numbers out of one row."""
        if not may_hold_numbers("\n".join(cells)):
            return tuple(cells)
        return tuple(cell if at in self._exempt else self._clean(cell) for at, cell in enumerate(cells))

    def _clean(self, cell: str) -> str:
        if len(cell) < 12 or not may_hold_numbers(cell):
            return cell
        cleaned, count = cut_individual_numbers(cell)
        self.cut += count
        return cleaned
