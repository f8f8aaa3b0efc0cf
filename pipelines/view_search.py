"""What persons are found by: the search tokens of the mention versions that a generation shows of them.

A whole set at once, column by column: versions joined with their tokens, compared with the generation before; what
differs is written, in the order in which the view is stored.
"""

from collections.abc import Iterator, Mapping
from typing import Self

import polars as pl
from sqlalchemy import Connection, Engine, Select, select, text

from pipelines import view_sql
from schemas.store import bulk_insert, chunks
from schemas.tables import GENERATION_OPEN, SEARCH_KINDS, mention_alias, mention_version, view_search

READ = 50_000
"""Versions per reading: none is so long that the write-ahead log could not be folded away behind it."""
WRITE = 25_000
"""Rows per transaction: well below 100 ms on SQLite."""
PAIR = ["token", "person_id"]
COLUMNS = (*PAIR, "kind", "g_from", "g_to")
OWN = {"version_id": pl.Int64, **dict.fromkeys(SEARCH_KINDS, pl.Int64)}
FURTHER = {"version_id": pl.Int64, "kind": pl.String, "token": pl.Int64}
SHOWN = {"person_id": pl.Int64, "identity_version": pl.Int64, "address_version": pl.Int64}


class Tokens:
    """The search tokens of mention versions."""

    def __init__(self, own: pl.DataFrame, further: pl.DataFrame) -> None:
        self._own = own
        self._further = further

    @classmethod
    def read(cls, engine: Engine, versions: pl.Series | None = None) -> Self:
        """Read those of the given versions, or all there are."""
        version, alias = mention_version.c, mention_alias.c
        own = select(version.version_id, *(version[kind] for kind in SEARCH_KINDS))
        further = select(alias.version_id, alias.kind, alias.token).where(alias.kind.in_(SEARCH_KINDS))
        owned, others = [pl.DataFrame(schema=OWN)], [pl.DataFrame(schema=FURTHER)]
        with engine.connect() as conn:
            if versions is None:
                for span in _spans(conn):
                    owned.append(_frame(conn, own.where(version.version_id.between(*span)), OWN))
                    others.append(_frame(conn, further.where(alias.version_id.between(*span)), FURTHER))
                    conn.commit()
            else:
                for part in chunks(versions.to_list()):
                    owned.append(_frame(conn, own.where(version.version_id.in_(part)), OWN))
                    others.append(_frame(conn, further.where(alias.version_id.in_(part)), FURTHER))
        return cls(pl.concat(owned), pl.concat(others))

    def of(self, kind: str, shown: pl.DataFrame) -> pl.DataFrame:
        """Give token and person of one kind, each pair once, in order."""
        version = "address_version" if kind in view_sql.PLACES else "identity_version"
        own = self._own.select("version_id", token=kind).drop_nulls()
        further = self._further.filter(pl.col("kind") == kind).select("version_id", "token")
        persons = shown.select("person_id", version_id=version)
        return pl.concat([own, further]).join(persons, on="version_id").select(PAIR).unique().sort(PAIR)


def _spans(conn: Connection) -> Iterator[tuple[int, int]]:
    """Cut all versions into spans of ids."""
    after = 0
    page = "SELECT version_id FROM mention_version WHERE version_id > :after ORDER BY version_id LIMIT :read"
    end = text(f"SELECT MAX(version_id) FROM ({page}) page")
    while (last := conn.execute(end, {"after": after, "read": READ}).scalar()) is not None:
        yield after + 1, last
        after = last


def _frame(
    conn: Connection, query: Select[tuple[object, ...]], schema: Mapping[str, type[pl.DataType]]
) -> pl.DataFrame:
    return pl.DataFrame([tuple(row) for row in conn.execute(query)], schema=schema, orient="row")


def shown(conn: Connection, generation: int) -> pl.DataFrame:
    """Read which versions a generation shows of the persons that are written anew."""
    rows = conn.execute(text(view_sql.SHOWN), {"g": generation})
    frames = [
        pl.DataFrame([tuple(row) for row in part], schema=SHOWN, orient="row") for part in rows.partitions(READ)
    ]
    return pl.concat([pl.DataFrame(schema=SHOWN), *frames])


def write_search(conn: Connection, tokens: Tokens, before: pl.DataFrame, now: pl.DataFrame, following: int) -> None:
    """Write what a generation is searched by: end what is not met any more, add what is new."""
    for number, kind in enumerate(SEARCH_KINDS):
        old, new = tokens.of(kind, before), tokens.of(kind, now)
        ended = old.join(new, on=PAIR, how="anti").with_columns(kind=number, next=following, open=GENERATION_OPEN)
        for rows in ended.iter_slices(WRITE):
            conn.execute(text(view_sql.SEARCH_END), rows.to_dicts())
            conn.commit()
        added = new.join(old, on=PAIR, how="anti", maintain_order="left")
        added = added.with_columns(kind=number, g_from=following, g_to=GENERATION_OPEN)
        for rows in added.iter_slices(WRITE):
            bulk_insert(conn, view_search, rows.rows(), COLUMNS)
            conn.commit()
