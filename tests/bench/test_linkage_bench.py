"""What linking costs: a first run over everything, a night in which one mention in a hundred changed, Splink alone.

``MUSUBI_BENCH_STORE`` names the database of a synced workspace on whose rows Splink runs alone instead.
"""

import logging
import os

import duckdb
import numpy as np
import pytest
from splink import DuckDBAPI, Linker, block_on
from sqlalchemy import delete, insert

from linkage.blocking import RULES
from linkage.evidence import read_evidence
from linkage.keys import mention_keys
from linkage.partition import link
from linkage.patterns import COMPARED
from linkage.scoring import packaged_model, splink_settings
from schemas.drafts import MentionDraft
from schemas.store import create_tables, open_store
from schemas.tables import TOKEN_COLUMNS, mention, mention_version, source_record, touched
from schemas.values.addresses import Address
from schemas.values.dates import PartialDate
from schemas.values.names import PersonName
from schemas.vocabulary import MentionRole

RECORDS_PER_PERSON = 3
SIZES = [10_000, 100_000]
STORE = os.environ.get("MUSUBI_BENCH_STORE", "")
ALONE = {
    "name": ("name_folded", "name_loose", "kana_full", "given_folded", "family_folded"),
    "birth": ("birth_date", "birth_ym", "birth_md"),
    "place": ("dwelling", "town_lot"),
    "phone": ("phone",),
    "household": ("household_no",),
}
"""What Splink alone compares: levels by equality, strong to weak."""


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


def alone(rows):
    """Train, predict and cluster with Splink and nothing else: comparisons by equality, blocks as ours."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = splink_settings(packaged_model())
    settings["comparisons"] = [
        {
            "output_column_name": name,
            "comparison_levels": [
                {"sql_condition": f"{kinds[0]}_l IS NULL OR {kinds[0]}_r IS NULL", "is_null_level": True},
                *({"sql_condition": f"{kind}_l = {kind}_r"} for kind in kinds),
                {"sql_condition": "ELSE"},
            ],
        }
        for name, kinds in ALONE.items()
    ]
    settings["retain_intermediate_calculation_columns"] = False
    settings["blocking_rules_to_generate_predictions"] = [block_on(*rule) for rule in RULES]
    connection = duckdb.connect(":memory:")
    linker = Linker(DuckDBAPI(connection).register(rows, dataset_display_name="rows"), settings, log_level=None)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("name_folded", "birth_date"), block_on("birth_date", "town_lot")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    scored = linker.inference.predict(threshold_match_probability=0.9)
    found = linker.clustering.cluster_pairwise_predictions_at_threshold(scored, threshold_match_probability=0.95)
    clusters = found.query_sql("SELECT count(DISTINCT cluster_id) AS n FROM {this}").as_record_list()[0]["n"]
    connection.close()
    return clusters


@pytest.mark.parametrize("count", [0] if STORE else SIZES)
def test_splink_alone_on_the_same_rows(benchmark, tmp_path, count):
    """The measure of a first full sync: it should take at most three times as long as this."""
    engine = open_store(STORE or f"sqlite:///{tmp_path / 'bench.db'}")
    if not STORE:
        create_tables(engine)
        populate(engine, count)
    rows = read_evidence(engine).mentions.select("node", *COMPARED)
    engine.dispose()
    clusters = benchmark.pedantic(alone, args=(rows.to_arrow(),), rounds=1)
    per_second(benchmark, rows.height)
    benchmark.extra_info |= {"rows": rows.height, "clusters": clusters}
    assert 1 < clusters < rows.height


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
    benchmark(mention_keys, drafts)
    per_second(benchmark, len(drafts))
