"""Making the city: people, families, every system's delivery, and the truth beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from musubi.city.arrays import plain
from musubi.city.care import make_care_events, make_care_ledger, write_care, write_care_events
from musubi.city.cases import Scene, hardship
from musubi.city.children import make_child_allowance, write_child_allowance
from musubi.city.desk import make_desk_assessment, make_desk_intake, make_desk_meeting, make_desk_plan, write_desk
from musubi.city.disability import make_jukyusha, make_soudan, make_techo, write_disability
from musubi.city.families import Planted, plant_families, with_stories, with_story_patients, write_families
from musubi.city.fhir import Bundle, make_child_support, write_child_support
from musubi.city.houkatsu import make_houkatsu, write_houkatsu
from musubi.city.ledger import household_numbers, make_ledger, write_ledger
from musubi.city.population import RESIDENT, UNREGISTERED, make_population
from musubi.city.poverty import make_jiritsu, make_seiho, write_jiritsu, write_seiho
from musubi.city.protection import make_protection, write_protection
from musubi.city.referrals import make_hospital, make_school, write_referrals
from musubi.city.resources import make_resources, write_resources
from musubi.city.sheets import Sheet, write_truth

AS_OF = "20261101"
"""The day the first deliveries stand for."""
MONTH = "202610"
"""The month of the first change notices."""
MAKERS: tuple[Callable[[Scene], Sheet], ...] = (
    make_ledger,
    make_protection,
    make_care_ledger,
    make_care_events,
    make_houkatsu,
    make_techo,
    make_jukyusha,
    make_soudan,
    make_child_allowance,
    make_hospital,
    make_school,
    make_jiritsu,
    make_seiho,
    make_desk_intake,
    make_desk_assessment,
    make_desk_plan,
    make_desk_meeting,
    make_resources,
)
WRITERS: dict[str, Callable[[Sheet, Path, str], None]] = {
    "ledger": write_ledger,
    "protection": write_protection,
    "care_ledger": write_care,
    "houkatsu": write_houkatsu,
    "child_allowance": write_child_allowance,
    "hospital": write_referrals,
    "school": write_referrals,
    "jiritsu": write_jiritsu,
    "seiho": write_seiho,
    "desk_intake": write_desk,
    "desk_assessment": write_desk,
    "desk_plan": write_desk,
    "desk_meeting": write_desk,
    "resources": write_resources,
}
"""Writers of sources that deliver one file per day; change notices, database and FHIR have their own way."""


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

    scene: Scene
    planted: Planted
    sheets: dict[str, Sheet]
    bundle: Bundle

    @property
    def sources(self) -> tuple[Sheet | Bundle, ...]:
        """All deliveries."""
        return (*self.sheets.values(), self.bundle)


def make_city(directory: Path, *, people: int = 20000, seed: int = 1, noise: float = 1.0) -> CityReport:
    """Write a city's systems under ``directory/systems`` and the truth about them under ``directory/truth``.

    The same arguments always make the same bytes. ``noise`` scales every error rate of ``data/rates.toml``.
    """
    city = imagine(people, seed, noise)
    write_systems(city, directory / "systems", AS_OF, MONTH)
    _write_truth(city, directory / "truth")
    return report(city)


def imagine(people: int, seed: int, noise: float) -> City:
    """Return the city in memory."""
    person, dwellings = make_population(people, seed)
    person, planted = plant_families(person, dwellings)
    scene = Scene(person, dwellings, hardship(person, seed), seed, noise)
    sheets = [with_stories(make(scene), person, planted) for make in MAKERS]
    bundle = with_story_patients(make_child_support(scene), planted)
    return City(scene, planted, {sheet.source: sheet for sheet in sheets}, bundle)


def report(city: City) -> CityReport:
    """Count what was made."""
    counts = {source.source: source.size + len(source.bad) for source in city.sources}
    bad = sum(len(source.bad) for source in city.sources)
    residents = int((city.scene.person.state == RESIDENT).sum())
    return CityReport(people=residents, records=sum(counts.values()), bad_rows=bad, per_source=counts)


def write_systems(city: City, systems: Path, as_of: str, month: str) -> None:
    """Write every system's delivery in its own shape."""
    for source, write in WRITERS.items():
        write(city.sheets[source], systems, as_of)
    write_care_events(city.sheets["care_events"], systems, month)
    write_disability(city.sheets, systems)
    write_child_support(city.bundle, systems, as_of)


def _write_truth(city: City, truth: Path) -> None:
    person = city.scene.person
    register = household_numbers(person.register)
    register[person.state == UNREGISTERED] = ""
    mentions = [(source.source, source.mentions) for source in city.sources]
    write_truth(mentions, plain(np.arange(len(person))), register, plain(person.living), truth / "truth.csv")
    write_families(person, city.scene.dwellings, city.planted, truth / "families.csv")
