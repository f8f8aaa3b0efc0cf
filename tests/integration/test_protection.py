"""Protected people: no trace of them where they must not be seen, no new address before the feed has spoken."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.testing import preset_text
from desk import HouseholdView, Query, Results, Service, open_service, reader_of
from pipelines.site import Site
from privacy.log import subject_pseudonym
from privacy.policy import Reader, load_policy
from schemas.tables import mention, outbox, person_mention, protection, protection_party, view_search
from tests.integration.workspaces import Place, make_place, plain_sync, source_text

STATED = frozenset({"present", "reason"})
WOMAN = [
    Query(name="水野彩香"),
    Query(name="水野　彩香", birth="1993-01-21"),
    Query(name="黒川彩香", birth="1993-01-21"),
    Query(kana="ミズノ アヤカ", birth="平成5年1月21日"),
    Query(birth="1993-01-21", phone="090-0808-5513"),
    Query(kana="ミズノ", address="宮前三丁目2番15号"),
    Query(name="水野蓮", birth="2020-02-08"),
    Query(birth="2020-02-08", address="宮前三丁目2番15号"),
]
TRACES = ("水野", "ミズノ", "彩香", "アヤカ", "蓮", "宮前", "0808-5513", "08085513", "protection")
PLACES = ("宮前", "0808-5513", "08085513")
UNCLEARED = [
    ("jiritsu-1", "own_programme"),
    ("jiritsu-1", "consultation"),
    ("gakko-1", "own_programme"),
    ("seiho-1", "own_programme"),
    ("houkatsu-1", "own_programme"),
]


def service_of(site: Site) -> Service:
    return open_service(site.workspace, site.engine, site.keyring, load_policy())


def reader_at(site: Site, staff: str, purpose: str) -> Reader:
    return reader_of(site.workspace, staff, purpose, datetime.now(UTC), stated=STATED)


def said(answer: Results | HouseholdView) -> str:
    """Everything an answer says, as JSON; the ages of sources are the same for everybody."""
    told = answer.model_dump(mode="json", exclude={"proof", "ages"})
    return json.dumps(told, ensure_ascii=False)


def protected_persons(site: Site) -> set[int]:
    """The persons of the standing orders, those protected with them among them."""
    with site.engine.connect() as conn:
        mentions = {*conn.execute(select(protection.c.mention_id)).scalars()}
        together = select(protection_party.c.mention_id).where(protection_party.c.part == "with")
        mentions |= {*conn.execute(together).scalars()}
        rows = conn.execute(select(person_mention.c.person_id).where(person_mention.c.mention_id.in_(mentions)))
        return set(rows.scalars())


@pytest.mark.parametrize(("staff", "purpose"), UNCLEARED)
def test_no_trace_of_the_protected_woman_for_who_is_not_cleared(synced: Place, staff: str, purpose: str) -> None:
    with synced.site() as site:
        service, reader = service_of(site), reader_at(site, staff, purpose)
        for query in WOMAN:
            results = service.find(reader, query)
            assert (results.found, results.more) == ((), False), query
        for partner in service.find(reader, Query(name="黒川拓也", birth="1990-06-14")).found:
            assert not [trace for trace in TRACES if trace in partner.model_dump_json()]
            view = service.household(reader, partner.opening)
            assert len(view.members) == 1
            assert not [trace for trace in TRACES if trace in said(view)]
        hidden = {subject_pseudonym(site.keyring, person) for person in protected_persons(site)}
        assert hidden
        with site.engine.connect() as conn:
            entries = list(conn.execute(select(outbox.c.entry).where(outbox.c.kind.like("reading.%"))).scalars())
        assert len(entries) >= len(WOMAN)
        assert not [name for entry in entries for name in hidden if name.encode() in bytes(entry)]


@pytest.mark.parametrize("staff", ["kodomo-1", "shimin-1"])
def test_who_is_cleared_finds_her_and_where_she_lives(synced: Place, staff: str) -> None:
    with synced.site() as site:
        service, reader = service_of(site), reader_at(site, staff, "own_programme")
        for name, birth in (("水野彩香", "1993-01-21"), ("水野蓮", "2020-02-08")):
            (found,) = service.find(reader, Query(name=name, birth=birth)).found
            assert "宮前" in found.whereabouts.address


@pytest.mark.parametrize("purpose", ["consultation", "own_programme"])
def test_the_desk_she_came_to_herself_sees_her_without_her_place(synced: Place, purpose: str) -> None:
    """Her own intake and her consent are a basis for the desk; it is not cleared for where she is."""
    with synced.site() as site:
        service, reader = service_of(site), reader_at(site, "desk-1", purpose)
        (woman,) = service.find(reader, Query(name="水野彩香", birth="1993-01-21")).found
        answers = [woman.model_dump_json(), said(service.household(reader, woman.opening))]
        assert not [place for place in PLACES for answer in answers if place in answer]
        for query in WOMAN:
            if query.address or query.phone:
                assert service.find(reader, query).found == (), query
        for partner in service.find(reader, Query(name="黒川拓也", birth="1990-06-14")).found:
            told = partner.model_dump_json() + said(service.household(reader, partner.opening))
            assert not [trace for trace in TRACES if trace in told]


def test_the_partner_is_a_client_of_his_own_agency(synced: Place) -> None:
    """The test above would pass on an empty city."""
    with synced.site() as site:
        found = service_of(site).find(
            reader_at(site, "jiritsu-1", "own_programme"), Query(name="黒川拓也", birth="1990-06-14")
        )
        assert [person.identity.name for person in found.found] == ["黒川　拓也"]


# --- the night the feed is late ---------------------------------------------------------------------------

OLD, NEW = "結市桜台三丁目5番12号", "結市緑が丘二丁目8番3号"
PERSON = {"name": "白石　澪", "birth": "1979-03-14"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A hospital and the protection feed, both of 1 November."""
    made = make_place(
        tmp_path / "site",
        {
            "hospital": source_text("hospital", "hospital_referral", agency="byoin"),
            "protection": source_text("protection", "address_protection", agency="shimin"),
        },
    )
    hospital_says(made, "20261101", OLD, "090-0000-1111")
    protection_says(made, "20261101")
    return made


def hospital_says(place: Place, day: str, address: str, phone: str, others: int = 0) -> None:
    rows = [
        {
            "連絡票番号": "R1",
            "連絡日": "令和8年10月1日",
            "患者氏名": PERSON["name"],
            "患者生年月日": PERSON["birth"],
            "患者住所": address,
            "患者電話番号": phone,
        },
        *(
            {
                "連絡票番号": f"N{number}",
                "連絡日": "令和8年11月2日",
                "患者氏名": "新田　凪",
                "患者生年月日": "1966-07-07",
                "患者住所": NEW,
            }
            for number in range(others)
        ),
    ]
    place.drop("hospital", f"MSW_{day}.csv", preset_text("hospital_referral", rows))


def protection_says(place: Place, day: str, protected: str = "番号　有子", born: str = "1950-01-01") -> None:
    row = {
        "宛名番号": "9000000999",
        "支援措置番号": "S1",
        "氏名": protected,
        "生年月日": born,
        "支援措置区分": "1",
        "支援措置事由": "DV",
        "支援措置開始年月日": "2026-10-01",
        "加害者判明区分": "2",
        "閲覧可能機関": "shimin:agency_worker",
    }
    place.drop("protection", f"SHIEN_{day}.csv", preset_text("address_protection", [row]))


def address_at(site: Site) -> str:
    """What the hospital's own worker sees of where the patient lives."""
    reader = reader_at(site, "byoin-1", "own_programme")
    (found,) = service_of(site).find(reader, Query(**PERSON)).found
    return found.whereabouts.address


def found_by(site: Site, address: str, phone: str) -> int:
    """How many persons are found by birth date with an address, and with a phone."""
    service, reader = service_of(site), reader_at(site, "byoin-1", "own_programme")
    birth = PERSON["birth"]
    return len(service.find(reader, Query(birth=birth, address=address)).found) + len(
        service.find(reader, Query(birth=birth, phone=phone)).found
    )


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_changed_address_waits_for_the_protection_feed(kind, request, place: Place) -> None:
    if kind == "postgres":
        url = request.getfixturevalue("postgres_url")
        with (place.root / "musubi.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[store]\nurl = "{url}"\n')
    with place.site() as site:
        assert plain_sync(site).withheld_addresses == 0
        shown = address_at(site)
        assert "桜台" in shown
        assert found_by(site, OLD, "090-0000-1111") == 2

        hospital_says(place, "20261102", NEW, "090-0000-2222", others=1)
        report = plain_sync(site)
        assert report.withheld_addresses == 2  # the one who moved, and the one who is new
        assert address_at(site) == shown
        assert found_by(site, NEW, "090-0000-2222") == 0
        assert found_by(site, OLD, "090-0000-1111") == 2
        new = service_of(site).find(
            reader_at(site, "byoin-1", "own_programme"), Query(name="新田凪", birth="1966-07-07")
        )
        assert [person.whereabouts.address for person in new.found] == [""]
        assert plain_sync(site).withheld_addresses == 2  # and still, until the feed has come

        protection_says(place, "20261102")  # the same bytes as the day before: nobody new is protected
        assert plain_sync(site).withheld_addresses == 0
        assert "緑が丘" in address_at(site)
        assert found_by(site, NEW, "090-0000-2222") == 2
        assert found_by(site, OLD, "090-0000-1111") == 0


def test_the_late_feed_protects_who_moved_and_her_new_address_was_never_shown(place: Place) -> None:
    with place.site() as site:
        plain_sync(site)
        hospital_says(place, "20261102", NEW, "090-0000-2222")
        plain_sync(site)
        protection_says(place, "20261102", PERSON["name"], PERSON["birth"])
        assert plain_sync(site).withheld_addresses == 0
        reader = reader_at(site, "byoin-1", "own_programme")
        service = service_of(site)
        for found in service.find(reader, Query(**PERSON)).found:
            assert found.whereabouts.address == ""
            assert NEW not in found.model_dump_json()
        assert found_by(site, NEW, "090-0000-2222") == 0
        assert found_by(site, OLD, "090-0000-1111") == 0


def test_an_order_with_parts_nobody_can_read_protects_all_the_same(place: Place) -> None:
    """A number is missing and two days are none: whom the row names is protected."""
    row = {
        "宛名番号": "9000000001",
        "氏名": PERSON["name"],
        "生年月日": PERSON["birth"],
        "性別": "？",
        "支援措置区分": "1",
        "支援措置事由": "読めない",
        "支援措置開始年月日": "１０月ごろ？",
        "加害者_生年月日": "昭和２Ｘ年",
        "加害者判明区分": "2",
    }
    with place.site() as site:
        plain_sync(site)
        shown = address_at(site)
        place.drop("protection", "SHIEN_20261102.csv", preset_text("address_protection", [row]))
        report = plain_sync(site)
        assert report.waiting_rows == 0
        assert report.warnings["protection: unread-date"] == 1
        assert shown
        assert address_at(site) == ""


def test_a_feed_of_which_a_row_waits_has_not_come(place: Place) -> None:
    """Nobody can say whom a row in quarantine protects: changed addresses wait until the source has mended it."""
    whole = preset_text(
        "address_protection", [{"宛名番号": "9000000999", "支援措置番号": "S1", "氏名": "番号　有子"}]
    )
    with place.site() as site:
        assert plain_sync(site).withheld_addresses == 0
        shown = address_at(site)
        hospital_says(place, "20261102", NEW, "090-0000-2222")
        place.drop("protection", "SHIEN_20261102.csv", whole.rstrip("\n") + "\n壊れた行\n")
        report = plain_sync(site)
        assert report.waiting_rows == 1
        assert report.withheld_addresses == 1
        assert address_at(site) == shown
        protection_says(place, "20261103")
        report = plain_sync(site)
        assert report.waiting_rows == report.withheld_addresses == 0
        assert "緑が丘" in address_at(site)


def test_withheld_mentions_stay_marked_until_published(place: Place) -> None:
    """A run in which nothing else happens publishes them once the feed has come, whoever delivered it."""
    with place.site() as site:
        plain_sync(site)
        hospital_says(place, "20261103", NEW, "090-0000-2222")
        plain_sync(site)
        protection_says(place, "20261102")  # newer, yet older than the hospital's
        assert plain_sync(site).withheld_addresses == 1
        protection_says(place, "20261103")
        plain_sync(site)
        assert "緑が丘" in address_at(site)
        with site.engine.connect() as conn:
            assert conn.execute(select(view_search.c.part)).all()
            assert conn.execute(select(mention.c.mention_id)).all()
