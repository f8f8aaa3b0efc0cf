"""Households: what the register says (住民票の世帯) and who lives together, both kept, with ids that survive.

Memberships follow from the records alone, whatever the order in which they came: a past one comes from a
superseded or ended register row, not from what an earlier run believed.
"""

import time
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Engine, and_, select

from linkage.evidence import PLACE_KINDS, RECOGNISED, Evidence, read_evidence, read_frame
from linkage.identity import NOBODY, inherit, resolve_retired
from linkage.living import dwelling_pairs, join_persons, kinship_pairs, set_apart, star
from linkage.writing import mark_touched, write_households
from schemas.tables import fact, household, membership, person, person_mention, protection, protection_party, source
from schemas.vocabulary import FactKind, Programme

_KINDS = (*RECOGNISED, *PLACE_KINDS, "family_folded", "kana_family", "household_no")
RESIDENT = "resident"
"""Code of the residence fact of a person who is on the register now (住民状態 1)."""
COLUMNS = ("state", "relation", "evidence", "valid_from", "valid_to")


@dataclass(frozen=True)
class HouseholdReport:
    """What a household run saw and did; counts only."""

    persons: int
    register: int
    living: int
    minted: int
    retired: int
    changed: int
    seconds: float


def resolve_households(engine: Engine, run_id: str) -> HouseholdReport:
    """Bring households and memberships up to date with persons and records. Returns counts."""
    begun = time.perf_counter()
    evidence = read_evidence(engine, _KINDS)
    rows = _person_rows(engine, evidence)
    facts = _facts(engine)
    registered = _register_rows(rows, facts)
    register = _register_members(registered)
    living = _living_members(engine, rows, facts, registered)
    wanted = pl.concat(
        [
            register.select(pl.lit("register").alias("kind"), "cluster", "person_id", *COLUMNS),
            living.select(pl.lit("living").alias("kind"), "cluster", "person_id", *COLUMNS),
        ],
    )
    held, next_id = _held(engine)
    known = wanted.select("kind", "cluster", "person_id", "valid_from").join(
        held, on=["kind", "person_id"], suffix="_held"
    )
    joint = ["kind", "cluster"]
    numbered = wanted.select(joint).unique().sort(joint).with_row_index("group")
    kept = inherit(
        numbered.select(cluster="group"),
        # One person may be a past member here and a member there: the stay that began on one day is the same stay.
        known.join(numbered, on=joint).select(
            cluster="group",
            old_id="household_id",
            weight=1 + 1000 * (pl.col("valid_from") == pl.col("valid_from_held")).cast(pl.Int64),
        ),
        next_id,
    )
    ids = numbered.join(kept.ids, left_on="group", right_on="cluster").select("kind", "cluster", household_id="id")
    members = wanted.join(ids, on=joint).select("household_id", "person_id", *COLUMNS)
    emptied = held.filter(~pl.col("household_id").is_in(known["household_id"].implode()))["household_id"].unique()
    retired = pl.concat(
        [
            kept.succeeded,
            pl.DataFrame({"old_id": emptied}).with_columns(new_id=pl.lit(NOBODY, dtype=pl.Int64)),
        ],
    ).sort("old_id")
    there = _memberships(engine)
    add = members.join(there, on=["household_id", "person_id", *COLUMNS], how="anti")
    drop = there.join(members, on=["household_id", "person_id", *COLUMNS], how="anti")
    moved = pl.concat([add["person_id"], drop["person_id"]]).unique()
    mark_touched(engine, rows.filter(pl.col("person_id").is_in(moved.implode()))["mention_id"])
    minted = ids.filter(pl.col("household_id") >= next_id).select("household_id", "kind")
    write_households(engine, run_id, retired=retired, minted=minted, add=add, drop=drop)
    return HouseholdReport(
        persons=rows["person_id"].n_unique(),
        register=register["cluster"].n_unique(),
        living=living["cluster"].n_unique(),
        minted=minted.height,
        retired=retired.height,
        changed=moved.len(),
        seconds=time.perf_counter() - begun,
    )


def _person_rows(engine: Engine, evidence: Evidence) -> pl.DataFrame:
    """One row per living mention with its person and whether its source is the register."""
    with engine.connect() as connection:
        persons = read_frame(connection, select(person_mention.c.mention_id, person_mention.c.person_id))
        ledgers = read_frame(
            connection, select(source.c.source_id).where(source.c.programme == Programme.REGISTER.value)
        )
    return evidence.mentions.join(persons, on="mention_id").with_columns(
        ledger=pl.col("source_id").is_in(ledgers["source_id"].implode()),
        protected=pl.col("node").is_in(evidence.protected.implode()),
    )


def _facts(engine: Engine) -> pl.DataFrame:
    kinds = [kind.value for kind in (FactKind.RESIDENCE, FactKind.KINSHIP, FactKind.AWAY)]
    columns = (fact.c.mention_id, fact.c.other_mention_id, fact.c.kind, fact.c.category, fact.c.code)
    with engine.connect() as connection:
        return read_frame(
            connection, select(*columns, fact.c.valid_from, fact.c.valid_to).where(fact.c.kind.in_(kinds))
        )


def _register_rows(rows: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Register rows of persons with household number: ``current``, valid_from, valid_to, relation."""
    residence = facts.filter(pl.col("kind") == FactKind.RESIDENCE.value)
    # Two residence facts per row: being a resident (住民状態) and living at this address (住所を定めた年月日).
    status = residence.filter(pl.col("category") == "identity").unique("mention_id", keep="first")
    since = residence.filter(pl.col("code") == "address_since").unique("mention_id", keep="first")
    relation = facts.filter(pl.col("kind") == FactKind.KINSHIP.value).unique("mention_id", keep="first")
    mine = rows.filter(pl.col("ledger") & (pl.col("role") == "subject") & pl.col("household_no").is_not_null())
    return (
        mine.join(
            status.select("mention_id", "code", start="valid_from", end="valid_to"), on="mention_id", how="left"
        )
        .join(since.select("mention_id", since="valid_from"), on="mention_id", how="left")
        .join(relation.select("mention_id", relation="code"), on="mention_id", how="left")
        .with_columns(pl.col("since", "start", "end", "code", "relation").fill_null(""))
        .with_columns(
            valid_from=pl.max_horizontal("since", "start"),
            current=(pl.col("history") == 0)
            & pl.col("closed_as_of").is_null()
            & pl.col("code").is_in([RESIDENT, ""])
            & (pl.col("died") == 0),
        )
        .with_columns(
            valid_to=pl.when("current")
            .then(pl.lit(""))
            .when(pl.col("end") != "")
            .then("end")
            # Ended on a day nobody states: at the latest when the source no longer had it; else on its first day.
            .otherwise(pl.coalesce("closed_as_of", "valid_from")),
        )
    )


def _register_members(registered: pl.DataFrame) -> pl.DataFrame:
    """One membership per register household and person, the current one before the past ones."""
    order = registered.sort(
        ["household_no", "person_id", "current", "valid_from", "valid_to", "mention_id"],
        descending=[False, False, True, True, True, False],
    )
    return order.unique(["household_no", "person_id"], keep="first", maintain_order=True).select(
        "person_id",
        cluster="household_no",
        state=pl.lit("present"),
        relation="relation",
        evidence=pl.lit("register"),
        valid_from="valid_from",
        valid_to="valid_to",
    )


def _living_members(
    engine: Engine, rows: pl.DataFrame, facts: pl.DataFrame, registered: pl.DataFrame
) -> pl.DataFrame:
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
    homes = pl.concat(
        [
            places.select("person_id", "dwelling", *surname, register="household_no"),
            elsewhere.select("person_id", "dwelling", *surname, register=pl.lit(None, pl.Int64)),
        ],
    ).drop_nulls("dwelling")
    by_dwelling = dwelling_pairs(homes)
    away = facts.filter(pl.col("kind") == FactKind.AWAY.value)
    one = rows.select("mention_id", "dwelling", one="person_id")
    other = rows.select(
        other_mention_id="mention_id", other_dwelling="dwelling", other="person_id", other_history="history"
    )
    kin = (
        facts.filter(pl.col("kind") == FactKind.KINSHIP.value)
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
    living = set_apart(living, *_protections(engine, rows))
    return _described(living, rows, facts, places, {"dwelling": by_dwelling, "kinship": by_kinship})


def _described(
    living: pl.DataFrame,
    rows: pl.DataFrame,
    facts: pl.DataFrame,
    places: pl.DataFrame,
    pairs: dict[str, pl.DataFrame],
) -> pl.DataFrame:
    """Add to person_id, cluster: state, relation, evidence and dates."""
    gone = facts.filter((pl.col("kind") == FactKind.AWAY.value) & (pl.col("valid_to") == ""))
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


def _protections(engine: Engine, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (protected, opponent) and (protected, protected with her) by person."""
    orders = protection.join(protection_party, protection.c.protection_id == protection_party.c.protection_id)
    query = (
        select(protection.c.mention_id, protection_party.c.mention_id.label("party_id"), protection_party.c.part)
        .select_from(orders)
        .where(protection.c.lifted == 0)
    )
    with engine.connect() as connection:
        parties = read_frame(connection, query)
    mine = rows.select("mention_id", "person_id")
    theirs = rows.select(party_id="mention_id", other="person_id")
    found = parties.join(mine, on="mention_id").join(theirs, on="party_id")
    pairs = found.select("person_id", "other", "part").unique()
    against = pairs.filter(pl.col("part") == "against").select("person_id", "other")
    return against, pairs.filter(pl.col("part") == "with").select("person_id", "other")


def _memberships(engine: Engine) -> pl.DataFrame:
    with engine.connect() as connection:
        return read_frame(
            connection,
            select(membership.c.household_id, membership.c.person_id, *(membership.c[name] for name in COLUMNS)),
        )


def _held(engine: Engine) -> tuple[pl.DataFrame, int]:
    """Return kind, household_id, person_id as they stand, retired persons and households followed; next id."""
    with engine.connect() as connection:
        persons = read_frame(connection, select(person.c.person_id, person.c.retired_to))
        every = read_frame(connection, select(household.c.household_id, household.c.kind, household.c.retired_to))
        members = read_frame(
            connection,
            select(
                membership.c.household_id, membership.c.person_id, membership.c.valid_from, household.c.kind
            ).where(
                and_(membership.c.household_id == household.c.household_id),
            ),
        )
    retired = every.select(person_id="household_id", retired_to="retired_to")
    members = resolve_retired(members, persons).drop("stored")
    swapped = members.rename({"person_id": "member", "household_id": "person_id"})
    followed = resolve_retired(swapped, retired).select(
        "kind", "valid_from", household_id="person_id", person_id="member"
    )
    highest = every["household_id"].max()
    return followed.filter(pl.col("household_id") != NOBODY).unique(), (int(str(highest)) if highest else 0) + 1
