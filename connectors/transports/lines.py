"""Physical lines to rows: where a quoted cell holds line breaks, several lines are one row.

A quote that never closes does not swallow the file: when the lines up to the closing quote do not make a row of the
header's width, the first line alone is the row (and will be a fault), and reading goes on at the next.
"""

import csv
from collections.abc import Iterable, Iterator

__all__ = ["Grouping", "Lines", "line_blocks", "split_line"]

SPAN = 64
"""Most physical lines one row may take."""

Lines = list[tuple[int, str]]


def line_blocks(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, list[bytes]]]:
    """Cut blocks of bytes into lines: the line break and the lines; what follows the last break comes by itself.

    A carriage return before the break stays with its line. Files with carriage returns alone are cut at those.
    """
    rest = newline = b""
    for part in blocks:
        block = rest + part
        if not newline and (b"\n" in block or b"\r" in block):
            newline = b"\n" if b"\n" in block else b"\r"
        if not newline:
            rest = block
            continue
        lines = block.split(newline)
        rest = lines.pop()
        if lines:
            yield newline, lines
    if rest:
        yield b"", [rest]


def split_line(text: str, delimiter: str) -> list[str]:
    """Split one row as well as it can be done, whatever is wrong with its quotes."""
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return text.replace('"', "").split(delimiter)


class Grouping:
    """Joins lines into rows. Fed with all lines in order it gives the same rows however they are portioned.

    ``width`` None takes rows of any width.
    """

    def __init__(self, width: int | None, delimiter: str) -> None:
        self._width = width
        self._delimiter = delimiter
        self.pending: Lines = []
        """Lines of a row that is not whole yet; rows can be cut apart where there are none."""

    def feed(self, first: int, lines: list[str]) -> Lines:
        """Take further lines, the first of that number; give the rows that are whole now."""
        if not self.pending and not any('"' in line for line in lines):
            return list(enumerate(lines, first))
        grouped: Lines = []
        for item in enumerate(lines, first):
            if self.pending:
                self.pending.append(item)
                if item[1].count('"') % 2 and (row := self._joined(self.pending)):
                    grouped += row
                    self.pending = []
                elif len(self.pending) > SPAN:
                    self.pending = self._resync(self.pending, grouped)
            elif item[1].count('"') % 2:
                self.pending = [item]
            else:
                grouped.append(item)
        return grouped

    def finish(self) -> Lines:
        """Give what is left at the end of the file."""
        grouped: Lines = []
        while self.pending:
            self.pending = self._resync(self.pending, grouped)
        return grouped

    def _joined(self, pending: Lines) -> Lines:
        """Give the row these lines make; where its width is wrong, the first line alone and the rest anew."""
        text = "\n".join(part for _, part in pending)
        if self._fits(text):
            return [(pending[0][0], text)]
        grouped: Lines = []
        rest = self._resync(pending, grouped)
        while rest:
            rest = self._resync(rest, grouped)
        return grouped

    def _resync(self, pending: Lines, grouped: Lines) -> Lines:
        """Give up on the first line, which opens a quote nobody closes, and start again behind it."""
        grouped.append(pending[0])
        rest: Lines = []
        for item in pending[1:]:
            if rest:
                rest.append(item)
                text = "\n".join(part for _, part in rest)
                if item[1].count('"') % 2 and self._fits(text):
                    grouped.append((rest[0][0], text))
                    rest = []
            elif item[1].count('"') % 2:
                rest = [item]
            else:
                grouped.append(item)
        return rest

    def _fits(self, text: str) -> bool:
        return self._width is None or len(split_line(text, self._delimiter)) == self._width
