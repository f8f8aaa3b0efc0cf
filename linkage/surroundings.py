"""Whose households a few changes can reach, and what must be known to tell.

Two kinds of household are looked at: those of the register whose number a changed mention has or had, and the living
households of everybody who is, was or may come to be under one roof with a person of a changed mention. Whoever is in
one of them is read with all mentions; so is whoever has one of their dwellings, since a house of many joins nobody.
"""

import polars as pl
from sqlalchemy import Connection, Engine, select

from linkage.blocking import HOME_KINDS, home_keys
from linkage.homes import GONE, MEMBERS, PARTIES, Homes, held_by, home_rows, orders
from linkage.identity import resolve_retired
from linkage.neighbours import Neighbours
from linkage.postings import Keyed
from linkage.reading import read_by, read_frame
from schemas.tables import household, membership, person


class Surroundings:
    """What bears on the households that marked mentions can reach; grows until nothing is missing."""

    def __init__(self, engine: Engine, near: Neighbours, marked: pl.Series) -> None:
        self._engine = engine
        self._near = near
        with engine.connect() as connection:
            self._stale = _stale_members(connection)
            self._there = read_frame(connection, MEMBERS.limit(0))
            self._parties = read_frame(connection, PARTIES)
        ids = pl.concat([near.add(marked), near.add_persons(self._stale)])
        mentions = near.evidence().mentions
        mine = mentions.filter(pl.col("mention_id").is_in(ids.implode()))
        tokens = pl.concat([near.past(marked).mentions.select(HOME_KINDS), mine.select(HOME_KINDS)])
        self._numbers = tokens["household_no"].drop_nulls().unique()
        reached = pl.concat([ids, near.beside(ids), near.around(_keys(tokens))])
        self._changed = pl.concat([self._of(ids), self._stale])
        self.persons = self._of(reached)
        self.widen(self.persons, self._numbers)

    def widen(self, persons: pl.Series, numbers: pl.Series) -> None:
        """Look at the living households of these persons, too, and of whoever shared one; and at these numbers."""
        self._numbers = pl.concat([self._numbers, numbers]).unique()
        self._near.around(home_keys({"household_no": numbers}))
        self.persons = pl.concat([self.persons, persons]).unique()
        with self._engine.connect() as connection:
            step = pl.concat([persons, self._stale])
            while step.len():
                housed = self._housed(connection, step, "living")
                met = pl.concat([self._near.add_persons(housed["person_id"]), self._near.add(self._named(step))])
                found = self._of(met)
                step = found.filter(~found.is_in(self.persons.implode()))
                self.persons = pl.concat([self.persons, step])
            mentions = self._near.evidence().mentions.join(self._people(), on="mention_id")
            homes = mentions.filter(pl.col("person_id").is_in(self.persons.implode()))
            self._near.around(_keys(homes.select("dwelling")))
            registered = mentions.filter(pl.col("household_no").is_in(self._numbers.implode()))
            housed = self._housed(connection, pl.concat([registered["person_id"], self._changed]), "register")
        self._near.add_persons(housed["person_id"])

    def homes(self) -> Homes:
        """Put together what was read."""
        evidence = self._near.evidence()
        with self._engine.connect() as connection:
            rows = home_rows(connection, evidence, self._people())
            against, beside = orders(connection, rows)
            gone = read_by(connection, GONE, household.c.household_id, self._there["household_id"].unique())
        held = held_by(self._there, self._near.retired, gone)
        return Homes(rows, evidence.facts, against, beside, self._there, held, self.persons, self._numbers)

    def _people(self) -> pl.DataFrame:
        """Give mention_id, person_id of all who were read."""
        return resolve_retired(self._near.held, self._near.retired).select("mention_id", "person_id")

    def _of(self, mention_ids: pl.Series) -> pl.Series:
        """Give the persons of mentions."""
        return self._people().filter(pl.col("mention_id").is_in(mention_ids.implode()))["person_id"].unique()

    def _named(self, persons: pl.Series) -> pl.Series:
        """Give all mentions of the orders that name any of these persons."""
        mine = self._people().filter(pl.col("person_id").is_in(persons.implode()))["mention_id"]
        found = self._parties.filter(pl.any_horizontal(pl.col("mention_id", "party_id").is_in(mine.implode())))
        return pl.concat([found["mention_id"], found["party_id"].rename("mention_id")]).unique()

    def _housed(self, connection: Connection, person_ids: pl.Series, kind: str) -> pl.DataFrame:
        """Read the households of one kind that persons are in, with all members."""
        query = MEMBERS.where(household.c.kind == kind)
        mine = read_by(connection, query, membership.c.person_id, person_ids.unique())["household_id"].unique()
        fresh = mine.filter(~mine.is_in(self._there["household_id"].implode()))
        members = read_by(connection, MEMBERS, membership.c.household_id, fresh)
        self._there = pl.concat([self._there, members])
        return self._there.filter(pl.col("household_id").is_in(mine.implode()))


def _stale_members(connection: Connection) -> pl.Series:
    """Give the retired persons that are still members of a household: those whom the last run of links merged."""
    query = select(membership.c.person_id).join(person, person.c.person_id == membership.c.person_id)
    return read_frame(connection, query.where(person.c.retired_to.is_not(None)))["person_id"].unique()


def _keys(tokens: pl.DataFrame) -> Keyed:
    """Give the keys of household numbers and dwellings."""
    return home_keys({kind: tokens[kind].drop_nulls().unique() for kind in tokens.columns})
