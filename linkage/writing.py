"""Writing what linkage decided, in transactions short enough that nobody waits.

Order makes a crash harmless: affected mentions are marked touched first, so the next run looks again; ids are
retired before their mentions move, and a reader of a retired id follows it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update

from linkage.evidence import read_frame
from linkage.identity import Renewal
from schemas.tables import household, lineage, link_edge, membership, person, person_mention, touched

_ROWS = 2000
"""Rows per transaction; far below a tenth of a second on SQLite."""

Row = dict[str, Any]


def chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows into pieces of one transaction."""
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS]


def mark_touched(engine: Engine, mention_ids: pl.Series) -> None:
    """Add mentions to ``touched``; those already there stay."""
    with engine.connect() as connection:
        there = read_frame(connection, select(touched.c.mention_id))["mention_id"]
    fresh = mention_ids.unique()
    fresh = fresh.filter(~fresh.is_in(there.implode())).sort()
    for rows in chunks([{"mention_id": value} for value in fresh.to_list()]):
        with engine.begin() as connection:
            connection.execute(insert(touched), rows)


def next_person_id(connection: Connection) -> int:
    """Return the first id never given to a person."""
    return int(connection.execute(select(func.coalesce(func.max(person.c.person_id), 0))).scalar_one()) + 1


def write_persons(engine: Engine, run_id: str, renewal: Renewal) -> None:
    """Apply a renewal: retire, mint, move, with the lineage of each in the same transaction."""
    event = {"run_id": run_id, "subject": "person", "old_id": None, "new_id": None}
    retire = update(person).where(person.c.person_id == bindparam("old")).values(retired_to=bindparam("new"))
    for rows in chunks(renewal.retired.to_dicts()):
        with engine.begin() as connection:
            connection.execute(retire, [{"old": row["old_id"], "new": row["new_id"]} for row in rows])
            connection.execute(
                insert(lineage),
                [
                    {**event, "event": "retire", "old_id": row["old_id"], "new_id": row["new_id"] or None}
                    for row in rows
                ],
            )
    for rows in chunks(renewal.survived.to_frame("kept").to_dicts()):
        with engine.begin() as connection:
            connection.execute(
                insert(lineage),
                [{**event, "event": "survive", "old_id": row["kept"], "new_id": row["kept"]} for row in rows],
            )
    move = (
        update(person_mention)
        .where(person_mention.c.mention_id == bindparam("mention"))
        .values(person_id=bindparam("person"))
    )
    fresh = set(renewal.minted.to_list())
    for rows in chunks(renewal.moves.to_dicts()):
        minted = sorted({row["person_id"] for row in rows} & fresh)
        fresh.difference_update(minted)
        first = [{"mention_id": row["mention_id"], "person_id": row["person_id"]} for row in rows if not row["held"]]
        again = [{"mention": row["mention_id"], "person": row["person_id"]} for row in rows if row["held"]]
        with engine.begin() as connection:
            if minted:
                connection.execute(insert(person), [{"person_id": value} for value in minted])
                connection.execute(insert(lineage), [{**event, "event": "mint", "new_id": value} for value in minted])
            if first:
                connection.execute(insert(person_mention), first)
            if again:
                connection.execute(move, again)
    drop = delete(person_mention).where(person_mention.c.mention_id == bindparam("mention"))
    for rows in chunks([{"mention": value} for value in renewal.gone.to_list()]):
        with engine.begin() as connection:
            connection.execute(drop, rows)


def write_edges(engine: Engine, edges: pl.DataFrame, scope: pl.Series, dead: pl.Series) -> None:
    """Replace the kept pairs of the mentions in scope. ``edges``: a, b, kind, weight, outcome, by mention id."""
    with engine.connect() as connection:
        there = read_frame(
            connection,
            select(link_edge.c.a, link_edge.c.b, link_edge.c.kind, link_edge.c.weight, link_edge.c.outcome),
        )
    near = pl.concat([scope, dead]).implode()
    mine = there.filter(pl.col("a").is_in(near) | pl.col("b").is_in(near))
    keys = ["a", "b", "kind", "weight", "outcome"]
    remove = delete(link_edge).where(link_edge.c.a == bindparam("left"), link_edge.c.b == bindparam("right"))
    stale = mine.join(edges, on=keys, how="anti").select(left="a", right="b").to_dicts()
    for rows in chunks(stale):
        with engine.begin() as connection:
            connection.execute(remove, rows)
    for rows in chunks(edges.join(mine, on=keys, how="anti").select(keys).to_dicts()):
        with engine.begin() as connection:
            connection.execute(insert(link_edge), rows)


def write_households(
    engine: Engine, run_id: str, *, retired: pl.DataFrame, minted: pl.DataFrame, add: pl.DataFrame, drop: pl.DataFrame
) -> None:
    """Retire and mint households and replace changed memberships.

    ``minted``: household_id, kind; ``add`` and ``drop``: membership rows. A membership that changes is dropped and
    added in one transaction.
    """
    event = {"run_id": run_id, "subject": "household", "old_id": None, "new_id": None}
    retire = update(household).where(household.c.household_id == bindparam("old")).values(retired_to=bindparam("new"))
    for rows in chunks(retired.to_dicts()):
        with engine.begin() as connection:
            connection.execute(retire, [{"old": row["old_id"], "new": row["new_id"]} for row in rows])
            connection.execute(
                insert(lineage),
                [
                    {**event, "event": "retire", "old_id": row["old_id"], "new_id": row["new_id"] or None}
                    for row in rows
                ],
            )
    keys = ["household_id", "person_id"]
    remove = delete(membership).where(
        membership.c.household_id == bindparam("of_household"), membership.c.person_id == bindparam("of_person")
    )
    replaced = drop.select(keys).join(add.select(keys), on=keys, how="semi")
    for rows in chunks(
        drop.join(replaced, on=keys, how="anti").select(of_household=keys[0], of_person=keys[1]).to_dicts()
    ):
        with engine.begin() as connection:
            connection.execute(remove, rows)
    kinds = dict(minted.iter_rows())
    before = set(replaced.iter_rows())
    for rows in chunks(add.sort(keys).to_dicts()):
        fresh = sorted({row["household_id"] for row in rows} & kinds.keys())
        again = [
            {"of_household": row["household_id"], "of_person": row["person_id"]}
            for row in rows
            if (row["household_id"], row["person_id"]) in before
        ]
        with engine.begin() as connection:
            if fresh:
                connection.execute(
                    insert(household), [{"household_id": one, "kind": kinds.pop(one)} for one in fresh]
                )
                connection.execute(insert(lineage), [{**event, "event": "mint", "new_id": one} for one in fresh])
            if again:
                connection.execute(remove, again)
            connection.execute(insert(membership), list(rows))
