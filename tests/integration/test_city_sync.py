"""The demo city from files to a household at the desk."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from desk import Query, open_service, reader_of
from desk.views import HouseholdView
from pipelines.site import Site
from pipelines.sync import sync
from privacy.policy import load_policy
from schemas.tables import delivery
from tests.integration.workspaces import accounts, assert_same, city_place, plain_sync, state_of

STATED = frozenset({"present", "reason"})


def family_a(city: Path) -> dict[str, dict[str, str]]:
    with (city / "truth" / "families.csv").open(encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file) if row["family"] == "A"}


def household_of(site: Site, query: Query, staff: str = "desk-1", purpose: str = "consultation") -> HouseholdView:
    """Find one person at the desk and open the household."""
    service = open_service(site.workspace, site.engine, site.keyring, load_policy())
    reader = reader_of(site.workspace, staff, purpose, datetime.now(UTC), stated=STATED)
    found = service.find(reader, query).found
    assert len(found) == 1, [person.matched for person in found]
    return service.household(reader, found[0].opening)


@pytest.mark.parametrize("engine_kind", ["sqlite", "postgres"])
def test_the_city_syncs_and_a_second_sync_changes_nothing(engine_kind, request, city, tmp_path):
    url = request.getfixturevalue("postgres_url") if engine_kind == "postgres" else ""
    place = city_place(tmp_path / "city", city / "systems", url=url)
    with place.site() as site:
        first = sync(site, workers=0)
        assert (first.exit_code, first.held, first.guards, first.unavailable) == (3, 0, [], [])
        assert first.delivered == first.accepted + first.quarantined
        assert accounts(site) == []
        before = state_of(site)
        again = sync(site, workers=0)
        assert again.delivered in {0, again.unchanged}
        assert_same(state_of(site), before)
        members = household_of(site, Query(name="髙澤明子", birth="1988-04-17")).members
        assert len(members) == 3
        with site.engine.connect() as conn:
            assert set(conn.execute(select(delivery.c.status)).scalars()) == {"applied"}


def test_family_a_is_one_household_whoever_is_asked_for(synced, city):
    family = family_a(city)
    assert len(family) == 3
    with synced.site() as site:
        for name, person in family.items():
            view = household_of(site, Query(name=name, birth=person["birth"]))
            assert len(view.members) == len(family), name
            assert {member.identity.name for member in view.members if member.identity.name} <= {*family}


def test_family_a_is_one_household_without_the_register_and_without_numbers(city, tmp_path):
    place = city_place(tmp_path / "city", city / "systems")
    (place.root / "sources" / "ledger.toml").unlink()
    for path in place.systems.rglob("*.csv"):
        _blank(path, "宛名番号")
    with place.site() as site:
        plain_sync(site)
        for name, person in family_a(city).items():
            assert len(household_of(site, Query(name=name, birth=person["birth"])).members) == 3, name


def _blank(path: Path, column: str) -> None:
    """Empty a column of a delivered file."""
    encoding = "utf-8-sig" if path.read_bytes().startswith(b"\xef\xbb\xbf") else "cp932"
    with path.open(encoding=encoding, newline="") as file:
        rows = list(csv.reader(file))
    if column not in rows[0]:
        return
    place = rows[0].index(column)
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(
            [rows[0], *([*row[:place], "", *row[place + 1 :]] for row in rows[1:] if len(row) > place)]
        )
