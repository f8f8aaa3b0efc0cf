"""Who lives with whom (生活世帯): pairs of persons that some evidence puts under one roof.

The register's household is evidence, not the answer: a household split on the register (世帯分離) at one
dwelling is joined back where surname or declared kinship says family. Someone whom the register places elsewhere
is not pulled home by an old form, unless the form says away. A collective dwelling joins nobody.
"""

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from linkage.evidence import AWAY, KIN
from linkage.homes import Homes

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


def living_members(homes: Homes, registered: pl.DataFrame) -> pl.DataFrame:
    """Say who lives with whom: person_id, cluster, state, relation, evidence and dates."""
    rows, facts = homes.rows, homes.facts
    current = registered.filter("current").sort("valid_from", "node", descending=[True, False])
    places = current.unique("person_id", keep="first", maintain_order=True)
    register_pairs = star(places, ["household_no"])
    surname = ["family_folded", "kana_family"]
    # Whom the register knows and has no longer here (moved out, dead) lives here only where a form says away.
    departed = registered.join(places, on="person_id", how="anti")["person_id"].unique().implode()
    elsewhere = rows.filter(
        ~pl.col("person_id").is_in(places["person_id"].implode())
        & ~pl.col("person_id").is_in(departed)
        & (pl.col("history") == 0)
        & pl.col("closed_as_of").is_null()
    )
    dwellers = pl.concat(
        [
            places.select("person_id", "dwelling", *surname, register="household_no"),
            elsewhere.select("person_id", "dwelling", *surname, register=pl.lit(None, pl.Int64)),
        ],
    ).drop_nulls("dwelling")
    by_dwelling = dwelling_pairs(dwellers)
    away = facts.filter(pl.col("tells") == AWAY)
    one = rows.select("mention_id", "dwelling", one="person_id")
    other = rows.select(
        other_mention_id="mention_id", other_dwelling="dwelling", other="person_id", other_history="history"
    )
    kin = (
        facts.filter(pl.col("tells") == KIN)
        .join(one, on="mention_id")
        .join(other.filter(pl.col("other_history") == 0), on="other_mention_id")
        .with_columns(
            away=pl.col("mention_id").is_in(away["mention_id"].implode())
            | pl.col("other_mention_id").is_in(away["mention_id"].implode()),
        )
    )
    left = pl.col("one").is_in(departed) | pl.col("other").is_in(departed)
    by_kinship = kinship_pairs(kin.filter(~left | pl.col("away")), places)
    persons = rows["person_id"].unique()
    living = join_persons(persons, pl.concat([register_pairs, by_dwelling, by_kinship]))
    living = set_apart(living, homes.against, homes.beside)
    return _described(living, rows, facts, places, {"dwelling": by_dwelling, "kinship": by_kinship})


def _described(
    living: pl.DataFrame,
    rows: pl.DataFrame,
    facts: pl.DataFrame,
    places: pl.DataFrame,
    pairs: dict[str, pl.DataFrame],
) -> pl.DataFrame:
    """Add to person_id, cluster: state, relation, evidence and dates."""
    gone = facts.filter((pl.col("tells") == AWAY) & (pl.col("valid_to") == ""))
    absent = rows.filter(
        pl.col("mention_id").is_in(gone["mention_id"].implode())
        & (pl.col("history") == 0)
        & pl.col("closed_as_of").is_null()
    )
    found = living.with_columns(
        register=pl.when(pl.col("person_id").is_in(places["person_id"].implode())).then(pl.lit("register")),
        **{
            name: pl.when(pl.col("person_id").is_in(pl.concat([pair["one"], pair["other"]]).implode())).then(
                pl.lit(name)
            )
            for name, pair in pairs.items()
        },
        state=pl.when(pl.col("person_id").is_in(absent["person_id"].implode()))
        .then(pl.lit("away"))
        .otherwise(pl.lit("present")),
    )
    return (
        found.with_columns(evidence=pl.concat_str("register", *pairs, separator="+", ignore_nulls=True))
        .join(places.select("person_id", "relation", "valid_from"), on="person_id", how="left")
        .with_columns(pl.col("relation", "valid_from").fill_null(""), valid_to=pl.lit(""))
    )
