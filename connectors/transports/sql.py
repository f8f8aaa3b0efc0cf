"""A database as a source: any SQLAlchemy URL, read only, streamed, as a snapshot or by a growing cursor.

A snapshot's as-of comes from ``as_of_query``; its content hash is the hash of its rows, and reading checks it again,
so that a table that changed in between is not applied half old, half new. With a cursor the position reached is part
of the content hash, so the ledger of deliveries is the only memory.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import stamina
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from connectors.deliveries import Delivery, RawFault, Rows, dated
from connectors.numbers import UTF_8
from connectors.transports.encodings import private_use
from connectors.transports.files import as_of_text
from schemas.errors import ConfigurationError, SourceUnavailable
from schemas.source import SourceDefinition, Sql

__all__ = ["SqlSource", "SqlTable"]

CHUNK = 2000
CURSOR_HASH = "cursor"
Cells = tuple[str, ...]
Answer = TypeVar("Answer")


class SqlSource:
    """One query of one database."""

    def __init__(self, definition: SourceDefinition, root: Path) -> None:
        if not isinstance(definition.transport, Sql):
            raise ConfigurationError(f"{definition.id}: transport: not sql")
        self.definition = definition
        self.transport = definition.transport
        self.waiting: tuple[str, ...] = ()
        if self.transport.cursor and ":cursor" not in self.transport.query:
            raise ConfigurationError(f"{definition.id}: transport.query: a cursor source needs :cursor in it")
        if not self.transport.as_of_query:
            raise ConfigurationError(
                f"{definition.id}: transport.as_of_query: say as of which day the database stands"
            )
        self.engine = _engine(definition, root)

    def deliveries(self, known_hashes: AbstractSet[str]) -> Iterator[Delivery]:
        """Give what the database holds now, when it is not known yet."""
        cursor = _reached(known_hashes) if self.transport.cursor else ""
        as_of = self._retried(self._as_of)
        table = SqlTable(self, cursor)
        digest, last, count = self._retried(table.digest)
        if self.transport.cursor:
            if not count:
                return
            content_hash = f"{CURSOR_HASH}:{last}:{digest}"
            as_of = f"{as_of}.{last.zfill(20)}" if last.isdigit() else f"{as_of}.{last}"
            table.last = last
        else:
            content_hash = dated(as_of, digest)
        table.expected = digest
        if content_hash not in known_hashes:
            mode = "delta" if self.transport.cursor and self.definition.mode == "snapshot" else ""
            yield Delivery(self.definition, self.definition.id, content_hash, as_of, partial(_same, table), mode)

    def _as_of(self) -> str:
        with self.engine.connect() as connection:
            value = connection.execute(text(self.transport.as_of_query)).scalar()
        digits = "".join(letter for letter in cell_text(value)[:10] if letter.isdigit())
        if not (found := as_of_text(digits)):
            raise ConfigurationError(f"{self.definition.id}: transport.as_of_query: gives no day (YYYYMMDD)")
        return found

    def _retried(self, work: Callable[[], Answer]) -> Answer:
        """Do a piece of reading, again when the connection was cut; statement texts are not quoted."""
        try:
            for attempt in stamina.retry_context(
                on=_is_passing, attempts=self.transport.attempts, wait_initial=0.05, wait_max=2.0
            ):
                with attempt:
                    return work()
        except SQLAlchemyError as error:
            kind = type(error).__name__
            raise SourceUnavailable(f"{self.definition.id}: the database did not answer ({kind})") from None
        raise AssertionError  # the retry context always runs once


def _same(table: "SqlTable") -> "SqlTable":
    return table


class SqlTable:
    """The rows of a query. Every reading is its own connection, so a cut one is taken up by reading again."""

    def __init__(self, source: SqlSource, cursor: str) -> None:
        self._source = source
        self._cursor = cursor
        self._gaiji = private_use(source.definition.format.gaiji)
        self.problem: tuple[str, str] = ("", "")
        self.header: Cells = ()
        self.expected = ""
        self.last = ""
        self._suspect = False

    def digest(self) -> tuple[str, str, int]:
        """Read all rows once: hash of them, last cursor value, count."""
        digest = hashlib.sha256()
        count, last, suspect = 0, "", False
        at: int | None = None
        with self._source.engine.connect() as connection:
            for names, rows in self._read(connection):
                if not count:
                    self.header = names
                    at = self._cursor_position(names)
                    digest.update("\x1f".join(names).encode())
                joined = _joined(rows)
                digest.update(joined)
                suspect = suspect or UTF_8.may_hold_numbers(joined)
                if at is not None:
                    last = max((last, *(row[at] for row in rows)), key=_cursor_order)
                count += len(rows)
                if not self.header:
                    self.header = names
        self._suspect = suspect
        return digest.hexdigest(), last, count

    def suspects(self, size: int) -> Iterator[Rows]:
        """Give the rows that may hold individual numbers; where none was seen they are not read again."""
        return (piece for piece in self.pieces(size) if piece.may_hold_numbers()) if self._suspect else iter(())

    def pieces(self, size: int) -> Iterator[Rows]:
        """Read the rows; a cut connection is taken up where it broke, a table that changed meanwhile is refused."""
        digest = hashlib.sha256("\x1f".join(self.header).encode())
        done = 0
        attempts = self._source.transport.attempts
        while True:
            try:
                seen = 0
                with self._source.engine.connect() as connection:
                    for _, rows in self._read(connection):
                        fresh = rows[max(0, done - seen) :]
                        seen += len(rows)
                        joined = _joined(fresh)
                        digest.update(joined)
                        nul = b"\0" in joined
                        for start in range(0, len(fresh), size):
                            some = fresh[start : start + size]
                            yield self._piece(some, done + 1, nul=nul)
                            done += len(some)
                break
            except DBAPIError as error:
                attempts -= 1
                if not _is_passing(error) or attempts <= 0:
                    kind = type(error).__name__
                    text_ = f"{self._source.definition.id}: the database stopped answering ({kind})"
                    raise SourceUnavailable(text_) from None
        if self.expected and digest.hexdigest() != self.expected:
            raise SourceUnavailable(
                f"{self._source.definition.id}: the rows changed while they were read; the next run reads them again"
            )

    def _piece(self, rows: Sequence[Cells], first: int, *, nul: bool) -> Rows:
        if not nul and not self._gaiji:
            return Rows(list(enumerate(rows, first)), [])
        good: list[tuple[int, Sequence[str]]] = []
        faults: list[RawFault] = []
        for line, row in enumerate(rows, first):
            if any("\0" in cell for cell in row):
                faults.append(RawFault(line, "nul", tuple(cell.replace("\0", "") for cell in row)))
            else:
                good.append((line, [cell.translate(self._gaiji) for cell in row]))
        return Rows(good, faults)

    def _read(self, connection: Connection) -> Iterator[tuple[Cells, list[Cells]]]:
        transport = self._source.transport
        bound = {"cursor": _bind(self._cursor)} if transport.cursor else {}
        statement = text(transport.query)
        result = connection.execution_options(stream_results=True, yield_per=CHUNK).execute(statement, bound)
        names = tuple(result.keys())
        empty = True
        for part in result.partitions(CHUNK):
            empty = False
            yield names, [tuple(map(cell_text, row)) for row in part]
        if empty:
            yield names, []

    def _cursor_position(self, names: Cells) -> int | None:
        cursor = self._source.transport.cursor
        if not cursor:
            return None
        if cursor not in names:
            raise ConfigurationError(
                f"{self._source.definition.id}: transport.cursor: the query gives no such column"
            )
        return names.index(cursor)


def _joined(rows: Sequence[Cells]) -> bytes:
    """Write rows for hashing and searching."""
    return "".join(["\x1f".join(row) + "\x1e" for row in rows]).encode("utf-8", "surrogatepass")


def cell_text(value: Any) -> str:
    """Write a database value as text: dates in ISO form, whole numbers without a point, NULL empty."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    match value:
        case bool():
            return "1" if value else "0"
        case datetime():
            return value.isoformat(sep=" ")
        case date():
            return value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
        case bytes():
            return value.decode("utf-8", "replace")
        case _:
            return str(value)


def _engine(definition: SourceDefinition, root: Path) -> Engine:
    url = definition.transport.url if isinstance(definition.transport, Sql) else ""
    if url.startswith("env:"):
        name = url.removeprefix("env:")
        if name not in os.environ:
            raise ConfigurationError(f"{definition.id}: transport.url: {name} is not set in the environment")
        url = os.environ[name]
    try:
        made = make_url(url)
        if made.get_backend_name() == "sqlite" and made.database and not made.database.startswith(("/", "file:")):
            path = (root / made.database).resolve()
            made = made.set(database=f"file:{path}", query={"mode": "ro", "uri": "true"})
        return create_engine(made, hide_parameters=True, poolclass=NullPool)  # nothing stays open at the source
    except (ArgumentError, NoSuchModuleError):
        raise ConfigurationError(f"{definition.id}: transport.url: not a database URL SQLAlchemy knows") from None


def _is_passing(error: Exception) -> bool:
    """Tell a cut connection or a busy database from a query that is wrong."""
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated
        or type(error).__name__ in {"OperationalError", "InterfaceError", "InternalError"}
    )


def _reached(known_hashes: AbstractSet[str]) -> str:
    positions = [known.split(":", 1)[1].rsplit(":", 1)[0] for known in known_hashes if known.startswith(CURSOR_HASH)]
    return max(positions, key=_cursor_order, default="")


def _cursor_order(value: str) -> tuple[int, str]:
    return (int(value), "") if value.isdigit() else (-1, value)


def _bind(cursor: str) -> int | str:
    if not cursor:
        return 0
    return int(cursor) if cursor.isdigit() else cursor
