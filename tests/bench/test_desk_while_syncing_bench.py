"""The desk while a sync runs: workers ask over HTTP, the sync is a process of its own, the desk another.

Every answer must be, word for word, the one from before the sync or the one after it, as the generation it names
says: so each is of one whole generation. ``MUSUBI_BENCH_SYNC`` sets the records the sync takes;
a fifth of them changed.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest

from tests.bench.asking import queries
from tests.bench.cities import Town
from tests.bench.runs import ROOT, Run, run_sync

RECORDS = int(os.environ.get("MUSUBI_BENCH_SYNC", "100000"))
SHARE = 0.2
WORKERS = ("desk-1", "desk-2")
HOUSEHOLDS = 60
PAUSE = 0.05
"""Seconds between two questions of a worker: more than any person asks, less than would keep both cores busy."""
DONE = {0, 3}
pytestmark = pytest.mark.usefixtures("large")


@dataclass
class Asked:
    """What one worker was answered during the sync."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    generations: set[int] = field(default_factory=set)
    torn: int = 0
    """Answers that are of no whole generation."""


@contextmanager
def served(workspace: Path) -> Iterator[str]:
    """Serve the workspace as `musubi serve` does; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "musubi", "--workspace", str(workspace), "serve", "--port", str(port)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx.get(f"{address}/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def client(address: str) -> httpx.Client:
    return httpx.Client(base_url=address, timeout=60)


class Worker:
    """One worker at the desk, signed in, with households found before."""

    def __init__(self, client: httpx.Client, staff: str) -> None:
        self.client = client
        stated = {"staff": staff, "purpose": "consultation", "present": ["family"], "reason": "came"}
        token = self.client.post("/api/v1/session", json=stated).raise_for_status().json()["token"]
        self.client.headers["Authorization"] = f"Bearer {token}"
        self.openings: list[str] = []

    def search(self, systems: Path) -> None:
        for query in queries(systems, HOUSEHOLDS * 2):
            answer = self.client.post("/api/v1/persons/search", json=query.model_dump())
            if answer.status_code == 200:  # a birth date without a month is refused
                self.openings += [found["opening"] for found in answer.json()["found"][:1]]
        self.openings = self.openings[:HOUSEHOLDS]

    def open(self, opening: str) -> tuple[int, Any]:
        """Give generation and content of a household view; raise where it fails."""
        answer = self.client.get(f"/api/v1/households/{opening}").raise_for_status().json()
        return answer.pop("proof")["generation"], answer

    def all(self) -> dict[str, tuple[int, Any]]:
        return {opening: self.open(opening) for opening in self.openings}

    def ask(self, stop: threading.Event, asked: Asked, answers: list[tuple[str, int, Any]]) -> None:
        while not stop.is_set():
            for opening in self.openings:
                begun = time.perf_counter()
                try:
                    answers.append((opening, *self.open(opening)))
                except Exception as error:  # noqa: BLE001 - whatever fails is what is looked for
                    asked.failures.append(type(error).__name__)
                asked.seconds.append(time.perf_counter() - begun)
                if stop.wait(PAUSE):
                    return


def told(asked: list[Asked]) -> dict[str, float]:
    seconds = [one for some in asked for one in some.seconds]
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return {
        "answers": len(seconds),
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
        "max_ms": round(max(seconds) * 1000),
    }


def test_reading_while_a_sync_runs(benchmark, tmp_path):
    town = Town(tmp_path / "town", RECORDS, 7795, deltas=False)
    assert run_sync(town.workspace).exit_code in DONE
    with served(town.workspace) as address, ExitStack() as opened:
        workers = [Worker(opened.enter_context(client(address)), staff) for staff in WORKERS]
        for worker in workers:
            worker.search(town.systems)
            assert len(worker.openings) == HOUSEHOLDS
        before = [worker.all() for worker in workers]
        quiet = [Asked() for _ in workers]
        alone, answers = threading.Event(), [[] for _ in workers]
        ask_for(10, workers, alone, quiet, answers)
        town.night(SHARE)
        runs: list[Run] = []
        asked, answers = [Asked() for _ in workers], [[] for _ in workers]

        def sync() -> None:
            stop = threading.Event()
            threads = begin(workers, stop, asked, answers)
            try:
                runs.append(run_sync(town.workspace))
            finally:
                stop.set()
                for thread in threads:
                    thread.join()

        benchmark.pedantic(sync, rounds=1)
        after = [worker.all() for worker in workers]
    for old, new, some, given in zip(before, after, asked, answers, strict=True):
        for opening, generation, content in given:
            some.generations.add(generation)
            whole = [known[opening][1] for known in (old, new) if known[opening][0] == generation]
            some.torn += content not in whole
    info = {
        "records": runs[0].delivered,
        "changed": runs[0].changed,
        "sync_seconds": round(runs[0].seconds, 1),
        "during": told(asked),
        "alone": told(quiet),
        "failed": sum(len(some.failures) for some in asked),
        "torn": sum(some.torn for some in asked),
        "generations": sorted(set().union(*(some.generations for some in asked))),
    }
    benchmark.extra_info.update(info)
    sys.stdout.write(json.dumps(info) + "\n")
    assert not [one for some in asked for one in some.failures]
    assert not info["torn"]
    assert before != after


def begin(
    workers: list[Worker], stop: threading.Event, asked: list[Asked], answers: list[Any]
) -> list[threading.Thread]:
    threads = [
        threading.Thread(target=worker.ask, args=(stop, *given))
        for worker, *given in zip(workers, asked, answers, strict=True)
    ]
    for thread in threads:
        thread.start()
    return threads


def ask_for(
    seconds: float, workers: list[Worker], stop: threading.Event, asked: list[Asked], answers: list[Any]
) -> None:
    threads = begin(workers, stop, asked, answers)
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
