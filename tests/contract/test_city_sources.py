"""What the demo city writes, read by the source definitions that ship: nothing but the planted rows is refused."""

import csv
import random
from collections import Counter
from pathlib import Path

import pytest

from connectors import presets
from connectors.mapping import Mapper
from connectors.sources import load_source, open_source
from connectors.testing import LEGAL
from musubi.city import CityReport, make_city
from musubi.city.families import identity_columns
from musubi.city.sheets import layouts
from schemas.drafts import RecordDraft
from schemas.errors import RecordRejected
from schemas.values.identifiers import CUT

FILES = {
    "ledger": "resident_ledger",
    "protection": "address_protection",
    "care_ledger": "care_ledger",
    "care_events": "care_change_notice",
    "houkatsu": "community_support",
    "child_allowance": "child_rearing_allowance",
    "hospital": "hospital_referral",
    "school": "school_absence",
    "jiritsu": "self_reliance",
    "seiho": "public_assistance",
    "desk_intake": "desk_intake",
    "desk_assessment": "desk_assessment",
    "desk_plan": "desk_plan",
    "desk_meeting": "desk_meeting",
    "resources": "community_resources",
}
TABLES = ("disability_techo", "disability_jukyusha", "disability_soudan")
PRESETS = FILES | {name: name for name in TABLES} | {"child_support": "child_support_fhir"}


def transport(source: str) -> str:
    if source == "child_support":
        return '[transport]\nkind = "fhir"\npath = "systems/child_support"\n'
    if source in TABLES:
        return (
            '[transport]\nkind = "sql"\nurl = "sqlite:///systems/disability/shogai.db"\n'
            f'query = "SELECT * FROM {source.removeprefix("disability_")}"\n'
            'as_of_query = "SELECT kijun_bi FROM kanri"\n'
        )
    return f'[transport]\nkind = "files"\npath = "systems/{source}"\n'


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CityReport]:
    directory = tmp_path_factory.mktemp("city")
    return directory, make_city(directory, people=2500, seed=11)


def read(directory: Path, source: str) -> tuple[list[RecordDraft], Counter[str]]:
    path = directory / f"{source}.toml"
    top = f'id = "{source}"\npreset = "{PRESETS[source]}"\nagency = "desk"\nissuer = "132993"\n'
    path.write_text(f"{top}{transport(source)}{LEGAL}", "utf-8")
    drafts: list[RecordDraft] = []
    refused: Counter[str] = Counter()
    for delivery in open_source(load_source(path), directory).deliveries(frozenset()):
        inspection = delivery.inspect()
        assert not inspection.held, (source, inspection)
        for batch in delivery.raw_batches(5000):
            refused.update(fault.code for fault in batch.faults)
            mapper = Mapper(delivery.definition, batch.header)
            for line, cells in batch.rows:
                try:
                    drafts.append(mapper.map(cells, line))
                except RecordRejected as rejected:
                    refused[rejected.code] += 1
    return drafts, refused


@pytest.mark.parametrize("source", sorted(PRESETS))
def test_headers_and_keys_are_those_of_the_source_definition(source):
    if source == "child_support":
        return
    assert tuple(layouts()[source]) == presets.columns(PRESETS[source])
    assert identity_columns()[source] == presets.table(PRESETS[source])["identity"]


@pytest.mark.parametrize("source", sorted(PRESETS))
def test_every_row_but_the_planted_ones_is_read_as_the_truth_says(city, source):
    directory, report = city
    drafts, refused = read(directory, source)
    assert len(drafts) + refused.total() == report.per_source[source]
    assert refused.total() == planted(source), refused
    with (directory / "truth" / "truth.csv").open(encoding="utf-8") as file:
        known = {(row["record_key"], row["role"]) for row in csv.DictReader(file) if row["source"] == source}
    found = {
        (draft.record_key, mention.role.value + (f"/{mention.seq}" if mention.seq else ""))
        for draft in drafts
        for mention in draft.mentions
        if not (draft.event and draft.deleted)
    }
    assert found == known if source != "resources" else not known


ODDITIES = (
    "",
    " ",
    "　",
    "不明",
    "不詳",
    "x",
    "99",
    "99999999",
    "45231",
    "4410315",
    "\ue000",
    CUT,
    "ｶﾅ",
    "12,3",
    "1",
    "0",
)


@pytest.mark.parametrize("source", sorted(PRESETS))
def test_a_batch_says_of_every_row_what_the_row_says_alone(city, source):
    directory, _ = city
    path = directory / f"{source}.toml"
    top = f'id = "{source}"\npreset = "{PRESETS[source]}"\nagency = "desk"\nissuer = "132993"\n'
    path.write_text(f"{top}{transport(source)}{LEGAL}", "utf-8")
    draw = random.Random(source)
    odd = 0
    for delivery in open_source(load_source(path), directory).deliveries(frozenset()):
        for batch in delivery.raw_batches(700):
            rows = [(line, list(cells)) for line, cells in batch.rows]
            for _ in range(len(rows) // 3):
                row, at = draw.randrange(len(rows)), draw.randrange(len(batch.header))
                rows[row][1][at] = draw.choice((*ODDITIES, rows[draw.randrange(len(rows))][1][at]))
            if draw.random() < 0.3:
                rows[0][1].append("one too many")
            mapper, alone = Mapper(delivery.definition, batch.header), Mapper(delivery.definition, batch.header)
            given = [(line, tuple(cells)) for line, cells in rows]
            found = mapper.map_all(given, ["\x1f".join(cells) for _, cells in given])
            assert mapper.places(given) == [alone.place(cells) for _, cells in given]
            for (line, cells), one in zip(given, found, strict=True):
                if isinstance(one, RecordRejected):
                    odd += 1
                    with pytest.raises(RecordRejected) as rejected:
                        alone.map(cells, line)
                    assert rejected.value == one
                else:
                    assert one == alone.map(cells, line)
    assert odd or source in ("resources", "protection")


def planted(source: str) -> int:
    return {
        "care_ledger": 3,
        "hospital": 3,
        "ledger": 2,
        "houkatsu": 2,
        "disability_techo": 2,
        "child_allowance": 2,
        "jiritsu": 2,
        "seiho": 2,
        "desk_intake": 2,
        "child_support": 2,
        "resources": 0,
        "protection": 0,
    }.get(source, 1)
