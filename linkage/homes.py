"""What bears on households: all of it, or what bears on those that a few changes can reach."""

from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection, Engine, select

from linkage.evidence import Evidence
from linkage.identity import resolve_retired
from linkage.neighbours import HELD, RETIRED
from linkage.reading import read_frame
from schemas.tables import household, membership, protection, protection_party, source
from schemas.vocabulary import Programme

COLUMNS = ("state", "relation", "evidence", "valid_from", "valid_to")
MEMBERS = select(
    membership.c.household_id, membership.c.person_id, *(membership.c[name] for name in COLUMNS), household.c.kind
).join(household, household.c.household_id == membership.c.household_id)
GONE = select(household.c.household_id, household.c.retired_to).where(household.c.retired_to.is_not(None))
PARTIES = (
    select(protection.c.mention_id, protection_party.c.mention_id.label("party_id"), protection_party.c.part)
    .join(protection_party, protection.c.protection_id == protection_party.c.protection_id)
    .where(protection.c.lifted == 0)
)
"""Mentions of who is protected and of who else is named in the order, and in which part."""
_ROWS = (
    "node",
    "mention_id",
    "record_id",
    "source_id",
    "role",
    "died",
    "history",
    "closed_as_of",
    "household_no",
    "dwelling",
    "family_folded",
    "kana_family",
)


@dataclass(frozen=True)
class Homes:
    """Persons with all that bears on where they live, and the households they were in."""

    rows: pl.DataFrame
    """One row per living mention: its person, whether its source is the register, and what ``_ROWS`` names."""
    facts: pl.DataFrame
    against: pl.DataFrame
    """person_id (protected), other (her opponent)."""
    beside: pl.DataFrame
    """person_id (protected), other (protected with her)."""
    there: pl.DataFrame
    """Memberships as they stand, of whole households."""
    held: pl.DataFrame
    """kind, household_id, person_id, valid_from: the same after what has become of persons and households."""
    persons: pl.Series | None = None
    """Whose living household is looked at; None: everybody's."""
    numbers: pl.Series | None = None
    """Which households of the register (世帯番号) are looked at; None: all."""


def all_homes(engine: Engine, evidence: Evidence) -> Homes:
    """Give everything."""
    with engine.connect() as connection:
        people, retired = read_frame(connection, HELD), read_frame(connection, RETIRED)
        there, gone = read_frame(connection, MEMBERS), read_frame(connection, GONE)
        rows = home_rows(connection, evidence, people)
        return Homes(rows, evidence.facts, *orders(connection, rows), there, held_by(there, retired, gone))


def home_rows(connection: Connection, evidence: Evidence, people: pl.DataFrame) -> pl.DataFrame:
    """Give mentions with their persons (mention_id, person_id); who has none is left out."""
    register = select(source.c.source_id).where(source.c.programme == Programme.REGISTER.value)
    ledgers = read_frame(connection, register)["source_id"]
    rows = evidence.mentions.select(_ROWS).join(people, on="mention_id")
    return rows.with_columns(ledger=pl.col("source_id").is_in(ledgers.implode()))


def orders(connection: Connection, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give, by person, the protected with their opponents, and with those protected beside them."""
    people = rows.select("mention_id", "person_id")
    others = people.select(party_id="mention_id", other="person_id")
    found = read_frame(connection, PARTIES).join(people, on="mention_id").join(others, on="party_id")
    pairs = found.select("person_id", "other", "part").unique()
    against = pairs.filter(pl.col("part") == "against").select("person_id", "other")
    return against, pairs.filter(pl.col("part") == "with").select("person_id", "other")


def held_by(there: pl.DataFrame, retired: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Say which households persons are in, retired persons and households followed."""
    members = resolve_retired(there.select("kind", "valid_from", "household_id", "person_id"), retired)
    households = gone.rename({"household_id": "person_id"})
    swapped = members.select("kind", "valid_from", member="person_id", person_id="household_id")
    followed = resolve_retired(swapped, households)
    held = followed.select("kind", "valid_from", household_id="person_id", person_id="member")
    return held.filter(pl.col("household_id") != 0).unique()
