"""A new generation of audience-free views, written beside the old one and shown by one short flip.

Only persons whose mentions, links or households changed are written anew. Rows of registers (population ``cases``)
are published for persons of households with an open case only. While the address-protection feed is older than a
source that carries addresses, that source's changed addresses are stored, not published; such mentions stay
``touched`` until the feed has caught up.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from pipelines import view_sql
from privacy.log import record
from schemas.store import chunks, delete_by
from schemas.tables import mention_alias, mention_identifier, mention_version, setting

PERSONS = 500
"""Persons written per transaction: well below 100 ms on SQLite."""
SWEPT = 5000
"""Rows swept per transaction."""
GENERATION = "generation"
WRITING = "writing"
"""Setting that names the generation being written; it stands there after a kill."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication did; counts only."""

    generation: int
    persons: int
    """Persons written anew or taken off."""
    published: int
    """Persons of those that are published."""
    withheld_addresses: int
    """Mentions whose changed address waits for the protection feed."""


def publish(engine: Engine, run_id: str, tell: Callable[[int, int], None] = lambda _done, _all: None) -> Publication:
    """Publish what changed since the last generation; a killed publication is made anew by the next one."""
    with engine.connect() as conn:
        generation = int(_setting(conn, GENERATION) or 0)
        following = generation + 1
        if _setting(conn, WRITING):
            _discard(conn, following)
        _set(conn, WRITING, str(following))
        conn.commit()
        bound = {"g": generation, "next": following, "open": view_sql.OPEN}
        persons = _prepare(conn, bound)
        conn.commit()  # what was read so far is no ground to write on: somebody may have written meanwhile
        for statement in view_sql.CARRIED if generation else ():
            conn.execute(text(statement), bound)
            conn.commit()
        late = int(conn.execute(text(view_sql.LATE_COUNT)).scalar_one())
        published = int(conn.execute(text("SELECT COUNT(*) FROM t_known")).scalar_one())
        conn.commit()
        for first in range(1, persons + 1, PERSONS):
            part = {**bound, "first": first, "last": first + PERSONS - 1}
            if generation:
                for view in view_sql.VIEWS:
                    conn.execute(text(view_sql.END.format(view=view)), part)
            for statement in view_sql.WRITTEN:
                conn.execute(text(statement), part)
            conn.commit()
            tell(min(first + PERSONS - 1, persons), persons)
        versions = list(conn.execute(text(view_sql.OLD_VERSIONS)).scalars())
        conn.commit()
        for statement in (view_sql.SOURCES_END, view_sql.SOURCES):
            conn.execute(text(statement), bound)
        record(
            conn,
            "publication",
            {"generation": following, "persons": persons, "published": published, "withheld": late, "by": run_id},
        )
        _set(conn, GENERATION, str(following))
        conn.execute(delete(setting).where(setting.c.name == WRITING))
        conn.commit()
        _sweep(conn, generation, versions)
        for name in view_sql.TEMPORARY:
            conn.execute(text(f"DROP TABLE {name}"))
        conn.commit()
    return Publication(following, persons, published, late)


def _prepare(conn: Connection, bound: dict[str, int]) -> int:
    """Fill the temporary tables; give the number of affected persons."""
    for name, columns in view_sql.TEMPORARY.items():
        conn.execute(text(f"CREATE TEMPORARY TABLE {name} ({columns})"))
    for statement in (
        view_sql.LATE,
        view_sql.AFFECTED,
        "CREATE INDEX ix_t_person ON t_person (person_id)",
        view_sql.NEAR,
        view_sql.CASES,
        view_sql.KNOWN,
    ):
        conn.execute(text(statement), {"g": bound["g"]} if ":g" in statement else {})
    if conn.dialect.name == "postgresql":
        for name in view_sql.TEMPORARY:
            conn.execute(text(f"ANALYZE {name}"))
    return int(conn.execute(text("SELECT COUNT(*) FROM t_person")).scalar_one())


def _sweep(conn: Connection, generation: int, versions: list[int]) -> None:
    """Remove what no reader can reach: rows ended before the last generation, sealed versions nobody shows.

    Memberships stay: a household that ever contained somebody is what protection orders go by.
    """
    for part in chunks(versions, SWEPT):
        for table in (mention_identifier, mention_alias, mention_version):
            delete_by(conn, table, "version_id", part)
        conn.commit()
    late = "SELECT mention_id FROM t_late"
    while True:
        gone = list(
            conn.execute(
                text(f"SELECT mention_id FROM touched WHERE mention_id NOT IN ({late}) LIMIT {SWEPT}")
            ).scalars()
        )
        if not gone:
            break
        for part in chunks(gone):
            conn.execute(text(f"DELETE FROM touched WHERE mention_id IN ({', '.join(map(str, part))})"))
        conn.commit()
    for view in ("view_mention", "view_fact", "view_search", "view_source"):
        while conn.execute(
            text(
                f"DELETE FROM {view} WHERE row_id IN (SELECT row_id FROM {view} WHERE g_to <= :g AND g_to < :open"
                f" LIMIT {SWEPT})"
            ),
            {"g": generation, "open": view_sql.OPEN},
        ).rowcount:
            conn.commit()


def _discard(conn: Connection, following: int) -> None:
    """Take back what a killed publication wrote."""
    for view in (*view_sql.VIEWS, "view_source"):
        conn.execute(text(f"DELETE FROM {view} WHERE g_from = :next"), {"next": following})
        conn.execute(
            text(f"UPDATE {view} SET g_to = :open WHERE g_to = :next"), {"next": following, "open": view_sql.OPEN}
        )
    conn.commit()


def _setting(conn: Connection, name: str) -> str | None:
    return conn.execute(select(setting.c.value).where(setting.c.name == name)).scalar_one_or_none()


def _set(conn: Connection, name: str, value: str) -> None:
    if not conn.execute(update(setting).where(setting.c.name == name).values(value=value)).rowcount:
        conn.execute(insert(setting).values(name=name, value=value))
