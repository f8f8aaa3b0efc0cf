"""What to do with every row of a delivery whose source the store already knows: a join, before anything is written.

A row whose record was seen later is superseded; one with the same digest is unchanged; the others are mapped. Records
of the delivery's scope that it does not name disappear. All of it is columnar; nothing is asked per row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from sqlalchemy import Connection, Select, func, select

from pipelines.rows import Context, Scan
from schemas.store import chunks
from schemas.tables import record_key, source_record

DUPLICATE = "duplicate-key"
FEW = 4
"""A delivery with fewer rows than a FEW-th of its source's records looks its records up one by one."""
INDEX = {
    "record_id": pl.Int64,
    "token": pl.Int64,
    "digest": pl.Int64,
    "as_of": pl.String,
    "closed": pl.String,
    "scope": pl.String,
    "history": pl.Int64,
    "deleted": pl.Int64,
}
SCAN = {"line": pl.Int64, "token": pl.Int64, "digest": pl.Int64, "history_no": pl.String}


@dataclass(frozen=True)
class Plan:
    """What becomes of a delivery's rows. ``mapped`` is None where every row is mapped (a source not known yet)."""

    mapped: dict[int, int] | None = None
    """Line → record id (0: new) of the rows to map."""
    refused: dict[int, str] = field(default_factory=dict)
    """Line → fault code of rows refused whatever they hold."""
    unchanged: int = 0
    restand: list[tuple[int, str, str | None]] = field(default_factory=list)
    """Record id, as-of, closing of records that only stand elsewhere in time now."""
    gone: list[tuple[int, str, str | None]] = field(default_factory=list)
    """The same of records that this snapshot no longer names."""
    open_records: int = 0
    """Open current records in the delivery's scope, before it."""
    disappear: int = 0
    """How many of those it does not name."""
    looks: Sequence[Scan] = ()
    """The first look at every part, in the order of the parts."""

    def taken(self, part: int) -> frozenset[int]:
        """Give the lines of a part that are mapped."""
        mapped = self.mapped or {}
        look = self.looks[part]
        return frozenset(line for line in (*look.lines, *look.keyless) if line in mapped)

    @property
    def passed_over(self) -> int:
        """Rows of the parts that are not read a second time."""
        return sum(
            look.delivered for number, look in enumerate(self.looks) if not look.faults and not self.taken(number)
        )


def plan(conn: Connection, context: Context, scans: Iterable[Scan]) -> Plan:
    """Plan a delivery from a first look at its rows."""
    looks = list(scans)
    rows = pl.concat([pl.DataFrame(schema=SCAN), *(_frame(look) for look in looks)])
    keyless = [line for look in looks for line in look.keyless]
    index = _index(conn, context, rows)
    winners, refused, doubled = _one_per_key(rows)
    joined = winners.join(index, on="token", how="left")
    here = pl.lit(context.as_of)
    new = pl.col("record_id").is_null()
    older = ~new & (pl.col("seen") > here)
    same = ~new & ~older & (pl.col("digest") == pl.col("digest_right"))
    joined = joined.with_columns(new=new, older=older.fill_null(value=False), same=same.fill_null(value=False))
    apply = joined.filter(~pl.col("older") & ~pl.col("same"))
    mapped = dict(apply.select("line", pl.col("record_id").fill_null(0)).iter_rows())
    mapped |= dict.fromkeys(keyless, 0)
    mapped |= dict.fromkeys(refused, 0)
    restand = [
        (record_id, *context.place(scope))
        for record_id, scope, as_of, closed in joined.filter("same")
        .select("record_id", "scope", "as_of", "closed")
        .iter_rows()
        if (as_of, closed) != context.place(scope)
    ]
    gone, open_records, disappear = _gone(context, index, rows)
    unchanged = joined.height - apply.height + doubled
    return Plan(mapped, refused, unchanged, restand, gone, open_records, disappear)


def _frame(look: Scan) -> pl.DataFrame:
    numbers = {"line": look.lines, "token": look.tokens, "digest": look.digests}
    found = {name: pl.Series(np.frombuffer(values, np.int64)) for name, values in numbers.items() if values}
    frame = pl.DataFrame(found, schema=dict.fromkeys(numbers, pl.Int64))
    return frame.with_columns(history_no=pl.Series(look.history or [""] * frame.height, dtype=pl.String))


def _one_per_key(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, str], int]:
    """Keep one row per record: the greatest history number, then the first line.

    The others are refused as a second statement about one record, unless they say the same or are its history.
    """
    ordered = rows.sort(["token", "history_no", "line"], descending=[False, True, False])
    winners = ordered.unique("token", keep="first", maintain_order=True)
    others = ordered.join(winners.select("line"), on="line", how="anti").join(
        winners.select("token", first_digest="digest", first_history="history_no"), on="token"
    )
    clash = (pl.col("digest") != pl.col("first_digest")) & (pl.col("history_no") == pl.col("first_history"))
    refused = dict.fromkeys(others.filter(clash)["line"].to_list(), DUPLICATE)
    return winners, refused, others.height - len(refused)


def _index(conn: Connection, context: Context, rows: pl.DataFrame) -> pl.DataFrame:
    """Read what the store holds of the source, or of the delivery's records where that is less."""
    record = source_record.c
    query = select(
        record.record_id,
        record.key_token,
        record.digest,
        record.as_of,
        record.closed_as_of,
        record.scope,
        record.history,
        record.deleted,
    ).where(record.source_id == context.source_id)
    tokens = rows["token"].unique()
    known = 0 if context.snapshot else _count(conn, context.source_id)
    if not context.snapshot and tokens.len() * FEW < known:
        named = query.join(record_key, record_key.c.record_id == record.record_id)
        parts = [_read(conn, named.where(record_key.c.key_token.in_(part))) for part in chunks(tokens.to_list())]
        index = pl.concat(parts) if parts else pl.DataFrame(schema=INDEX)
    else:
        index = _read(conn, query)
    newest = {scope: context.standing.newest(scope) for scope in index["scope"].unique().to_list()}
    before = {
        scope: max(
            (one.as_of for one in context.standing.snapshots if one.covers(scope) and one.as_of < context.as_of),
            default="",
        )
        if newest[scope] == context.as_of
        else newest[scope]
        for scope in newest
    }
    return index.with_columns(
        seen=pl.when(pl.col("as_of") == "")
        .then(pl.col("scope").replace_strict(before, default="", return_dtype=pl.String))
        .otherwise("as_of"),
    )


def _count(conn: Connection, source_id: str) -> int:
    return int(
        conn.execute(
            select(func.count()).select_from(source_record).where(source_record.c.source_id == source_id)
        ).scalar_one()
    )


def _read(conn: Connection, query: Select[tuple[object, ...]]) -> pl.DataFrame:
    rows = [tuple(row) for row in conn.execute(query).fetchall()]
    return pl.DataFrame(rows, schema=INDEX, orient="row")


def _gone(
    context: Context, index: pl.DataFrame, rows: pl.DataFrame
) -> tuple[list[tuple[int, str, str | None]], int, int]:
    """Find the records of the scope that a snapshot does not name, and where they stand from now on."""
    if not context.snapshot:
        return [], 0, 0
    covered = index.filter(pl.col("scope").is_in(list(context.scopes))) if context.scopes else index
    before = covered.filter(pl.col("seen") < context.as_of)
    unnamed = before.join(rows.select("token").unique(), on="token", how="anti")
    current = (pl.col("history") == 0) & pl.col("closed").is_null() & (pl.col("deleted") == 0)
    gone = [
        (record_id, seen, context.standing.closing(seen, scope))
        for record_id, seen, scope, as_of, closed in unnamed.select(
            "record_id", "seen", "scope", "as_of", "closed"
        ).iter_rows()
        if as_of != seen or closed != context.standing.closing(seen, scope)
    ]
    return gone, before.filter(current).height, unnamed.filter(current).height
