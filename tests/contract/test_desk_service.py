"""The query service over a real store: real keys, tokens, sealing, policy and log."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from desk import Query, Service, open_service, reader_of
from desk.assembly import _letters
from desk.refusals import NotShown, QueryRefused
from desk.sealed import open_parts
from privacy.audit import verify
from privacy.log import verifier_key
from privacy.policy import Reader, load_policy
from schemas.tables import consent, outbox, pseudonym, setting, view_mention
from tests.fakes.desk_town import Town, build_town

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
STATED = frozenset({"present", "reason"})


ENGINES = pytest.mark.parametrize("town", ["sqlite", "postgres"], indirect=True)
"""The test runs on both engines."""


@pytest.fixture
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    url = request.getfixturevalue("postgres_url") if getattr(request, "param", "") == "postgres" else ""
    made = build_town(tmp_path, url)
    yield made
    made.engine.dispose()


@pytest.fixture
def service(town: Town) -> Service:
    return open_service(town.workspace, town.engine, town.keyring, load_policy())


def reader(town, staff="desk-1", purpose="consultation", stated=STATED, after=0) -> Reader:
    return reader_of(town.workspace, staff, purpose, NOW + timedelta(seconds=after), stated=stated)


@pytest.mark.parametrize(
    ("query", "matched"),
    [
        (Query(name="結城幸子"), ("name",)),
        (Query(name="結城　幸子", birth="昭和61年3月5日"), ("name", "birth")),
        (Query(kana="ゆうき さちこ", birth="1986-03"), ("kana", "birth")),
        (Query(kana="ﾕｳｷ", address="青葉町２丁目３－４"), ("kana", "address")),
        (Query(birth="S61.3.5", phone="09012345678"), ("birth", "phone")),
    ],
)
def test_a_person_is_found_by_every_kind_of_clue(town, service, query: Query, matched: tuple[str, ...]) -> None:
    found = [person for person in service.find(reader(town), query).found if person.identity.name == "結城　幸子"]
    assert [person.matched for person in found] == [matched]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (Query(), "too_little"),
        (Query(phone="09012345678"), "too_little"),
        (Query(kana="ユウキ サチコ"), "too_little"),
        (Query(name="結"), "too_little"),
        (Query(name="結城幸子", birth="きのう"), "unreadable"),
    ],
)
def test_too_little_or_unreadable_is_refused(town: Town, service: Service, query: Query, code: str) -> None:
    with pytest.raises(QueryRefused, match=code):
        service.find(reader(town), query)


@ENGINES
def test_the_household_is_seen_whole_as_far_as_consent_reaches(town: Town, service: Service) -> None:
    found = service.find(reader(town), Query(name="結城幸子", birth="1986-03-05")).found
    view = service.household(reader(town), found[0].opening)
    names = [member.identity.name for member in view.members]
    assert names == ["結城　幸子", "結城　健一"]  # nobody consented for the daughter
    mother = view.members[0]
    assert mother.asked_for
    assert (mother.identity.kana, mother.identity.birth, mother.relation) == ("ユウキ　サチコ", "1986-03-05", "12")
    assert {card.agency.id for card in mother.cards} == {"byoin", "desk"}
    hospital = next(card for card in mother.cards if card.agency.id == "byoin")
    assert {fact.code for fact in hospital.facts} == {"hospital", "illness"}
    assert [basis.rule for basis in hospital.bases] == ["consent"]
    assert hospital.notes == ()
    own = next(card for card in mother.cards if card.agency.id == "desk")
    assert own.notes == (("相談内容", "家事が難しい"),)
    assert mother.whereabouts.address == "青葉町二丁目3番4号"  # from the desk's own intake, not from the register
    assert {part.category: (part.tier, part.own) for part in mother.withheld} == {
        "address": ("pointer", True),
        "sensitive": ("none", True),
        "notes": ("none", True),
    }
    assert mother.withheld[0].ways == ("consent", "ask_agency")
    assert view.ages
    assert {age.as_of for age in view.ages} == {"2026-11-01"}


def test_plans_and_meetings_are_told_apart_by_marks_and_never_by_tokens(town: Town, service: Service) -> None:
    with town.engine.connect() as conn:
        mention = conn.execute(
            select(view_mention.c.mention_id).where(
                view_mention.c.source_id == "desk_intake", view_mention.c.person_id == town.people["mother"]
            )
        ).scalar_one()
    for code, day, token in (("housing", "2026-06-01", "f" * 16), ("respite", "2026-05-01", "0" * 16)):
        for status in ("active", "planned"):
            detail = json.dumps({"plan": token, "agreed": "yes"})
            told = {"valid_from": day, "status": status, "detail": detail}
            town.fact("mother", mention, "desk_intake", "plan", "assessment", code, **told)
    town.write()
    found = service.find(reader(town), Query(name="結城幸子", birth="1986-03-05")).found
    view = service.household(reader(town), found[0].opening)
    assert "f" * 16 not in view.model_dump_json()
    assert "0" * 16 not in view.model_dump_json()
    own = next(card for card in view.members[0].cards if card.agency.id == "desk")
    marks = {(fact.code, fact.status): fact.detail for fact in own.facts if fact.kind == "plan"}
    assert len(marks) == 4
    assert {(code, detail["plan"], detail["agreed"]) for (code, _), detail in marks.items()} == {
        ("respite", "A", "yes"),
        ("housing", "B", "yes"),
    }


def test_marks_go_on_after_the_last_letter() -> None:
    assert [_letters(place) for place in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


@ENGINES
def test_the_first_minute_gives_agencies_and_no_more(town: Town, service: Service) -> None:
    answer = service.find(reader(town), Query(name="佐藤太郎", birth="1970-01-02"))
    assert len(answer.found) == 1
    person = answer.found[0]
    assert person.identity.name == ""
    assert person.whereabouts.address == ""
    assert person.cards == ()  # the register is no programme, public assistance is sensitive
    answer = service.find(reader(town), Query(name="結城芽衣", birth="2016-05-09"))
    daughter = answer.found[0]
    assert daughter.identity.name == ""
    assert [(card.agency.id, card.tier, card.facts) for card in daughter.cards] == [("gakko", "pointer", ())]
    view = service.household(reader(town), daughter.opening)
    assert [member.cards for member in view.members if member.asked_for] == [daughter.cards]


@pytest.mark.parametrize(
    "changes", [{"stated": frozenset()}, {"purpose": "coordination"}, {"staff": "kaigo-1"}, {"staff": "ops-1"}]
)
def test_without_statement_purpose_or_role_nobody_is_found(town: Town, service: Service, changes) -> None:
    assert service.find(reader(town, **changes), Query(name="佐藤太郎", birth="1970-01-02")).found == ()


def test_one_attribute_is_not_enough_for_the_first_minute(town: Town, service: Service) -> None:
    assert service.find(reader(town), Query(name="佐藤太郎")).found == ()
    assert service.find(reader(town), Query(name="佐藤太郎", kana="サトウタロウ")).found == ()


def test_an_opening_serves_its_worker_only_and_a_bare_reference_gives_no_first_minute(town: Town, service: Service):
    person = service.find(reader(town), Query(name="佐藤太郎", birth="1970-01-02")).found[0]
    service.household(reader(town), person.opening)
    for ref in (person.ref, person.opening[:-1] + ("a" if person.opening[-1] != "a" else "b"), "nobody", ""):
        with pytest.raises(NotShown):
            service.household(reader(town), ref)
    with pytest.raises(NotShown):
        service.household(reader(town, "kaigo-1"), person.opening)
    later = replace(reader(town), instant=datetime(2026, 11, 25, 5, 0, tzinfo=UTC))
    with pytest.raises(NotShown):
        service.household(later, person.opening)


def test_staff_of_one_agency_share_references_two_agencies_do_not(town: Town, service: Service) -> None:
    query = Query(name="森剛", birth="1988-09-09")
    one = service.find(reader(town, "kaigo-1", "own_programme"), query).found[0]
    two = service.find(reader(town, "kaigo-2", "own_programme"), query).found[0]
    assert one.ref == two.ref
    assert service.find(reader(town), query).found[0].ref != one.ref
    assert not any(str(number) == one.ref for number in town.people.values())


@ENGINES
@pytest.mark.parametrize("staff", ["desk-1", "kaigo-1"])
def test_the_protected_woman_leaves_no_trace(town: Town, service: Service, staff: str) -> None:
    purpose = "consultation" if staff == "desk-1" else "own_programme"
    who = reader(town, staff, purpose)
    for query in (
        Query(name="森結衣", birth="1990-08-08"),
        Query(kana="モリユイ", address="新町三丁目5番6号"),
        Query(birth="1990-08-08", phone="080-9999-0000"),
        Query(name="森空", birth="2018-02-03"),
    ):
        answer = service.find(who, query)
        assert (answer.found, answer.more) == ((), False)
    partner = service.find(who, Query(name="森剛", birth="1988-09-09")).found[0]
    view = service.household(who, partner.opening)
    told = view.model_dump_json()
    for trace in ("結衣", "空", "新町", "9999", "protection", "支援措置", "domestic", "opponent"):
        assert trace not in told
    assert len(view.members) == 1
    assert view.members[0].state == ""


@ENGINES
def test_a_withdrawal_holds_at_the_next_reading(town: Town, service: Service) -> None:
    opening = service.find(reader(town), Query(name="結城幸子", birth="1986-03-05")).found[0].opening
    assert len(service.household(reader(town), opening).members) == 2
    with town.engine.begin() as conn:
        conn.execute(consent.update().values(decision="withdraw"))
    view = service.household(reader(town), opening)
    assert len(view.members) == 1
    assert {card.agency.id: card.tier for card in view.members[0].cards} == {"byoin": "pointer", "desk": "full"}


@ENGINES
def test_every_reading_leaves_one_entry_and_the_log_proves_it(town: Town, service: Service) -> None:
    who = reader(town)
    answer = service.find(who, Query(name="結城幸子", birth="1986-03-05"), ("present:self", "reason:came"))
    view = service.household(reader(town, after=1), answer.found[0].opening)
    with pytest.raises(NotShown):
        service.household(reader(town, after=2), "nobody")
    listed = service.readings(who)
    assert [reading.kind for reading in listed] == ["reading.household", "reading.household", "reading.search"]
    assert listed[1].act_id == view.proof.act_id
    assert listed[2].body["statement"] == ["present:self", "reason:came"]
    assert listed[0].body["subjects"] == {}
    shown = service.inclusion(who, view.proof.act_id)
    assert shown.verified
    assert shown.size == 3
    assert shown.receipt.startswith("c2sp.org/tlog-proof@v1\n")
    assert service.readings(reader(town, "kaigo-1")) == ()
    with pytest.raises(NotShown):
        service.inclusion(reader(town, "kaigo-1"), view.proof.act_id)
    key = verifier_key(town.keyring, town.workspace.config.site.log_origin)
    assert verify(town.engine, town.workspace.var / "log", key).findings == ()


def test_no_name_or_clue_enters_the_log_or_the_pseudonyms(town: Town, service: Service) -> None:
    who = reader(town)
    answer = service.find(who, Query(name="結城幸子", kana="ユウキサチコ", birth="1986-03-05", phone="09012345678"))
    service.household(who, answer.found[0].opening)
    with town.engine.connect() as conn:
        entries = b"".join(conn.execute(select(outbox.c.entry)).scalars())
        refs = "".join(conn.execute(select(pseudonym.c.pseudonym)).scalars())
    for trace in ("結城", "\\u7d50", "1986", "0901234", "desk-1"):
        assert trace.encode() not in entries
    assert answer.found[0].ref in refs
    assert answer.found[0].ref.encode() not in entries


def test_no_entry_no_answer(town: Town, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args, **_kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr("desk.service.record", broken)
    with pytest.raises(RuntimeError):
        service.find(reader(town), Query(name="結城幸子", birth="1986-03-05"))
    with town.engine.connect() as conn:
        assert conn.execute(select(pseudonym)).all() == []


def test_before_the_first_publication_nobody_is_found(town: Town, service: Service) -> None:
    with town.engine.begin() as conn:
        conn.execute(setting.delete())
    answer = service.find(reader(town), Query(name="結城幸子", birth="1986-03-05"))
    assert answer.found == ()
    assert answer.proof.generation == 0


@ENGINES
def test_an_answer_read_across_a_publication_is_read_again(town: Town, service: Service, monkeypatch) -> None:
    opening = service.find(reader(town), Query(name="結城幸子", birth="1986-03-05")).found[0].opening
    published = []

    def publish_meanwhile(conn, keyring, wanted):
        if not published:
            published.append(2)
            with town.engine.begin() as other:
                other.execute(setting.update().values(value="2"))
        return open_parts(conn, keyring, wanted)

    monkeypatch.setattr("desk.service.open_parts", publish_meanwhile)
    view = service.household(reader(town), opening)
    assert view.proof.generation == 2
    assert [entry.kind for entry in service.readings(reader(town))].count("reading.household") == 1
