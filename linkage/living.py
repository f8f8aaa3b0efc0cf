"""Who lives with whom (生活世帯): pairs of persons that some evidence puts under one roof.

The register's household is evidence, not the answer: a household split on the register (世帯分離) at one
dwelling is joined back where surname or declared kinship says family. Someone whom the register places elsewhere
is not pulled home by an old form, unless the form says away. A collective dwelling joins nobody.
"""

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

COLLECTIVE = 4
"""A dwelling with more register households than this is a house of many (facility, building without rooms)."""


def star(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Pair every person of a group with the first one: columns one, other."""
    first = frame.select(*keys, "person_id").unique().sort(*keys, "person_id")
    pairs = first.with_columns(one=pl.col("person_id").first().over(keys))
    return pairs.filter(pl.col("one") != pl.col("person_id")).select("one", other="person_id")


def dwelling_pairs(homes: pl.DataFrame) -> pl.DataFrame:
    """Pair persons of one dwelling and one surname.

    ``homes``: person_id, dwelling, register (household key or null), family_folded, kana_family.
    """
    crowd = homes.group_by("dwelling").agg(pl.col("register").drop_nulls().n_unique().alias("households"))
    small = homes.join(crowd.filter(pl.col("households") <= COLLECTIVE), on="dwelling")
    return pl.concat(
        [star(small.drop_nulls(["dwelling", kind]), ["dwelling", kind]) for kind in ("family_folded", "kana_family")],
    )


def kinship_pairs(kin: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """Pair persons whom one record calls kin and writes under one address.

    ``kin``: one, other (persons), dwelling, other_dwelling (as the record has them), away. ``places``: person_id,
    dwelling where the register has the person now.
    """
    pairs = kin.filter(
        (pl.col("dwelling") == pl.col("other_dwelling")) & (pl.col("one") != pl.col("other")),
    )
    pairs = pairs.join(places.select(one="person_id", at="dwelling"), on="one", how="left").join(
        places.select(other="person_id", other_at="dwelling"), on="other", how="left"
    )
    apart = (pl.col("at") != pl.col("other_at")).fill_null(value=False)
    return pairs.filter(~apart | pl.col("away")).select("one", "other").unique()


def join_persons(persons: pl.Series, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return person_id, cluster: components of the pairs, each named by its least person."""
    order = persons.unique().sort()
    ids = order.to_numpy()
    left, right = np.searchsorted(ids, pairs["one"].to_numpy()), np.searchsorted(ids, pairs["other"].to_numpy())
    graph = coo_matrix((np.ones(len(left), np.int8), (left, right)), shape=(len(ids), len(ids)))
    _, found = connected_components(graph, directed=False)
    frame = pl.DataFrame({"person_id": order, "found": found})
    return frame.select("person_id", cluster=pl.col("person_id").min().over("found"))


def set_apart(living: pl.DataFrame, opponents: pl.DataFrame, companions: pl.DataFrame) -> pl.DataFrame:
    """Give a protected person a household of her own, with those protected with her, away from her opponent.

    ``opponents`` and ``companions``: person_id (protected), other.
    """
    cluster_of = living.select(other="person_id", theirs="cluster")
    met = (
        opponents.join(living, on="person_id")
        .join(cluster_of, on="other")
        .filter((pl.col("cluster") == pl.col("theirs")) & (pl.col("person_id") != pl.col("other")))
        .select("person_id", "cluster")
        .unique()
    )
    if not met.height:
        return living
    group = pl.concat(
        [
            met.select("person_id", mother="person_id"),
            companions.join(met, on="person_id").select(person_id="other", mother="person_id"),
        ],
    )
    group = group.filter(~pl.col("person_id").is_in(opponents["other"].implode()))
    apart = group.group_by("person_id").agg(pl.col("mother").min())
    return living.join(apart, on="person_id", how="left").select(
        "person_id",
        # Her own number, negative: no cluster is named by it.
        cluster=pl.when(pl.col("mother").is_null()).then("cluster").otherwise(-pl.col("mother")),
    )
