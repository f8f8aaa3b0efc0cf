"""Households of small populations: the register's, and who lives together."""

import pytest
from sqlalchemy import insert, select

from linkage.households import resolve_households
from linkage.partition import link
from schemas.tables import household, lineage, membership, source

CITY = "132993"
HOME = ("桜町", "3-4")


@pytest.fixture
def homes(town, person_draft):
    row = {"agency_id": "shimin", "sensitive": 0, "population": "all", "carries_address": 1, "protects": 0}
    with town.engine.begin() as conn:
        conn.execute(insert(source), {**row, "source_id": "ledger", "programme": "register"})
    return Homes(town, person_draft)


class Homes:
    def __init__(self, town, draft):
        self.town = town
        self.draft = draft

    def resolve(self, run="run"):
        link(self.town.engine, run)
        return resolve_households(self.town.engine, run)

    def rows(self):
        with self.town.engine.connect() as conn:
            query = select(membership, household.c.kind).join(
                household, household.c.household_id == membership.c.household_id
            )
            return conn.execute(query).all()

    def of(self, mention_id, kind="living", *, past=False):
        person = self.town.person(mention_id)
        return {
            row.household_id
            for row in self.rows()
            if row.person_id == person and row.kind == kind and (row.valid_to != "") == past
        }


def person_draft_of(homes, name, kana, atena, role="subject"):
    numbers = [("setai", "10", CITY), *([("atena", atena, CITY)] if atena else [])]
    return homes.draft(name, kana, "1975-01-01" if kana else "", place=HOME, role=role, numbers=numbers)


@pytest.fixture
def resident(homes, person_draft):
    def add(
        key,
        name,
        kana,
        setai,
        relation="02",
        *,
        place=HOME,
        birth="1950-01-01",
        state="resident",
        stay=("2000-01-01", ""),
        **more,
    ):
        one = person_draft(name, kana, birth, place=place, numbers=[("atena", key, CITY), ("setai", setai, CITY)])
        facts = [
            (
                0,
                {
                    "kind": "residence",
                    "category": "identity",
                    "code": state,
                    "valid_from": stay[0],
                    "valid_to": stay[1],
                },
            ),
            (0, {"kind": "kinship", "code": relation}),
        ]
        [mention_id] = homes.town.add("ledger", key, one, facts=facts, **more)
        return mention_id

    return add


def test_a_household_split_on_the_register_lives_together(homes, resident):
    mother = resident("1", "山田 ハナ", "ヤマダ ハナ", "10", birth="1940-01-01")
    son = resident("2", "山田 健", "ヤマダ ケン", "11", birth="1970-01-01")
    report = homes.resolve()
    assert homes.of(mother, "register") != homes.of(son, "register")
    assert homes.of(mother) == homes.of(son) != set()
    assert (report.register, report.living) == (2, 1)


def test_strangers_under_one_lot_are_two_households(homes, resident):
    one = resident("1", "山田 ハナ", "ヤマダ ハナ", "10")
    other = resident("2", "林 健", "ハヤシ ケン", "11")
    homes.resolve()
    assert homes.of(one) != homes.of(other)


def test_one_surname_in_a_building_of_many_joins_nobody(homes, resident):
    place = ("桜町", "9-9", "若葉荘")
    people = [resident(str(n), f"佐藤 {n}", f"サトウ {'アイウエオカ'[n]}", f"2{n}", place=place) for n in range(6)]
    homes.resolve()
    assert len(set().union(*(homes.of(one) for one in people))) == 6


def test_kin_of_another_surname_are_joined_by_a_form(homes, resident, person_draft):
    parent = resident("1", "山田 ハナ", "ヤマダ ハナ", "10", birth="1940-01-01")
    daughter = resident("2", "林 幸子", "ハヤシ サチコ", "11", birth="1965-01-01")
    homes.town.add(
        "care",
        "c1",
        person_draft("山田 ハナ", "ヤマダ ハナ", "1940-01-01", place=HOME),
        person_draft("林 幸子", "ハヤシ サチコ", "1965-01-01", place=HOME, role="carer"),
        facts=[(1, {"kind": "kinship", "code": "20", "other": 0})],
    )
    homes.resolve()
    assert homes.of(parent) == homes.of(daughter)


def test_an_old_form_does_not_pull_home_who_the_register_has_elsewhere(homes, resident, person_draft):
    parent = resident("1", "山田 ハナ", "ヤマダ ハナ", "10", birth="1940-01-01")
    daughter = resident("2", "林 幸子", "ハヤシ サチコ", "11", birth="1965-01-01", place=("東町", "1"))
    drafts = (
        person_draft("山田 ハナ", "ヤマダ ハナ", "1940-01-01", place=HOME),
        person_draft("林 幸子", "ハヤシ サチコ", "1965-01-01", place=HOME, role="carer"),
    )
    kinship = (1, {"kind": "kinship", "code": "20", "other": 0})
    homes.town.add("care", "c1", *drafts, facts=[kinship])
    homes.resolve()
    assert homes.of(parent) != homes.of(daughter)
    away = (1, {"kind": "away", "code": "work"})
    homes.town.add("desk", "d1", *drafts, facts=[(1, {"kind": "kinship", "code": "20", "other": 0}), away])
    homes.resolve()
    assert homes.of(parent) == homes.of(daughter)
    states = {row.person_id: row.state for row in homes.rows() if row.kind == "living"}
    assert states[homes.town.person(daughter)] == "away"
    assert states[homes.town.person(parent)] == "present"


def test_a_family_no_register_knows_is_one_household(homes, person_draft):
    mother, husband = homes.town.add(
        "hospital",
        "h1",
        person_draft("青木 恵", "アオキ メグミ", "1986-02-02", place=HOME),
        person_draft("青木 健二", "アオキ ケンジ", "", place=HOME, role="carer", phone="09011112222"),
        facts=[(1, {"kind": "kinship", "code": "11", "other": 0})],
    )
    daughter, guardian = homes.town.add(
        "school",
        "s1",
        person_draft("青木 結衣", "アオキ ユイ", "2016-05-05", place=("櫻町", "３番４号")),
        person_draft("青木 健二", "", "", place=("櫻町", "３番４号"), role="guardian", phone="090-1111-2222"),
        facts=[(1, {"kind": "kinship", "code": "51", "other": 0})],
    )
    homes.resolve()
    assert homes.town.person(husband) == homes.town.person(guardian)
    assert homes.of(mother) == homes.of(husband) == homes.of(daughter) != set()


def test_a_protected_person_never_lives_with_her_opponent(homes, resident, person_draft):
    her = resident("1", "森 由美", "モリ ユミ", "10", "12", birth="1985-05-05")
    child = resident("2", "森 空", "モリ ソラ", "10", "20", birth="2015-05-05")
    him = resident("3", "森 剛", "モリ ツヨシ", "10", birth="1980-05-05")
    homes.town.add(
        "protection",
        "p1",
        person_draft("森 由美", "モリ ユミ", "1985-05-05", numbers=[("atena", "1", CITY)]),
        person_draft("森 空", "モリ ソラ", "2015-05-05", role="co_protected"),
        person_draft("森 剛", "モリ ツヨシ", "1980-05-05", role="opponent", numbers=[("atena", "3", CITY)]),
        protected=True,
    )
    homes.resolve()
    assert homes.of(her) == homes.of(child)
    assert homes.of(her) != homes.of(him)
    assert homes.of(her, "register") == homes.of(him, "register")


def test_who_moved_out_is_a_past_member(homes, resident):
    stays = resident("1", "山田 ハナ", "ヤマダ ハナ", "10")
    left = resident("2", "山田 健", "ヤマダ ケン", "10", "20", state="moved_out")
    homes.resolve()
    assert homes.of(left, "register") == set()
    assert homes.of(left, "register", past=True) == homes.of(stays, "register")


@pytest.mark.parametrize("state", ["moved_out", "dead"])
def test_who_left_the_register_lives_here_no_more_whatever_the_row_says(homes, resident, state):
    stays = resident("1", "山田 ハナ", "ヤマダ ハナ", "10")
    homes.resolve("one")
    drafts = (
        person_draft_of(homes, "山田 健", "ヤマダ ケン", "2"),
        person_draft_of(homes, "山田 ハナ", "", "", "head"),
    )
    facts = [
        (0, {"kind": "residence", "category": "identity", "code": state}),
        (0, {"kind": "kinship", "code": "20", "other": 1}),
    ]
    left, head = homes.town.add("ledger", "2", *drafts, facts=facts)
    homes.resolve("two")
    assert homes.town.person(head) == homes.town.person(stays)
    assert homes.of(left) != homes.of(stays)


def test_ids_survive_growth_and_a_repeat_changes_nothing(homes, resident):
    first = resident("1", "山田 ハナ", "ヤマダ ハナ", "10")
    homes.resolve("one")
    before = homes.of(first), homes.of(first, "register")
    homes.town.publish()
    second = resident("2", "山田 健", "ヤマダ ケン", "10", "20", birth="1970-01-01")
    homes.resolve("two")
    assert (homes.of(second), homes.of(second, "register")) == before
    report = homes.resolve("three")
    assert (report.minted, report.retired, report.changed) == (0, 0, 0)


def test_a_past_and_a_present_household_of_one_person_keep_their_ids(homes, resident):
    before = resident(
        "1", "山田 健", "ヤマダ ケン", "11", birth="1970-01-01", state="moved_out", stay=("2000-01-01", "2010-01-01")
    )
    after = resident(
        "2", "山田 健", "ヤマダ ケン", "10", birth="1970-01-01", stay=("2015-01-01", ""), place=("東町", "1")
    )
    homes.resolve("one")
    assert homes.town.person(before) == homes.town.person(after)
    left, here = homes.of(before, "register", past=True), homes.of(after, "register")
    report = homes.resolve("two")
    assert (report.minted, report.retired, report.changed) == (0, 0, 0)
    assert (homes.of(before, "register", past=True), homes.of(after, "register")) == (left, here)


def test_a_split_keeps_the_larger_part_and_a_vanished_household_retires(homes, resident):
    people = [resident(str(n), f"山田 {n}", f"ヤマダ {'アイウ'[n]}", "10", birth=f"19{n}0-01-01") for n in range(3)]
    homes.resolve("one")
    [kept] = homes.of(people[0], "register")
    moved = resident("2", "山田 2", "ヤマダ ウ", "11", birth="1920-01-01", place=("東町", "1"))
    homes.resolve("two")
    assert homes.of(people[0], "register") == homes.of(people[1], "register") == {kept}
    [new] = homes.of(moved, "register")
    assert new != kept
    homes.town.remove("ledger", "2")
    homes.resolve("three")
    with homes.town.engine.connect() as conn:
        events = conn.execute(
            select(lineage.c.event, lineage.c.old_id).where(
                lineage.c.run_id == "three", lineage.c.subject == "household"
            )
        ).all()
    assert ("retire", new) in events
