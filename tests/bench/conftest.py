"""A synced city for benchmarks of reading and deciding.

``MUSUBI_BENCH_PEOPLE`` sets its residents (2.3 to a household). ``MUSUBI_BENCH_CITY`` names a city that `musubi demo`
made before; it is read as it is, and its log grows by the readings.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PEOPLE = os.environ.get("MUSUBI_BENCH_PEOPLE", "20000")
GIVEN = os.environ.get("MUSUBI_BENCH_CITY", "")


@pytest.fixture(scope="session")
def large(request) -> None:
    """Leave out what needs a city of some size where benchmarks are disabled."""
    if request.config.getoption("benchmark_disable"):
        pytest.skip("a city of this size is for make bench")


@pytest.fixture(scope="session")
def city(large, tmp_path_factory) -> Path:
    """Give the directory of a city with its systems and a workspace that is synced and published."""
    if GIVEN:
        return Path(GIVEN)
    directory = tmp_path_factory.mktemp("city") / "demo"
    command = [sys.executable, "-m", "musubi", "demo", "--people", PEOPLE, "--seed", "7793", "--dir", str(directory)]
    subprocess.run([*command, "--json"], check=True, capture_output=True)
    return directory
