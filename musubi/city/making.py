"""Making the city: people, families, every system's delivery, and the truth beside them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from musubi.city.arrays import Texts, plain
from musubi.city.families import Planted, plant_families, with_stories, write_families
from musubi.city.ledger import household_numbers, make_ledger, write_ledger
from musubi.city.places import Dwellings
from musubi.city.population import RESIDENT, UNREGISTERED, Population, make_population
from musubi.city.protection import make_protection, write_protection
from musubi.city.referrals import make_hospital, make_school, write_referrals
from musubi.city.sheets import Sheet, write_truth

AS_OF = "20261101"
"""The day the first deliveries stand for."""


@dataclass(frozen=True)
class CityReport:
    """What was made."""

    people: int
    """Registered residents."""
    records: int
    """Data rows in all deliveries, bad ones included."""
    bad_rows: int
    """Rows planted so that they must end in quarantine."""
    per_source: dict[str, int] = field(default_factory=dict)
    """Data rows of each source, bad ones included."""


@dataclass(frozen=True)
class City:
    """Everything in memory before it goes to disk."""

    person: Population
    dwellings: Dwellings
    planted: Planted
    sheets: dict[str, Sheet]


def imagine(people: int, seed: int, noise: float) -> City:
    """Return the city in memory."""
    person, dwellings = make_population(people, seed)
    person, planted = plant_families(person, dwellings)
    sheets = [
        make_ledger(person, dwellings, seed),
        make_protection(person, dwellings, seed),
        make_hospital(person, dwellings, seed, noise),
        make_school(person, dwellings, seed, noise),
    ]
    made = {sheet.source: with_stories(sheet, person, planted) for sheet in sheets}
    return City(person, dwellings, planted, made)


def make_city(directory: Path, *, people: int = 20000, seed: int = 1, noise: float = 1.0) -> CityReport:
    """Write a city's systems under ``directory/systems`` and the truth about them under ``directory/truth``.

    The same arguments always make the same bytes. ``noise`` scales every error rate of ``data/rates.toml``.
    """
    city = imagine(people, seed, noise)
    systems = directory / "systems"
    for sheet in city.sheets.values():
        _write(sheet, systems, AS_OF)
    _write_truth(city, directory / "truth")
    counts = {name: sheet.size + len(sheet.bad) for name, sheet in city.sheets.items()}
    bad = sum(len(sheet.bad) for sheet in city.sheets.values())
    residents = int((city.person.state == RESIDENT).sum())
    return CityReport(people=residents, records=sum(counts.values()), bad_rows=bad, per_source=counts)


def _write(sheet: Sheet, systems: Path, as_of: str) -> None:
    if sheet.source == "ledger":
        write_ledger(sheet, systems, as_of)
    elif sheet.source == "protection":
        write_protection(sheet, systems, as_of)
    else:
        write_referrals(sheet, systems, as_of)


def _write_truth(city: City, truth: Path) -> None:
    person = city.person
    names: Texts = plain(person.living)
    register = household_numbers(person.register)
    register[person.state == UNREGISTERED] = ""
    write_truth(city.sheets.values(), plain(np.arange(len(person))), register, names, truth / "truth.csv")
    write_families(person, city.dwellings, city.planted, truth / "families.csv")
