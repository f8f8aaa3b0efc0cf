"""Which pairs of mentions are worth comparing (ブロッキング).

A block is a set of mentions that share one joint key. Alias tokens open blocks too. A block larger than the
limit would cost its square: it is left out, counted and reported, never silently built.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import polars as pl

from linkage.evidence import Evidence, mix

RULES: tuple[tuple[str, str], ...] = (
    ("kana_full", "birth_date"),
    ("name_loose", "birth_date"),
    ("name_bag", "birth_date"),
    ("given_folded", "birth_date"),
    ("kana_given", "birth_date"),
    ("town_lot", "birth_date"),
    ("phone", "birth_date"),
    ("kana_full", "birth_ym"),
    ("name_loose", "birth_ym"),
    ("kana_full", "birth_md"),
    ("name_loose", "birth_md"),
    ("kana_full", "birth_yd"),
    ("name_loose", "birth_yd"),
    ("kana_full", "town_lot"),
    ("name_loose", "town_lot"),
    ("given_folded", "town_lot"),
    ("kana_given", "town_lot"),
    ("kana_full", "phone"),
    ("name_loose", "phone"),
    ("kana_full", "household_no"),
    ("name_loose", "household_no"),
)
"""Pairs of token kinds; two mentions with both equal are compared."""


@dataclass(frozen=True)
class Candidates:
    """Distinct pairs of nodes, a < b, in order."""

    pairs: pl.DataFrame
    oversized: int
    """Blocks left out because they are larger than the limit."""


def joint_keys(evidence: Evidence) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give, rule by rule, joint keys and the nodes that have them; the last rule is that of the strong numbers."""
    mentions = evidence.mentions
    more = {str(kind): frame.select("node", "token") for (kind,), frame in evidence.aliases.group_by("kind")}
    more["town_lot"] = pl.concat([evidence.company, *(more[kind] for kind in ("town_lot",) if kind in more)])

    def tokens(kind: str) -> pl.DataFrame:
        frame = mentions.select("node", pl.col(kind).alias("token")).drop_nulls()
        return pl.concat([frame, more[kind]]) if kind in more else frame

    for rule, (one, other) in enumerate(RULES):
        own = mentions.select("node", first=one, second=other).drop_nulls()
        parts = [own]
        if one in more:
            parts.append(
                more[one].rename({"token": "first"}).join(tokens(other).rename({"token": "second"}), on="node")
            )
        if other in more:
            left = mentions.select("node", first=one).drop_nulls()
            parts.append(left.join(more[other].rename({"token": "second"}), on="node"))
        frame = pl.concat(parts)
        yield _joint(rule, frame["first"].to_numpy(), frame["second"].to_numpy()), frame["node"].to_numpy()
    numbers = evidence.identifiers
    yield numbers["number"].to_numpy(), numbers["node"].to_numpy()


HOME_KINDS = ("household_no", "dwelling")
"""Kinds by which households find their neighbours; as rules of their own they follow those of ``joint_keys``."""


def home_keys(tokens: Mapping[str, pl.Series]) -> dict[int, np.ndarray]:
    """Give the keys of tokens of ``HOME_KINDS``, by rule."""
    first = len(RULES) + 1
    return {
        first + number: mix(tokens[kind].to_numpy(), np.full(tokens[kind].len(), number, np.int64))
        for number, kind in enumerate(HOME_KINDS)
        if kind in tokens
    }


def posted_keys(evidence: Evidence) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give, rule by rule, all keys by which a mention must be found, and the nodes that have them."""
    yield from joint_keys(evidence)
    for kind in HOME_KINDS:
        frame = evidence.mentions.select("node", kind).drop_nulls()
        [keys] = home_keys({kind: frame[kind]}).values()
        yield keys, frame["node"].to_numpy()


MAKE = blake2b(repr((RULES, HOME_KINDS)).encode(), digest_size=8).hexdigest()
"""Names what keys are made of."""


def _joint(rule: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return mix(first + np.int64(rule + 1), second)


def candidates(evidence: Evidence, limit: int, frontier: np.ndarray | None = None) -> Candidates:
    """Pair the mentions of every block of at most ``limit``; only pairs that touch the frontier, if there is one."""
    found = [np.empty(0, np.uint64)]
    oversized = 0
    for keys, nodes in joint_keys(evidence):
        pairs, left_out = _within_blocks(keys, nodes.astype(np.uint64), limit)
        oversized += left_out
        if frontier is not None:
            pairs = pairs[frontier[_first(pairs)] | frontier[_second(pairs)]]
        found.append(pairs)
        if sum(map(len, found)) > _TOGETHER + 2 * len(found[0]):
            found = [_distinct(found)]
    every = _distinct(found)
    return Candidates(pl.DataFrame({"a": _first(every), "b": _second(every)}), oversized)


_TOGETHER = 4_000_000
"""Pairs of several rules that are held before repeats are dropped: most pairs share several keys."""


def _distinct(found: list[np.ndarray]) -> np.ndarray:
    every = np.concatenate(found)
    every.sort()
    return np.asarray(every[_starts(every)])


_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def _first(pairs: np.ndarray) -> np.ndarray:
    return (pairs >> _HALF).view(np.int64)


def _second(pairs: np.ndarray) -> np.ndarray:
    return (pairs & _LOW).view(np.int64)


def _starts(ordered: np.ndarray) -> np.ndarray:
    """Tell where a new value begins."""
    return np.concatenate([np.ones(min(1, len(ordered)), np.bool_), ordered[1:] != ordered[:-1]])


def _within_blocks(keys: np.ndarray, nodes: np.ndarray, limit: int) -> tuple[np.ndarray, int]:
    """Pair all nodes of each key, as two halves of one integer; blocks over the limit are counted instead."""
    order = np.argsort(keys)
    keys, nodes = keys[order], nodes[order]
    start = np.flatnonzero(_starts(keys))
    size = np.diff(np.append(start, len(nodes)))
    oversized = int((size > limit).sum())
    kept = (size > 1) & (size <= limit)
    start, size = start[kept], size[kept]
    rows = np.arange(size.sum()) + np.repeat(start - np.cumsum(size) + size, size)
    left = np.repeat(start + size, size) - rows
    found = [np.empty(0, np.uint64)]
    step = 1  # every row is paired with the next of its block, then with the one after, and so on
    while len(rows):
        rows, left = rows[left > step], left[left > step]
        one, other = nodes[rows], nodes[rows + step]
        found.append((np.minimum(one, other) << _HALF) | np.maximum(one, other))
        step += 1
    pairs = np.concatenate(found)
    return pairs[_first(pairs) != _second(pairs)], oversized
