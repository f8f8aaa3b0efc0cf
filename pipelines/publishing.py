"""A new generation of audience-free views, written beside the old one and shown by one short flip.

Only persons whose mentions, links or households changed are written anew. Rows of registers (population ``cases``)
are published for persons of households with an open case only. While the address-protection feed is older than a
source that carries addresses, that source's changed addresses are stored, not published; such mentions stay
``touched`` until the feed has caught up.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

from sqlalchemy import Connection, Engine, Table, delete, insert, select, text, update

from pipelines import view_sql
from pipelines.view_search import Tokens, changed_entries, first_entries, shown, write_search
from privacy.log import record
from schemas.store import chunks, delete_by
from schemas.tables import (
    mention_alias,
    mention_identifier,
    mention_version,
    setting,
    touched,
    view_fact,
    view_member,
    view_mention,
    view_search,
    view_source,
)

BEGIN = 500
"""Persons or mentions written in a view's first transaction."""
AIM = 0.04
"""Seconds a transaction should take, and to which their number is fitted: well below 100 ms."""
LEAST = 100
"""Numbers of a transaction however long one takes: below, a busy machine would spend its time on beginning them."""
SWEPT = 2000
"""Rows swept per transaction."""
GENERATION = "generation"
WRITING = "writing"
"""Setting that names the generation being written; it stands there after a kill."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication did; counts only."""

    generation: int
    persons: int
    """Persons whose mentions or households changed."""
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
        _prepare(conn, bound)
        late = int(conn.execute(text(view_sql.LATE_COUNT)).scalar_one())
        published = _count(conn, "t_known")
        persons = _count(conn, "t_affected")
        conn.commit()  # what was read so far is no ground to write on: somebody may have written meanwhile
        for statement in view_sql.CARRIED if generation else ():
            conn.execute(text(statement), bound)
            conn.commit()
        _write(engine, conn, bound, tell)
        versions = _old_versions(conn, generation)
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


def _prepare(conn: Connection, bound: dict[str, int]) -> None:
    """Fill the temporary tables: who is affected, and how."""
    for name, columns in view_sql.TEMPORARY.items():
        shape = columns.format(id=view_sql.ID[conn.dialect.name])
        conn.execute(text(f"DROP TABLE IF EXISTS {name}"))  # of a publication that failed on this connection
        conn.execute(text(f"CREATE TEMPORARY TABLE {name} ({shape})"))
    for statement in (view_sql.LATE, *(view_sql.NEXT if bound["g"] else view_sql.FIRST)):
        conn.execute(text(statement), {"g": bound["g"]} if ":g" in statement else {})
    if conn.dialect.name == "postgresql":
        for name in view_sql.TEMPORARY:
            conn.execute(text(f"ANALYZE {name}"))


def _write(engine: Engine, conn: Connection, bound: dict[str, int], tell: Callable[[int, int], None]) -> None:
    """End what was shown and write what is shown from now on, view by view.

    What persons are found by follows from their mentions; it is read and joined beside the writing.
    """
    generation = bound["g"]
    written = view_sql.NEXT_WRITTEN if generation else view_sql.FIRST_WRITTEN
    counts = [_count(conn, table) for table, _ in written]
    done = 0

    def write(number: int) -> None:
        nonlocal done
        for first, last in _spans(counts[number]):
            for statement in written[number][1]:
                conn.execute(text(statement), {**bound, "first": first, "last": last})
            conn.commit()
            done += last + 1 - first
            tell(done, sum(counts))

    conn.commit()
    with ThreadPoolExecutor(1) as beside:
        if generation:
            before = shown(conn, generation, among="t_anew")
            conn.commit()
            write(0)
            now = shown(conn, generation + 1, among="t_anew")
            conn.commit()
            found = beside.submit(changed_entries, engine, before, now, generation)
        else:
            everything = beside.submit(Tokens.read, engine)
            write(0)
            found = beside.submit(first_entries, engine, everything)
        write(1)
        write(2)
        write_search(conn, *found.result(), generation)


def _spans(count: int) -> Iterator[tuple[int, int]]:
    """Cut numbers from 1 on into spans, the next one fitted to the time spent on the last."""
    first, size = 1, BEGIN
    while first <= count:
        begun = perf_counter()
        yield first, min(first + size - 1, count)
        first += size
        size = max(LEAST, min(2 * size, int(size * AIM / (perf_counter() - begun))))


def _old_versions(conn: Connection, generation: int) -> list[int]:
    """Find the versions of touched mentions that nobody will see any more."""
    if not generation and conn.execute(text(view_sql.ALL_CURRENT)).scalar_one():
        return []
    return list(conn.execute(text(view_sql.OLD_VERSIONS)).scalars())


def _sweep(conn: Connection, generation: int, versions: list[int]) -> None:
    """Remove what no reader can reach: rows ended before the last generation, sealed versions nobody shows.

    Memberships stay: a household that ever contained somebody is what protection orders go by.
    """
    for part in chunks(versions, SWEPT):
        for table in (mention_identifier, mention_alias, mention_version):
            delete_by(conn, table, "version_id", part)
        conn.commit()
    if _count(conn, "t_late"):
        gone = conn.execute(
            text("SELECT mention_id FROM touched WHERE mention_id NOT IN (SELECT mention_id FROM t_late)")
        )
        for part in chunks(list(gone.scalars()), SWEPT):
            delete_by(conn, touched, "mention_id", part)
            conn.commit()
    else:
        conn.execute(delete(touched))
    conn.commit()
    for view in (view_mention, view_fact, view_search, view_source):
        _piecewise(conn, view, f"DELETE FROM {view}", f"g_to <= {generation} AND g_to < {view_sql.OPEN}")


def _discard(conn: Connection, following: int) -> None:
    """Take back what a killed publication wrote."""
    for view in (view_mention, view_member, view_fact, view_search, view_source):
        _piecewise(conn, view, f"DELETE FROM {view}", f"g_from = {following}")
        _piecewise(
            conn, view, f"UPDATE {view} SET g_to = {view_sql.OPEN}", f"g_to = {following} AND g_to < {view_sql.OPEN}"
        )


def _piecewise(conn: Connection, view: Table, change: str, condition: str) -> None:
    """Change the rows of a view that meet a condition, few at a time, and look for them before anything is locked."""
    key = [column.name for column in view.primary_key]
    named = text(f"{change} WHERE " + " AND ".join(f"{name} = :{name}" for name in key))
    found = text(f"SELECT {', '.join(key)} FROM {view} WHERE {condition} LIMIT {SWEPT}")
    while rows := conn.execute(found).mappings().all():
        conn.commit()
        conn.execute(named, [dict(row) for row in rows])
        conn.commit()


def _count(conn: Connection, table: str) -> int:
    return int(conn.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one())


def _setting(conn: Connection, name: str) -> str | None:
    return conn.execute(select(setting.c.value).where(setting.c.name == name)).scalar_one_or_none()


def _set(conn: Connection, name: str, value: str) -> None:
    if not conn.execute(update(setting).where(setting.c.name == name).values(value=value)).rowcount:
        conn.execute(insert(setting).values(name=name, value=value))
