"""Patterns of agreement: everything the model can ask about a pair of mentions, as one number per pair.

A million pairs show some thousand patterns, and a comparison of the model looks at a few bits of them only: what it
says of these bits once, it says of them always.
"""

import re

import numpy as np
import polars as pl

from linkage.evidence import Evidence

ALIAS_KINDS = (
    "name_folded",
    "name_loose",
    "given_folded",
    "kana_full",
    "kana_given",
    "town_lot",
    "dwelling",
    "phone",
)
"""Kinds compared as sets: the token itself or any alias of it."""

COMPARED = (
    "sex",
    "name_folded",
    "name_loose",
    "name_bag",
    "family_folded",
    "given_folded",
    "kana_full",
    "kana_family",
    "kana_given",
    "birth_date",
    "birth_ym",
    "birth_md",
    "birth_yd",
    "town_lot",
    "dwelling",
    "phone",
    "household_no",
)
"""Columns the model may compare for equality; ``birth_year`` it may compare by distance."""


def part(condition: str) -> int:
    """Give the bits of a pattern that a condition in SQL depends on."""
    kinds = set(re.findall(r"\b(\w+?)(?:_more)?_[lr]\b", condition))
    return sum(0b11 << 2 * place for place, kind in enumerate((*COMPARED, "birth_year", "company")) if kind in kinds)


Nodes = np.ndarray


class Held:
    """What each node holds of one kind, as a set of integers."""

    def __init__(self, frame: pl.DataFrame, size: int) -> None:
        """``frame``: node, and what it holds."""
        self.size = size
        ordered = frame.sort("node")
        self._tokens = ordered.to_series(1).to_numpy()
        self._counts = np.bincount(ordered["node"].to_numpy(), minlength=size)
        self._starts = np.cumsum(self._counts) - self._counts

    def meet(self, a: Nodes, b: Nodes) -> np.ndarray:
        """Tell of each pair whether both nodes hold one token."""
        found = np.zeros(len(a), np.bool_)
        counts_a, counts_b = self._counts[a], self._counts[b]
        outer = np.flatnonzero((counts_a > 0) & (counts_b > 0))
        for first in range(int(counts_a[outer].max(initial=0))):
            outer = outer[(counts_a[outer] > first) & ~found[outer]]
            mine = self._tokens[self._starts[a[outer]] + first]
            inner, held = outer, mine
            for second in range(int(counts_b[outer].max(initial=0))):
                keep = counts_b[inner] > second
                inner, held = inner[keep], held[keep]
                found[inner] |= self._tokens[self._starts[b[inner]] + second] == held
        return found


def patterns(evidence: Evidence, a: Nodes, b: Nodes) -> np.ndarray:
    """Give the pattern of each pair of nodes: one bit per question, absence first, then equality."""
    mentions = evidence.mentions
    size = mentions.height
    found = np.zeros(len(a), np.uint64)
    place = 0

    def answer(said: np.ndarray) -> None:
        nonlocal found, place
        found |= said.astype(np.uint64) << np.uint64(place)
        place += 1

    aliases = {str(kind): frame.drop("kind") for (kind,), frame in evidence.aliases.group_by("kind")}
    for kind in COMPARED:
        column = _integers(mentions[kind])
        left, right = column[a], column[b]
        answer((left == 0) | (right == 0))
        same = (left == right) & (left != 0)
        if kind in ALIAS_KINDS and kind in aliases:
            own = mentions.select("node", token=kind).drop_nulls()
            _meet(same, a, b, Held(pl.concat([own, aliases[kind]]), size), aliases[kind]["node"])
        answer(same)
    years = _integers(mentions["birth_year"])
    left, right = years[a], years[b]
    answer((left == 0) | (right == 0))
    answer(np.abs(left - right) <= 1)
    beside = np.zeros(len(a), np.bool_)
    own = mentions.select("node", pl.col("town_lot").alias("token")).drop_nulls()
    _meet(beside, a, b, Held(pl.concat([own, evidence.company]), size), evidence.company["node"])
    answer(beside)
    return found


def _meet(said: np.ndarray, a: Nodes, b: Nodes, held: Held, nodes: pl.Series) -> None:
    """Answer for those pairs that are not answered yet and of which one side is among the nodes."""
    flags = np.zeros(held.size, np.bool_)
    flags[nodes] = True
    open_pairs = np.flatnonzero(~said & (flags[a] | flags[b]))
    said[open_pairs] = held.meet(a[open_pairs], b[open_pairs])


def _integers(column: pl.Series) -> np.ndarray:
    """Tokens as they are, codes numbered; 0 is nothing."""
    if column.dtype == pl.Categorical:
        column = column.to_physical().cast(pl.Int64) + 1
    return column.fill_null(0).to_numpy()
