"""SQL fragments for set-based questions over a batch of ids, for SQLite and PostgreSQL."""

import json
from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection, TextClause, text

DAY_SHAPE = {
    "sqlite": "{0} GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]'",
    "postgresql": "{0} ~ '^[0-9]{{4}}-[0-1][0-9]-[0-3][0-9]$'",
}


@lru_cache(256)
def prepared(sql: str) -> TextClause:
    """Return a statement, parsed once: the same few are asked again at every reading."""
    return text(sql)


def id_set(conn: Connection, parameter: str) -> str:
    """Return a subquery with one column ``id`` over the JSON list bound to ``parameter``."""
    if conn.dialect.name == "sqlite":
        return f"(SELECT value AS id FROM json_each(:{parameter}))"
    return f"(SELECT id FROM unnest(CAST(translate(:{parameter}, '[]', '{{}}') AS bigint[])) AS id)"


def bind_ids(ids: Iterable[int]) -> str:
    """Return the value to bind for ``id_set``."""
    return json.dumps(sorted(set(ids)))


def is_day(conn: Connection, column: str) -> str:
    """Return a condition that is true where a text column holds a whole ISO day."""
    return "(" + DAY_SHAPE[conn.dialect.name].format(column) + ")"


def live(alias: str) -> str:
    """Return the condition that a published row is visible in generation ``:g``."""
    return f"{alias}.g_from <= :g AND :g < {alias}.g_to"
