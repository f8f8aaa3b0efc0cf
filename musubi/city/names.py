"""Real surnames by frequency, given names by generation, names of foreign residents, letter variants.

The tables are data files with their provenance in ``data/SOURCES.md``.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from musubi.city.arrays import Ints, Numbers, Texts, as_texts

GENERATIONS = (1946, 1966, 1986, 2006)
"""First birth year of each later column of the given-name table."""
FOREIGN_SHARES = {
    "VNM": 0.2,
    "CHN": 0.25,
    "KOR": 0.15,
    "PHL": 0.12,
    "BRA": 0.08,
    "NPL": 0.08,
    "MMR": 0.04,
    "IDN": 0.04,
    "USA": 0.02,
    "IND": 0.02,
}
"""Share of each nation among foreign residents, rounded from the residence statistics of 2024."""


def table(name: str) -> list[list[str]]:
    """Rows of a packaged data file, header left out."""
    text = files("musubi.city").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()))[1:]


@dataclass(frozen=True)
class Surnames:
    """Surnames with reading and their share of the population."""

    kanji: Texts
    kana: Texts
    share: Numbers


@dataclass(frozen=True)
class Given:
    """Given names of one sex; ``share`` is one row per generation."""

    kanji: Texts
    kana: Texts
    share: Numbers


@cache
def surnames() -> Surnames:
    """Return the surname table."""
    rows = table("surnames.csv")
    holders = np.array([float(row[2]) for row in rows])
    return Surnames(as_texts([r[0] for r in rows]), as_texts([r[1] for r in rows]), holders / holders.sum())


@cache
def given_names(sex: int) -> Given:
    """Given names of one sex (1 male, 2 female)."""
    rows = [row for row in table("given_names.csv") if row[0] == str(sex)]
    weights = np.array([[float(cell) for cell in row[3:]] for row in rows]).T
    share = weights / weights.sum(axis=1, keepdims=True)
    return Given(as_texts([r[1] for r in rows]), as_texts([r[2] for r in rows]), share)


@dataclass(frozen=True)
class ForeignName:
    """One way a foreign resident's name is put together."""

    roman: str
    kanji: str
    kana: str
    alias: str
    alias_kana: str


@cache
def foreign_names(nation: str, sex: int) -> tuple[ForeignName, ...]:
    """Names of one nation and sex: every family part with every given part of the table."""
    rows = [row for row in table("foreign_names.csv") if row[0] == nation and row[1] == str(sex)]
    made = []
    for first in rows:
        for second in rows:
            roman = f"{first[2].split()[0]} {' '.join(second[2].split()[1:])}"
            kana = f"{first[4].split()[0]} {' '.join(second[4].split()[1:])}"
            kanji = f"{first[3].split()[0]}　{second[3].split()[1]}" if first[3] and second[3] else ""
            alias = f"{first[5].split()[0]} {second[5].split()[1]}" if first[5] and second[5] else ""
            alias_kana = f"{first[6].split()[0]} {second[6].split()[1]}" if alias else ""
            made.append(ForeignName(roman, kanji, kana, alias, alias_kana))
    return tuple(dict.fromkeys(made))


@cache
def variants() -> dict[str, tuple[str, ...]]:
    """Letters of a name that are written in more than one way, both directions (高 and 髙)."""
    found: dict[str, list[str]] = {}
    for common, variant in table("variants.csv"):
        found.setdefault(common, []).append(variant)
        found.setdefault(variant, []).append(common)
    return {letter: tuple(others) for letter, others in found.items()}


def draw_given(rng: np.random.Generator, sexes: Ints, years: Ints) -> tuple[Texts, Texts]:
    """Given names and readings fitting sex and birth year."""
    kanji, kana = np.empty(len(sexes), dtype=object), np.empty(len(sexes), dtype=object)
    generation = np.searchsorted(np.array(GENERATIONS), years, side="right")
    for sex in (1, 2):
        names = given_names(sex)
        for number in range(len(GENERATIONS) + 1):
            rows = np.flatnonzero((sexes == sex) & (generation == number))
            picked = rng.choice(len(names.kanji), len(rows), p=names.share[number])
            kanji[rows], kana[rows] = names.kanji[picked], names.kana[picked]
    return kanji, kana
