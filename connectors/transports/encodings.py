"""Which encoding a file is in, by strict trial in the declared order, never by guess.

With one declared encoding a line that does not decode is a fault of that line; with several, a file that none of
them reads whole is held, because which one to believe is a person's decision.
"""

import codecs
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.numbers import CP932, UTF_8, Writing

__all__ = [
    "BLOCK",
    "Coding",
    "byte_blocks",
    "byte_coding",
    "normal_encoding",
    "private_use",
    "readable_encoding",
    "spoils_lines_only",
]

BLOCK = 1 << 20
"""Bytes per read."""
_BOM = codecs.BOM_UTF8


@dataclass(frozen=True, slots=True)
class Coding:
    """How the bytes of a part are read as text; bytes that do not decode come as lone surrogates."""

    name: str
    errors: str = "surrogateescape"

    def decode(self, raw: bytes) -> tuple[str, bool]:
        """Read bytes that begin and end between two characters; say whether all of them could be read."""
        try:
            return raw.decode(self.name), True
        except UnicodeDecodeError:
            return raw.decode(self.name, self.errors), False

    def may_hold_numbers(self, raw: bytes) -> bool:
        """Tell fast whether bytes may hold an individual number."""
        return _BYTEWISE[self.name].may_hold_numbers(raw)


_BYTEWISE: dict[str, Writing] = {"utf-8": UTF_8, "ascii": UTF_8, "cp932": CP932, "shift_jis": CP932}
"""Encodings that can be cut as bytes: breaks, delimiters, quotes and digits are parts of no letter."""
_SHIFTING = ("utf-16", "utf-32", "utf-7", "iso2022", "hz")
"""Encodings in which one wrong byte spoils what follows it."""
_RECODED = Coding("utf-8", "surrogatepass")


def normal_encoding(name: str) -> str:
    """Give Python's name of a declared encoding; UTF-8 always takes a byte order mark."""
    found = codecs.lookup(name).name
    return "utf-8-sig" if found == "utf-8" else found


def readable_encoding(path: Path, encodings: tuple[str, ...]) -> str:
    """Give the first declared encoding that reads the whole file; empty when none does."""
    for name in encodings:
        encoding = normal_encoding(name)
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        try:
            with path.open("rb") as handle:
                while block := handle.read(BLOCK):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
        except UnicodeError:
            continue
        return encoding
    return ""


def spoils_lines_only(encoding: str) -> bool:
    """Whether bytes that do not decode are a fault of their line alone."""
    return not encoding.replace("_", "-").startswith(_SHIFTING)


def byte_coding(encoding: str) -> Coding:
    """Name the coding of the blocks that ``byte_blocks`` gives of a file in this encoding."""
    plain = "utf-8" if encoding == "utf-8-sig" else encoding
    return Coding(plain) if plain in _BYTEWISE else _RECODED


def byte_blocks(path: Path, encoding: str) -> Iterator[bytes]:
    """Read a file in blocks of bytes without byte order mark; what cannot be cut as bytes is recoded on the way."""
    with path.open("rb") as handle:
        if byte_coding(encoding) is _RECODED:
            decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
            while block := handle.read(BLOCK):
                yield decoder.decode(block).encode(_RECODED.name, _RECODED.errors)
            yield decoder.decode(b"", final=True).encode(_RECODED.name, _RECODED.errors)
            return
        block = handle.read(BLOCK)
        if encoding == "utf-8-sig":
            block = block.removeprefix(_BOM)
        while block:
            yield block
            block = handle.read(BLOCK)


def private_use(table: dict[str, str]) -> dict[int, str]:
    """Make a translation of the site's own characters (外字) from code points written as hexadecimal."""
    return {int(code.removeprefix("U+"), 16): unicodedata.normalize("NFC", meant) for code, meant in table.items()}
