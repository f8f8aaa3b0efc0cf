"""What reading costs per record and kind of source: looked at whole, read in parts, mapped, made into keys.

Every round begins with empty memories, as a first sync does; in a large one much is remembered and it costs less.
"""

import gc
from collections import deque

import pytest

import linkage.keys
import linkage.normalise
import schemas.values.addresses
import schemas.values.dates
import schemas.values.names
import schemas.values.phones
from connectors.deliveries import read_part
from connectors.mapping import Mapper
from connectors.sources import load_source, open_source
from connectors.testing import LEGAL
from linkage.keys import mention_keys
from musubi.city import make_city
from schemas.drafts import RecordDraft
from tests.contract.test_city_sources import PRESETS, transport

PART = 1000
KINDS = {
    "ledger of 122 columns": "ledger",
    "csv": "care_ledger",
    "kokuho": "care_events",
    "xlsx": "houkatsu",
    "fhir": "child_support",
    "sql": "disability_techo",
    "wide form": "jiritsu",
}
REMEMBER = (
    linkage.keys,
    linkage.normalise,
    schemas.values.addresses,
    schemas.values.dates,
    schemas.values.names,
    schemas.values.phones,
)


def forget():
    """Empty the memories, and leave what is there already out of garbage collection."""
    for module in REMEMBER:
        for name in vars(module):
            if clear := getattr(getattr(module, name), "cache_clear", None):
                clear()
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def collecting():
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    directory = tmp_path_factory.mktemp("city")
    make_city(directory, people=4000, seed=5)
    return directory


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def deliver(request, city):
    """Give the source's delivery anew each time it is called."""
    path = city / f"{request.param}.toml"
    top = f'id = "{request.param}"\npreset = "{PRESETS[request.param]}"\nagency = "desk"\nissuer = "132993"\n'
    path.write_text(f"{top}{transport(request.param)}{LEGAL}", "utf-8")
    source = open_source(load_source(path), city)
    return lambda: next(iter(source.deliveries(frozenset())))


def per_record(benchmark, count):
    if benchmark.stats:
        benchmark.extra_info["us_per_record"] = round(benchmark.stats.stats.min * 1e6 / count, 1)


def batches(delivery):
    return list(delivery.raw_batches(PART))


def mapped(delivery, given):
    """Give the drafts of each batch, as far as its rows have any; nothing is kept, as in the product."""
    mapper = Mapper(delivery.definition, given[0].header)
    for batch in given:
        texts = ["\x1f".join(cells) for _, cells in batch.rows]
        yield [draft for draft in mapper.map_all(batch.rows, texts) if isinstance(draft, RecordDraft)]


def drained(values):
    deque(values, maxlen=0)


def rows(given):
    return sum(len(batch.rows) for batch in given)


def test_looking_at_a_delivery(benchmark, deliver):
    benchmark.pedantic(lambda: deliver().inspect(), rounds=5)
    per_record(benchmark, rows(batches(deliver())))


def test_cutting_into_parts(benchmark, deliver):
    delivery = deliver()
    delivery.inspect()
    benchmark.pedantic(lambda: list(delivery.parts(PART)), rounds=5)
    per_record(benchmark, rows(batches(delivery)))


def test_reading_parts(benchmark, deliver):
    delivery = deliver()
    parts = list(delivery.parts(PART))
    benchmark.pedantic(lambda: [read_part(delivery.definition, part) for part in parts], rounds=5)
    per_record(benchmark, rows(batches(delivery)))


def test_placing_rows(benchmark, deliver):
    delivery = deliver()
    given = batches(delivery)
    mapper = Mapper(delivery.definition, given[0].header)
    benchmark.pedantic(lambda: [mapper.places(batch.rows) for batch in given], rounds=5)
    per_record(benchmark, rows(given))


def test_mapping_rows(benchmark, deliver):
    delivery = deliver()
    given = batches(delivery)
    benchmark.pedantic(lambda: drained(mapped(delivery, given)), setup=forget, rounds=5)
    per_record(benchmark, rows(given))


def test_making_keys(benchmark, deliver):
    delivery = deliver()
    given = batches(delivery)
    mentions = [[mention for draft in drafts for mention in draft.mentions] for drafts in mapped(delivery, given)]
    benchmark.pedantic(lambda: drained(map(mention_keys, mentions)), setup=forget, rounds=5)
    per_record(benchmark, rows(given))
