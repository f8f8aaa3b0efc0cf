"""What persons are found by: the search tokens of the mention versions that a generation shows of them.

A whole set at once, column by column: versions joined with their tokens, compared with the generation before; what
differs is written, packed (``schemas/search.py``).
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Self

import numpy as np
import polars as pl
from sqlalchemy import Connection, Engine, Executable, select, text, update

from pipelines import view_sql
from schemas.search import ENTRY_BYTES, SHIFT
from schemas.store import bulk_insert, chunks
from schemas.tables import GENERATION_OPEN, SEARCH_KINDS, mention_alias, mention_version, view_search

READ = 50_000
"""Versions per reading: none is so long that the write-ahead log could not be folded away behind it."""
WRITE = 2000
"""Parts per transaction: well below 100 ms on SQLite."""
ENTRY = ["token", "kind", "person_id"]
PART = (pl.col("token") // 2**SHIFT).alias("part")
COLUMNS = ("part", "entries", "g_from", "g_to")
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

    def entries(self, shown: pl.DataFrame) -> pl.DataFrame:
        """Give the entries of the persons shown, each once, in the order in which they are packed."""
        places = [kind for kind in SEARCH_KINDS if kind in view_sql.PLACES]
        others = [kind for kind in SEARCH_KINDS if kind not in view_sql.PLACES]
        found = [
            *self._of(others, shown.select("person_id", version_id="identity_version")),
            *self._of(places, shown.select("person_id", version_id="address_version")),
        ]
        return pl.concat(found).sort(ENTRY)

    def _of(self, kinds: list[str], persons: pl.DataFrame) -> Iterator[pl.DataFrame]:
        own = persons.join(self._own.select("version_id", *kinds), on="version_id")
        further = persons.join(self._further.filter(pl.col("kind").is_in(kinds)), on="version_id")
        for kind in kinds:
            pairs = [
                own.select("person_id", token=kind).drop_nulls(),
                further.filter(pl.col("kind") == kind).select("person_id", "token"),
            ]
            number = pl.lit(SEARCH_KINDS.index(kind), pl.UInt8).alias("kind")
            yield pl.concat(pairs).unique().select("token", number, "person_id")


def _spans(conn: Connection) -> Iterator[tuple[int, int]]:
    """Cut all versions into spans of ids."""
    after = 0
    page = "SELECT version_id FROM mention_version WHERE version_id > :after ORDER BY version_id LIMIT :read"
    end = text(f"SELECT MAX(version_id) FROM ({page}) page")
    while (last := conn.execute(end, {"after": after, "read": READ}).scalar()) is not None:
        yield after + 1, last
        after = last


def _frame(
    conn: Connection, query: Executable, schema: Mapping[str, type[pl.DataType]], **bound: int
) -> pl.DataFrame:
    """Read a query into columns; the driver's own rows, since there are many."""
    cursor = conn.execute(query, bound).cursor
    parts = [pl.DataFrame(schema=schema)]
    while rows := cursor.fetchmany(READ):
        parts.append(pl.DataFrame(rows, schema=schema, orient="row"))
    return pl.concat(parts)


def shown(conn: Connection, generation: int, *, among: str = "") -> pl.DataFrame:
    """Read which versions a generation shows, of everybody or among the persons of a table."""
    chosen = f" AND w.person_id IN (SELECT person_id FROM {among})" if among else ""
    return _frame(conn, text(view_sql.SHOWN + chosen), SHOWN, g=generation)


def first_entries(engine: Engine, everything: Future[Tokens]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the entries before the first generation (none) and in it."""
    with engine.connect() as conn:
        now = shown(conn, 1)
    entries = everything.result().entries(now)
    return entries.clear(), entries


def entries_of_both(engine: Engine, before: pl.DataFrame, now: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the entries of what a generation showed and of what the next one shows."""
    versions = [frame[name] for frame in (before, now) for name in ("identity_version", "address_version")]
    tokens = Tokens.read(engine, pl.concat(versions).unique().sort())
    return tokens.entries(before), tokens.entries(now)


def write_search(conn: Connection, old: pl.DataFrame, new: pl.DataFrame, generation: int) -> None:
    """Write the parts in which the next generation differs from this one, given the entries of both."""
    ended, added = _without(old, new), _without(new, old)
    parts = pl.concat([ended.select(PART).unique(), added.select(PART).unique()]).unique().sort("part")
    for some in parts.iter_slices(WRITE):
        numbers = some["part"].to_list()
        here = PART.is_between(numbers[0], numbers[-1])
        held = _held(conn, numbers, generation)
        conn.commit()
        rows = _packed(pl.concat([_without(held, ended.filter(here)), added.filter(here)]).sort(ENTRY))
        gone = (view_search.c.part.in_(numbers), view_search.c.g_to == GENERATION_OPEN)
        conn.execute(update(view_search).where(*gone).values(g_to=generation + 1))
        bulk_insert(conn, view_search, [(*row, generation + 1, GENERATION_OPEN) for row in rows], COLUMNS)
        conn.commit()


def _without(entries: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    return entries if others.is_empty() else entries.join(others, on=ENTRY, how="anti", maintain_order="left")


def _held(conn: Connection, parts: list[int], generation: int) -> pl.DataFrame:
    """Read the entries of some parts as a generation shows them."""
    query = select(view_search.c.entries).where(
        view_search.c.part.in_(parts), view_search.c.g_from <= generation, view_search.c.g_to > generation
    )
    packed = [bytes(entries) for entries in conn.execute(query).scalars()]
    counts = [len(entries) // ENTRY_BYTES for entries in packed]
    found = {
        "token": np.frombuffer(b"".join(one[: 8 * n] for one, n in zip(packed, counts, strict=True)), "<i8"),
        "kind": np.frombuffer(b"".join(one[16 * n :] for one, n in zip(packed, counts, strict=True)), "u1"),
        "person_id": np.frombuffer(
            b"".join(one[8 * n : 16 * n] for one, n in zip(packed, counts, strict=True)), "<i8"
        ),
    }
    return pl.DataFrame(found)


def _packed(entries: pl.DataFrame) -> Iterator[tuple[int, bytes]]:
    """Cut entries into parts."""
    tokens, persons = (entries[name].to_numpy().astype("<i8").tobytes() for name in ("token", "person_id"))
    kinds = entries["kind"].to_numpy().tobytes()
    first = 0
    for part, count in entries.group_by(PART, maintain_order=True).len().iter_rows():
        last = first + count
        yield part, tokens[8 * first : 8 * last] + persons[8 * first : 8 * last] + kinds[first:last]
        first = last
