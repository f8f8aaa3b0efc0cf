"""The workspace's database: one SQLite file, or PostgreSQL by URL; the same tables on both."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, select
from sqlalchemy.engine import make_url

from schemas.tables import metadata

PAGE_BYTES = 16_384
"""SQLite page of a new store: a sealed mention takes about a kilobyte, and small pages cost twice the writing."""
BULK_CHECKPOINT = 4_000
"""Pages in SQLite's write-ahead log before a bulk writer moves them into the database."""


def open_store(url: str, *, bulk: bool = False) -> Engine:
    """Open the database of a workspace without creating anything in it.

    Bound parameters never appear in errors. SQLite runs in WAL mode with full durability of every commit. A ``bulk``
    engine's commits become durable with the next full one, in order: a power cut takes the newest of them away
    together, never one out of the middle. It is for work that a repeat makes good.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": 30})
        event.listen(engine, "connect", _prepare_bulk if bulk else _prepare_sqlite)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    options = {"options": "-c synchronous_commit=off"} if bulk else {}
    return create_engine(parsed, hide_parameters=True, pool_pre_ping=True, connect_args=options)


PRAGMAS = (
    f"page_size={PAGE_BYTES}",
    "journal_mode=WAL",
    "synchronous=FULL",
    "temp_store=MEMORY",
    "secure_delete=ON",
    "cache_size=-65536",
)


def _prepare_sqlite(connection: object, _record: object) -> None:
    _set_pragmas(connection, PRAGMAS)


def _prepare_bulk(connection: object, _record: object) -> None:
    _set_pragmas(connection, (*PRAGMAS, "synchronous=NORMAL", f"wal_autocheckpoint={BULK_CHECKPOINT}"))


def _set_pragmas(connection: object, pragmas: Sequence[str]) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def migrate(engine: Engine) -> None:
    """Bring a database to the newest migration; a new one gets every table."""
    with engine.begin() as connection:
        command.upgrade(migration_config(connection), "head")


def migration_config(connection: Connection) -> Config:
    """Configure Alembic for one connection, without any file."""
    config = Config()
    config.set_main_option("script_location", "schemas:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def create_tables(engine: Engine) -> None:
    """Create every table that is missing."""
    metadata.create_all(engine)


def bulk_insert(
    connection: Connection,
    table: Table,
    rows: Sequence[tuple[Any, ...]],
    columns: Sequence[str] = (),
    *,
    ignore_duplicates: bool = False,
) -> None:
    """Insert many rows given as tuples in the order of ``columns`` (the table's own order when empty).

    SQLite takes them in one prepared statement; PostgreSQL by COPY, or by statement where duplicates of a unique
    key are to be passed over.
    """
    if not rows:
        return
    names = list(columns) or [column.name for column in table.columns]
    names = names[: len(rows[0])]
    listed = ", ".join(f'"{name}"' for name in names)
    if connection.dialect.name == "sqlite":
        verb = "INSERT OR IGNORE" if ignore_duplicates else "INSERT"
        marks = ", ".join("?" * len(names))
        connection.exec_driver_sql(f'{verb} INTO "{table.name}" ({listed}) VALUES ({marks})', list(rows))
        return
    if ignore_duplicates:
        marks = ", ".join(["%s"] * len(names))
        text = f'INSERT INTO "{table.name}" ({listed}) VALUES ({marks}) ON CONFLICT DO NOTHING'
        connection.exec_driver_sql(text, list(rows))
        return
    driver = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({listed}) FROM STDIN') as copy:  # type: ignore[union-attr]
        for row in rows:
            copy.write_row(row)


CHUNK = 500
"""Values per IN list; both engines take far more, and short statements keep write transactions short."""


def chunks(values: Collection[int], size: int = CHUNK) -> Iterator[list[int]]:
    """Cut a collection of ids into lists of at most ``size``."""
    listed = list(values)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


def delete_by(connection: Connection, table: Table, column: str, values: Collection[int]) -> None:
    """Delete the rows of a table whose column is one of the values."""
    for part in chunks(values):
        connection.execute(delete(table).where(table.c[column].in_(part)))


def next_id(connection: Connection, tables: Sequence[Table]) -> int:
    """One more than the largest id of the given tables' primary keys."""
    largest = 0
    for table in tables:
        key = next(iter(table.primary_key.columns))
        largest = max(largest, connection.execute(select(key).order_by(key.desc()).limit(1)).scalar() or 0)
    return largest + 1
