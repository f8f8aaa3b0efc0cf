"""Columns out of the store, as text that the store itself writes and one compiled reader takes apart.

What reading costs is an object of Python's for every value on the way; here none is made, and tables are read beside
each other. A large table comes in pieces, so that little of it is ever held as text.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import polars as pl
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Select,
    SmallInteger,
    String,
    Table,
    literal_column,
)

from schemas.tables import fact, link_edge, mention, mention_alias, mention_identifier, mention_version, source_record

ROWS = 20_000
"""Rows of a piece."""
BYTES = 8_000_000
"""Size of a piece where the store sends row after row."""
IDS = 5_000
"""Ids asked for in one statement."""
_PLACE = -(2**62)
"""Stands in a compiled query where an id comes, or several."""

CODED = frozenset(
    {
        source_record.c.source_id,
        mention.c.role,
        mention_version.c.sex,
        mention_alias.c.kind,
        mention_identifier.c.kind,
        mention_identifier.c.issuer,
        mention_identifier.c.valid_from,
        mention_identifier.c.valid_to,
        fact.c.code,
        fact.c.valid_from,
        fact.c.valid_to,
        link_edge.c.kind,
        link_edge.c.outcome,
    }
)
"""Texts of large tables that have few values: each value is kept once."""

Query = Select[tuple[Any, ...]]
Schema = dict[str, pl.DataType]


def read_frame(connection: Connection, query: Query) -> pl.DataFrame:
    """Read a query into columns of text and integers. Its first column is never null."""
    schema = _schema(query)
    return pl.concat([pl.DataFrame(schema=schema), *_pieces(connection, _statement(connection, query), schema)])


def read_by(connection: Connection, query: Query, of: Column[int], ids: pl.Series | None) -> pl.DataFrame:
    """Read the rows of a query whose column ``of`` is one of the ids; all rows where ``ids`` is None."""
    if ids is None:
        return read_frame(connection, query)
    # Compiled once: a literal compiled for every id would cost more than its row.
    text, schema = _statement(connection, query.where(of.in_([_PLACE]))), _schema(query)
    parts = [pl.DataFrame(schema=schema)]
    for start in range(0, ids.len(), IDS):
        listed = ", ".join(map(str, ids.slice(start, IDS).to_list()))
        parts += _pieces(connection, text.replace(f"({_PLACE})", f"({listed})"), schema)
    return pl.concat(parts)


def read_whole(engine: Engine, queries: Mapping[Table, Query]) -> dict[Table, pl.DataFrame]:
    """Read queries over one table each, all rows, several tables at a time; the largest should come first."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        frames = threads.map(lambda table: _whole(engine, queries[table], table), queries)
        return dict(zip(queries, frames, strict=True))


def _whole(engine: Engine, query: Query, table: Table) -> pl.DataFrame:
    with engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            return read_frame(connection, query)
        row = literal_column(f"{table.name}.rowid", Integer())
        piece = query.add_columns(row.label("row")).where(row > _PLACE).order_by(row).limit(ROWS)
        text, schema = _statement(connection, piece), _schema(piece)
        parts, last = [pl.DataFrame(schema=schema)], 0
        while found := list(_pieces(connection, text.replace(str(_PLACE), str(last)), schema)):
            parts += found
            last = found[-1]["row"][-1]
        connection.exec_driver_sql("PRAGMA shrink_memory")  # pages of tables that are read once
    return pl.concat(parts).drop("row")


def _schema(query: Query) -> Schema:
    return {one.name: _kind(one) for one in query.selected_columns}


def _kind(column: ColumnElement[Any]) -> pl.DataType:
    if isinstance(column.type, String):
        return pl.Categorical() if column in CODED else pl.String()
    return pl.Int16() if isinstance(column.type, SmallInteger) else pl.Int64()


def _statement(connection: Connection, query: Query) -> str:
    """Let the store write what a query gives as lines of comma-separated values; nothing is null, text is quoted."""
    text = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    if connection.dialect.name != "sqlite":
        return f"COPY ({text}) TO STDOUT (FORMAT csv)"
    marks, values = [], []
    for one in query.selected_columns:
        quoted, filled = isinstance(one.type, String), not getattr(one, "nullable", True)
        marks.append('"%w"' if quoted and filled else "%s")
        values.append(
            f"iif({one.name} IS NULL, '', printf('\"%w\"', {one.name}))" if quoted and not filled else one.name
        )
    line = f"printf('{','.join(marks)}', {', '.join(values)})"
    return f"SELECT CAST(group_concat({line}, char(10)) AS BLOB) FROM ({text})"


def _pieces(connection: Connection, statement: str, schema: Schema) -> Iterator[pl.DataFrame]:
    if connection.dialect.name == "sqlite":
        if text := connection.exec_driver_sql(statement).scalar():
            yield _parsed(text, schema)
        return
    driver: Any = connection.connection.driver_connection
    with closing(driver.cursor()) as cursor, cursor.copy(statement) as copy:
        lines: list[bytes] = []
        size = 0
        for line in copy:  # the protocol sends a row at a time
            lines.append(bytes(line))
            size += len(line)
            if size > BYTES:
                yield _parsed(b"".join(lines), schema)
                lines, size = [], 0
        if lines:
            yield _parsed(b"".join(lines), schema)


def _parsed(text: bytes, schema: Schema) -> pl.DataFrame:
    return pl.read_csv(text, has_header=False, schema=schema)
