"""Who lives with whom: households drawn from the national mix of structures, ages and kinship.

Every household starts as one living household on one register household; part of those with an elderly parent
are split on the register (世帯分離) although they live together. Shares and ages: Comprehensive Survey of Living
Conditions 2024, as rounded in ``data/rates.toml``.
"""

from dataclasses import dataclass

import numpy as np

from musubi.city.arrays import Flags, Ints, Texts, as_texts

SINGLE, COUPLE, FAMILY, LATE_FAMILY, LONE_PARENT, LATE_LONE, THREE, OTHER = range(8)
KINDS = (0.346, 0.247, 0.150, 0.091, 0.041, 0.027, 0.035, 0.063)
"""Share of households by kind, in the order of the constants."""
SPLIT = {LATE_FAMILY: 0.25, LATE_LONE: 0.3, THREE: 0.15, OTHER: 0.1}
"""Share of households of a kind that are split on the register."""
HEAD, SPOUSE, CHILD, ELDER, OTHER_MEMBER = range(5)
CHILDREN = (0.48, 0.39, 0.13)


@dataclass
class Members:
    """One row per person, sorted by living household; ages in years on the day of the extract."""

    living: Ints
    register: Ints
    kind: Ints
    role: Ints
    sex: Ints
    age: Ints
    relation: Texts
    """続柄コード, chained codes joined by a slash."""
    order: Ints
    """記載順位 within the register household."""
    twin: Flags
    """Born on the day of the person before."""


class _Rows:
    def __init__(self) -> None:
        self.parts: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []

    def add(self, household: Ints, role: int, sex: Ints, age: Ints, twin: Ints | None = None) -> None:
        same = np.zeros(len(household), dtype=np.int64) if twin is None else twin
        self.parts.append((household, np.full(len(household), role), sex, np.clip(age, 0, 104), same))


def _children(rows: _Rows, rng: np.random.Generator, homes: Ints, mother: Ints) -> None:
    """One to three children per household, ages from the mother's; some pairs are twins."""
    count = rng.choice((1, 2, 3), len(homes), p=CHILDREN)
    first = mother - np.minimum(rng.integers(22, 36, len(homes)), np.maximum(mother - 1, 16))
    age = first
    for number in range(3):
        has = count > number
        twin = (rng.random(len(homes)) < 0.02) & (number > 0)
        age = np.where(twin, age, age - (rng.integers(1, 5, len(homes)) if number else 0))
        has &= age >= 0
        sex = rng.integers(1, 3, len(homes))
        rows.add(homes[has], CHILD, sex[has], age[has], (twin & has)[has].astype(np.int64))


def _couple(rows: _Rows, rng: np.random.Generator, homes: Ints, husband: Ints) -> Ints:
    wife = np.maximum(20, husband - np.rint(rng.normal(2, 3, len(homes))).astype(np.int64))
    rows.add(homes, HEAD, np.full(len(homes), 1), husband)
    rows.add(homes, SPOUSE, np.full(len(homes), 2), wife)
    return wife


def _whole(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], low: int, high: int) -> Ints:
    return np.clip(np.rint(values), low, high).astype(np.int64)


def make_households(rng: np.random.Generator, people: int) -> Members:
    """Draw households until they hold exactly ``people`` persons."""
    kinds = rng.choice(len(KINDS), int(people / 2.0) + 50, p=KINDS)
    rows = _Rows()
    of = [np.flatnonzero(kinds == kind) for kind in range(len(KINDS))]
    homes = of[SINGLE]
    old = rng.random(len(homes)) < 0.45
    age = np.where(old, 65 + rng.exponential(10, len(homes)), rng.integers(19, 65, len(homes)))
    woman = rng.random(len(homes)) < np.where(old, 0.66, 0.42)
    rows.add(homes, HEAD, np.where(woman, 2, 1), _whole(age, 19, 101))
    homes = of[COUPLE]
    old = rng.random(len(homes)) < 0.58
    husband = np.where(old, rng.normal(75, 6, len(homes)), rng.integers(24, 66, len(homes)))
    _couple(rows, rng, homes, _whole(husband, 22, 97))
    homes = of[FAMILY]
    _children(rows, rng, homes, _couple(rows, rng, homes, _whole(rng.normal(43, 7, len(homes)), 24, 62)))
    homes = of[LATE_FAMILY]
    mother = _couple(rows, rng, homes, _whole(rng.normal(74, 7, len(homes)), 60, 95))
    grown = np.maximum(18, mother - rng.integers(23, 37, len(homes)))
    rows.add(homes, CHILD, rng.choice((1, 2), len(homes), p=(0.6, 0.4)), grown)
    homes = of[LONE_PARENT]
    parent = _whole(rng.normal(39, 7, len(homes)), 20, 56)
    rows.add(homes, HEAD, np.where(rng.random(len(homes)) < 0.86, 2, 1), parent)
    _children(rows, rng, homes, parent)
    homes = of[LATE_LONE]
    parent = _whole(rng.normal(80, 6, len(homes)), 62, 99)
    rows.add(homes, HEAD, np.where(rng.random(len(homes)) < 0.8, 2, 1), parent)
    grown = parent - rng.integers(24, 38, len(homes))
    rows.add(homes, CHILD, rng.choice((1, 2), len(homes), p=(0.6, 0.4)), grown)
    homes = of[THREE]
    husband = _whole(rng.normal(44, 6, len(homes)), 26, 60)
    mother = _couple(rows, rng, homes, husband)
    both = rng.random(len(homes)) < 0.4
    rows.add(homes, ELDER, np.full(len(homes), 2), husband + rng.integers(23, 33, len(homes)))
    rows.add(homes[both], ELDER, np.full(both.sum(), 1), (husband + rng.integers(26, 36, len(homes)))[both])
    _children(rows, rng, homes, mother)
    homes = of[OTHER]
    age = _whole(rng.normal(58, 17, len(homes)), 20, 95)
    rows.add(homes, HEAD, rng.integers(1, 3, len(homes)), age)
    rows.add(homes, OTHER_MEMBER, rng.integers(1, 3, len(homes)), _whole(age + rng.normal(0, 8, len(homes)), 18, 98))
    return _settle(rng, rows, kinds, people)


def _settle(rng: np.random.Generator, rows: _Rows, kinds: Ints, people: int) -> Members:
    living, role, sex, age, twin = (np.concatenate(column) for column in zip(*rows.parts, strict=True))
    order = np.lexsort((np.arange(len(living)), living))[:people]
    living, role, sex, age, twin = living[order], role[order], sex[order], age[order], twin[order]
    living = np.unique(living, return_inverse=True)[1].astype(np.int64)
    kind = kinds[: living.max() + 1][living]
    split = (
        rng.random(living.max() + 1)
        < np.array([SPLIT.get(k, 0.0) for k in range(len(KINDS))])[kinds[: living.max() + 1]]
    )
    second = split[living] & np.where(kind == THREE, role == ELDER, (role == CHILD) | (role == OTHER_MEMBER))
    register = living * 2 + second
    seat = np.lexsort((np.arange(len(living)), second, living))
    starts = np.r_[True, register[seat][1:] != register[seat][:-1]]
    begins = np.maximum.accumulate(np.where(starts, np.arange(len(living)), 0))
    place = np.empty(len(living), dtype=np.int64)
    place[seat] = np.arange(len(living)) - begins + 1
    return Members(living, register, kind, role, sex, age, _relations(rng, role, sex, place, second), place, twin > 0)


def _relations(rng: np.random.Generator, role: Ints, sex: Ints, place: Ints, second: Flags) -> Texts:
    """続柄 of everyone to the head of the register household."""
    codes = np.where(sex == 1, 0, 1)
    table = as_texts(["02", "02", "11", "12", "20", "20", "51", "52", "99", "99"])
    relation: Texts = table[role * 2 + codes]
    kin = as_texts(["71", "74", "96", "99", "81", "84", "96", "99"])
    others = role == OTHER_MEMBER
    relation[others] = kin[codes * 4 + rng.integers(0, 4, len(role))][others]
    relation[place == 1] = "02"
    later = second & (place > 1)
    relation[later] = np.where(sex[later] == 1, "11", "12")
    return relation
