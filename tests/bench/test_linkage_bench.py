"""What linking costs: a first run over everything, and a night in which one mention in a hundred changed."""

import numpy as np
import pytest
from sqlalchemy import delete, insert

from linkage.keys import mention_keys
from linkage.partition import link
from schemas.drafts import MentionDraft
from schemas.store import create_tables, open_store
from schemas.tables import TOKEN_COLUMNS, mention, mention_version, source_record, touched
from schemas.values.addresses import Address
from schemas.values.dates import PartialDate
from schemas.values.names import PersonName
from schemas.vocabulary import MentionRole

RECORDS_PER_PERSON = 3
SIZES = [10_000, 100_000]


def populate(engine, count):
    """Write mentions as rows of random tokens: three per person, of which each lacks some field."""
    rng = np.random.default_rng(5)
    people = count // RECORDS_PER_PERSON + 1
    spread = {"sex": 2, "family_folded": 2000, "kana_family": 2000, "birth_ym": 1000, "birth_date": 30_000}
    of_person = {
        kind: rng.integers(1, spread.get(kind, people * 50), people) * 1_000_003 + number
        for number, kind in enumerate(TOKEN_COLUMNS)
    }
    person = np.arange(count) // RECORDS_PER_PERSON
    missing = rng.random((len(TOKEN_COLUMNS), count)) < 0.1
    columns = {
        kind: [
            None if lost else int(value) for lost, value in zip(missing[number], of_person[kind][person], strict=True)
        ]
        for number, kind in enumerate(TOKEN_COLUMNS)
    }
    ids = range(1, count + 1)
    record = {"source_id": "a", "as_of": "2026-11-01", "digest": 0, "delivery_id": 1, "line": 1}
    version = {"source_id": "a", "sex": "1", "key_version": 1}
    with engine.begin() as conn:
        conn.execute(insert(source_record), [{**record, "record_id": one, "key_token": one} for one in ids])
        conn.execute(
            insert(mention),
            [{"mention_id": one, "record_id": one, "role": "subject", "seq": 0, "version_id": one} for one in ids],
        )
        conn.execute(
            insert(mention_version),
            [
                {
                    **version,
                    "version_id": one,
                    "mention_id": one,
                    **{kind: columns[kind][one - 1] for kind in columns},
                }
                for one in ids
            ],
        )


def touch(engine, ids):
    with engine.begin() as conn:
        conn.execute(delete(touched))
        conn.execute(insert(touched), [{"mention_id": one} for one in ids])


@pytest.fixture(params=SIZES)
def store(request, tmp_path):
    engine = open_store(f"sqlite:///{tmp_path / 'bench.db'}")
    create_tables(engine)
    populate(engine, request.param)
    yield engine, request.param
    engine.dispose()


def per_second(benchmark, count):
    if benchmark.stats:
        benchmark.extra_info["per_second"] = round(count / benchmark.stats.stats.min)


def test_linking_everything(benchmark, store):
    engine, count = store
    report = benchmark.pedantic(link, args=(engine, "run"), rounds=1)
    per_second(benchmark, count)
    assert report.minted < count


def test_linking_one_in_a_hundred(benchmark, store):
    engine, count = store
    link(engine, "first")
    touch(engine, range(1, count, 100))
    report = benchmark.pedantic(link, args=(engine, "night"), rounds=1)
    per_second(benchmark, count // 100)
    assert report.examined < count / 10


def test_keys_of_mentions(benchmark):
    drafts = [
        MentionDraft(
            MentionRole.SUBJECT,
            names=(PersonName(f"結城 花{number % 500}", kana=f"ユウキ ハナ{number % 700}"),),
            birth=PartialDate(f"19{number % 90 + 10}-0{number % 9 + 1}-1{number % 9}", "day"),
            addresses=(Address("", town=f"結町{number % 9 + 1}丁目", lot=f"{number % 40 + 1}-{number % 20 + 1}"),),
            phones=(f"090-1234-{number % 10_000:04}",),
        )
        for number in range(20_000)
    ]
    benchmark(lambda: [mention_keys(draft) for draft in drafts])
    per_second(benchmark, len(drafts))
