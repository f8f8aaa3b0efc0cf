"""Decisions in bulk: everybody published is decided at once, one decision being (subject, category) → tier.

On SQLite and on PostgreSQL, for the three kinds of reader whose answers cost differently. Time is that of the
processor of this process, and of the server's where there is one.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from desk import reader_of
from pipelines.site import Site
from privacy.policy import CATEGORIES, Reader, decide, load_policy
from schemas import tables
from schemas.store import bulk_insert, migrate, open_store
from schemas.tables import view_mention

READERS = {
    "desk, first minute": ("desk-1", "consultation", frozenset({"present", "reason"}), 2),
    "agency, own programme": ("kaigo-1", "own_programme", frozenset(), 0),
    "agency, with consents": ("houkatsu-1", "coordination", frozenset({"reason"}), 0),
}
READ = (
    "setting",
    "view_mention",
    "view_member",
    "mention",
    "person_mention",
    "consent",
    "protection",
    "protection_party",
    "protection_clearance",
)
"""Tables a decision reads; these are copied to the other engine."""
CHUNK = 50_000
ROUNDS = 3


def copied(source: Engine, url: str) -> Engine:
    """A store with the same published views."""
    target = open_store(url)
    migrate(target)
    with source.connect() as given, target.begin() as taken:
        for name in READ:
            table = tables.metadata.tables[name]
            taken.execute(table.delete())
            rows = given.execution_options(stream_results=True).execute(select(table))
            for part in rows.partitions(CHUNK):
                bulk_insert(taken, table, [tuple(row) for row in part])
    with target.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("ANALYZE"))
    return target


@pytest.fixture(scope="module")
def site(city: Path) -> Iterator[Site]:
    with Site.open(city / "workspace") as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request, site) -> Iterator[Engine]:
    if request.param == "sqlite":
        yield site.engine
        return
    opened = copied(site.engine, request.getfixturevalue("postgres_url"))
    yield opened
    opened.dispose()


def server_seconds(engine: Engine) -> float:
    """Processor seconds of the PostgreSQL server's processes so far; 0 for SQLite, which is in this process."""
    if engine.dialect.name == "sqlite":
        return 0.0
    with engine.connect() as conn:
        backend = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
    parent = Path(f"/proc/{backend}/stat").read_text("ascii").rpartition(")")[2].split()[1]
    ticks = 0
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split():
        ticks += sum(map(int, Path(f"/proc/{child}/stat").read_text("ascii").rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def reader(site: Site, name: str) -> tuple[Reader, int]:
    staff, purpose, stated, found_by = READERS[name]
    return reader_of(site.workspace, staff, purpose, datetime.now(UTC), stated=stated), found_by


@pytest.mark.parametrize("reasons", [False, True], ids=["tiers", "reasons"])
@pytest.mark.parametrize("name", READERS)
def test_deciding_everybody(benchmark, site, engine, name, reasons):
    policy = load_policy()
    who, found_by = reader(site, name)
    with engine.connect() as conn:
        query = select(tables.setting.c.value).where(tables.setting.c.name == "generation")
        generation = int(conn.execute(query).scalar_one())
        persons = sorted(conn.execute(select(view_mention.c.person_id).distinct()).scalars())
        cost: list[float] = []
        shown = 0

        def bulk() -> None:
            nonlocal shown
            begun = time.process_time() + server_seconds(engine)
            decisions = decide(conn, policy, who, generation, persons, found_by)
            if reasons:
                told = [decisions.reasons(person, category) for person in persons for category in CATEGORIES]
            else:
                told = [tier for person in persons for tier in decisions.best_vector(person)]
            shown = sum(map(bool, told))
            cost.append(time.process_time() + server_seconds(engine) - begun)

        benchmark.pedantic(bulk, rounds=ROUNDS)
    count = len(persons) * len(CATEGORIES)
    info = {
        "engine": engine.dialect.name,
        "reader": name,
        "reasons": reasons,
        "decisions": count,
        "shown": shown,
        "per_cpu_second": round(count / min(cost)),
    }
    benchmark.extra_info.update(info)
    sys.stdout.write(json.dumps(info, ensure_ascii=False) + "\n")
    assert 0 < shown <= count
