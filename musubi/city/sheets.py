"""One delivery in memory: columns under the system's own header, who stands in each row, and how it goes to disk."""

import tomllib
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl

from musubi.city.arrays import Flags, Ints, Texts, as_texts, texts

CHUNK = 100_000
KEY_SEPARATOR = "/"
"""Between the parts of a record key made from several identity columns."""


@cache
def layouts() -> dict[str, list[str]]:
    """Header of every system by source id."""
    text = files("musubi.city").joinpath("data", "layouts.toml").read_text(encoding="utf-8")
    found: dict[str, list[str]] = tomllib.loads(text)
    return found


Mentions: TypeAlias = tuple[Texts, str, Ints]
"""Record keys, role and person, one entry each per mention; -1 means nobody."""


class Sheet:
    """Rows of one source; unset columns stay empty. Mentions go to the truth file."""

    def __init__(self, source: str, size: int) -> None:
        self.source = source
        self.size = size
        self.columns: dict[str, Texts] = {}
        self.mentions: list[Mentions] = []
        self.bad: list[list[str]] = []
        """Planted rows that no mapping can take."""

    def __setitem__(self, column: str, values: Texts | str) -> None:
        if column not in layouts()[self.source]:
            msg = f"{self.source} has no column {column}"
            raise KeyError(msg)
        self.columns[column] = texts(self.size, values) if isinstance(values, str) else values

    def __getitem__(self, column: str) -> Texts:
        return self.columns[column]

    @property
    def header(self) -> list[str]:
        """The system's header."""
        return layouts()[self.source]

    def mention(self, key: Texts, role: str, person: Ints) -> None:
        """Say who stands in a role of each row."""
        self.mentions.append((key, role, person))

    def plant(self, **cells: str) -> None:
        """Add a bad row with the given cells."""
        self.bad.append([cells.get(column, "") for column in self.header])

    def frame(self) -> pl.DataFrame:
        """All columns in header order, all text."""
        return pl.DataFrame(
            {
                name: pl.Series(name, self.columns[name].tolist(), dtype=pl.String)
                if name in self.columns
                else pl.Series(name, [""], dtype=pl.String).new_from_index(0, self.size)
                for name in self.header
            }
        )

    def rows(self) -> Iterable[tuple[str, ...]]:
        """Rows as tuples of text."""
        return self.frame().iter_rows()


def joined_keys(*parts: Texts) -> Texts:
    """Record keys from identity columns."""
    made: Texts = parts[0]
    for part in parts[1:]:
        made = made + KEY_SEPARATOR + part
    return as_texts([folded(text) for text in made.tolist()])


def folded(text: str) -> str:
    """Return a key as it is compared: compatibility forms folded, no outer spaces."""
    return (
        text if text.isascii() else "/".join(unicodedata.normalize("NFKC", part).strip() for part in text.split("/"))
    )


def numbered(role: str, number: int) -> str:
    """Return the role of a numbered mention in the truth file: the first has none, then ``child/1``, ``child/2``."""
    return role if number <= 1 else f"{role}/{number - 1}"


def stacked(first: Sheet, *others: Sheet) -> Sheet:
    """Rows of several sheets of one source under each other."""
    whole = Sheet(first.source, first.size + sum(other.size for other in others))
    sheets = (first, *others)
    used = {name for sheet in sheets for name in sheet.columns}
    for name in used:
        whole[name] = np.concatenate([sheet.columns.get(name, texts(sheet.size)) for sheet in sheets])
    for sheet in sheets:
        whole.mentions += sheet.mentions
        whole.bad += sheet.bad
    return whole


def sorted_by(sheet: Sheet, order: Ints) -> Sheet:
    """Return the same rows in another order; mentions know their record by key and need none."""
    made = Sheet(sheet.source, sheet.size)
    made.columns = {name: values[order] for name, values in sheet.columns.items()}
    made.mentions, made.bad = sheet.mentions, sheet.bad
    return made


def selected(sheet: Sheet, keep: Flags) -> Sheet:
    """Return some rows only; the mentions must be made afterwards."""
    made = Sheet(sheet.source, int(keep.sum()))
    made.columns = {name: values[keep] for name, values in sheet.columns.items()}
    return made


def write_csv(sheet: Sheet, path: Path, encoding: str, *, newline: str = "\r\n", header: bool = True) -> None:
    """Return a comma-separated file; bad rows lie somewhere inside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = sheet.frame()
    bom = encoding == "utf-8-sig"
    with path.open("wb") as file:
        if bom:
            file.write("\ufeff".encode())
        codec = "utf-8" if bom else encoding
        if header:
            file.write((",".join(sheet.header) + newline).encode(codec))
        planted = [",".join(f'"{cell}"' if "," in cell else cell for cell in row) + newline for row in sheet.bad]
        for start in range(0, max(1, frame.height), CHUNK):
            part = frame.slice(start, CHUNK).with_columns(pl.when(pl.all() != "").then(pl.all()))
            text = part.write_csv(include_header=False, line_terminator=newline, quote_style="necessary")
            file.write(text.encode(codec))
            for line in planted:
                file.write(line.encode(codec))
            planted = []


def write_truth(
    sources: Iterable[tuple[str, list[Mentions]]], person: Texts, register: Texts, living: Texts, path: Path
) -> int:
    """``truth.csv``: one line per (source, key, role); returns their number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("source,record_key,role,person,register_household,living_household\n")
        for source, mentions in sources:
            for key, role, rows in mentions:
                known = rows >= 0
                picked = rows[known]
                frame = pl.DataFrame(
                    {
                        "source": pl.Series([source]).new_from_index(0, len(picked)),
                        "record_key": pl.Series(key[known].tolist(), dtype=pl.String),
                        "role": pl.Series([role]).new_from_index(0, len(picked)),
                        "person": pl.Series(person[picked].tolist(), dtype=pl.String),
                        "register_household": pl.Series(register[picked].tolist(), dtype=pl.String),
                        "living_household": pl.Series(living[picked].tolist(), dtype=pl.String),
                    }
                ).unique(subset=["record_key"], keep="first", maintain_order=True)
                file.write(frame.write_csv(include_header=False))
                count += frame.height
    return count
