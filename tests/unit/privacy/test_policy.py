from datetime import UTC, datetime

import pytest

from privacy.policy import (
    decide,
    load_policy,
    searchable,
    visible_facts,
    visible_members,
    visible_mentions,
    visible_pointers,
)
from privacy.policy.book import PACKAGED
from schemas.errors import ConfigurationError
from schemas.store import create_tables, open_store
from schemas.vocabulary import Category, Tier
from tests.unit.privacy.policy_world import World, reader

POLICY = load_policy()
HANA, TARO, MIO, UME = 1, 2, 3, 4


@pytest.fixture
def world(tmp_path):
    engine = open_store(f"sqlite:///{tmp_path}/musubi.db")
    create_tables(engine)
    with engine.connect() as conn:
        yield World(conn)
    engine.dispose()


def tiers(world, who, person=HANA, found_by=0):
    decisions = decide(world.conn, POLICY, who, 1, [person], found_by)
    return {
        str(category): int(decisions.tier(person, category))
        for category in Category
        if decisions.tier(person, category)
    }


def test_without_any_basis_nothing_is_shown(world):
    world.mention(10, HANA, 100)
    world.fact(1, 10, HANA)
    decisions = decide(world.conn, POLICY, reader(), 1, [HANA, 99])
    assert decisions.absent(HANA)
    assert decisions.absent(99)
    assert decisions.reasons(HANA, Category.ASSESSMENT) == decisions.reasons(99, Category.ASSESSMENT) == ()
    assert visible_mentions(world.conn, decisions, [HANA]) == []
    assert visible_facts(world.conn, decisions, [HANA]) == []
    assert visible_pointers(world.conn, decisions, [HANA]) == []


def test_own_programme_shows_what_the_own_agency_delivered_and_no_more(world):
    world.mention(10, HANA, 100, agency="kaigo")
    world.mention(11, HANA, 101, agency="jiritsu")
    world.fact(1, 10, HANA, agency="kaigo")
    world.fact(2, 11, HANA, agency="jiritsu")
    who = reader("kaigo", "agency_worker", "own_programme")
    decisions = decide(world.conn, POLICY, who, 1, [HANA])
    assert [fact.fact_id for fact in visible_facts(world.conn, decisions, [HANA])] == [1]
    assert [row.mention_id for row in visible_mentions(world.conn, decisions, [HANA])] == [10]
    assert decisions.tier(HANA, Category.ASSESSMENT) == Tier.NONE
    assert decisions.best_tier(HANA, Category.ASSESSMENT) == Tier.FULL
    assert [basis.id for basis in decisions.reasons(HANA, Category.ASSESSMENT)] == ["own_programme"]


def test_the_desks_first_minute_needs_statement_and_two_attributes(world):
    world.mention(10, HANA, 100)
    world.mention(11, HANA, 101, agency="seiho", sensitive=1)
    world.fact(1, 10, HANA)
    pointer = {"identity": 1, "address": 1, "membership": 1, "participation": 1, "assessment": 1}
    assert tiers(world, reader(), found_by=2) == pointer
    assert tiers(world, reader(), found_by=1) == {}
    assert tiers(world, reader(stated=frozenset({"present"})), found_by=2) == {}
    assert tiers(world, reader(role="agency_worker"), found_by=2) == {}
    decisions = decide(world.conn, POLICY, reader(), 1, [HANA], 2)
    assert {row.agency_id for row in visible_pointers(world.conn, decisions, [HANA])} == {"kaigo"}
    assert visible_facts(world.conn, decisions, [HANA]) == []
    (row,) = visible_mentions(world.conn, decisions, [HANA])
    assert (row.identity_version, row.address_version, row.notes_version, row.birth_year) == (None,) * 4


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({}, True),
        ({"valid_from": "2026-11-24"}, True),
        ({"valid_from": "2026-11-25"}, False),
        ({"valid_from": "2026-03-31"}, False),
        ({"valid_from": "2026-03-31", "valid_to": "2026-11-25"}, True),
        ({"valid_to": "2026-11-24"}, False),
        ({"valid_to": "2027"}, False),
        ({"valid_to": "later"}, False),
        ({"valid_from": ""}, False),
        ({"valid_from": "2026-06"}, False),
        ({"given_by": ""}, False),
        ({"given_by": "neighbour"}, False),
        ({"agency_id": ""}, False),
        ({"agency_id": "kaigo"}, False),
        ({"purpose": ""}, False),
        ({"purpose": "outreach"}, False),
        ({"tier": 0}, False),
        ({"tier": 9}, False),
        ({"category": "everything"}, False),
    ],
)
def test_a_consent_counts_only_whole_and_in_its_time(world, change, shown):
    world.mention(10, HANA, 100)
    world.consent(10, **change)
    assert tiers(world, reader()) == ({"assessment": 3} if shown else {})


def test_a_day_begins_in_tokyo(world):
    world.mention(10, HANA, 100)
    world.consent(10, valid_to="2027-04-01")
    assert tiers(world, reader(instant=datetime(2027, 3, 31, 14, 59, tzinfo=UTC))) == {"assessment": 3}
    assert tiers(world, reader(instant=datetime(2027, 3, 31, 15, 0, tzinfo=UTC))) == {}


def test_a_withdrawal_is_lifted_only_by_a_later_consent_that_names_it(world):
    world.mention(10, HANA, 100)
    world.consent(10, token=1)
    world.consent(10, decision="withdraw", token=2, valid_from="2026-08-01", category="", purpose="", agency_id="")
    assert tiers(world, reader()) == {}
    world.consent(10, token=3, valid_from="2026-09-01")
    assert tiers(world, reader()) == {}
    world.consent(10, token=4, valid_from="2026-07-01", names=2)
    assert tiers(world, reader()) == {}
    world.consent(10, token=5, valid_from="2026-09-01", names=2, tier=2)
    assert tiers(world, reader()) == {"assessment": 2}
    decisions = decide(world.conn, POLICY, reader(), 1, [HANA])
    (basis,) = decisions.reasons(HANA, Category.ASSESSMENT)
    assert basis.kind == "consent"
    assert len(basis.consents) == 1


def test_a_consent_ends_with_its_record_and_a_withdrawal_does_not(world):
    """What the source no longer holds permits nothing: the row of the desk's sheet was taken out."""
    world.mention(10, HANA, 100)
    world.mention(11, HANA, 101, closed=1)
    world.consent(11, "identity", token=1)
    world.consent(10, "assessment", token=2)
    assert tiers(world, reader()) == {"assessment": 3}
    world.consent(11, "assessment", "withdraw", token=3)
    assert tiers(world, reader()) == {}


def test_a_refusal_leaves_statute_and_own_programme(world):
    world.mention(10, HANA, 100, agency="desk")
    world.consent(10, decision="refuse", category="", purpose="", agency_id="")
    assert tiers(world, reader(), found_by=2)["participation"] == 1
    decisions = decide(world.conn, POLICY, reader(), 1, [HANA])
    assert decisions.best_tier(HANA, Category.ASSESSMENT) == Tier.FULL


def test_one_members_consent_never_covers_another(world):
    world.mention(10, HANA, 100)
    world.mention(20, TARO, 200)
    world.member(7, HANA, "02")
    world.member(7, TARO, "11")
    world.consent(10, category="membership")
    decisions = decide(world.conn, POLICY, reader(), 1, [HANA])
    assert decisions.tier(TARO, Category.MEMBERSHIP) == Tier.NONE
    assert visible_members(world.conn, decisions, [7]) == []
    world.consent(20, category="membership", token=2, tier=1)
    decisions = decide(world.conn, POLICY, reader(), 1, [HANA])
    assert [(row.person_id, row.relation) for row in visible_members(world.conn, decisions, [7])] == [
        (HANA, "02"),
        (TARO, ""),
    ]


def test_summary_coarsens_days_to_months(world):
    world.mention(10, HANA, 100)
    world.fact(1, 10, HANA, detail='{"due": "2026-12-24", "provider": "1370001", "count": "2"}')
    world.consent(10, tier=2)
    decisions = decide(world.conn, POLICY, reader(), 1, [HANA])
    (fact,) = visible_facts(world.conn, decisions, [HANA])
    assert (fact.valid_from, fact.detail, fact.tier) == ("2026-04", {"due": "2026-12", "count": "2"}, Tier.SUMMARY)


@pytest.fixture
def sheltered(world):
    """Hana and her child Mio left Taro, whose mother Ume still lives with him; the shelter is unknown to them."""
    world.mention(10, HANA, 100, agency="kodomo")
    world.mention(20, TARO, 200, agency="jiritsu")
    world.mention(40, UME, 400, agency="kaigo")
    world.mention(11, HANA, 200, agency="jiritsu", role="spouse")
    world.mention(30, MIO, 100, agency="kodomo", role="child")
    world.mention(12, HANA, 900, agency="shimin", programme="protection")
    world.mention(21, TARO, 900, agency="shimin", programme="protection", role="opponent")
    world.mention(31, MIO, 900, agency="shimin", programme="protection", role="co_protected")
    for person, relation in ((HANA, "12"), (TARO, "02"), (MIO, "20"), (UME, "52")):
        world.member(7, person, relation, **({"g_to": 1} if person in {HANA, MIO} else {}))
    world.member(8, HANA, "02")
    world.member(8, MIO, "20")
    world.order(1, 12, against=[21], beside=[31], cleared=[("seiho", "coordinator")])
    for mention in (10, 20, 30, 40):
        for category in ("identity", "address", "membership", "notes"):
            world.consent(mention, category, token=mention, agency_id="desk")
            world.consent(mention, category, token=mention, agency_id="seiho")
    return world


def test_an_order_outlives_its_end_and_takes_the_address(sheltered):
    decisions = decide(sheltered.conn, POLICY, reader(), 1, [HANA, MIO, TARO])
    assert decisions.tier(HANA, Category.ADDRESS) == decisions.tier(MIO, Category.ADDRESS) == Tier.NONE
    assert decisions.tier(TARO, Category.ADDRESS) == Tier.FULL
    assert decisions.tier(HANA, Category.IDENTITY) == Tier.FULL
    cleared = decide(sheltered.conn, POLICY, reader("seiho", "coordinator"), 1, [HANA])
    assert cleared.tier(HANA, Category.ADDRESS) == Tier.FULL
    own = decide(sheltered.conn, POLICY, reader("kodomo", "agency_worker"), 1, [HANA])
    assert own.best_tier(HANA, Category.IDENTITY) == Tier.FULL
    assert own.best_tier(HANA, Category.ADDRESS) == Tier.NONE


@pytest.mark.parametrize(("basis", "left"), [("own_programme", "best_tier"), ("consent", "tier")])
def test_a_site_may_let_protection_defeat_a_basis(sheltered, tmp_path, basis, left):
    text = (PACKAGED / "rules.toml").read_text("utf-8")
    begin = text.index(f'id = "{basis}"')
    (tmp_path / "rules.toml").write_text(
        text[:begin] + text[begin:].replace('under_protection = "masked"', 'under_protection = "defeated"', 1),
        "utf-8",
    )
    who = reader("kodomo", "agency_worker", "own_programme") if basis == "own_programme" else reader()
    shown = [
        getattr(decide(sheltered.conn, policy, who, 1, [HANA]), left)(HANA, Category.IDENTITY)
        for policy in (POLICY, load_policy(tmp_path))
    ]
    assert shown == [Tier.FULL, Tier.NONE]


def test_neither_school_nor_hospital_of_the_protected_has_a_name(sheltered):
    sheltered.mention(32, MIO, 320, agency="gakko", programme="education")
    sheltered.mention(23, TARO, 230, agency="gakko", programme="education")
    detail = '{"days": "12", "school": "A", "camp": "B", "lead": "kikan"}'
    for number, (mention, person) in enumerate(((32, MIO), (23, TARO)), 1):
        sheltered.fact(number, mention, person, agency="gakko", detail=detail)
        for category in ("participation", "assessment"):
            sheltered.consent(30 if person == MIO else 20, category, token=person)
    decisions = decide(sheltered.conn, POLICY, reader(), 1, [MIO, TARO])
    mentions = {row.mention_id: row for row in visible_mentions(sheltered.conn, decisions, [MIO, TARO])}
    assert [(mentions[number].agency_id, mentions[number].source_id) for number in (32, 23)] == [
        ("", ""),
        ("gakko", "gakko_source"),
    ]
    hers, his = visible_facts(sheltered.conn, decisions, [MIO, TARO])[::-1]
    assert (hers.source_agency_id, hers.source_id, hers.detail) == ("", "", {"days": "12"})
    assert (his.source_agency_id, his.detail) == (
        "gakko",
        {"camp": "B", "days": "12", "lead": "kikan", "school": "A"},
    )
    pointers = {(row.person_id, row.agency_id) for row in visible_pointers(sheltered.conn, decisions, [MIO, TARO])}
    assert (TARO, "gakko") in pointers
    assert (MIO, "gakko") not in pointers
    assert (MIO, "kodomo") in pointers


def test_she_is_absent_from_the_household_that_ever_held_him(sheltered):
    everyone = [HANA, TARO, MIO, UME]
    decisions = decide(sheltered.conn, POLICY, reader(), 1, everyone)
    assert {row.person_id for row in visible_members(sheltered.conn, decisions, [7])} == {TARO, UME}
    assert {row.person_id for row in visible_members(sheltered.conn, decisions, [8])} == {HANA, MIO}


def test_his_agency_finds_no_trace_of_her(sheltered):
    who = reader("jiritsu", "agency_worker", "own_programme")
    decisions = decide(sheltered.conn, POLICY, who, 1, [HANA, TARO])
    assert decisions.absent(HANA)
    assert not decisions.absent(TARO)
    rows = visible_mentions(sheltered.conn, decisions, [HANA, TARO, MIO])
    assert [(row.person_id, row.mention_id) for row in rows] == [(TARO, 20)]
    assert set(found(sheltered, who, [HANA, TARO], "name_exact", "birth_date")) == {TARO}


def found(world, who, persons, *kinds):
    return searchable(world.conn, POLICY, who, 1, persons, dict.fromkeys(persons, kinds))


def test_an_uncleared_desk_finds_her_neither_by_two_attributes_nor_by_a_place(sheltered):
    sheltered.conn.exec_driver_sql("DELETE FROM consent WHERE mention_id IN (10, 30)")
    assert set(found(sheltered, reader(), [HANA, UME], "name_exact", "birth_date")) == {UME}
    assert set(found(sheltered, reader(), [HANA, UME], "birth_date", "phone")) == {UME}


@pytest.mark.parametrize(
    ("matched", "counted"),
    [
        (("name_exact", "town_lot"), {"name_exact"}),
        (("kana_family", "birth_ym", "phone"), {"kana_family", "birth_ym"}),
        (("kana_family", "phone"), None),
        (("birth_date", "town_lot"), None),
        (("town_lot", "phone"), None),
    ],
)
def test_who_guesses_her_place_learns_nothing(sheltered, matched, counted):
    """Her own agency without clearance: a right guess shows what a wrong one does."""
    own = reader("kodomo", "agency_worker", "own_programme")
    assert found(sheltered, own, [HANA], *matched) == ({HANA: frozenset(counted)} if counted else {})
    cleared = reader("seiho", "coordinator")
    assert found(sheltered, cleared, [HANA], *matched) == {HANA: frozenset(matched)}


def test_free_text_about_their_household_stays_with_its_author(sheltered):
    decisions = decide(sheltered.conn, POLICY, reader("seiho", "coordinator"), 1, [TARO, UME])
    assert decisions.tier(UME, Category.NOTES) == Tier.FULL
    rows = visible_mentions(sheltered.conn, decisions, [UME])
    assert [row.notes_version for row in rows] == [None]
    author = decide(sheltered.conn, POLICY, reader("kaigo", "agency_worker"), 1, [UME])
    assert [row.notes_version for row in visible_mentions(sheltered.conn, author, [UME])] == [1040]


def test_only_a_person_lifts_an_order(sheltered):
    sheltered.conn.exec_driver_sql("UPDATE protection SET lifted = 1")
    decisions = decide(sheltered.conn, POLICY, reader(), 1, [HANA])
    assert decisions.tier(HANA, Category.ADDRESS) == Tier.FULL


@pytest.mark.parametrize("scope", ["", "everything"])
def test_an_unintelligible_refusal_refuses_everything(world, scope):
    world.mention(10, HANA, 100)
    world.consent(10)
    world.consent(10, decision="no", category=scope, purpose=scope, agency_id="", valid_from=scope, token=2)
    assert tiers(world, reader()) == {}


def test_a_policy_of_the_site_is_checked(tmp_path):
    assert load_policy(tmp_path).digest == POLICY.digest
    packaged = PACKAGED / "rules.toml"
    text = packaged.read_text("utf-8")
    (tmp_path / "rules.toml").write_text(text.replace('legal = "appi-65"', 'legal = "appi-99"'), "utf-8")
    with pytest.raises(ConfigurationError, match="appi-99"):
        load_policy(tmp_path)
    (tmp_path / "rules.toml").write_text(text.replace("under_protection", "under_protecton", 1), "utf-8")
    with pytest.raises(ConfigurationError, match="under_protection"):
        load_policy(tmp_path)
