"""Writing what linkage decided, in transactions short enough that nobody waits.

Order makes a crash harmless: affected mentions are marked touched first, so the next run looks again; ids are
retired before their mentions move, and a reader of a retired id follows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection, Engine, bindparam, delete, func, select, update

from linkage.identity import Renewal
from linkage.reading import read_by
from schemas.store import bulk_insert, delete_by
from schemas.tables import household, lineage, link_edge, membership, person, person_mention, touched

_ROWS = 5000
"""Rows per transaction; far below a tenth of a second on SQLite."""
_EVENT = ("run_id", "subject", "event", "old_id", "new_id")
EDGE = ("a", "b", "kind", "weight", "outcome")


def pieces(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut rows into pieces of one transaction."""
    return frame.iter_slices(_ROWS)


def mark_touched(engine: Engine, mention_ids: pl.Series) -> None:
    """Add mentions to ``touched``; those already there stay."""
    for piece in pieces(mention_ids.unique().sort().to_frame()):
        with engine.begin() as connection:
            bulk_insert(connection, touched, piece.rows(), ignore_duplicates=True)


def next_person_id(connection: Connection) -> int:
    """Return the first id never given to a person."""
    return int(connection.execute(select(func.coalesce(func.max(person.c.person_id), 0))).scalar_one()) + 1


def write_persons(engine: Engine, run_id: str, renewal: Renewal) -> None:
    """Apply a renewal: retire, mint, move, with the lineage of each in the same transaction."""
    events = _Lineage(run_id, "person")
    retire = update(person).where(person.c.person_id == bindparam("old_id")).values(retired_to=bindparam("to"))
    for piece in pieces(renewal.retired):
        with engine.begin() as connection:
            connection.execute(retire, piece.select("old_id", to="new_id").to_dicts())
            events.retire(connection, piece)
    for piece in pieces(renewal.survived.to_frame("kept")):
        with engine.begin() as connection:
            events.survive(connection, piece["kept"])
    move = (
        update(person_mention)
        .where(person_mention.c.mention_id == bindparam("mention"))
        .values(person_id=bindparam("person"))
    )
    unborn = renewal.minted
    for piece in pieces(renewal.moves):
        minted = unborn.filter(unborn <= piece["person_id"].max())
        unborn = unborn.slice(minted.len())
        again = piece.filter("held").select(mention="mention_id", person="person_id").to_dicts()
        with engine.begin() as connection:
            bulk_insert(connection, person, minted.to_frame().rows(), ("person_id",))
            events.mint(connection, minted)
            first = piece.filter(~pl.col("held"))
            bulk_insert(connection, person_mention, first.select("mention_id", "person_id").rows())
            if again:
                connection.execute(move, again)
    for piece in pieces(renewal.gone.to_frame()):
        with engine.begin() as connection:
            delete_by(connection, person_mention, "mention_id", piece.to_series().to_list())


class _Lineage:
    """The events of one run about persons or households."""

    def __init__(self, run_id: str, subject: str) -> None:
        self._told = {"run_id": pl.lit(run_id), "subject": pl.lit(subject)}

    def retire(self, connection: Connection, ids: pl.DataFrame) -> None:
        """``ids``: old_id, new_id; 0 is nobody."""
        successor = pl.when(pl.col("new_id") != 0).then("new_id")
        self._tell(connection, "retire", ids.with_columns(new_id=successor))

    def survive(self, connection: Connection, ids: pl.Series) -> None:
        """Tell that ids stay although what they hold has changed."""
        self._tell(connection, "survive", pl.DataFrame({"old_id": ids, "new_id": ids}))

    def mint(self, connection: Connection, ids: pl.Series) -> None:
        """Tell of new ids, the first and the last of them: all between are new."""
        if ids.len():
            self._tell(connection, "mint", pl.DataFrame({"old_id": [ids[0]], "new_id": [ids[-1]]}))

    def _tell(self, connection: Connection, event: str, ids: pl.DataFrame) -> None:
        rows = ids.with_columns(event=pl.lit(event), **self._told).select(_EVENT).rows()
        bulk_insert(connection, lineage, rows, _EVENT)


def write_edges(engine: Engine, edges: pl.DataFrame, near: pl.Series | None) -> None:
    """Replace the kept pairs of some mentions (None: all). ``edges``: a, b, kind, weight, outcome, by mention id."""
    query = select(*(link_edge.c[name] for name in EDGE))
    with engine.connect() as connection:
        there = read_by(connection, query, link_edge.c.a, near)
        if near is not None:
            across = read_by(connection, query.where(link_edge.c.outcome != "linked"), link_edge.c.b, near)
            there = pl.concat([there, across]).unique()
    edges = edges.select(EDGE)
    stale = there.join(edges, on=EDGE, how="anti")
    remove = delete(link_edge).where(link_edge.c.a == bindparam("left"), link_edge.c.b == bindparam("right"))
    for piece in pieces(stale.select(left="a", right="b")):
        with engine.begin() as connection:
            connection.execute(remove, piece.to_dicts())
    for piece in pieces(edges.join(there, on=EDGE, how="anti").sort("a", "b")):
        with engine.begin() as connection:
            bulk_insert(connection, link_edge, piece.rows(), EDGE)


@dataclass(frozen=True)
class HouseholdChange:
    """What a run changes of households."""

    retired: pl.DataFrame
    """old_id, new_id."""
    minted: pl.DataFrame
    """household_id, kind."""
    add: pl.DataFrame
    """Memberships."""
    drop: pl.DataFrame


def write_households(engine: Engine, run_id: str, change: HouseholdChange) -> None:
    """Retire and mint households and replace changed memberships.

    A membership that changes is dropped and added in one transaction.
    """
    events = _Lineage(run_id, "household")
    retire = (
        update(household).where(household.c.household_id == bindparam("old_id")).values(retired_to=bindparam("to"))
    )
    for piece in pieces(change.retired):
        with engine.begin() as connection:
            connection.execute(retire, piece.select("old_id", to="new_id").to_dicts())
            events.retire(connection, piece)
    keys = ["household_id", "person_id"]
    remove = delete(membership).where(
        membership.c.household_id == bindparam("household"), membership.c.person_id == bindparam("person")
    )
    named = {"household": keys[0], "person": keys[1]}
    for piece in pieces(change.drop.join(change.add, on=keys, how="anti").select(**named)):
        with engine.begin() as connection:
            connection.execute(remove, piece.to_dicts())
    unborn = change.minted.sort("household_id")
    replaced = change.drop.select(keys)
    for piece in pieces(change.add.sort(keys)):
        born = unborn.filter(pl.col("household_id") <= piece["household_id"].max())
        unborn = unborn.slice(born.height)
        again = piece.join(replaced, on=keys, how="semi").select(**named).to_dicts()
        with engine.begin() as connection:
            bulk_insert(connection, household, born.rows(), ("household_id", "kind"))
            events.mint(connection, born["household_id"])
            if again:
                connection.execute(remove, again)
            bulk_insert(connection, membership, piece.rows(), piece.columns)
