"""What a night costs beside the first full sync: one row in a hundred changed, as deltas and as whole snapshots.

And the same changed rows on ten times the base. Every sync is a process of its own; its start is told apart.
``MUSUBI_BENCH_NIGHT`` sets the records of the larger city (the smaller has a tenth), ``MUSUBI_BENCH_SEED`` its seed.
Seconds can be compared on a quiet machine only, CPU seconds on a busy one too.
"""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.bench.cities import Town
from tests.bench.runs import Run, run_sync

RECORDS = int(os.environ.get("MUSUBI_BENCH_NIGHT", "100000"))
SEED = int(os.environ.get("MUSUBI_BENCH_SEED", "7791"))
TIMES = 10
SHARE = 0.01
DONE = {0, 3}
"""Exit codes: done; done, and the planted rows wait."""
pytestmark = pytest.mark.usefixtures("large")


class Towns:
    """Towns with their first full sync, made when first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: dict[str, tuple[Town, Run]] = {}

    def get(self, records: int, kind: str) -> tuple[Town, Run]:
        name = f"{kind}-{records}"
        if name not in self._made:
            town = Town(self._directory / name, records, SEED, deltas=kind == "deltas")
            first = run_sync(town.workspace)
            assert first.exit_code in DONE
            assert first.changed > records / 2
            self._made[name] = (town, first)
        return self._made[name]


@pytest.fixture(scope="module")
def towns(tmp_path_factory) -> Towns:
    return Towns(tmp_path_factory.mktemp("towns"))


def a_night(benchmark, town: Town) -> Run:
    """The night's sync, the deliveries of which lie ready."""
    done: list[Run] = []
    benchmark.pedantic(lambda: done.append(run_sync(town.workspace)), rounds=1)
    assert done[0].exit_code in DONE
    return done[0]


def tell(benchmark, **info: object) -> None:
    benchmark.extra_info.update(info)
    sys.stdout.write(json.dumps(info) + "\n")


def beside(one: Run, other: Run) -> dict[str, float]:
    return {"seconds": round(one.seconds / other.seconds, 4), "cpu": round(one.cpu / other.cpu, 4)}


def figures(run: Run) -> dict[str, object]:
    told = {name: round(getattr(run, name), 2) for name in ("start", "seconds", "cpu")}
    return {**told, "delivered": run.delivered, "changed": run.changed, "stages": run.stages}


@pytest.mark.parametrize("kind", ["deltas", "snapshots"])
def test_one_row_in_a_hundred(benchmark, towns, kind):
    town, first = towns.get(RECORDS, kind)
    town.night(SHARE)
    night = a_night(benchmark, town)
    tell(benchmark, kind=kind, ratio=beside(night, first), night=figures(night), first=figures(first))
    assert 0 < night.changed < first.changed / 10


def test_the_same_night_on_ten_times_the_base(benchmark, towns):
    small, _ = towns.get(RECORDS // TIMES, "deltas")
    small.night(SHARE)
    before = run_sync(small.workspace)
    large, _ = towns.get(RECORDS, "deltas")
    large.night(SHARE / TIMES)
    night = a_night(benchmark, large)
    tell(benchmark, ratio=beside(night, before), large=figures(night), small=figures(before))
    assert night.changed == pytest.approx(before.changed, rel=0.15, abs=10)
