"""CSV, TSV and the three-part frame of 国保連 as tables: lines to cells, with every way a line can be broken.

A row is one line, or several where a quoted cell holds line breaks. A quote that never closes does not swallow the
file: when the lines up to the closing quote do not make a row of the header's width, the first line alone is the
fault and reading goes on at the next.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.deliveries import Chunk, RawFault
from connectors.headers import Layout
from connectors.numbers import may_hold_numbers
from connectors.transports.encodings import decoded_blocks, normal_encoding, private_use, readable_encoding
from schemas.source import SourceDefinition

__all__ = ["DelimitedTable", "KokuhoTable"]

HEADER_SEARCH = 10
"""Lines among which the header is looked for when it is not where the definition says."""
SPAN = 64
"""Most physical lines one row may take."""
_SURROGATES = re.compile("[\\ud800-\\udfff]")
_RARE = re.compile("[\ud800-\uf8ff]")
"""Undecodable bytes and private-use characters in one range."""
_PRIVATE = re.compile("[\\ue000-\\uf8ff]")
_EXCEL_TEXT = re.compile(r'="(?:[^"]*)"')
_FORMULA = re.compile(r"[=＝]\s*[A-Za-z(]")
_EXCEL_ERRORS = ("#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!")

Cells = tuple[str, ...]
Lines = list[tuple[int, str]]


@dataclass
class DelimitedTable:
    """A CSV or TSV file. Reading it again gives the same rows."""

    definition: SourceDefinition
    path: Path

    def __post_init__(self) -> None:
        self.problem: tuple[str, str] = ("", "")
        self.header: Cells = ()
        self.encoding = ""
        self._start = 0
        self._delimiter = "\t" if self.definition.format.kind == "tsv" else ","
        self._gaiji = private_use(self.definition.format.gaiji)
        self._suspect = False
        before = (self._delimiter, "\n", '"')
        self._formula_marks = tuple(mark + sign for mark in before for sign in "=＝")
        self._open()

    # --- opening ------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        encodings = self.definition.format.encodings
        self.encoding = readable_encoding(self.path, encodings)
        if not self.encoding and len(encodings) == 1:
            self.encoding = normal_encoding(encodings[0])
        if not self.encoding:
            tried = ", ".join(encodings)
            self.problem = (
                "encoding",
                f"not readable as {tried}; export it again, or declare the one true encoding in [format] encodings",
            )
            return
        if not self.definition.format.header:
            self.header = self.definition.column_names
        else:
            self._find_header()
        if self.header:
            self._look_through()

    def _find_header(self) -> None:
        first: list[tuple[int, list[str]]] = []
        for line, text in self._rows_of_text():
            cells = self._split(text) if text else []
            if any(cell.strip() for cell in cells):
                first.append((line, cells))
            if line >= HEADER_SEARCH + self.definition.format.header_row:
                break
        at = next((n for n, row in enumerate(first) if row[0] >= self.definition.format.header_row), 0)
        candidates = [*first[at:], *first[:at]]
        for line, cells in candidates:
            if not Layout.of(self.definition, cells).held:
                self.header, self._start = tuple(cells), line
                return
        if candidates:
            self._start, self.header = candidates[0][0], tuple(candidates[0][1])
        else:
            self.problem = ("empty-file", "no header and no rows; the export was empty or is still being written")

    def _look_through(self) -> None:
        """One pass over the text: is it cut off, may it hold individual numbers."""
        last = ""
        for text in decoded_blocks(self.path, self.encoding):
            if not self._suspect and may_hold_numbers(last[-40:] + text):
                self._suspect = True
            last = text or last
        if last and not last.endswith(("\n", "\r", "\x1a")):
            tail = re.split("[\r\n]", last)[-1]
            if tail.count('"') % 2 or len(self._split(tail)) < len(self.header):
                self.problem = ("truncated", "the last row breaks off; wait for the whole file and deliver it again")

    def suspects_numbers(self) -> bool:
        """Whether any cell may hold an individual number."""
        return self._suspect

    # --- reading ------------------------------------------------------------------------------------------------

    def chunks(self) -> Iterator[Chunk]:
        """Read the rows below the header, a block at a time."""
        width = len(self.header)
        for lines in self._line_blocks():
            yield self._parse(lines, width)

    def _parse(self, lines: Lines, width: int) -> Chunk:
        """Split one block of logical rows into cells; on any trouble row by row."""
        texts = [text for _, text in lines]
        if not self._odd("\n".join(texts)):
            try:
                parsed = list(csv.reader(texts, delimiter=self._delimiter, strict=True))
            except csv.Error:
                parsed = []
            if len(parsed) == len(lines) and all(len(cells) == width for cells in parsed):
                return [(line, cells) for (line, _), cells in zip(lines, parsed, strict=True) if any(cells)], []
        rows: list[tuple[int, list[str]]] = []
        faults: list[RawFault] = []
        for line, text in lines:
            self._parse_row(line, text, width, rows, faults)
        return rows, faults

    def _odd(self, text: str) -> bool:
        """Whether a block holds anything the plain way of reading would pass over."""
        return (
            "\0" in text
            or "\x1a" in text
            or text.startswith(("=", "＝"))
            or any(mark in text for mark in self._formula_marks)
            or any(error in text for error in _EXCEL_ERRORS)
            or (not text.isascii() and _RARE.search(text) is not None)
        )

    def _parse_row(
        self, line: int, text: str, width: int, rows: list[tuple[int, list[str]]], faults: list[RawFault]
    ) -> None:
        code, cells = self._read_row(text, width)
        if not any(cells) and not code:
            return
        if code:
            faults.append(RawFault(line, code, tuple(_SURROGATES.sub("\ufffd", cell) for cell in cells)))
        else:
            rows.append((line, cells))

    def _read_row(self, text: str, width: int) -> tuple[str, list[str]]:
        if _PRIVATE.search(text) and self._gaiji:
            text = text.translate(self._gaiji)
        text = text.rstrip("\x1a")
        if not text.strip():
            return "", []
        if "\0" in text:
            return "nul", self._split(text.replace("\0", ""))
        if _EXCEL_TEXT.search(text):
            text = re.sub(r'(^|[,\t])="([^"]*)"(?=$|[,\t])', r"\1\2", text)
        try:
            cells = next(csv.reader([text], delimiter=self._delimiter, strict=True), [])
        except csv.Error:
            return "broken-quote", self._split(text)
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

    def _split(self, text: str) -> list[str]:
        try:
            return next(csv.reader([text], delimiter=self._delimiter), [])
        except csv.Error:
            return text.replace('"', "").split(self._delimiter)

    def _rows_of_text(self) -> Iterator[tuple[int, str]]:
        for lines in self._grouped(self._numbered(), None):
            yield from lines

    def _line_blocks(self) -> Iterator[Lines]:
        start = self._start
        for lines in self._grouped(self._numbered(), len(self.header)):
            kept = lines if not lines or lines[0][0] > start else [item for item in lines if item[0] > start]
            if kept:
                yield kept

    def _numbered(self) -> Iterator[tuple[int, list[str]]]:
        """Physical lines in blocks with the number of each block's first line."""
        number, rest, newline = 1, "", ""
        for text in decoded_blocks(self.path, self.encoding):
            block = rest + text
            if not newline and ("\n" in block or "\r" in block):
                newline = "\n" if "\n" in block else "\r"
            if not newline:
                rest = block
                continue
            if newline == "\n" and "\r" in block:
                tail = "\r" if block.endswith("\r") else ""
                block = block.removesuffix("\r").replace("\r\n", "\n") + tail
            lines = block.split(newline)
            rest = lines.pop()
            if lines:
                yield number, lines
                number += len(lines)
        if rest:
            yield number, [rest]

    def _grouped(self, blocks: Iterator[tuple[int, list[str]]], width: int | None) -> Iterator[Lines]:
        """Join physical lines into rows where a quoted cell spans several."""
        pending: Lines = []
        for number, lines in blocks:
            if not pending and '"' not in "".join(lines):
                yield list(enumerate(lines, number))
                continue
            grouped: Lines = []
            for item in enumerate(lines, number):
                if pending:
                    pending.append(item)
                    if item[1].count('"') % 2 and (row := self._joined(pending, width)):
                        grouped += row
                        pending = []
                    elif len(pending) > SPAN:
                        pending = self._resync(pending, grouped, width)
                elif item[1].count('"') % 2:
                    pending = [item]
                else:
                    grouped.append(item)
            yield grouped
        while pending:
            grouped = []
            pending = self._resync(pending, grouped, width)
            yield grouped

    def _joined(self, pending: Lines, width: int | None) -> Lines:
        """Give the row these lines make; where its width is wrong, the first line alone and the rest anew."""
        text = "\n".join(part for _, part in pending)
        if width is None or len(self._split(text)) == width:
            return [(pending[0][0], text)]
        grouped: Lines = []
        rest = self._resync(pending, grouped, width)
        while rest:
            rest = self._resync(rest, grouped, width)
        return grouped

    def _resync(self, pending: Lines, grouped: Lines, width: int | None) -> Lines:
        """Give up on the first line, which opens a quote nobody closes, and start again behind it."""
        grouped.append(pending[0])
        rest: Lines = []
        for item in pending[1:]:
            if rest:
                rest.append(item)
                text = "\n".join(part for _, part in rest)
                if item[1].count('"') % 2 and (width is None or len(self._split(text)) == width):
                    grouped.append((rest[0][0], text))
                    rest = []
            elif item[1].count('"') % 2:
                rest = [item]
            else:
                grouped.append(item)
        return rest


class KokuhoTable(DelimitedTable):
    """A 国保連 interface file: control, data and end records, the end's number being data + 2 (共通編)."""

    CONTROL, DATA, END = "1", "2", "3"
    MONTH = 9
    """Place of 処理対象年月 in the control record."""

    def __post_init__(self) -> None:
        self.month = ""
        super().__post_init__()
        if not self.problem[0]:
            self._check_frame()

    def _look_through(self) -> None:
        self._suspect = any(may_hold_numbers(text) for text in decoded_blocks(self.path, self.encoding))

    def _check_frame(self) -> None:
        kinds = {self.CONTROL: 0, self.DATA: 0, self.END: 0}
        control: list[str] = []
        end: list[str] = []
        for _, cells in self._frame_rows():
            kind = cells[0].strip()
            kinds[kind] = kinds.get(kind, 0) + 1
            control = control or (cells if kind == self.CONTROL else [])
            end = cells if kind == self.END else end
        self.month = control[self.MONTH].strip() if len(control) > self.MONTH else ""
        if not control or not end:
            part = "control" if not control else "end"
            self.problem = ("truncated", f"no {part} record; the file is cut off, have it sent again")
            return
        said = control[3].strip() if len(control) > 3 else ""
        number = end[1].strip() if len(end) > 1 else ""
        data = kinds[self.DATA]
        if not (said.isdigit() and int(said) == data and number.isdigit() and int(number) == data + 2):
            self.problem = ("frame-count", f"the frame declares other counts than its {data} data records")

    def _frame_rows(self) -> Iterator[tuple[int, list[str]]]:
        for lines in self._grouped(self._numbered(), None):
            for line, text in lines:
                if text.strip("\x1a \r"):
                    yield line, self._split(text)

    def chunks(self) -> Iterator[Chunk]:
        """Read the data records without their two frame columns."""
        width = len(self.header) + 2
        for lines in self._grouped(self._numbered(), width):
            data = [item for item in lines if _record_type(item[1]) not in {self.CONTROL, self.END, ""}]
            rows, faults = self._parse(data, width)
            good = [(line, cells[2:]) for line, cells in rows if cells[0].strip() == self.DATA]
            strange = [
                RawFault(line, "record-type", tuple(cells[2:]))
                for line, cells in rows
                if cells[0].strip() != self.DATA
            ]
            yield good, [RawFault(fault.line, fault.code, fault.cells[2:]) for fault in faults] + strange


def _record_type(text: str) -> str:
    return text.split(",", 1)[0].strip().strip('"\x1a')
