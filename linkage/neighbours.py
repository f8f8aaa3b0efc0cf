"""The neighbourhood of a few mentions: what may be one person with them, read through the postings."""

import polars as pl
from sqlalchemy import Connection, Engine, select

from linkage.blocking import MAKE
from linkage.evidence import Evidence, Shelf, read_past
from linkage.postings import Keyed, Postings
from linkage.reading import read_by, read_frame
from schemas.tables import link_edge, mention_version, person, person_mention, source, touched

HELD = select(person_mention.c.mention_id, person_mention.c.person_id)
RETIRED = select(person.c.person_id, person.c.retired_to).where(person.c.retired_to.is_not(None))

FULL_SHARE = 0.1
"""From this share of touched mentions on, everything is looked at: reading a neighbourhood would cost more."""


class Neighbours:
    """Mentions and persons read so far; a person is read with all mentions, a mention with its whole record."""

    def __init__(self, engine: Engine, postings: Postings, shelf: Shelf | None = None) -> None:
        self.postings = postings
        self.shelf = shelf or Shelf(engine)
        self.held = pl.DataFrame(schema={"mention_id": pl.Int64, "person_id": pl.Int64})
        """mention_id, person_id as they stand in the store."""
        self.retired = pl.DataFrame(schema={"person_id": pl.Int64, "retired_to": pl.Int64})
        """Of the persons met, those that are no more."""
        self._engine = engine
        self._persons = pl.Series("person_id", [], pl.Int64)

    def evidence(self) -> Evidence:
        """Put together what was read."""
        return self.shelf.evidence()

    def past(self, mention_ids: pl.Series) -> Evidence:
        """Read what mentions were before they were touched, and what they are."""
        return read_past(self._engine, mention_ids)

    def add(self, mention_ids: pl.Series) -> pl.Series:
        """Read mentions and the other mentions of their persons; give the ids of them all."""
        self.shelf.add(mention_ids)
        with self._engine.connect() as connection:
            persons = read_by(connection, HELD, person_mention.c.mention_id, mention_ids)["person_id"]
        return pl.concat([mention_ids, self.add_persons(persons)]).unique()

    def around(self, keyed: Keyed) -> pl.Series:
        """Read who holds any of the keys; give the ids of their mentions."""
        with self._engine.connect() as connection:
            persons = self.postings.persons(connection, keyed)
        return self.add_persons(persons)

    def beside(self, mention_ids: pl.Series) -> pl.Series:
        """Read all that is named in one record with some mentions that were read; give the ids, these included."""
        mentions = self.evidence().mentions.select("mention_id", "record_id")
        records = mentions.filter(pl.col("mention_id").is_in(mention_ids.implode()))["record_id"]
        return self.add(mentions.filter(pl.col("record_id").is_in(records.implode()))["mention_id"])

    def add_persons(self, person_ids: pl.Series) -> pl.Series:
        """Read persons, or whom they have become, with all mentions; give the ids of these."""
        with self._engine.connect() as connection:
            wanted = self._followed(connection, person_ids.unique())
            fresh = wanted.filter(~wanted.is_in(self._persons.implode()))
            rows = read_by(connection, HELD, person_mention.c.person_id, fresh)
        self.shelf.add(rows["mention_id"])
        self._persons = pl.concat([self._persons, fresh])
        self.held = pl.concat([self.held, rows])
        return self.held.filter(pl.col("person_id").is_in(wanted.implode()))["mention_id"]

    def ordered(self, mention_ids: pl.Series) -> pl.Series:
        """Give those of some mentions that a protecting source has delivered."""
        query = select(mention_version.c.mention_id).where(
            mention_version.c.source_id.in_(select(source.c.source_id).where(source.c.protects == 1))
        )
        with self._engine.connect() as connection:
            return read_by(connection, query, mention_version.c.mention_id, mention_ids)["mention_id"]

    def rivals(self, mention_ids: pl.Series) -> pl.Series:
        """Give the mentions that were kept apart from some, or left to people: what kept them may be gone."""
        ends = link_edge.c.a, link_edge.c.b
        with self._engine.connect() as connection:
            found = [
                read_by(connection, select(other).where(link_edge.c.outcome != "linked"), one, mention_ids)
                for one, other in (ends, ends[::-1])
            ]
        return pl.concat([other.to_series().rename("mention_id") for other in found])

    def _followed(self, connection: Connection, person_ids: pl.Series) -> pl.Series:
        """Add the successors of retired persons."""
        every = step = person_ids
        while step.len():
            found = read_by(connection, RETIRED, person.c.person_id, step)
            self.retired = pl.concat([self.retired, found]).unique()
            step = found["retired_to"].unique()
            step = step.filter(~step.is_in(every.implode()))
            every = pl.concat([every, step])
        return every


def touched_and_near(engine: Engine, shelf: Shelf | None = None) -> tuple[pl.Series, Neighbours | None]:
    """Give the ids of touched mentions, and what to find their neighbours by; None where all is to be looked at."""
    with engine.connect() as connection:
        marked = read_frame(connection, select(touched.c.mention_id))["mention_id"]
        postings = Postings.open(connection, MAKE)
    if postings is None or marked.len() > postings.mentions * FULL_SHARE:
        return marked, None
    return marked, Neighbours(engine, postings, shelf)
