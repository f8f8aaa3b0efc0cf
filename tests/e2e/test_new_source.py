"""A source nobody foresaw, school meal arrears (給食費): added by one TOML file, linked, found at the desk."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.testing import preset_text
from desk import Query, open_service, reader_of
from desk.views import Results
from pipelines.preview import check, preview
from privacy.policy import load_policy
from schemas.tables import mention, person_mention, source_record
from tests.fakes.small_town import LEGAL, SmallTown

LEDGER = 'id = "ledger"\npreset = "resident_ledger"\nagency = "shimin"\n' + (
    '[transport]\nkind = "files"\npath = "drop/ledger"\n' + LEGAL
)
MEALS = (
    """
id = "meals"
title = "学校給食費の納付状況"
agency = "chiiki"
programme = "education"
identity = ["整理番"]

column = [
  { name = "整理番", provenance = "official", required = true },
  { name = "児の姓", to = "subject.name.as_written.family", required = true },
  { name = "児の名", to = "subject.name.as_written.given", required = true },
  { name = "児よみ", to = "subject.name.as_written.kana" },
  { name = "児の生まれ", to = "subject.birth" },
  { name = "払う人", to = "guardian.name" },
  { name = "払う人よみ", to = "guardian.name.legal.kana" },
  { name = "払う人の生まれ", to = "guardian.birth" },
  { name = "間柄" },
  { name = "町", to = "subject.address.current.town" },
  { name = "番地と方書", to = "subject.address.current.lot" },
  { name = "連絡", to = "guardian.phone" },
  { name = "納付" },
  { name = "いつから" },
  { name = "担任から", to = "subject.note" },
]

[transport]
kind = "files"
path = "drop/meals"
pattern = "給食_*.tsv"
as_of = '給食_(?P<date>[0-9]{8})'

[format]
kind = "tsv"
encodings = ["cp932"]
"""
    + LEGAL
    + """
[[mention]]
on = "guardian"
beside = "subject"
shares = ["address"]

[[fact]]
on = "guardian"
kind = "kinship"
category = "membership"
code = { column = "間柄", codes = "kin" }
other = "subject"

[[fact]]
kind = "need"
category = "assessment"
code = { column = "納付", codes = "payment" }
start = "いつから"

[[fact]]
kind = "enrolment"
category = "participation"
code = "school_meals"

[codes.payment]
"済" = ""
"滞" = "money"
"督促" = "money"
"""
)
HEADER = (
    "整理番 児の姓 児の名 児よみ 児の生まれ 払う人 払う人よみ 払う人の生まれ "
    "間柄 町 番地と方書 連絡 納付 いつから 担任から"
)
ROWS = (
    "K8-0012 結城 咲 ユウキ　サキ 4260512 結城　幸子 ユウキ　サチコ 3610305 母 青葉町二丁目 ３番４号 042-555-0190 滞 5080401 弟の送迎で遅れる",  # noqa: E501 - one row
    "K8-0013 井上 空 イノウエ　ソラ 4270930 井上　蓮 イノウエ　レン 3580611 父 緑町一丁目 ９番１号 042-555-0191 猶予 5080401 　",  # noqa: E501 - one row
)
RESIDENT = {
    "世帯番号": "000000000000777",
    "個人履歴番号": "1",
    "最新フラグ": "1",
    "住民種別": "1",
    "住民状態": "1",
    "住所_都道府県": "東京都",
    "住所_市区郡町村名": "結市",
    "住所_町字": "青葉町二丁目",
    "住所_番地号表記": "３番４号",
    "世帯主氏名": "結城　幸子",
}
PEOPLE = (
    RESIDENT
    | {"宛名番号": "000000000012345", "氏名": "結城　幸子", "氏名_フリガナ": "ユウキ　サチコ", "性別": "2"}
    | {"生年月日": "1986-03-05", "続柄コード1": "02"},
    RESIDENT
    | {"宛名番号": "000000000012346", "氏名": "結城　咲", "氏名_フリガナ": "ユウキ　サキ", "性別": "2"}
    | {"生年月日": "2014-05-12", "続柄コード1": "20"},
)


def delivered(rows: tuple[str, ...]) -> bytes:
    """Write the export as that system does: tabs, CP932."""
    return "".join("\t".join(row.split(" ")) + "\r\n" for row in (HEADER, *rows)).encode("cp932")


@pytest.fixture
def town(tmp_path: Path) -> SmallTown:
    made = SmallTown(tmp_path / "workspace")
    made.define("ledger", LEDGER)
    made.drop("drop/ledger", {"URE_20261101.csv": preset_text("resident_ledger", PEOPLE).encode("cp932")})
    made.define("meals", MEALS)
    made.drop("drop/meals", {"給食_20261031.tsv": delivered(ROWS)})
    return made


def find(town: SmallTown, query: Query) -> Results:
    with town.site() as site:
        service = open_service(site.workspace, site.engine, site.keyring, load_policy())
        now = datetime.now(UTC) + timedelta(minutes=1)
        who = reader_of(site.workspace, "desk-01", "consultation", now, stated=frozenset({"present", "reason"}))
        return service.find(who, query)


def people_of(town: SmallTown) -> dict[tuple[str, str, int], set[int]]:
    """Give persons by source, role and line."""
    query = (
        select(source_record.c.source_id, mention.c.role, source_record.c.line, person_mention.c.person_id)
        .join(mention, mention.c.record_id == source_record.c.record_id)
        .join(person_mention, person_mention.c.mention_id == mention.c.mention_id)
    )
    found: dict[tuple[str, str, int], set[int]] = {}
    with town.site() as site, site.engine.connect() as conn:
        for source, role, line, person in conn.execute(query):
            found.setdefault((source, role, line), set()).add(person)
    return found


def test_it_is_looked_at_before_anything_is_stored(town: SmallTown) -> None:
    with town.site() as site:
        definition = site.sources()["meals"]
        looked, shapes = check(site, definition), preview(site, definition)
    (one,) = looked.deliveries
    assert (one.as_of, one.rows, one.held) == ("2026-10-31", 2, "")
    assert "児の姓" in looked.assumed
    assert (shapes.rows, shapes.mapped) == (2, 1)
    assert shapes.faults == {"unknown-code 納付": 1}
    assert shapes.mentions == {"subject": 1, "guardian": 1}
    assert {"subject.birth", "subject.address", "guardian.address", "guardian.phone"} <= set(shapes.parts)


def test_its_people_are_those_of_the_ledger_and_found_at_the_desk(town: SmallTown) -> None:
    first = town.sync()
    assert (first.delivered, first.accepted, first.quarantined, first.exit_code) == (4, 3, 1, 3)
    people = people_of(town)
    assert people["meals", "guardian", 2] == people["ledger", "subject", 2]
    assert people["meals", "subject", 2] == people["ledger", "subject", 3]

    (mother,) = find(town, Query(name="結城幸子", birth="昭和61年3月5日")).found
    assert "chiiki" in {card.agency.id for card in mother.cards}
    (same,) = find(town, Query(phone="0425550190", birth="1986-03-05")).found
    assert same.ref == mother.ref
    assert same.matched == ("birth", "phone")


def test_a_code_nobody_listed_waits_until_the_file_lists_it(town: SmallTown) -> None:
    town.sync()
    (row,) = town.waiting("meals")
    assert (row.code, row.field, row.line) == ("unknown-code", "納付", 3)
    town.define("meals", MEALS + '"猶予" = ""\n')
    report = town.retry("meals")
    assert (report.retried, report.accepted, report.waiting) == (1, 1, 0)
    assert town.sync().exit_code == 0
    assert len(find(town, Query(name="井上蓮", birth="1983-06-11")).found) == 1
