"""Nights of few changes, each looked at through its neighbourhood, end where one run over everything ends."""

import random

import pytest
from sqlalchemy import insert, select

from linkage.households import resolve_households
from linkage.partition import Reading, link
from schemas.tables import household, link_edge, membership, mention, source, source_record

CITY = "132993"
FAMILIES = [("佐藤", "サトウ"), ("髙橋", "タカハシ"), ("高橋", "タカハシ"), ("森", "モリ")]
GIVEN = [("誠", "マコト"), ("恵", "メグミ"), ("空", "ソラ"), ("結衣", "ユイ"), ("結衣", "ユイカ")]
BIRTHS = ["1970-03-04", "1970-03-05", "1988-08-08", "2012-07", ""]
PLACES = [("本町", "1-1"), ("本町", "1-2"), ("桜町", "3-4"), ("東町", "9-9"), None]
PHONES = ["0311112222", "0422334455", "", ""]


class Dice:
    """Makes records of a crowded little town: few names, days and places, so that everything meets everything."""

    def __init__(self, seed, draft):
        self.rng = random.Random(seed)
        self.draft = draft

    def person(self, role="subject", seq=0, *, numbers=()):
        family, given = self.rng.choice(FAMILIES), self.rng.choice(GIVEN)
        name = "" if self.rng.random() < 0.1 else f"{family[0]} {given[0]}"
        kana = f"{family[1]} {given[1]}" if not name or self.rng.random() < 0.8 else ""
        past = [place for place in PLACES[:4] if self.rng.random() < 0.1]
        return self.draft(
            name,
            kana,
            self.rng.choice(BIRTHS),
            sex=self.rng.choice(["1", "2", ""]),
            place=self.rng.choice(PLACES),
            past=past,
            phone=self.rng.choice(PHONES),
            role=role,
            seq=seq,
            numbers=numbers,
        )

    def record(self, key):
        """Give the arguments of one landing of a record."""
        roll = self.rng.random()
        number = ("atena", str(key % 7 + 1), CITY)
        if roll < 0.5:
            house = ("setai", str(self.rng.randrange(10, 14)), CITY)
            facts = [
                (0, self._fact("residence", category="identity", code=self.rng.choice(["resident", "moved_out"]))),
                (0, self._fact("kinship", code=self.rng.choice(["02", "12", "20"]), other=1)),
            ]
            drafts = [self.person(numbers=[number, house]), self.person("head", numbers=[house])]
            return ("ledger", key, *drafts), {"facts": facts}
        if roll < 0.6:
            drafts = [self.person(numbers=[number]), self.person("opponent"), self.person("co_protected")]
            return ("orders", key, *drafts), {"protected": True}
        carer = self.person("carer", numbers=[number] if self.rng.random() < 0.2 else ())
        facts = [(1, self._fact("kinship", code="51", other=0))]
        if self.rng.random() < 0.3:
            facts.append((1, self._fact("away", code="work")))
        return ("form", key, self.person(numbers=[number] if self.rng.random() < 0.3 else ()), carer), {
            "facts": facts
        }

    def _fact(self, kind, **fields):
        start = self.rng.choice(["", "2001-04-01", "2019-04-01"])
        return {"kind": kind, "valid_from": start, "valid_to": "", **fields}


def sources(town):
    row = {"agency_id": "x", "sensitive": 0, "population": "all", "carries_address": 1}
    with town.engine.begin() as conn:
        conn.execute(insert(source), {**row, "source_id": "ledger", "programme": "register", "protects": 0})
        conn.execute(insert(source), {**row, "source_id": "orders", "programme": "protection", "protects": 1})
        conn.execute(insert(source), {**row, "source_id": "form", "programme": "elderly", "protects": 0})


def end_state(town):
    """Persons, kept pairs and memberships, named by what was delivered."""
    with town.engine.connect() as conn:
        named = {
            row.mention_id: (row.source_id, row.key_token, row.role, row.seq)
            for row in conn.execute(
                select(mention, source_record.c.source_id, source_record.c.key_token).join(
                    source_record, source_record.c.record_id == mention.c.record_id
                )
            )
        }
        groups = {}
        for mention_id, person_id in town.persons().items():
            groups.setdefault(person_id, set()).add(named[mention_id])
        persons = {person_id: tuple(sorted(group)) for person_id, group in groups.items()}
        edges = {
            (frozenset({named[row.a], named[row.b]}), row.kind, row.weight, row.outcome)
            for row in conn.execute(select(link_edge))
        }
        kinds = dict(conn.execute(select(household.c.household_id, household.c.kind)).all())
        homes = {}
        for row in conn.execute(select(membership)):
            fields = (row.state, row.relation, row.evidence, row.valid_from, row.valid_to)
            homes.setdefault(row.household_id, set()).add((persons[row.person_id], *fields))
        households = sorted((kinds[one], sorted(map(repr, members))) for one, members in homes.items())
    return set(persons.values()), edges, households


def resolve(engine, run):
    """Persons, then households, from one reading."""
    read = Reading()
    return link(engine, run, read), resolve_households(engine, run, read)


@pytest.mark.parametrize("seed", [*range(4), 228, 248, 263, 278])
def test_nights_of_changes_end_where_one_run_ends(make_town, person_draft, seed):
    dice = Dice(seed, person_draft)
    town, whole = make_town("nights"), make_town("whole")
    sources(town)
    sources(whole)
    landed = {}

    def land(key):
        arguments, more = dice.record(key)
        if key in landed and landed[key][0][0] != arguments[0]:
            town.remove(*landed[key][0][:2])
        landed[key] = (arguments, more)
        town.add(*arguments, **more)

    for key in range(30):
        land(key)
    resolve(town.engine, "first")
    town.publish()
    for night in range(6):
        for _ in range(dice.rng.randrange(1, 4)):
            key = dice.rng.randrange(36)
            if key in landed and dice.rng.random() < 0.3:
                town.remove(*landed.pop(key)[0][:2])
            else:
                land(key)
        resolve(town.engine, f"night {night}")
        town.publish()
    for arguments, more in landed.values():
        whole.add(*arguments, **more)
    resolve(whole.engine, "one")
    for found, wanted in zip(end_state(town), end_state(whole), strict=True):
        assert found == wanted
    again = resolve(town.engine, "again")
    assert (again[0].moved, again[1].changed) == (0, 0)
