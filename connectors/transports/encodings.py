"""Which encoding a file is in, by strict trial in the declared order, never by guess.

With one declared encoding a line that does not decode is a fault of that line; with several, a file that none of
them reads whole is held, because which one to believe is a person's decision.
"""

import codecs
import unicodedata
from collections.abc import Iterator
from pathlib import Path

__all__ = ["BLOCK", "SURROGATE", "decoded_blocks", "normal_encoding", "readable_encoding"]

BLOCK = 1 << 20
"""Bytes per read."""
SURROGATE = "surrogateescape"


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
        except UnicodeDecodeError:
            continue
        return encoding
    return ""


def decoded_blocks(path: Path, encoding: str) -> Iterator[str]:
    """Read a file as text in blocks; bytes that do not decode come as lone surrogates."""
    decoder = codecs.getincrementaldecoder(encoding)(SURROGATE)
    with path.open("rb") as handle:
        while block := handle.read(BLOCK):
            yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def private_use(table: dict[str, str]) -> dict[int, str]:
    """Make a translation of the site's own characters (外字) from code points written as hexadecimal."""
    return {int(code.removeprefix("U+"), 16): unicodedata.normalize("NFC", meant) for code, meant in table.items()}
