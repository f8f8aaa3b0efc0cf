"""From the header as delivered to the official column names, and what is wrong with it.

Names are compared as written, then through the site's ``rename``, then through the preset's synonyms, and last
after NFKC without spaces. Denied columns go before anything reads them; columns nobody described are not taken.
"""

import tomllib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from operator import itemgetter
from typing import Any

from schemas.source import SourceDefinition

__all__ = ["Layout", "fold"]

Cells = tuple[str, ...]


def fold(name: str) -> str:
    """Fold a column name: NFKC, no spaces, line breaks or underscores, lower case."""
    return "".join(unicodedata.normalize("NFKC", name).split()).replace("_", "").casefold()


@cache
def _denied() -> tuple[tuple[str, tuple[str, ...]], ...]:
    table = tomllib.loads((files("connectors") / "denied.toml").read_text("utf-8"))
    return tuple((reason, tuple(fold(name) for name in names)) for reason, names in table.items())


def denied(name: str) -> str:
    """Say why a column of this header may not be read; empty when it may."""
    folded = fold(name)
    return next((reason for reason, parts in _denied() if any(part in folded for part in parts)), "")


@dataclass(frozen=True)
class Layout:
    """Where the known columns stand in a delivered header."""

    names: Cells
    positions: tuple[int, ...]
    width: int
    dropped: Cells = ()
    warnings: tuple[str, ...] = ()
    held: str = ""
    detail: str = ""

    @classmethod
    def of(cls, definition: SourceDefinition, header: Sequence[str]) -> "Layout":
        """Resolve a delivered header; ``held`` names the guard that stops the delivery."""
        known = _names(definition)
        reasons = {column.name: column.drop for column in definition.column if column.drop}
        taken: list[tuple[str, int]] = []
        dropped: list[str] = []
        unknown: list[str] = []
        warnings: list[str] = []
        for position, raw in enumerate(header):
            name = known.get(raw.strip()) or known.get(fold(raw), "")
            why = reasons.get(name) or denied(raw)
            if why:
                dropped.append(raw)
                warnings.append(f"{why.replace('_', '-')}-column-dropped")
            elif name:
                taken.append((name, position))
            elif raw.strip():
                unknown.append(raw)
        held, detail = _fault(definition, [name for name, _ in taken], unknown)
        warnings += ["unknown-column"] * len(unknown)
        names = tuple(name for name, _ in taken)
        positions = tuple(position for _, position in taken)
        return cls(names, positions, len(header), tuple(dropped), tuple(warnings), held, detail)

    def select_rows(self, rows: Sequence[tuple[int, Sequence[str]]]) -> list[tuple[int, Cells]]:
        """Keep the known columns of rows whose width is the header's."""
        if self.positions == tuple(range(self.width)):
            return [(line, tuple(cells)) for line, cells in rows]
        if len(self.positions) == 1:
            only = self.positions[0]
            return [(line, (cells[only],)) for line, cells in rows]
        pick: Any = itemgetter(*self.positions)
        return [(line, pick(cells)) for line, cells in rows]

    def keep_known(self, cells: Sequence[str]) -> Cells:
        """Keep of a faulted row what stands under known columns.

        In a row of another width nobody can tell which cell a denied column's value went to: nothing is kept then.
        """
        if self.dropped and len(cells) != self.width:
            return ()
        return tuple(cells[position] if position < len(cells) else "" for position in self.positions)


def _names(definition: SourceDefinition) -> dict[str, str]:
    known: dict[str, str] = {}
    for column in definition.column:
        for name in (*column.synonyms, column.name):
            known.setdefault(fold(name), column.name)
    known |= {name: column.name for column in definition.column for name in column.synonyms}
    known |= {column.name: column.name for column in definition.column}
    known |= {fold(raw): name for raw, name in definition.rename.items()}
    return known | definition.rename


def _fault(definition: SourceDefinition, taken: list[str], unknown: list[str]) -> tuple[str, str]:
    twice = sorted(name for name, count in Counter(taken).items() if count > 1)
    if twice:
        return "duplicate-columns", f"column {twice[0]} stands twice; keep one or rename the other in the source file"
    there = set(taken)
    lost = [column.name for column in definition.column if column.required and column.name not in there]
    lost += [name for name in definition.identity if name not in there and name not in lost]
    if lost:
        return "missing-columns", f"no column {lost[0]}; if it has another name now, add it under [rename]"
    mapped = [column.name for column in definition.column if column.to and column.name not in there]
    if mapped and unknown and definition.guards.changed_columns == "hold":
        detail = (
            f"{len(unknown)} unknown columns while {mapped[0]} is missing; if it was renamed, add it under [rename]"
        )
        return "changed-columns", detail
    return "", ""
