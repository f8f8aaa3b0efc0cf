"""Linkage on both database engines: link, households, a change, a repeat."""

from linkage.explain import explain
from linkage.households import resolve_households
from linkage.partition import link


def test_persons_and_households_on_either_engine(any_town, person_draft):
    name = {"name": "岡本 恵", "kana": "オカモト メグミ", "birth": "1988-08-08", "place": ("本町", "1-1")}
    [a] = any_town.add("a", "1", person_draft(**name))
    [b] = any_town.add("b", "2", person_draft("岡本 健", "オカモト ケン", "1960-01-01", place=("本町", "1-1")))
    link(any_town.engine, "one")
    first = resolve_households(any_town.engine, "one")
    assert (any_town.person(a) != any_town.person(b), first.living) == (True, 1)
    any_town.publish()
    [c] = any_town.add("c", "3", person_draft(**name))
    second = link(any_town.engine, "two")
    assert any_town.person(c) == any_town.person(a)
    assert (second.minted, second.moved) == (0, 1)
    assert explain(any_town.engine, a, c).rule == "score"
    any_town.remove("a", "1")
    link(any_town.engine, "three")
    resolve_households(any_town.engine, "three")
    again = link(any_town.engine, "four"), resolve_households(any_town.engine, "four")
    assert (again[0].moved, again[1].changed) == (0, 0)
    assert set(any_town.persons()) == {b, c}
