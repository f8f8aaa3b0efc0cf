"""Guards hold a delivery before anything of it is applied, say why, and let it in once it is right."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.testing import preset_text
from pipelines.site import Site
from schemas.tables import delivery, mention, outbox, quarantine
from schemas.values.identifiers import individual_number_ok
from tests.integration.workspaces import Place, accounts, assert_same, make_place, plain_sync, source_text, state_of

NAMES = ("高橋", "伊藤", "渡辺", "中村", "小林", "加藤", "吉田", "山田")
COUNT = 60


def referral(number: int, **changes: str) -> dict[str, str]:
    return {
        "連絡票番号": f"R{number:03}",
        "連絡日": "令和8年10月1日",
        "患者氏名": f"{NAMES[number % 8]}　花{chr(0x4E00 + number)}",
        "患者生年月日": f"19{40 + number % 50}-04-{number % 28 + 1:02}",
        "患者住所": f"結市桜台三丁目{number + 1}番1号",
        **changes,
    }


def text(numbers: range, **changes: str) -> str:
    return preset_text("hospital_referral", [referral(number, **changes) for number in numbers])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A hospital whose first delivery of sixty rows is applied."""
    made = make_place(tmp_path / "site", {"hospital": source_text("hospital", "hospital_referral", agency="byoin")})
    made.drop("hospital", "MSW_20261101.csv", text(range(COUNT)))
    with made.site() as site:
        assert plain_sync(site).exit_code == 0
    return made


def facts(site: Site) -> dict[str, object]:
    """The state without the ledger of deliveries and how new they are."""
    return {name: rows for name, rows in state_of(site).items() if name not in {"delivery", "view_source"}}


def held(site: Site) -> list[str]:
    with site.engine.connect() as conn:
        return list(conn.execute(select(delivery.c.reason).where(delivery.c.status == "held")).scalars())


def entries(site: Site, kind: str) -> list[dict[str, object]]:
    with site.engine.connect() as conn:
        return [
            json.loads(row) for row in conn.execute(select(outbox.c.entry).where(outbox.c.kind == kind)).scalars()
        ]


def test_mass_disappearance_is_held_and_changes_nothing(place: Place) -> None:
    place.drop("hospital", "MSW_20261102.csv", text(range(30)))
    with place.site() as site:
        before = facts(site)
        report = plain_sync(site)
        assert report.exit_code == 4
        assert [guard.code for guard in report.guards] == ["mass-disappearance"]
        assert (report.delivered, report.held, report.accepted) == (30, 30, 0)
        assert "30 of 60" in str(report.guards[0])
        assert "--accept-removals 30" in str(report.guards[0])
        assert facts(site) == before
        assert accounts(site) == []
        again = plain_sync(site)  # it is held every night until somebody decides
        assert (again.exit_code, again.held) == (4, 30)
        with site.engine.connect() as conn:
            assert len(conn.execute(select(delivery.c.delivery_id)).all()) == 2


def test_accepted_removals_pass_once_and_are_logged(place: Place) -> None:
    place.drop("hospital", "MSW_20261102.csv", text(range(30)))
    with place.site() as site:
        assert plain_sync(site, accept_removals=29).exit_code == 4
        assert entries(site, "guard.removals-accepted") == []
        assert plain_sync(site, accept_removals=30).exit_code == 0
        (entry,) = entries(site, "guard.removals-accepted")
        assert "hospital" in json.dumps(entry)
        assert '"removed": 30' in json.dumps(entry)
        assert held(site) == []


def test_a_few_disappearances_are_everyday(place: Place) -> None:
    place.drop("hospital", "MSW_20261102.csv", text(range(COUNT - 19)))  # fewer than disappear_least
    with place.site() as site:
        assert plain_sync(site).exit_code == 0


def test_absence_from_another_scope_is_no_disappearance(tmp_path: Path) -> None:
    scoped = source_text("hospital", "hospital_referral", agency="byoin", top='scopes = ["west"]')
    both = source_text("hospital", "hospital_referral", agency="byoin", top='scopes = ["west", "east"]')
    scope = '[record]\nscope = { column = "連絡区分" }\n'
    place = make_place(tmp_path / "site", {"hospital": both + scope})
    rows = [referral(number, 連絡区分="west" if number < 30 else "east") for number in range(COUNT)]
    place.drop("hospital", "MSW_20261101.csv", preset_text("hospital_referral", rows))
    with place.site() as site:
        assert plain_sync(site).exit_code == 0
    (place.root / "sources" / "hospital.toml").write_text(scoped + scope, "utf-8")
    place.drop("hospital", "MSW_20261102.csv", preset_text("hospital_referral", rows[:30]))
    with place.site() as site:
        assert plain_sync(site).exit_code == 0
        with site.engine.connect() as conn:
            assert len(conn.execute(select(mention.c.mention_id)).all()) == COUNT
        place.drop("hospital", "MSW_20261103.csv", preset_text("hospital_referral", rows[:5]))
        assert plain_sync(site).exit_code == 4  # within its scope 25 of 30 are gone


@pytest.mark.parametrize(
    ("column", "code"), [("患者住所", "changed-columns"), ("患者氏名", "missing-columns")], ids=["mapped", "required"]
)
def test_renamed_columns_are_held_until_mended(place: Place, column: str, code: str) -> None:
    path = place.drop("hospital", "MSW_20261102.csv", text(range(COUNT)).replace(column, "あたらしい列"))
    with place.site() as site:
        before = facts(site)
        report = plain_sync(site)
        assert (report.exit_code, report.held) == (4, COUNT)
        assert [guard.code for guard in report.guards] == [code]
        assert column in str(report.guards[0])
        assert facts(site) == before
    path.write_bytes(text(range(COUNT)).encode())
    with place.site() as site:  # mended at the source
        report = plain_sync(site)
        assert (report.exit_code, report.unchanged) == (0, COUNT)


def individual_numbers(count: int) -> list[str]:
    """Invented twelve-digit values that pass the check, as 個人番号 do."""
    found: list[str] = []
    number = 123456789000
    while len(found) < count:
        number += 1
        if individual_number_ok(str(number)):
            found.append(str(number))
    return found


def test_a_column_of_individual_numbers_is_held_by_value(place: Place) -> None:
    numbers = individual_numbers(COUNT)
    rows = [referral(number, 患者番号=numbers[number]) for number in range(COUNT)]
    path = place.drop("hospital", "MSW_20261102.csv", preset_text("hospital_referral", rows))
    with place.site() as site:
        before = facts(site)
        report = plain_sync(site)
        assert (report.exit_code, report.held) == (4, COUNT)
        assert "患者番号" in str(report.guards[0])
        assert not any(number in str(report.guards[0]) for number in numbers)
        assert facts(site) == before
        with site.engine.connect() as conn:
            assert conn.execute(select(quarantine.c.quarantine_id)).all() == []
    path.write_bytes(text(range(COUNT - 1)).encode())
    with place.site() as site:
        report = plain_sync(site)
        assert (report.exit_code, report.accepted, report.held) == (0, COUNT - 1, 0)
        assert accounts(site) == []


def test_one_day_with_two_contents_is_held(place: Place) -> None:
    other = place.drop("hospital", "MSW_b_20261101.csv", text(range(COUNT), 患者住所="結市緑町1番1号"))
    with place.site() as site:
        before = facts(site)
        report = plain_sync(site)
        assert [guard.code for guard in report.guards] == ["equal-as-of"]
        assert facts(site) == before
        other.rename(other.with_name("MSW_b_20261102.csv"))  # dated apart, as the message says
        assert plain_sync(site).exit_code == 0
        assert facts(site) != before


def test_the_same_bytes_under_a_newer_date_are_news(place: Place) -> None:
    """Everything as it was two days ago, after a day on which ten were absent: those ten are open again."""
    place.drop("hospital", "MSW_20261102.csv", text(range(COUNT - 10)))
    with place.site() as site:
        first = facts(site)
        plain_sync(site)
        assert facts(site) != first
        place.drop("hospital", "MSW_20261103.csv", text(range(COUNT)))
        report = plain_sync(site)
        assert (report.delivered, report.unchanged) == (COUNT, COUNT)
        assert_same(facts(site), first)
