"""Files to published views: source records per second, per stage, with peak memory, at 10 k, 100 k and 1 M records.

The mix is the demo city's: 2.6 records per resident, two thirds of them ledger rows of 122 columns, 5 % FHIR. Making
the city is not product time. ``MUSUBI_BENCH_RECORDS`` (a comma-separated list) chooses other sizes.
"""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PER_RESIDENT = 2.61
SIZES = [int(size) for size in os.environ.get("MUSUBI_BENCH_RECORDS", "10000,100000,1000000").split(",")]
GENERATE = "generate"
_done: dict[int, float] = {}


@pytest.mark.parametrize("records", SIZES)
def test_first_full_sync(benchmark, tmp_path: Path, records: int):
    """One first sync of a city nobody tuned on, as the command line does it."""
    if benchmark.disabled:
        pytest.skip("a city of this size is for make bench")
    people = round(records / PER_RESIDENT)
    told: dict[str, object] = {}

    def run() -> None:
        command = [sys.executable, "-m", "musubi", "demo", "--people", str(people), "--seed", "77", "--json"]
        done = subprocess.run([*command, "--dir", str(tmp_path / "city")], capture_output=True, check=True, text=True)
        told.update(json.loads(done.stdout))

    benchmark.pedantic(run, rounds=1, iterations=1)
    shutil.rmtree(tmp_path / "city")
    stages = {stage["name"]: stage for stage in told["stages"]}
    product = sum(stage["seconds"] for name, stage in stages.items() if name != GENERATE)
    seconds = {name: round(stage["seconds"], 2) for name, stage in stages.items()}
    peak = max(stage["peak_mib"] for name, stage in stages.items() if name != GENERATE)
    rate = told["delivered"] / product
    _done[told["delivered"]] = product
    info = {"records": told["delivered"], "records_per_second": round(rate), "seconds": seconds, "peak_mib": peak}
    if len(_done) > 1:
        (small, before), (large, after) = sorted(_done.items())[-2:]
        info["growth_exponent"] = round(math.log(after / before) / math.log(large / small), 3)
    benchmark.extra_info.update(info)
    sys.stdout.write(json.dumps(info) + "\n")
    assert told["delivered"] == told["accepted"] + told["quarantined"] + told["held"]
