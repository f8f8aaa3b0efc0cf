"""The city's people: names, dates of birth, dwellings, numbers and moves, as one set of arrays.

A person is an index. Registered residents come first, then those the register no longer holds (転出, 死亡), then
people who live here without being registered (住登外). Writers read these arrays and never change them.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from musubi.city.arrays import Flags, Ints, Texts, generator, padded, texts
from musubi.city.calendars import day
from musubi.city.households import (
    CHILD,
    HEAD,
    LATE_LONE,
    LONE_PARENT,
    OTHER_MEMBER,
    SINGLE,
    SPOUSE,
    Members,
    make_households,
)
from musubi.city.names import FOREIGN_SHARES, draw_given, foreign_names, surnames
from musubi.city.places import Dwellings, make_dwellings

CITY_CODE = "132993"
"""A municipality code nobody holds (its check digit is right)."""
PREFECTURE, CITY = "東京都", "結市"
TODAY = day("2026-11-01")
EXACT, YEAR_ONLY, NONCALENDAR, UNKNOWN = range(4)
RESIDENT, GONE, DEAD, UNREGISTERED = 1, 2, 3, 0
"""住民状態 of the register; 0 stands for a person the register never held."""
GONE_SHARE, DEAD_SHARE, UNREGISTERED_SHARE, FOREIGN_SHARE = 0.02, 0.01, 0.015, 0.027


@dataclass
class Population:
    """One entry per person; ``-1`` and empty text mean none. Days count from 1900-01-01."""

    sex: Ints
    birth: Ints
    birth_known: Ints
    family: Texts
    given: Texts
    kana_family: Texts
    kana_given: Texts
    former: Texts
    former_kana: Texts
    former_registered: Flags
    nation: Texts
    roman: Texts
    kanji: Texts
    """Name in Chinese characters of a foreign resident."""
    alias: Texts
    alias_kana: Texts
    living: Ints
    """Living household; nobody shares one with the dead and the departed."""
    register: Ints
    """世帯番号 as a number, -1 outside the register."""
    past_register: Ints
    """The one before the last move, where it was another."""
    relation: Texts
    order: Ints
    head: Ints
    """Person who heads the register household."""
    kind: Ints
    """Kind of household (musubi.city.households)."""
    role: Ints
    state: Ints
    state_day: Ints
    """Day of death or departure."""
    dwelling: Ints
    past_dwelling: Ints
    """Where a person lived before the last move inside the city."""
    moved: Ints
    """Day of that move."""
    arrived: Ints
    """Day a person became a resident."""
    number: Texts
    """宛名番号."""
    old_number: Texts
    """宛名番号 of an earlier stay (再転入)."""
    phone: Texts
    mobile: Texts
    planted: Flags
    """Belongs to a family told by name; takes part in no random case."""

    def __len__(self) -> int:
        return len(self.sex)

    def age(self, on: int = TODAY) -> Ints:
        """Full years on a day."""
        years: Ints = ((on - self.birth) / 365.2425).astype(np.int64)
        return years

    def take(self, rows: Ints) -> "Population":
        """Return the same arrays for some persons."""
        return Population(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def joined(self, other: "Population") -> "Population":
        """Return these persons followed by others."""
        return Population(
            **{f.name: np.concatenate((getattr(self, f.name), getattr(other, f.name))) for f in fields(self)}
        )


def check_digit(numbers: Ints) -> Ints:
    """Modulus 11 with weights 2-7 from the right; what the rule leaves open (remainder 1) is 0."""
    total = np.zeros_like(numbers)
    rest = numbers.copy()
    for place in range(10):
        total += (rest % 10) * (place % 6 + 2)
        rest //= 10
    remainder = total % 11
    digits: Ints = np.where(remainder <= 1, 0, 11 - remainder)
    return digits


def resident_numbers(serials: Ints) -> Texts:
    """宛名番号 of ten digits with check digit."""
    return padded(serials * 10 + check_digit(serials), 10)


def make_population(people: int, seed: int) -> tuple[Population, Dwellings]:
    """All persons the city's systems know of, before any family told by name is added."""
    rng = generator(seed, "households")
    members = make_households(rng, people)
    person = _registered(members, generator(seed, "people"))
    person = person.joined(_departed(person, generator(seed, "departed"), int(people * GONE_SHARE)))
    person = person.joined(_dead_spouses(person, generator(seed, "dead"), int(people * DEAD_SHARE)))
    person = person.joined(_unregistered(person, generator(seed, "outside"), int(people * UNREGISTERED_SHARE)))
    dwellings, of_household = make_dwellings(generator(seed, "dwellings"), int(person.living.max()) + 1)
    _move(person, generator(seed, "moves"), dwellings, of_household)
    _number(person, generator(seed, "numbers"))
    _phones(person, generator(seed, "phones"))
    return person, dwellings


def _registered(members: Members, rng: np.random.Generator) -> Population:
    size = len(members.living)
    birth = TODAY - np.floor(members.age * 365.2425 + rng.integers(1, 365, size)).astype(np.int64)
    twins = np.flatnonzero(members.twin)
    birth[twins] = birth[twins - 1]
    known = rng.choice(4, size, p=(0.9975, 0.0012, 0.0005, 0.0008))
    known[np.isin(np.arange(size), np.r_[twins, twins - 1])] = EXACT
    names = surnames()
    house = rng.choice(len(names.kanji), int(members.living.max()) + 1, p=names.share)[members.living]
    own = rng.choice(len(names.kanji), size, p=names.share)
    apart = (members.role == OTHER_MEMBER) & (rng.random(size) < 0.5)
    apart |= (members.role == SPOUSE) & (rng.random(size) < 0.03)
    surname = np.where(apart, own, house)
    years = 1900 + (birth / 365.2425).astype(np.int64)
    given, kana_given = draw_given(rng, members.sex, years)
    _tell_siblings_apart(rng, members, years, given, kana_given)
    maiden = (members.role == SPOUSE) | ((members.role == HEAD) & (members.sex == 2) & (members.kind == LONE_PARENT))
    former = np.where(maiden, names.kanji[own], "")
    person = blank_people(size)
    person.sex, person.birth, person.birth_known = members.sex, birth, known
    person.family, person.kana_family = names.kanji[surname], names.kana[surname]
    person.given, person.kana_given = given, kana_given
    person.former, person.former_kana = former, np.where(maiden, names.kana[own], "")
    person.former_registered = maiden & (rng.random(size) < 0.03)
    person.living, person.register, person.kind = members.living, members.register, members.kind
    person.relation, person.order, person.role = members.relation, members.order, members.role
    _foreigners(person, rng)
    heads = np.full(int(person.register.max()) + 1, -1)
    first = person.order == 1
    heads[person.register[first]] = np.flatnonzero(first)
    person.head = heads[person.register]
    return person


def blank_people(size: int) -> Population:
    """Residents about whom nothing is known yet."""
    none = np.full(size, -1, dtype=np.int64)
    made: dict[str, Any] = {
        field.name: texts(size)
        if field.type is Texts
        else np.zeros(size, dtype=bool)
        if field.type is Flags
        else none.copy()
        for field in fields(Population)
    }
    made["state"] = np.full(size, RESIDENT, dtype=np.int64)
    made["birth_known"] = np.zeros(size, dtype=np.int64)
    return Population(**made)


def _tell_siblings_apart(rng: np.random.Generator, members: Members, years: Ints, given: Texts, kana: Texts) -> None:
    """Two children of one household never carry one name."""
    for _ in range(4):
        same = np.zeros(len(given), dtype=bool)
        for back in (1, 2, 3):
            same[back:] |= (members.living[back:] == members.living[:-back]) & (given[back:] == given[:-back])
        again = np.flatnonzero(same)
        if not len(again):
            return
        given[again], kana[again] = draw_given(rng, members.sex[again], years[again])


def _foreigners(person: Population, rng: np.random.Generator) -> None:
    """Whole households of one nation, with roman name, kanji where the country writes them, and alias (通称)."""
    nations = tuple(FOREIGN_SHARES)
    homes = int(person.living.max()) + 1
    nation = np.where(
        rng.random(homes) < FOREIGN_SHARE, rng.choice(len(nations), homes, p=tuple(FOREIGN_SHARES.values())), -1
    )[person.living]
    with_alias = rng.random(len(person)) < 0.5
    for row in np.flatnonzero(nation >= 0).tolist():
        choices = foreign_names(nations[nation[row]], int(person.sex[row]))
        name = choices[int(rng.integers(len(choices)))]
        person.nation[row], person.roman[row], person.kanji[row] = nations[nation[row]], name.roman, name.kanji
        person.family[row], person.given[row] = name.roman.split(" ", 1)
        person.kana_family[row], person.kana_given[row] = name.kana.split(" ", 1)
        if with_alias[row]:
            person.alias[row], person.alias_kana[row] = name.alias, name.alias_kana
    person.former[nation >= 0] = ""
    person.former_kana[nation >= 0] = ""
    person.former_registered &= nation < 0
    person.birth_known[nation >= 0] = EXACT


def _departed(person: Population, rng: np.random.Generator, size: int) -> Population:
    """People who left the city (転出): each stands alone, whatever household they were in."""
    like = rng.integers(0, len(person), size)
    left = person.take(like)
    left.birth = left.birth - rng.integers(30, 3000, size)
    left.given, left.kana_given = draw_given(rng, left.sex, 1900 + (left.birth / 365.2425).astype(np.int64))
    foreign = left.nation != ""
    left.nation[foreign], left.roman[foreign], left.kanji[foreign] = "", "", ""
    left.alias[foreign], left.alias_kana[foreign] = "", ""
    names = surnames()
    own = rng.choice(len(names.kanji), size, p=names.share)
    left.family, left.kana_family = names.kanji[own], names.kana[own]
    left.former, left.former_kana = texts(size), texts(size)
    left.former_registered = np.zeros(size, dtype=bool)
    left.state = np.full(size, GONE)
    left.state_day = TODAY - rng.integers(20, 1500, size)
    return _alone(left, person)


def _dead_spouses(person: Population, rng: np.random.Generator, size: int) -> Population:
    """Husbands and wives of today's old people living alone."""
    widowed = np.flatnonzero((person.kind == SINGLE) & (person.age() >= 68) & (person.nation == ""))
    like = rng.permutation(widowed)[:size]
    dead = person.take(like)
    dead.sex = 3 - dead.sex
    dead.birth = dead.birth - rng.integers(-700, 2200, len(like))
    dead.birth_known = np.zeros(len(like), dtype=np.int64)
    dead.given, dead.kana_given = draw_given(rng, dead.sex, 1900 + (dead.birth / 365.2425).astype(np.int64))
    dead.former, dead.former_kana = texts(len(like)), texts(len(like))
    dead.state = np.full(len(like), DEAD)
    dead.state_day = TODAY - rng.integers(10, 2500, len(like))
    register = dead.register.copy()
    alone = _alone(dead, person)
    alone.register = register
    alone.head = like
    alone.order = np.full(len(like), 2)
    alone.relation = np.where(alone.sex == 1, "11", "12").astype(object)
    return alone


def _unregistered(person: Population, rng: np.random.Generator, size: int) -> Population:
    """People who live here but are registered elsewhere (住登外): grown children come home, and single people."""
    home = np.flatnonzero((person.kind == LATE_LONE) | (person.kind == SINGLE))
    home = home[(person.role[home] == HEAD) & (person.age()[home] >= 62) & (person.nation[home] == "")]
    parents = rng.permutation(home)[: size // 2]
    like = np.r_[parents, rng.permutation(np.flatnonzero(person.kind == SINGLE))[: size - size // 2]]
    back = np.arange(len(like)) < len(parents)
    made = person.take(like)
    made.sex = rng.integers(1, 3, len(like))
    made.birth = np.where(back, made.birth + rng.integers(8800, 12500, len(like)), made.birth + 97)
    made.birth_known = np.zeros(len(like), dtype=np.int64)
    made.given, made.kana_given = draw_given(rng, made.sex, 1900 + (made.birth / 365.2425).astype(np.int64))
    foreign = made.nation != ""
    names = surnames()
    own = rng.choice(len(names.kanji), len(like), p=names.share)
    fresh = foreign | ~back
    made.family[fresh], made.kana_family[fresh] = names.kanji[own][fresh], names.kana[own][fresh]
    for column in (made.nation, made.roman, made.kanji, made.alias, made.alias_kana, made.former, made.former_kana):
        column[:] = ""
    made.former_registered[:] = False
    made.state = np.full(len(like), UNREGISTERED)
    living = made.living.copy()
    made = _alone(made, person)
    made.living[back] = living[back]
    made.role = np.where(back, CHILD, HEAD)
    made.register[:] = -1
    made.head[:] = -1
    return made


def _alone(part: Population, person: Population) -> Population:
    """Give each of ``part`` a living and a register household of its own."""
    size = len(part)
    part.living = person.living.max() + 1 + np.arange(size)
    part.register = person.register.max() + 1 + np.arange(size)
    part.relation = texts(size, "02")
    part.order = np.ones(size, dtype=np.int64)
    part.head = len(person) + np.arange(size)
    return part


def _move(person: Population, rng: np.random.Generator, dwellings: Dwellings, of_household: Ints) -> None:
    """Present and past dwellings; a quarter of the households moved inside the city in the last years."""
    person.dwelling = of_household[person.living]
    homes = len(of_household)
    past = np.where(rng.random(homes) < 0.25, dwellings.add_like(rng, homes), -1)
    moved = TODAY - rng.integers(15, 2600, homes)
    age_days = TODAY - person.birth
    here = np.minimum(age_days, rng.integers(200, 14000, homes)[person.living])
    stays = TODAY - moved[person.living]
    movers = (past[person.living] >= 0) & (here > stays + 30)
    person.past_dwelling = np.where(movers, past[person.living], -1)
    person.moved = np.where(movers, moved[person.living], -1)
    person.arrived = TODAY - here
    gone = (person.state != RESIDENT) & (person.state != UNREGISTERED)
    person.arrived = np.where(gone, np.minimum(person.arrived, person.state_day - 100), person.arrived)
    person.arrived = np.maximum(person.arrived, person.birth)
    person.past_dwelling[gone] = -1
    person.moved[gone] = -1


def _number(person: Population, rng: np.random.Generator) -> None:
    """宛名番号 for everyone the register holds or held and for half of the others; a second for returners."""
    serial = rng.permutation(len(person) * 2)
    numbers = resident_numbers(100_000_000 + serial)
    person.number = numbers[: len(person)]
    person.number[(person.state == UNREGISTERED) & (rng.random(len(person)) < 0.5)] = ""
    homes = int(person.living.max()) + 1
    returned = (rng.random(homes) < 0.006)[person.living] & (person.state == RESIDENT) & (person.age() > 8)
    returned &= person.arrived - person.birth > 2000
    person.old_number = np.where(returned, numbers[len(person) :], "")


def _phones(person: Population, rng: np.random.Generator) -> None:
    """Return a landline per household, a mobile per adult, in exchanges that do not exist (042-0, 090-0)."""
    homes = int(person.living.max()) + 1
    line = padded(rng.integers(0, 1_000_000, homes), 6)
    has = rng.random(homes) < 0.6
    landline = np.where(has, "042-0" + line, "")
    for home in np.flatnonzero(has).tolist():
        landline[home] = f"042-0{line[home][:2]}-{line[home][2:]}"
    person.phone = landline.astype(object)[person.living]
    digits = padded(rng.integers(0, 10_000_000, len(person)), 7)
    adult = (person.age() >= 15) & (rng.random(len(person)) < 0.85)
    person.mobile = texts(len(person))
    for row in np.flatnonzero(adult).tolist():
        person.mobile[row] = f"090-0{digits[row][:3]}-{digits[row][3:]}"
