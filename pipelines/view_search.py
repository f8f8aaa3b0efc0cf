"""What persons are found by: the search tokens of the mention versions that a generation shows of them.

A whole set at once, column by column: versions joined with their tokens, compared with the generation before; what
differs is written, packed (``schemas/search.py``).
"""

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Self

import numpy as np
import polars as pl
from sqlalchemy import Connection, Engine, column, select, table, update

from linkage.reading import Query, read_by, read_frame, read_whole
from schemas.search import ENTRY_BYTES, SHIFT
from schemas.store import bulk_insert
from schemas.tables import GENERATION_OPEN, SEARCH_KINDS, mention_alias, mention_version, view_mention, view_search

PLACES = ("town_lot", "phone")
"""Search kinds that tell where somebody is."""
WRITE = 2000
"""Parts per transaction: well below 100 ms on SQLite."""
ENTRY = ["token", "kind", "person_id"]
PART = (pl.col("token") // 2**SHIFT).alias("part")
COLUMNS = ("part", "entries", "g_from", "g_to")


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
        if versions is None:
            frames = read_whole(engine, {mention_version: own, mention_alias: further})
            return cls(frames[mention_version], frames[mention_alias])
        with engine.connect() as conn:
            return cls(
                read_by(conn, own, version.version_id, versions), read_by(conn, further, alias.version_id, versions)
            )

    def entries(self, shown: pl.DataFrame) -> pl.DataFrame:
        """Give the entries of the persons shown, each once, in the order in which they are packed."""
        places = [kind for kind in SEARCH_KINDS if kind in PLACES]
        others = [kind for kind in SEARCH_KINDS if kind not in PLACES]
        found = [
            *self._of(others, shown.select("person_id", version_id="identity_version")),
            *self._of(places, shown.select("person_id", version_id="address_version")),
        ]
        return pl.concat(found).sort(ENTRY)

    def _of(self, kinds: list[str], persons: pl.DataFrame) -> Iterator[pl.DataFrame]:
        places = self._own.select("version_id").with_row_index("place")
        own = persons.join(places, on="version_id")
        further = persons.join(self._further.filter(pl.col("kind").is_in(kinds)), on="version_id")
        for kind in kinds:
            pairs = [
                own.select("person_id", token=self._own[kind].gather(own["place"])).drop_nulls(),
                further.filter(pl.col("kind") == kind).select("person_id", "token"),
            ]
            number = pl.lit(SEARCH_KINDS.index(kind), pl.UInt8).alias("kind")
            yield pl.concat(pairs).unique().select("token", number, "person_id")


def shown(conn: Connection, generation: int, *, among: str = "") -> pl.DataFrame:
    """Read which versions a generation shows, of all mentions or among those of a table."""
    query = _shown(generation)
    if among:
        query = query.where(view_mention.c.mention_id.in_(select(column("id")).select_from(table(among))))
    return read_frame(conn, query)


def _shown(generation: int) -> Query:
    view = view_mention.c
    shown_then = (view.g_from <= generation, view.g_to > generation)
    return select(view.person_id, view.identity_version, view.address_version).where(*shown_then)


def first_entries(engine: Engine, everything: Future[Tokens]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give what the first generation ends (nothing) and what it adds."""
    with engine.connect() as conn:
        now = shown(conn, 1)
    entries = everything.result().entries(now)
    return entries.clear(), entries


def changed_entries(
    engine: Engine, before: pl.DataFrame, now: pl.DataFrame, generation: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give what the next generation ends and what it adds, of the mentions written anew before and now.

    What a person is still found by through another mention does not end.
    """
    tokens = Tokens.read(engine, _versions(before, now))
    old, new = tokens.entries(before), tokens.entries(now)
    ended, added = _without(old, new), _without(new, old)
    with engine.connect() as conn:
        theirs = read_by(conn, _shown(generation + 1), view_mention.c.person_id, ended["person_id"].unique().sort())
    still = Tokens.read(engine, _versions(theirs)).entries(theirs)
    return _without(ended, still), added


def _versions(*shown: pl.DataFrame) -> pl.Series:
    return pl.concat([one[name] for one in shown for name in ("identity_version", "address_version")]).unique().sort()


def write_search(conn: Connection, ended: pl.DataFrame, added: pl.DataFrame, generation: int) -> None:
    """Write the parts in which the next generation differs from this one."""
    parts = pl.concat([ended.select(PART).unique(), added.select(PART).unique()]).unique().sort("part")
    for some in parts.iter_slices(WRITE):
        numbers = some["part"].to_list()
        here = PART.is_between(numbers[0], numbers[-1])
        held = _held(conn, numbers, generation)
        conn.commit()
        rows = _packed(pl.concat([_without(held, ended.filter(here)), added.filter(here)]).unique().sort(ENTRY))
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
