"""CSV, TSV and the three-part frame of 国保連 as tables: found, looked through, cut into blocks of whole rows.

Opening and cutting look at bytes only, so that they keep ahead of the processes that read the blocks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from connectors.headers import Layout
from connectors.transports.blocks import CONTROL, DATA, END, Block, FrameBlock, delimiter_of
from connectors.transports.encodings import (
    byte_blocks,
    byte_coding,
    normal_encoding,
    readable_encoding,
    spoils_lines_only,
)
from connectors.transports.lines import Grouping, line_blocks, split_line
from schemas.source import SourceDefinition

__all__ = ["DelimitedTable", "KokuhoTable"]

HEADER_SEARCH = 10
"""Lines among which the header is looked for when it is not where the definition says."""
SOME = 100
"""Lines that are decoded at once while the header is looked for."""

Cells = tuple[str, ...]


@dataclass
class DelimitedTable:
    """A CSV or TSV file. Reading it again gives the same rows."""

    definition: SourceDefinition
    path: Path

    block: ClassVar[type[Block]] = Block
    frame: ClassVar[int] = 0
    """Cells of a row before its data."""

    def __post_init__(self) -> None:
        self.problem: tuple[str, str] = ("", "")
        self.header: Cells = ()
        self.encoding = ""
        self._start = 0
        self._delimiter = delimiter_of(self.definition)
        self._open()

    # --- opening ------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        encodings = self.definition.format.encodings
        self.encoding = readable_encoding(self.path, encodings)
        if not self.encoding and len(encodings) == 1 and spoils_lines_only(only := normal_encoding(encodings[0])):
            self.encoding = only
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
            self._check_end()

    def _find_header(self) -> None:
        first: list[tuple[int, list[str]]] = []
        for line, text in self._rows_of_text():
            cells = split_line(text, self._delimiter) if text else []
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

    def _check_end(self) -> None:
        """Tell by its last line whether the file is cut off."""
        tail = b""
        for raw in byte_blocks(self.path, self.encoding):
            tail = (tail + raw)[-1:] if raw.endswith((b"\n", b"\r", b"\x1a")) else _behind_break(tail + raw)
        if tail and not tail.endswith((b"\n", b"\r", b"\x1a")):
            text = byte_coding(self.encoding).decode(tail)[0]
            if text.count('"') % 2 or len(split_line(text, self._delimiter)) < len(self.header):
                self.problem = ("truncated", "the last row breaks off; wait for the whole file and deliver it again")

    def _rows_of_text(self) -> Iterator[tuple[int, str]]:
        """Give the rows from the top of the file, whatever their width."""
        coding, grouping, number = byte_coding(self.encoding), Grouping(None, self._delimiter), 1
        for newline, lines in line_blocks(byte_blocks(self.path, self.encoding)):
            for start in range(0, len(lines), SOME):
                some = [coding.decode(_without_return(line, newline))[0] for line in lines[start : start + SOME]]
                yield from grouping.feed(number, some)
                number += len(some)
        yield from grouping.finish()

    # --- cutting ------------------------------------------------------------------------------------------------

    def suspects(self, size: int) -> Iterator[Block]:
        """Give the blocks that may hold individual numbers."""
        return (block for block in self.pieces(size) if block.may_hold_numbers())

    def pieces(self, size: int) -> Iterator[Block]:
        """Cut the file between rows into blocks of ``size`` lines, more where rows of several lines demand it."""
        grouping = Grouping(len(self.header) + self.frame, self._delimiter)
        held: list[bytes] = []
        first, newline, ended = 1, b"", b""
        for ended, lines in line_blocks(byte_blocks(self.path, self.encoding)):
            newline = newline or ended
            if not grouping.pending and not any(line.count(b'"') & 1 for line in lines):
                held += lines
                while len(held) > size or (ended and len(held) == size):
                    yield self._block(held[:size], first, newline, newline)
                    first += size
                    del held[:size]
                continue
            for line in lines:
                held.append(line)
                # cells are only counted here, and of these encodings bytes have as many as their text
                grouping.feed(first + len(held) - 1, [_without_return(line, newline).decode("latin-1")])
                if len(held) >= size and not grouping.pending:
                    yield self._block(held, first, newline, ended)
                    first += len(held)
                    held = []
        if held:
            yield self._block(held, first, newline, ended)

    def _block(self, lines: list[bytes], first: int, newline: bytes, ended: bytes) -> Block:
        return self.block(
            newline.join(lines) + ended,
            first,
            byte_coding(self.encoding),
            newline.decode("ascii"),
            len(self.header) + self.frame,
            0 if self.frame else self._start,
            self._delimiter == "\t",
        )


class KokuhoTable(DelimitedTable):
    """A 国保連 interface file: control, data and end records, the end's number being data + 2 (共通編)."""

    block = FrameBlock
    frame = 2
    MONTH = 9
    """Place of 処理対象年月 in the control record."""

    def __post_init__(self) -> None:
        self.month = ""
        super().__post_init__()
        if not self.problem[0]:
            self._check_frame()

    def _check_end(self) -> None:
        """A frame tells by its counts what is missing."""

    def _check_frame(self) -> None:
        data = 0
        control: list[str] = []
        end: list[str] = []
        for _, text in self._rows_of_text():
            kind = text.partition(",")[0]
            if '"' not in kind and kind.strip() == DATA:
                data += 1
                continue
            if not text.strip("\x1a \r"):
                continue
            cells = split_line(text, self._delimiter)
            kind = cells[0].strip()
            data += kind == DATA
            control = control or (cells if kind == CONTROL else [])
            end = cells if kind == END else end
        self.month = control[self.MONTH].strip() if len(control) > self.MONTH else ""
        if not control or not end:
            part = "control" if not control else "end"
            self.problem = ("truncated", f"no {part} record; the file is cut off, have it sent again")
            return
        said = control[3].strip() if len(control) > 3 else ""
        number = end[1].strip() if len(end) > 1 else ""
        if not (said.isdigit() and int(said) == data and number.isdigit() and int(number) == data + 2):
            self.problem = ("frame-count", f"the frame declares other counts than its {data} data records")


def _without_return(line: bytes, newline: bytes) -> bytes:
    return line.removesuffix(b"\r") if newline == b"\n" else line


def _behind_break(raw: bytes) -> bytes:
    """Give what follows the last line break of any kind."""
    return raw[max(raw.rfind(b"\n"), raw.rfind(b"\r")) + 1 :]
