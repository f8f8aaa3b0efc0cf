"""Forbidden merges in a city larger than the tests can afford: none, and how many there were to make."""

import json
import sys
from dataclasses import asdict

from pipelines.site import Site
from tests.integration.forbidden import forbidden_merges


def test_forbidden_merges(benchmark, city):
    ledger = max((city / "systems" / "ledger").glob("*.csv"))
    with Site.open(city / "workspace") as site:
        found = benchmark.pedantic(forbidden_merges, (site, city / "truth" / "truth.csv", ledger), rounds=1)
    benchmark.extra_info.update(asdict(found))
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
    assert not found.merges
