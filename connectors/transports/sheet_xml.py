"""Rows of a sheet and shared strings out of a workbook's XML, streamed, by the parser that comes with Python.

Most rows are written plainly, cell behind cell with nothing but a value each. Such a row is whole XML by itself: it
is taken out of the stream and cut apart as text, and the parser sees what is left, all other rows among it. So a
sheet that is not well formed is an error wherever that is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import IO, NamedTuple
from xml.parsers import expat

from openpyxl.utils import column_index_from_string
from openpyxl.xml.constants import SHEET_MAIN_NS

__all__ = ["SheetRow", "read_rows", "read_strings"]

BLOCK = 1 << 18
"""Bytes of XML per read."""
Reading = Mapping[tuple[str, str, str], str]
"""What a cell shows, by its kind, its style and what is written in it."""
_TAGS = ("sheetData", "row", "c", "v", "f", "is", "si", "t", "rPh")
_NAMES = {name: name for name in (f"{SHEET_MAIN_NS} {tag}" for tag in _TAGS)}
_DATA, _ROW, _CELL, _VALUE, _FORMULA, _INLINE, _ITEM, _TEXT, _PHONETIC = _NAMES
_ESCAPED = "x005F_"
"""How a shared string writes an underscore that would begin an escape."""

_BEFORE_ROWS, _ROW_END = b"<sheetData>", b"</row>"
_OTHER_ENCODING = re.compile(rb"""encoding=["'](?!utf-8["'])""", re.IGNORECASE)
_LETTERS = "[^<&\\]\\x00-\\x08\\x0b-\\x1f\\ufffe\\uffff]*"
"""Letters that stand for themselves in XML."""
_PLAIN_ROW = re.compile(r"""\s*<row r="([0-9]+)"(?: [A-Za-z0-9:]+="[^<&"]*")*>""")
_PLAIN_CELL = re.compile(
    r"""<c r="([A-Z]{1,3})[0-9]+"(?: s="([0-9]+)")?(?: t="([A-Za-z]+)")?"""
    rf"""(?:/>|>(?:<v>({_LETTERS})</v>|<is><t(?: xml:space="preserve")?>({_LETTERS})</t></is>)?</c>)"""
)
_GROUPS = _PLAIN_CELL.groups + 1


_NO_FORMULAS: dict[int, str] = {}


class SheetRow(NamedTuple):
    """One row of a sheet."""

    line: int
    cells: list[str]
    formulas: dict[int, str]
    """The formulas among the cells, by place."""
    unshown: tuple[int, ...]
    """Places of formulas whose value nobody has calculated."""


def read_rows(source: IO[bytes], shown: Reading) -> Iterator[SheetRow]:
    """Read the rows of a sheet that are written down, in order."""
    rows = _Rows(shown)
    parser = _parser(rows)
    head, mark, rest = source.read(BLOCK).partition(_BEFORE_ROWS)
    parser.Parse(head + mark, False)
    plain = rows.begun and not _OTHER_ENCODING.search(head)
    rest += source.read(BLOCK)
    while rest:
        end = rest.rfind(_ROW_END) if plain and b"<!" not in rest else -1
        plain = end >= 0
        if plain:
            for text in rest[:end].decode().split(_ROW_END.decode()):
                if not rows.take_plain(text):
                    parser.Parse(text.encode() + _ROW_END, False)
            rest = rest[end + len(_ROW_END) :]
        else:
            parser.Parse(rest, False)
            rest = b""
        yield from rows.taken()
        rest += source.read(BLOCK)
    parser.Parse(b"", True)
    yield from rows.taken()


def read_strings(source: IO[bytes]) -> list[str]:
    """Read the shared strings: plain or in runs, without their phonetic guides (ふりがな)."""
    strings = _Strings()
    parser = _parser(strings)
    while block := source.read(BLOCK):
        parser.Parse(block, False)
    parser.Parse(b"", True)
    return strings.found


def _parser(target: "_Rows | _Strings") -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ", intern=dict(_NAMES))
    parser.buffer_text = True
    parser.StartElementHandler = target.start
    parser.EndElementHandler = target.end
    parser.CharacterDataHandler = target.text.append
    return parser


class _Strings:
    """Takes shared strings from the parser."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.text: list[str] = []
        self._parts: list[str] = []
        self._phonetic = False

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        """Begin an element."""
        if name == _TEXT:
            self.text.clear()
        elif name == _PHONETIC:
            self._phonetic = True
        elif name == _ITEM:
            self._parts = []

    def end(self, name: str) -> None:
        """End an element."""
        if name == _TEXT:
            if not self._phonetic:
                self._parts += self.text
        elif name == _ITEM:
            self.found.append("".join(self._parts).replace(_ESCAPED, "").strip())
        elif name == _PHONETIC:
            self._phonetic = False


class _Columns(dict[str, int]):
    """Places of columns by their letters."""

    def __missing__(self, letters: str) -> int:
        place = self[letters] = column_index_from_string(letters) - 1
        return place


class _Rows:
    """Takes rows from the parser, and plain ones as text."""

    def __init__(self, shown: Reading) -> None:
        self.begun = False
        self.text: list[str] = []
        self._shown = shown
        self._places = _Columns()
        self._rows: list[SheetRow] = []
        self._line = self._last = 0
        self._place = -1
        self._cells: list[str] = []
        self._formulas: dict[int, str] = {}
        self._unshown: list[int] = []
        self._attributes: dict[str, str] = {}
        self._value: str | None = None
        self._inline: str | None = None
        self._formula: str | None = None
        self._phonetic = False

    def taken(self) -> list[SheetRow]:
        """Give the rows that are whole by now, each once."""
        rows, self._rows = self._rows, []
        return rows

    def take_plain(self, row: str) -> bool:
        """Take a row of plain cells, without its end; say no to any other."""
        parts = _PLAIN_CELL.split(row)
        head = _PLAIN_ROW.fullmatch(parts[0])
        if head is None or any(parts[_GROUPS::_GROUPS]):
            return False
        shown, places = self._shown, self._places
        cells: list[str] = []
        columns = (parts[group::_GROUPS] for group in range(1, _GROUPS))
        for letters, style, kind, written, inline in zip(*columns, strict=True):
            value = inline if kind == "inlineStr" else written or None
            if value is not None:
                place, text = places[letters], shown[kind or "n", style or "0", value]
                if place == len(cells):
                    cells.append(text)
                else:
                    _put(cells, place, text)
        self._line = int(head[1])
        self._add(cells, _NO_FORMULAS, ())
        return True

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if name == _CELL:
            self._attributes = attributes
            self._value = self._inline = self._formula = None
        elif name in (_TEXT, _VALUE, _FORMULA):
            self.text.clear()
        elif name == _ROW:
            self._line = _row_number(attributes["r"]) if "r" in attributes else self._line + 1
            self._place = -1
            self._cells, self._formulas, self._unshown = [], {}, []
        elif name == _INLINE:
            self._inline = ""
        elif name == _PHONETIC:
            self._phonetic = True
        elif name == _DATA:
            self.begun = True

    def end(self, name: str) -> None:
        """End an element."""
        if name == _CELL:
            self._end_cell()
        elif name == _TEXT:
            if self._inline is not None and not self._phonetic:
                self._inline += "".join(self.text)
        elif name == _VALUE:
            self._value = "".join(self.text)
        elif name == _FORMULA:
            self._formula = "=" + "".join(self.text)
        elif name == _ROW:
            self._add(self._cells, self._formulas, tuple(self._unshown))
        elif name == _PHONETIC:
            self._phonetic = False

    def _end_cell(self) -> None:
        get = self._attributes.get
        reference = get("r")
        self._place = place = self._places[reference.rstrip("0123456789")] if reference else self._place + 1
        kind = get("t", "n")
        value = self._inline if kind == "inlineStr" else self._value or None
        if value is not None:
            _put(self._cells, place, self._shown[kind, get("s", "0"), value])
        if self._formula is not None:
            self._formulas[place] = self._formula
            if value is None:
                _put(self._cells, place, "")
                self._unshown.append(place)

    def _add(self, cells: list[str], formulas: dict[int, str], unshown: tuple[int, ...]) -> None:
        if self._line > self._last:  # a row that comes too late is none
            self._last = self._line
            self._rows.append(SheetRow(self._line, cells, formulas, unshown))


def _put(cells: list[str], place: int, text: str) -> None:
    if place >= len(cells):
        cells += [""] * (place + 1 - len(cells))
    cells[place] = text


def _row_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer():
            raise
        return int(number)
