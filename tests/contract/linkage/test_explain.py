"""Why two mentions are one person, told without opening an identity."""

from linkage.explain import LEVELS_JA, explain
from linkage.partition import link
from linkage.scoring import CONDITIONS, level_names

CITY = "132993"
NAME = {"name": "岡本 恵", "kana": "オカモト メグミ"}


def told(explanation):
    return {reason.comparison: reason.level for reason in explanation.reasons}


def test_every_level_is_said_in_japanese():
    assert {level for name in CONDITIONS for level in level_names(name)} <= set(LEVELS_JA)


def test_a_link_names_its_rule_and_its_comparisons(town, person_draft):
    [a] = town.add("a", "1", person_draft(**NAME, birth="1988-08-08"))
    [b] = town.add("b", "2", person_draft(**NAME, birth="1988-08-08"))
    link(town.engine, "run")
    why = explain(town.engine, a, b)
    assert (why.outcome, why.rule) == ("one_person", "score")
    assert told(why)["name"] == "spelling"
    assert told(why)["birth"] == "day"
    assert told(why)["place"] == "null"


def test_a_shared_number_a_contradiction_and_one_record_are_told_apart(town, person_draft):
    [a] = town.add("a", "1", person_draft(**NAME, numbers=[("atena", "1", CITY)]))
    [b] = town.add("b", "2", person_draft(numbers=[("atena", "1", CITY)]))
    c, d = town.add("c", "3", person_draft("森 優", "モリ ユウ"), person_draft("森 優", "モリ ユウ", role="child"))
    link(town.engine, "run")
    assert explain(town.engine, b, a).rule == "shared_number"
    assert explain(town.engine, a, c).rule == "contradiction"
    assert explain(town.engine, c, d).rule == "one_record"


def test_a_pair_left_to_people_says_so_and_a_stranger_explains_nothing(town, person_draft):
    same = {**NAME, "birth": "1988-08-08"}
    [a] = town.add("a", "1", person_draft(**same, numbers=[("atena", "1", CITY)]))
    town.add("a", "2", person_draft(**same, numbers=[("atena", "2", CITY)]))
    [c] = town.add("b", "3", person_draft(**same))
    link(town.engine, "run")
    assert explain(town.engine, a, c).outcome == "review"
    assert explain(town.engine, a, 999) is None
