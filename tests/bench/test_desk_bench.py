"""What a reading at the desk costs: policy applied, sealed parts opened, its entry durable before it is shown.

A household view is set beside the bare SQL that brings the rows of the same household and one durable insert of an
entry, taken in turn so that a busy machine slows both. Every household is read several times: ``p99_ms`` is over all
readings, ``quiet`` over the quickest of each household, which is the product's own spread without that of a busy
machine. ``MUSUBI_BENCH_READINGS`` sets how many people are asked for.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from sqlalchemy import Column, Engine, LargeBinary, MetaData, String, Table, insert, text

from desk import Query, Service, open_service, reader_of
from desk.refusals import QueryRefused
from pipelines.site import Site
from privacy.policy import Reader, load_policy
from privacy.pseudonyms import PseudonymDomain
from tests.bench.asking import queries

Answer = TypeVar("Answer")
READINGS = int(os.environ.get("MUSUBI_BENCH_READINGS", "600"))
TIMES = 3
WORKER, PURPOSE = "desk-1", "consultation"
STATED = frozenset({"present", "reason"})
STATEMENT = ("present:family", "reason:came")
ENTRY = b"x" * 1200
"""As long as the entry of a reading of a small household."""
HOUSEHOLD = """
    SELECT m.household_id, m.person_id, m.relation, m.state FROM view_member b
    JOIN view_member m ON m.household_id = b.household_id AND m.g_from <= :g AND m.g_to > :g
    WHERE b.person_id = :person AND b.kind = 'living' AND b.g_from <= :g AND b.g_to > :g
"""
LIVING = "SELECT COUNT(*) FROM household WHERE kind = 'living' AND retired_to IS NULL"
MENTIONS = "SELECT * FROM view_mention WHERE person_id IN ({ids}) AND g_from <= :g AND g_to > :g"
FACTS = "SELECT * FROM view_fact WHERE person_id IN ({ids}) AND g_from <= :g AND g_to > :g"
SOURCES = "SELECT * FROM view_source WHERE g_from <= :g AND g_to > :g"
SEALED = """
    SELECT v.identity, v.address, v.notes, k.wrapped FROM mention_version v
    JOIN data_key k ON k.mention_id = v.mention_id WHERE v.version_id IN ({ids})
"""
ENTRIES = Table(
    "bench_entry",
    MetaData(),
    Column("act_id", String, primary_key=True),
    Column("recorded_at", String, index=True),
    Column("entry", LargeBinary),
)
"""As the outbox is, beside it: nothing that is no act gets into the log."""


@dataclass
class Taken:
    """Seconds on the clock and on the processor, reading by reading."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def take(self, work: Callable[[], Answer]) -> Answer:
        wall, cpu = time.perf_counter(), time.thread_time()
        answer = work()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.thread_time() - cpu)
        return answer

    def told(self) -> dict[str, float]:
        """Tell of readings that went round TIMES times."""
        wall, best = np.array(self.wall) * 1000, np.reshape(self.wall, (TIMES, -1)).min(axis=0) * 1000
        figures = {"p50_ms": np.percentile(wall, 50), "p99_ms": np.percentile(wall, 99)}
        figures |= {"quiet_p50_ms": np.percentile(best, 50), "quiet_p99_ms": np.percentile(best, 99)}
        return {name: round(float(one), 2) for name, one in {**figures, "cpu_ms": np.mean(self.cpu) * 1000}.items()}


class Desk:
    """One worker at the desk of a city."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.service: Service = open_service(site.workspace, site.engine, site.keyring, load_policy())
        self.search = Taken()

    @property
    def reader(self) -> Reader:
        return reader_of(self.site.workspace, WORKER, PURPOSE, datetime.now(UTC), stated=STATED)

    def openings(self, systems: Path) -> list[str]:
        """Search for people and give what opens the household of each who was found."""
        found: dict[str, None] = {}
        asked = [query for query in queries(systems, READINGS) if self._readable(query)]
        for query in asked * TIMES:
            answer = self.search.take(lambda query=query: self.service.find(self.reader, query, STATEMENT))
            found.update(dict.fromkeys(one.opening for one in answer.found[:1]))
        return list(found)

    def _readable(self, query: Query) -> bool:
        try:
            self.service.find(self.reader, query, STATEMENT)
        except QueryRefused:
            return False  # a birth date without a month
        return True


def bare(engine: Engine, generation: int, person_id: int) -> None:
    """Bring the rows of a household and insert one entry durably, with nothing decided, opened or told."""
    with engine.connect() as conn:
        given = {"g": generation, "person": person_id}
        members = {row.person_id for row in conn.execute(text(HOUSEHOLD), given)} or {person_id}
        ids = ",".join(map(str, members))
        mentions = conn.execute(text(MENTIONS.format(ids=ids)), given).all()
        conn.execute(text(FACTS.format(ids=ids)), given).all()
        conn.execute(text(SOURCES), given).all()
        own = [row.identity_version for row in mentions if row.agency_id == "desk"]
        if own:
            conn.execute(text(SEALED.format(ids=",".join(map(str, own))))).all()
        now = time.time_ns()
        conn.execute(insert(ENTRIES), {"act_id": f"{now:026}", "recorded_at": str(now), "entry": ENTRY})
        conn.commit()


@pytest.fixture(scope="module")
def desk(city):
    with Site.open(city / "workspace") as site:
        ENTRIES.drop(site.engine, checkfirst=True)
        ENTRIES.create(site.engine)
        yield Desk(site)
        ENTRIES.drop(site.engine)


def tell(benchmark, **info):
    benchmark.extra_info.update(info)
    sys.stdout.write(json.dumps(info) + "\n")


def test_searching_and_viewing_households(benchmark, desk, city):
    openings = desk.openings(city / "systems")
    domain = PseudonymDomain(desk.site.keyring, "desk")
    with desk.site.engine.connect() as conn:
        generation = int(conn.execute(text("SELECT value FROM setting WHERE name = 'generation'")).scalar_one())
        households = conn.execute(text(LIVING)).scalar_one()
        persons = [domain.inward(conn, "person", opening.partition("~")[0]) for opening in openings]
    view, plain, members = Taken(), Taken(), 0

    def readings() -> None:
        nonlocal members
        for opening, person_id in list(zip(openings, persons, strict=True)) * TIMES:
            answer = view.take(lambda opening=opening: desk.service.household(desk.reader, opening, STATEMENT))
            plain.take(lambda person_id=person_id: bare(desk.site.engine, generation, person_id))
            members += len(answer.members)

    benchmark.pedantic(readings, rounds=1, warmup_rounds=0)
    told, beside = view.told(), plain.told()
    ratio = {
        "wall": round(sum(view.wall) / sum(plain.wall), 2),
        "quiet_p50": round(told["quiet_p50_ms"] / beside["quiet_p50_ms"], 2),
        "quiet_p99": round(told["quiet_p99_ms"] / beside["quiet_p99_ms"], 2),
        "cpu": round(sum(view.cpu) / sum(plain.cpu), 2),
    }
    size = {"households": households, "readings": len(view.wall), "members": round(members / len(view.wall), 1)}
    tell(benchmark, **size, view=told, bare=beside, ratio=ratio, search=desk.search.told())
    assert len(openings) > READINGS / 4
