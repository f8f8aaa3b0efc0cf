"""Persons from small populations, each with the trap that gave it its name."""

from contextlib import suppress
from itertools import permutations

import pytest
from sqlalchemy import func, select

from linkage.partition import link
from schemas.tables import lineage, link_edge, person, person_mention
from schemas.values.names import PersonName

CITY = "132993"


@pytest.fixture
def together(town):
    def check(*mentions):
        link(town.engine, "run")
        return len({town.person(one) for one in mentions}) == 1

    return check


def test_one_number_binds_records_that_share_nothing_else(town, person_draft, together):
    [a] = town.add("ledger", "1", person_draft("山田 花子", numbers=[("atena", "77", CITY)]))
    [b] = town.add("care", "9", person_draft(numbers=[("atena", "000077", CITY)]))
    assert together(a, b)


def test_a_family_members_number_on_a_form_does_not_bind(town, person_draft, together):
    [mother] = town.add(
        "ledger", "1", person_draft("山田 花子", "ヤマダ ハナコ", "1960-01-02", numbers=[("atena", "77", CITY)])
    )
    [son] = town.add(
        "form", "9", person_draft("山田 太郎", "ヤマダ タロウ", "1990-05-06", numbers=[("atena", "77", CITY)])
    )
    assert not together(mother, son)


def test_two_numbers_of_one_issuer_on_one_day_never_merge(town, person_draft, together):
    same = {
        "name": "佐藤 誠",
        "kana": "サトウ マコト",
        "birth": "1970-03-04",
        "place": ("本町", "1-2"),
        "phone": "0311112222",
    }
    [a] = town.add("ledger", "1", person_draft(**same, numbers=[("atena", "1", CITY)]))
    [b] = town.add("ledger", "2", person_draft(**same, numbers=[("atena", "2", CITY)]))
    assert not together(a, b)


def test_who_moved_out_and_back_has_two_numbers_that_follow(town, person_draft, together):
    same = {"name": "佐藤 誠", "kana": "サトウ マコト", "birth": "1970-03-04", "sex": "1"}
    [a] = town.add("ledger", "1", person_draft(**same, numbers=[("atena", "1", CITY, "2001-04-01", "2015-03-31")]))
    [b] = town.add("ledger", "2", person_draft(**same, numbers=[("atena", "2", CITY, "2019-04-01", "")]))
    assert together(a, b)


@pytest.mark.parametrize(("left", "people"), [("2015-03-31", 1), ("", 2)])
def test_a_number_is_valid_as_long_as_the_residence_beside_it(town, person_draft, left, people):
    same = {"name": "佐藤 誠", "kana": "サトウ マコト", "birth": "1970-03-04", "sex": "1"}
    stay = {"kind": "residence", "category": "identity", "valid_from": "2001-04-01", "valid_to": left}
    again = {"kind": "residence", "category": "identity", "valid_from": "2019-04-01", "valid_to": ""}
    town.add("ledger", "1", person_draft(**same, numbers=[("atena", "1", CITY)]), facts=[(0, stay)])
    town.add("ledger", "2", person_draft(**same, numbers=[("atena", "2", CITY)]), facts=[(0, again)])
    link(town.engine, "run")
    assert len(town.partition()) == people


def test_twins_stay_two(town, person_draft, together):
    home = {"birth": "2012-07-07", "place": ("桜町", "3-4"), "phone": "0422334455", "sex": "2"}
    [a] = town.add("school", "1", person_draft("高橋 美咲", "タカハシ ミサキ", **home))
    [b] = town.add("child", "2", person_draft("髙橋 美桜", "タカハシ ミオ", **home))
    assert not together(a, b)


def test_father_and_son_of_one_name_stay_two(town, person_draft, together):
    home = {"place": ("桜町", "3-4"), "phone": "0422334455", "sex": "1"}
    [a] = town.add("care", "1", person_draft("田中 一", "タナカ ハジメ", "1940-01-31", **home))
    [b] = town.add("help", "2", person_draft("田中 一", "タナカ ハジメ", "1970-11-05", **home))
    assert not together(a, b)


def test_namesakes_without_more_stay_two(town, person_draft, together):
    [a] = town.add("a", "1", person_draft("佐藤 誠", "サトウ マコト"))
    [b] = town.add("b", "2", person_draft("佐藤 誠", "サトウ マコト"))
    assert not together(a, b)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("渡邊 久美子", "ワタナベ クミコ"), ("渡辺 久美子", "ﾜﾀﾅﾍﾞ ｸﾐｺ")),
        (("髙﨑 勇", "タカサキ イサム"), ("高崎 勇", "")),
        (("大野 洋子", "オオノ ヨウコ"), ("オーノ ヨーコ", "")),
        (("山田 太郎", "ヤマダ タロウ"), ("太郎 山田", "")),
        (("斎藤 実", "サイトウ ミノル"), ("斉藤 実", "サイトウ ミノル")),
    ],
)
def test_one_person_written_twice(town, person_draft, together, one, other):
    [a] = town.add("a", "1", person_draft(*one, "1951-09-09"))
    [b] = town.add("b", "2", person_draft(*other, "1951-09-09"))
    assert together(a, b)


def test_who_moved_is_found_by_name_and_birth_date(town, person_draft, together):
    [a] = town.add("a", "1", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08", place=("本町", "1-1")))
    [b] = town.add("b", "2", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08", place=("東町", "7-7")))
    assert together(a, b)


def test_a_married_name_meets_through_the_former_name(town, person_draft, together):
    former = PersonName("木村", kind="former", kana="キムラ")
    [a] = town.add("ledger", "1", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08", others=[former]))
    [b] = town.add("clinic", "2", person_draft("木村 恵", "キムラ メグミ", "1988-08-08"))
    assert together(a, b)


def test_a_married_name_without_former_name_needs_the_place(town, person_draft, together):
    [a] = town.add("a", "1", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08", place=("本町", "1-1")))
    [b] = town.add("b", "2", person_draft("木村 恵", "キムラ メグミ", "1988-08-08", place=("本町", "1-1")))
    [c] = town.add("c", "3", person_draft("森 恵", "モリ メグミ", "1988-08-08"))
    assert together(a, b)
    assert not together(a, c)


def test_a_mistyped_birth_date_needs_the_place(town, person_draft, together):
    [a] = town.add("a", "1", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08", place=("本町", "1-1")))
    [b] = town.add("b", "2", person_draft("岡本 恵", "オカモト メグミ", "1988-08-09", place=("本町", "1-1")))
    [c] = town.add("c", "3", person_draft("岡本 恵", "オカモト メグミ", "1963-08-08", place=("東町", "1-1")))
    assert together(a, b)
    assert not together(a, c)


def test_one_record_names_two_persons_even_of_one_name(town, person_draft, together):
    same = {"name": "田中 一", "kana": "タナカ ハジメ", "place": ("桜町", "3-4"), "phone": "0422334455"}
    a, b = town.add("form", "1", person_draft(**same), person_draft(**same, role="child"))
    assert not together(a, b)


def test_a_record_that_fits_two_persons_goes_to_people(town, person_draft):
    same = {"name": "佐藤 誠", "kana": "サトウ マコト", "birth": "1970-03-04"}
    [a] = town.add("ledger", "1", person_draft(**same, numbers=[("atena", "1", CITY)]))
    [b] = town.add("ledger", "2", person_draft(**same, numbers=[("atena", "2", CITY)]))
    [c] = town.add("form", "3", person_draft(**same))
    report = link(town.engine, "run")
    assert len({town.person(one) for one in (a, b, c)}) == 3
    assert report.review == 2


def test_a_place_decides_between_two_namesakes(town, person_draft):
    same = {"name": "佐藤 誠", "kana": "サトウ マコト", "birth": "1970-03-04"}
    [a] = town.add("ledger", "1", person_draft(**same, place=("本町", "1-1"), numbers=[("atena", "1", CITY)]))
    [b] = town.add("ledger", "2", person_draft(**same, place=("東町", "9-9"), numbers=[("atena", "2", CITY)]))
    [c] = town.add("form", "3", person_draft(**same, place=("本町", "1-1")))
    link(town.engine, "run")
    assert town.person(c) == town.person(a) != town.person(b)


def test_a_place_is_no_evidence_about_a_protected_person(town, person_draft, together):
    her = {"name": "森 由美", "kana": "モリ ユミ"}
    town.add(
        "protection", "1", person_draft(**her, birth="1985-05-05", numbers=[("atena", "5", CITY)]), protected=True
    )
    hidden = ("新町", "8-8")
    [a] = town.add(
        "ledger", "1", person_draft(**her, birth="1985-05-05", place=hidden, numbers=[("atena", "5", CITY)])
    )
    [b] = town.add("form", "2", person_draft(**her, place=hidden, phone="0311112222"))
    assert not together(a, b)


def test_who_asks_for_a_relative_is_found_through_the_relatives_place(town, person_draft, together):
    [daughter] = town.add("ledger", "1", person_draft("森 由美", "モリ ユミ", "1975-05-05", place=("本町", "1-1")))
    _, asking = town.add(
        "desk",
        "2",
        person_draft("森 ハル", "モリ ハル", "1944-04-04", place=("本町", "1-1")),
        person_draft("森由美", role="consulter"),
    )
    assert together(daughter, asking)


def test_a_given_name_alone_needs_birth_date_and_place(town, person_draft, together):
    [child] = town.add(
        "ledger", "1", person_draft("福島 寿伸", "フクシマ ヒサノブ", "2015-03-17", place=("本町", "1-1"))
    )
    [same] = town.add(
        "form", "2", person_draft("寿伸", "ヒサノブ", "2015-03-17", place=("本町", "1-1"), role="child")
    )
    [other] = town.add("form", "3", person_draft("寿伸", "ヒサノブ", "2015-03-17", role="child"))
    assert together(child, same)
    assert not together(child, other)


def test_one_wrong_form_does_not_split_a_person_bound_by_number(town, person_draft, together):
    number = [("atena", "7", CITY)]
    name = {"name": "後藤 有紀男", "kana": "ゴトウ ユキオ", "place": ("本町", "1-1")}
    [wrong] = town.add("care", "1", person_draft(**name, birth="1957-11-03", numbers=number))
    [right] = town.add("ledger", "2", person_draft(**name, birth="1957-05-30", numbers=number))
    [form] = town.add("form", "3", person_draft(**name, birth="1957-05-30"))
    assert together(wrong, right, form)


def test_any_order_and_any_split_give_one_partition(make_town, person_draft):
    same = {"name": "佐藤 誠", "kana": "サトウ マコト", "birth": "1970-03-04"}
    rows = [
        ("ledger", "1", person_draft(**same, numbers=[("atena", "1", CITY)])),
        ("ledger", "2", person_draft(**same, numbers=[("atena", "2", CITY)], place=("本町", "1"))),
        ("form", "3", person_draft(**same, place=("本町", "1"))),
        ("form", "4", person_draft("佐藤 誠", place=("本町", "1"))),
    ]
    found = set()
    for number, order in enumerate(permutations(rows)):
        town = make_town(str(number))
        named = {}
        for place, (source, key, one) in enumerate(order):
            [named[source, key]] = town.add(source, key, one)
            if place % 2 == number % 2:
                link(town.engine, str(place))
        link(town.engine, "last")
        back = {value: key for key, value in named.items()}
        found.add(frozenset(frozenset(back[one] for one in group) for group in town.partition()))
    assert len(found) == 1


def test_a_repeat_changes_nothing(town, person_draft):
    town.add("a", "1", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08"))
    town.add("b", "2", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08"))
    link(town.engine, "one")
    before = town.persons()
    report = link(town.engine, "two")
    assert town.persons() == before
    assert (report.minted, report.retired, report.moved) == (0, 0, 0)


def events(town, run):
    with town.engine.connect() as conn:
        rows = conn.execute(select(lineage).where(lineage.c.run_id == run).order_by(lineage.c.event_id)).all()
    return [(row.event, row.old_id, row.new_id) for row in rows]


def test_growth_keeps_the_id(town, person_draft):
    [a] = town.add("a", "1", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08"))
    link(town.engine, "one")
    before = town.person(a)
    town.publish()
    [b] = town.add("b", "2", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08"))
    link(town.engine, "two")
    assert town.person(a) == town.person(b) == before
    assert events(town, "two") == [("survive", before, before)]


def test_a_merge_retires_the_younger_and_a_correction_splits_again(town, person_draft):
    [a] = town.add("a", "1", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08"))
    link(town.engine, "one")
    [b] = town.add("b", "2", person_draft("岡本 恵子", "オカモト ケイコ", "1988-08-08"))
    link(town.engine, "two")
    older, younger = town.person(a), town.person(b)
    assert older != younger
    town.publish()
    town.add("b", "2", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08"))
    link(town.engine, "three")
    assert town.person(a) == town.person(b) == older
    assert ("retire", younger, older) in events(town, "three")
    with town.engine.connect() as conn:
        query = select(person.c.retired_to).where(person.c.person_id == younger)
        assert conn.execute(query).scalar() == older
    town.publish()
    town.add("b", "2", person_draft("岡本 恵子", "オカモト ケイコ", "1988-08-08"))
    link(town.engine, "four")
    assert town.person(a) == older
    assert town.person(b) not in {older, younger}


def test_a_deleted_record_leaves_no_influence(town, person_draft):
    home = {"place": ("本町", "1-1")}
    [a] = town.add("a", "1", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08"))
    [bridge] = town.add("b", "2", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08", **home))
    [c] = town.add("c", "3", person_draft("岡本 恵", "オカモト メグミ", **home))
    link(town.engine, "one")
    assert len({town.person(one) for one in (a, bridge, c)}) == 1
    town.publish()
    town.remove("b", "2")
    link(town.engine, "two")
    assert town.person(bridge) is None
    assert town.person(a) != town.person(c)


@pytest.mark.parametrize("step", range(12))
def test_a_crash_between_transactions_is_repaired_by_the_next_run(make_town, person_draft, step, monkeypatch):
    from linkage import writing

    town = make_town()
    monkeypatch.setattr(writing, "_ROWS", 1)
    town.add("a", "1", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08"))
    town.add("b", "2", person_draft("岡本 恵子", "オカモト ケイコ", "1988-08-08"))
    town.add("d", "4", person_draft("岡本 恵子", "オカモト ケイコ", "1988-08-08"))
    link(town.engine, "one")
    town.publish()
    town.add("b", "2", person_draft("岡本 恵", "オカモト メグミ", "1988-08-08"))
    town.add("c", "3", person_draft("森 優", "モリ ユウ", "1990-08-08"))
    left = iter(range(step))
    begin = town.engine.begin

    def failing():
        if next(left, None) is None:
            raise OSError
        return begin()

    with monkeypatch.context() as patch:
        patch.setattr(town.engine, "begin", failing, raising=False)
        with suppress(OSError):
            link(town.engine, "two")
    link(town.engine, "three")
    assert town.partition() == {frozenset({1, 2}), frozenset({3}), frozenset({4})}
    with town.engine.connect() as conn:
        living = select(func.count()).select_from(person).where(person.c.retired_to.is_(None))
        assert conn.execute(living).scalar() == 3
        assert conn.execute(select(func.count()).select_from(person_mention)).scalar() == 4
        assert conn.execute(select(func.count()).select_from(link_edge)).scalar() >= 1
