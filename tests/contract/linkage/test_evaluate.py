"""The accuracy figures, on a truth small enough to count by hand."""

import pytest

from linkage.evaluate import evaluate
from linkage.households import resolve_households
from linkage.partition import link

HEADER = "source,record_key,role,person,register_household,living_household\n"


@pytest.fixture
def accuracy(town, tmp_path, key_token):
    def measure(lines):
        link(town.engine, "run")
        resolve_households(town.engine, "run")
        path = tmp_path / "truth.csv"
        path.write_text(HEADER + lines, encoding="utf-8")
        return evaluate(town.engine, path, key_token)

    return measure


def test_found_missed_and_wrong_pairs_are_counted(town, person_draft, accuracy):
    name = {"name": "岡本 恵", "kana": "オカモト メグミ", "birth": "1988-08-08"}
    town.add("a", "1", person_draft(**name, numbers=[("atena", "1", "x")]))
    town.add("b", "2", person_draft(**name, numbers=[("atena", "1", "x")]))
    town.add("c", "3", person_draft(**name))
    town.add("d", "4", person_draft("森 優"), person_draft("森 空", role="child", seq=1))
    found = accuracy(
        "a,1,subject,p,,\nb,2,subject,p,,\nc,3,subject,q,,\nd,4,subject,p,,\nd,4,child/1,r,,\nz,9,subject,p,,\n"
    )
    assert found.mentions == 5
    assert (found.persons.true_pairs, found.persons.found_pairs, found.persons.right_pairs) == (3, 3, 1)
    assert (found.unaided.true_pairs, found.unaided.found_pairs, found.unaided.right_pairs) == (2, 2, 0)
    assert found.persons.precision == pytest.approx(1 / 3)


def test_households_are_measured_between_true_persons(town, person_draft, accuracy):
    home = {"place": ("桜町", "3-4")}
    town.add("a", "1", person_draft("山田 ハナ", "ヤマダ ハナ", "1940-01-01", **home))
    town.add("b", "2", person_draft("山田 健", "ヤマダ ケン", "1970-01-01", **home))
    town.add("c", "3", person_draft("林 幸子", "ハヤシ サチコ", "1965-01-01", **home))
    found = accuracy("a,1,subject,p,,h\nb,2,subject,q,,h\nc,3,subject,r,,h\n").households
    assert (found.true_pairs, found.found_pairs, found.right_pairs) == (3, 1, 1)
