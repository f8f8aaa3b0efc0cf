"""The demo city: deterministic, complete, and honest about who is who."""

import csv
import hashlib
from pathlib import Path

import pytest

from musubi.city import CityReport, make_city


def digests(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CityReport]:
    directory = tmp_path_factory.mktemp("city")
    return directory, make_city(directory, people=1500, seed=3)


def truth(directory: Path) -> list[dict[str, str]]:
    with (directory / "truth" / "truth.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_seed_makes_one_city(city, tmp_path):
    directory, report = city
    assert make_city(tmp_path, people=1500, seed=3) == report
    assert digests(tmp_path) == digests(directory)


def test_another_seed_makes_another_city(city, tmp_path):
    make_city(tmp_path, people=1500, seed=4)
    mine, other = digests(city[0]), digests(tmp_path)
    assert mine.keys() == other.keys()
    assert all(mine[name] != other[name] for name in mine if name.startswith("systems/ledger"))


def test_truth_names_every_record_and_role_once(city):
    rows = truth(city[0])
    keys = [(row["source"], row["record_key"], row["role"]) for row in rows]
    assert len(keys) == len(set(keys))
    assert all(row["person"] and row["living_household"] for row in rows)


def test_the_ledger_has_its_122_columns_and_every_row_reads_as_cp932(city):
    directory, report = city
    (path,) = (directory / "systems" / "ledger").iterdir()
    with path.open(encoding="cp932", newline="") as file:
        header, *rows = csv.reader(file)
    assert len(header) == 122
    assert {len(row) for row in rows} == {122}
    assert len(rows) == report.per_source["ledger"]


def test_families_told_by_name_are_in_every_city_with_their_sources(city):
    with (city[0] / "truth" / "families.csv").open(encoding="utf-8") as file:
        people = list(csv.DictReader(file))
    assert {row["family"] for row in people} == {"A", "B", "8050", "young_carer", "double_care", "protected"}
    found = {(row["person"], row["source"]) for row in truth(city[0])}
    for row in people:
        for source in row["sources"].split():
            assert (row["person"], source) in found


def test_households_split_on_the_register_live_together(city):
    homes: dict[str, set[str]] = {}
    for row in truth(city[0]):
        if row["register_household"]:
            homes.setdefault(row["living_household"], set()).add(row["register_household"])
    assert sum(1 for registers in homes.values() if len(registers) > 1) >= 5


def test_every_agency_delivers_in_its_own_shape(city):
    names = {
        str(path.relative_to(city[0] / "systems")) for path in (city[0] / "systems").rglob("*") if path.is_file()
    }
    assert {
        "ledger/URE_20261101.csv",
        "protection/SHIEN_20261101.csv",
        "care_ledger/KAIGO_20261101.csv",
        "care_events/IDO_202610.csv",
        "houkatsu/SOUDAN_20261101.xlsx",
        "disability/shogai.db",
        "child_support/20261101/Patient.ndjson",
        "child_allowance/JIFU_20261101.csv",
        "hospital/MSW_20261101.csv",
        "jiritsu/JIRITSU_20261101.csv",
        "seiho/SEIHO_20261101.csv",
        "desk_meeting/KAIGI_20261101.csv",
        "resources/SHIGEN_20261101.csv",
    } <= names


def test_a_resident_stands_in_at_least_two_and_a_half_records(city):
    report = city[1]
    assert report.records >= 2.5 * report.people
    assert report.bad_rows >= 20
    assert sum(report.per_source.values()) == report.records
