"""Ids of persons that survive: which old person a new cluster is (系譜).

A cluster keeps the oldest of the persons whose largest part it holds; a split leaves the id with the largest
part, a merge retires the younger ids to the oldest, growth changes nothing. Ids say nothing about a person.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

NOBODY = 0
"""``person.retired_to`` of a person whose last mention is gone."""


@dataclass(frozen=True)
class Renewal:
    """The difference between the persons held and the new partition."""

    moves: pl.DataFrame
    """mention_id, person_id, held (had a person before): mentions that change their person."""
    affected: pl.Series
    """Mention ids of every person that won or lost a mention."""
    gone: pl.Series
    """Mention ids that hold a person and are no longer living."""
    minted: pl.Series
    """New person ids."""
    retired: pl.DataFrame
    """old_id, new_id."""
    survived: pl.Series
    """Person ids kept by a cluster whose mentions changed."""
    persons: pl.DataFrame
    """node, person_id of every mention in scope, after the change."""


def resolve_retired(held: pl.DataFrame, persons: pl.DataFrame) -> pl.DataFrame:
    """Add ``stored``, the person as written, and follow retired persons, whom a crash may have left mentions."""
    target = dict(persons.drop_nulls("retired_to").select("person_id", "retired_to").iter_rows())
    stale = held["person_id"].is_in(list(target))
    if not stale.any():
        return held.with_columns(stored=pl.col("person_id"))

    def last(person: int) -> int:
        while person in target:
            person = target[person]
        return person

    followed = {person: last(person) for person in held["person_id"].filter(stale).unique().to_list()}
    return held.with_columns(stored=pl.col("person_id"), person_id=pl.col("person_id").replace(followed))


@dataclass(frozen=True)
class Inheritance:
    """Which id every new cluster has. ``ids``: cluster, id; ``succeeded``: old_id, new_id of merged-away ids."""

    ids: pl.DataFrame
    minted: pl.Series
    succeeded: pl.DataFrame


def inherit(clusters: pl.DataFrame, old: pl.DataFrame, next_id: int) -> Inheritance:
    """Hand old ids on. ``clusters``: cluster, and order, in which new ids are given.

    ``old``: cluster (new), old_id, weight, for every item that had one.
    """
    parts = old.group_by("old_id", "cluster").agg(pl.col("weight").sum())
    heirs = parts.sort(["weight", "cluster"], descending=[True, False]).unique("old_id", keep="first")
    kept = heirs.group_by("cluster").agg(pl.col("old_id").min().alias("id"))
    named = clusters.select("cluster").unique().join(kept, on="cluster")
    fresh = clusters.join(kept, on="cluster", how="anti").group_by("cluster").agg(pl.col("order").min())
    fresh = fresh.sort("order").select("cluster")
    fresh = fresh.with_columns(id=pl.int_range(next_id, next_id + fresh.height, dtype=pl.Int64))
    ids = pl.concat([named, fresh])
    succeeded = heirs.join(ids, on="cluster").filter(pl.col("old_id") != pl.col("id"))
    return Inheritance(ids, fresh["id"], succeeded.select("old_id", new_id="id"))


def renew(
    labels: np.ndarray, mention_ids: pl.DataFrame, scope: pl.Series, held: pl.DataFrame, next_id: int
) -> Renewal:
    """Give every cluster in scope an id.

    ``mention_ids``: node, mention_id of all living mentions; ``held``: mention_id, person_id, stored, node.
    """
    new = pl.DataFrame({"node": scope, "cluster": labels[scope.to_numpy()]}).join(mention_ids, on="node")
    gone = held.filter(pl.col("node").is_null())
    old = new.join(held.select("mention_id", "person_id", "stored"), on="mention_id", how="left")
    known = old.filter(pl.col("person_id").is_not_null() & (pl.col("person_id") != NOBODY))
    kept = inherit(
        # Ids in the order of mentions: who was landed together is stored together.
        new.select("cluster", order="mention_id"),
        known.select("cluster", pl.lit(1).alias("weight"), old_id="person_id"),
        next_id,
    )
    old = old.join(kept.ids, on="cluster")
    moves = old.filter(pl.col("stored").is_null() | (pl.col("stored") != pl.col("id")))
    emptied = (
        gone.select("person_id")
        .unique()
        .filter(pl.col("person_id") != NOBODY)
        .join(held.filter(pl.col("node").is_not_null()), on="person_id", how="anti")
    )
    retired = pl.concat(
        [
            kept.succeeded,
            emptied.select(pl.col("person_id").alias("old_id"), pl.lit(NOBODY, dtype=pl.Int64).alias("new_id")),
        ],
    ).sort("old_id")
    changed = pl.concat([moves["id"], moves["person_id"].drop_nulls(), gone["person_id"]]).unique()
    survived = kept.ids["id"].filter(kept.ids["id"].is_in(changed.implode()) & (kept.ids["id"] < next_id)).sort()
    return Renewal(
        moves=moves.select("mention_id", held=pl.col("stored").is_not_null(), person_id="id").sort(
            "person_id", "mention_id"
        ),
        affected=_affected(moves, gone, new, kept.ids, held),
        gone=gone["mention_id"],
        minted=kept.minted,
        retired=retired,
        survived=survived,
        persons=old.select("node", person_id="id"),
    )


def _affected(
    moves: pl.DataFrame, gone: pl.DataFrame, new: pl.DataFrame, ids: pl.DataFrame, held: pl.DataFrame
) -> pl.Series:
    losers = pl.concat([moves["stored"].drop_nulls(), gone["stored"]]).unique()
    winners = moves["id"].unique()
    now = new.join(ids, on="cluster").filter(pl.col("id").is_in(pl.concat([losers, winners]).implode()))
    before = held.filter(pl.col("stored").is_in(losers.implode()))
    return pl.concat([now["mention_id"], before["mention_id"]]).unique()
