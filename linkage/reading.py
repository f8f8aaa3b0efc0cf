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
from sqlalchemy import Column, Connection, Engine, Integer, Select, String, Table, literal_column

ROWS = 20_000
"""Rows of a piece."""
BYTES = 8_000_000
"""Size of a piece where the store sends row after row."""
IDS = 5_000
"""Ids asked for in one statement."""
_PLACE = -(2**62)
"""Stands in a compiled query where an id comes, or several."""

Query = Select[tuple[Any, ...]]
Schema = dict[str, pl.DataType]


def read_frame(connection: Connection, query: Query) -> pl.DataFrame:
    """Read a query into columns of text and 64-bit integers. Its first column is never null."""
    return pl.concat(list(_pieces(connection, _compiled(connection, query), _schema(query))))


def read_by(connection: Connection, query: Query, of: Column[int], ids: pl.Series | None) -> pl.DataFrame:
    """Read the rows of a query whose column ``of`` is one of the ids; all rows where ``ids`` is None."""
    if ids is None:
        return read_frame(connection, query)
    # Compiled once: a literal compiled for every id would cost more than its row.
    text, schema = _compiled(connection, query.where(of.in_([_PLACE]))), _schema(query)
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
    schema = _schema(query)
    with engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            return pl.concat(list(_pieces(connection, _compiled(connection, query), schema)))
        row = literal_column(f"{table.name}.rowid", Integer())
        piece = query.add_columns(row.label("piece")).where(row > _PLACE).order_by(row).limit(ROWS)
        text = _in_text(_compiled(connection, piece), schema, "max(piece)")
        parts, last = [pl.DataFrame(schema=schema)], 0
        while (found := connection.exec_driver_sql(text.replace(str(_PLACE), str(last))).one())[0] is not None:
            last = found[0]
            parts.append(_parsed(found[1], schema))
        connection.exec_driver_sql("PRAGMA shrink_memory")  # pages of tables that are read once
    return pl.concat(parts)


def _schema(query: Query) -> Schema:
    return {one.name: pl.String() if isinstance(one.type, String) else pl.Int64() for one in query.selected_columns}


def _compiled(connection: Connection, query: Query) -> str:
    return str(query.compile(connection, compile_kwargs={"literal_binds": True}))


def _in_text(query: str, schema: Schema, *more: str) -> str:
    """Let SQLite write what a query gives as lines of comma-separated values; nothing is null, text is quoted."""
    values = ", ".join(
        f"iif({name} IS NULL, '', printf('\"%w\"', {name}))" if kind == pl.String else name
        for name, kind in schema.items()
    )
    line = f"printf('{','.join(['%s'] * len(schema))}', {values})"
    return f"SELECT {', '.join((*more, f'CAST(group_concat({line}, char(10)) AS BLOB)'))} FROM ({query})"


def _pieces(connection: Connection, query: str, schema: Schema) -> Iterator[pl.DataFrame]:
    yield pl.DataFrame(schema=schema)
    if connection.dialect.name == "sqlite":
        if text := connection.exec_driver_sql(_in_text(query, schema)).scalar():
            yield _parsed(text, schema)
        return
    driver: Any = connection.connection.driver_connection
    with closing(driver.cursor()) as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
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
