"""Blocks of a delimited file: bytes to rows of cells, with every way a row can be broken.

A block is cut between two rows, so it can be read in any process. The plain way reads a whole block at once; where
that meets trouble, smaller and smaller blocks are tried, and what is left is read row by row with its fault.
"""

import csv
import re
from dataclasses import dataclass

from connectors.deliveries import Chunk, RawFault
from connectors.transports.encodings import Coding, private_use
from connectors.transports.lines import Grouping, Lines, split_line
from schemas.source import SourceDefinition

__all__ = ["Block", "FrameBlock", "delimiter_of"]

_SURROGATES = re.compile("[\\ud800-\\udfff]")
_PRIVATE = re.compile("[\\ue000-\\uf8ff]")
_EXCEL_TEXT = re.compile(r'="(?:[^"]*)"')
_EXCEL_TEXT_CELL = re.compile(r'(^|[,\t])="([^"]*)"(?=$|[,\t])')
_FORMULA = re.compile(r"[=＝]\s*[A-Za-z(]")
_EXCEL_ERRORS = ("#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!")
_FIELD = csv.field_size_limit()
_SMALLER = 50
"""Into how many blocks one that meets trouble is cut."""

CONTROL, DATA, END = "1", "2", "3"
"""Record types of a 国保連 interface file."""


def delimiter_of(definition: SourceDefinition) -> str:
    """Give what stands between the cells."""
    return "\t" if definition.format.kind == "tsv" else ","


@dataclass(frozen=True, slots=True)
class Block:
    """Whole rows of a file as bytes."""

    raw: bytes
    line: int
    """Number of the first line."""
    coding: Coding
    newline: str
    width: int
    after: int
    """Line of the header: rows that begin there or before are no data."""
    tabs: bool
    """Whether tabs stand between the cells."""

    def read(self, definition: SourceDefinition) -> Chunk:
        """Read the rows below the header."""
        lines, decoded = self.rows_of_text()
        reader = _Reader(definition, self.width, decoded=decoded)
        if lines and lines[0][0] <= self.after:
            lines = [item for item in lines if item[0] > self.after]
        return reader.read(lines), reader.faults

    def may_hold_numbers(self) -> bool:
        """Look at the bytes; a tab between cells joins no digits."""
        tabs = self.tabs and b'"' not in self.raw
        return self.coding.may_hold_numbers(self.raw.replace(b"\t", b",") if tabs else self.raw)

    def rows_of_text(self) -> tuple[Lines, bool]:
        """Give the block's rows, one text each with the number of its first line, and whether all bytes decoded."""
        text, decoded = self.coding.decode(self.raw)
        lines = self._lines(text)
        if not lines[-1]:
            lines.pop()
        if '"' not in text:
            return list(enumerate(lines, self.line)), decoded
        grouping = Grouping(self.width, "\t" if self.tabs else ",")
        return grouping.feed(self.line, lines) + grouping.finish(), decoded

    def _lines(self, text: str) -> list[str]:
        if self.newline != "\n" or "\r" not in text:
            return text.split(self.newline) if self.newline else [text]
        lines = text.split("\r\n")
        return lines if text.count("\n") == len(lines) - 1 else text.replace("\r\n", "\n").split("\n")


class FrameBlock(Block):
    """A block of a 国保連 interface file: data records in a frame, two columns of which stand before each."""

    __slots__ = ()

    def read(self, definition: SourceDefinition) -> Chunk:
        """Read the data records without their frame columns."""
        lines, decoded = self.rows_of_text()
        reader = _Reader(definition, self.width, decoded=decoded)
        read = reader.read([item for item in lines if record_type(item[1]) not in {CONTROL, END, ""}])
        good = [(line, cells[2:]) for line, cells in read if cells[0].strip() == DATA]
        strange = [
            RawFault(line, "record-type", tuple(cells[2:])) for line, cells in read if cells[0].strip() != DATA
        ]
        return good, [RawFault(fault.line, fault.code, fault.cells[2:]) for fault in reader.faults] + strange


def record_type(text: str) -> str:
    """Give the type of a framed record by its first cell."""
    return text.split(",", 1)[0].strip().strip('"\x1a')


class _Reader:
    """Splits rows of text into cells."""

    def __init__(self, definition: SourceDefinition, width: int, *, decoded: bool) -> None:
        self._width = width
        self._decoded = decoded
        self._delimiter = delimiter_of(definition)
        self._gaiji = private_use(definition.format.gaiji)
        before = (self._delimiter, "\n", '"')
        self._formula_marks = tuple(mark + sign for mark in before for sign in "=＝")
        self.faults: list[RawFault] = []

    def read(self, lines: Lines) -> list[tuple[int, list[str]]]:
        """Read a block at once, or in smaller ones where that cannot be done."""
        plain = self._plain([text for _, text in lines])
        if plain is not None:
            return [(line, cells) for (line, _), cells in zip(lines, plain, strict=True) if any(cells)]
        rows: list[tuple[int, list[str]]] = []
        if len(lines) > _SMALLER:
            size = -(-len(lines) // _SMALLER)
            for start in range(0, len(lines), size):
                rows += self.read(lines[start : start + size])
            return rows
        for line, text in lines:
            code, cells = self._read_row(text)
            if code:
                self.faults.append(RawFault(line, code, tuple(_SURROGATES.sub("\ufffd", cell) for cell in cells)))
            elif any(cells):
                rows.append((line, cells))
        return rows

    def _plain(self, texts: list[str]) -> list[list[str]] | None:
        """Split rows without looking at each; None when there is anything that this would pass over."""
        delimiter, width = self._delimiter, self._width
        together = f"{delimiter}\n{delimiter}".join(texts)
        if self._odd(together):
            return None
        if '"' not in together and "\r" not in together and len(max(texts, key=len, default="")) < _FIELD:
            if together.count("\n") == len(texts) - 1:
                return _cut(together.split(delimiter), width, len(texts))
            split = [text.split(delimiter) for text in texts]
        else:
            try:
                split = list(csv.reader(texts, delimiter=delimiter, strict=True))
            except csv.Error:
                return None
        return split if len(split) == len(texts) and {*map(len, split)} <= {width} else None

    def _odd(self, text: str) -> bool:
        return (
            "\0" in text
            or "\x1a" in text
            or text.startswith(("=", "＝"))
            or (("=" in text or "＝" in text) and any(mark in text for mark in self._formula_marks))
            or ("#" in text and any(error in text for error in _EXCEL_ERRORS))
            or (not self._decoded and _SURROGATES.search(text) is not None)
            or (bool(self._gaiji) and _PRIVATE.search(text) is not None)
        )

    def _read_row(self, text: str) -> tuple[str, list[str]]:
        width, delimiter = self._width, self._delimiter
        if self._gaiji and _PRIVATE.search(text):
            text = text.translate(self._gaiji)
        text = text.rstrip("\x1a")
        if not text.strip():
            return "", []
        if "\0" in text:
            return "nul", split_line(text.replace("\0", ""), delimiter)
        if _EXCEL_TEXT.search(text):
            text = _EXCEL_TEXT_CELL.sub(r"\1\2", text)
        try:
            cells = next(csv.reader([text], delimiter=delimiter, strict=True), [])
        except csv.Error:
            return "broken-quote", split_line(text, delimiter)
        if _SURROGATES.search(text):
            return "undecodable", cells
        if len(cells) > width and not any(cells[width:]):
            cells = cells[:width]
        if len(cells) != width:
            return "cell-count", cells
        if any(_FORMULA.match(cell) for cell in cells):
            return "formula", cells
        if any(cell in _EXCEL_ERRORS for cell in cells):
            return "excel-error", cells
        return "", cells


def _cut(cells: list[str], width: int, rows: int) -> list[list[str]] | None:
    """Cut the cells of rows with a break between each two into rows; None when any is not of that width."""
    step = width + 1
    if len(cells) != rows * step - 1 or {*cells[width::step]} - {"\n"}:
        return None
    return [cells[start : start + width] for start in range(0, len(cells), step)]
