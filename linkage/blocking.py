"""Which pairs of mentions are worth comparing (ブロッキング).

A block is a set of mentions that share one joint key. Alias tokens open blocks too. A block larger than the
limit would cost its square: it is left out, counted and reported, never silently built.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from linkage.evidence import Evidence

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

_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Blocks:
    """Mentions by joint key: columns ``key`` and ``node``, blocks of at least two only."""

    rows: pl.DataFrame
    oversized: int
    """Blocks left out because they are larger than the limit."""

    @classmethod
    def none(cls) -> "Blocks":
        """Return no blocks."""
        return cls(pl.DataFrame(schema={"key": pl.Int64, "node": pl.Int64}), 0)


def _joint(rule: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mix two tokens and the rule number into one 64-bit key (wrapping arithmetic)."""
    with np.errstate(over="ignore"):
        key = (first.astype(np.uint64) + np.uint64(rule + 1)) * _MIX
        key ^= key >> np.uint64(29)
        key = (key + second.astype(np.uint64)) * _MIX
        return (key ^ (key >> np.uint64(32))).view(np.int64)


def block_rows(evidence: Evidence) -> pl.DataFrame:
    """Return (key, node) of every rule and every mention, alias tokens included; strong numbers too."""
    parts: list[pl.DataFrame] = []
    further = pl.concat(
        [evidence.aliases, evidence.company.with_columns(kind=pl.lit("town_lot")).select("node", "kind", "token")]
    )
    more = {str(kind): frame.select("node", "token") for (kind,), frame in further.group_by("kind")}

    def tokens(kind: str) -> pl.DataFrame:
        frame = evidence.mentions.select("node", pl.col(kind).alias("token")).drop_nulls()
        return pl.concat([frame, more[kind]]) if kind in more else frame

    for rule, (one, other) in enumerate(RULES):
        if one in more or other in more:
            frame = tokens(one).join(tokens(other), on="node").select("node", "token", "token_right")
        else:
            frame = evidence.mentions.select(
                "node", pl.col(one).alias("token"), pl.col(other).alias("token_right")
            ).drop_nulls()
        key = _joint(rule, frame["token"].to_numpy(), frame["token_right"].to_numpy())
        parts.append(pl.DataFrame({"key": key, "node": frame["node"]}))
    numbers = evidence.identifiers.select("node", "token", pl.struct("kind", "issuer").hash(7).alias("issued"))
    key = _joint(len(RULES), numbers["token"].to_numpy(), numbers["issued"].to_numpy())
    parts.append(pl.DataFrame({"key": key, "node": numbers["node"]}))
    return pl.concat(parts)


def build_blocks(rows: pl.DataFrame, limit: int) -> Blocks:
    """Keep the keys that at least two and at most ``limit`` mentions share."""
    sizes = rows.group_by("key").len().filter(pl.col("len") > 1)
    small = sizes.filter(pl.col("len") <= limit).select("key")
    return Blocks(rows.join(small, on="key"), sizes.height - small.height)


def candidate_pairs(blocks: Blocks, frontier: pl.Series | None) -> pl.DataFrame:
    """Return the distinct pairs (a < b) that share a block and touch the frontier (None: all mentions)."""
    rows = blocks.rows
    if frontier is None:
        pairs = rows.join(rows, on="key", suffix="_b").filter(pl.col("node") < pl.col("node_b"))
        return pairs.select(pl.col("node").alias("a"), pl.col("node_b").alias("b")).unique()
    mine = rows.filter(pl.col("node").is_in(frontier.implode()))
    pairs = mine.join(rows, on="key", suffix="_b").filter(pl.col("node") != pl.col("node_b"))
    return pairs.select(
        pl.min_horizontal("node", "node_b").alias("a"),
        pl.max_horizontal("node", "node_b").alias("b"),
    ).unique()
