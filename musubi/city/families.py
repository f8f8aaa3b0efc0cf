"""Families told by name, whose whole stories run through the systems (``data/families.toml``, ``stories.toml``)."""

import csv
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from musubi.city.arrays import Texts, as_texts
from musubi.city.calendars import day
from musubi.city.fhir import Bundle, address, encounter, human_name, patient, related_person
from musubi.city.ledger import household_numbers
from musubi.city.noise import address_text
from musubi.city.places import Dwellings
from musubi.city.population import RESIDENT, TODAY, Population, blank_people, resident_numbers
from musubi.city.sheets import KEY_SEPARATOR, Sheet, folded, layouts, numbered, stacked

FIRST_SERIAL = 900_000_000
"""Numbers of planted people never depend on the size of the city."""


@dataclass(frozen=True)
class Planted:
    """Where the families stand in the population."""

    person: dict[str, int]
    family: dict[str, str]
    """Family of each planted person, by the person's id."""


def _data(name: str) -> dict[str, Any]:
    return tomllib.loads(files("musubi.city").joinpath("data", name).read_text(encoding="utf-8"))


@cache
def stories() -> tuple[dict[str, Any], ...]:
    """Return records other systems hold of the families: source, cells, who stands in which role."""
    return tuple(_data("stories.toml")["record"])


def plant_families(person: Population, dwellings: Dwellings) -> tuple[Population, Planted]:
    """Return the population followed by the families."""
    data = _data("families.toml")
    homes = {
        home["id"]: dwellings.put(
            home["town"], home["ban"], home["go"], home.get("building", ""), home.get("room", 0)
        )
        for home in data["home"]
    }
    told = [(family["id"], someone) for family in data["family"] for someone in family["person"]]
    first = len(person)
    living = {name: int(person.living.max()) + 1 + number for number, name in enumerate(homes)}
    labels = list(
        dict.fromkeys(label for _, one in told for label in (one["register"], one.get("past_register", "")) if label)
    )
    register = {label: int(person.register.max()) + 1 + number for number, label in enumerate(labels)}
    made = blank_people(len(told))
    for row, (_, someone) in enumerate(told):
        for field in fields(Population):
            if field.name in someone and field.name not in {"birth", "register", "past_register", "moved"}:
                getattr(made, field.name)[row] = someone[field.name]
        made.birth[row] = day(someone["birth"])
        made.living[row], made.register[row] = living[someone["home"]], register[someone["register"]]
        made.dwelling[row] = homes[someone["home"]]
        made.arrived[row] = max(day(someone["birth"]), TODAY - 5200)
        if "past_home" in someone:
            made.past_dwelling[row] = homes[someone["past_home"]]
            made.past_register[row] = register[someone["past_register"]]
            made.moved[row] = day(someone["moved"])
        made.head[row] = first + next(
            place
            for place, (_, other) in enumerate(told)
            if other["register"] == someone["register"] and other["relation"] == "02"
        )
        made.order[row] = 1 + sum(1 for _, other in told[:row] if other["register"] == someone["register"])
        made.role[row] = 0 if someone["relation"] == "02" else 2
        made.kind[row] = 0
    made.state = np.full(len(told), RESIDENT, dtype=np.int64)
    made.number = resident_numbers(FIRST_SERIAL + np.arange(len(told)))
    made.planted = np.ones(len(told), dtype=bool)
    where = {someone["id"]: first + row for row, (_, someone) in enumerate(told)}
    return person.joined(made), Planted(where, {someone["id"]: family for family, someone in told})


def identity_columns() -> dict[str, list[str]]:
    """Columns whose cells make the record key, by source."""
    found: dict[str, list[str]] = _data("identities.toml")
    return found


def story_sheet(source: str, person: Population, planted: Planted) -> Sheet | None:
    """Return the families' records of one source; ``None`` where it holds none.

    A cell ``@number:ID`` or ``@household:ID`` stands for the 宛名番号 or 世帯番号 of a planted person.
    """
    told = [record for record in stories() if record["source"] == source]
    if not told:
        return None
    sheet = Sheet(source, len(told))
    for column in layouts()[source]:
        if any(column in record["cells"] for record in told):
            sheet[column] = as_texts([_cell(record["cells"].get(column, ""), person, planted) for record in told])
    for row, record in enumerate(told):
        key = folded(KEY_SEPARATOR.join(sheet[column][row] for column in identity_columns()[source]))
        for role, someone in record["who"].items():
            sheet.mention(as_texts([key]), role, np.array([planted.person[someone]]))
    return sheet


def _cell(text: str, person: Population, planted: Planted) -> str:
    if not text.startswith("@"):
        return text
    kind, _, name = text[1:].partition(":")
    row = np.array([planted.person[name]])
    found: Texts = person.number[row] if kind == "number" else household_numbers(person.register[row])
    return str(found[0])


def with_stories(sheet: Sheet, person: Population, planted: Planted) -> Sheet:
    """Return a source's sheet with the families' records in it."""
    told = story_sheet(sheet.source, person, planted)
    return stacked(sheet, told) if told else sheet


def write_families(person: Population, dwellings: Dwellings, planted: Planted, path: Path) -> None:
    """``families.csv``: who the families are and where they are found."""
    sources: dict[str, set[str]] = {name: {"ledger"} for name in planted.person}
    for record in stories():
        for someone in record["who"].values():
            sources[someone].add(record["source"])
    for told in _data("patients.toml")["patient"]:
        for someone in (told["who"], *(parent["who"] for parent in told.get("related", ()))):
            sources[someone].add("child_support")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["family", "person", "name", "kana", "birth", "address", "sources"])
        births = {
            someone["id"]: someone["birth"]
            for family in _data("families.toml")["family"]
            for someone in family["person"]
        }
        for name, row in planted.person.items():
            one = np.array([row])
            out.writerow(
                [
                    planted.family[name],
                    row,
                    f"{person.family[row]}　{person.given[row]}",
                    f"{person.kana_family[row]}　{person.kana_given[row]}",
                    births[name],
                    address_text(dwellings, person.dwelling[one], np.zeros(1, dtype=np.int64))[0],
                    " ".join(sorted(sources[name])),
                ]
            )


def with_story_patients(bundle: Bundle, planted: Planted) -> Bundle:
    """Return the FHIR delivery with the families' patients in it."""
    for told in _data("patients.toml")["patient"]:
        key = told["id"]
        bundle.patients.append(patient(key, told.get("numbers", {}), _human(told)))
        bundle.mentions.append((as_texts([key]), "subject", np.array([planted.person[told["who"]]])))
        for number, parent in enumerate(told.get("related", ()), 1):
            bundle.related.append(related_person(f"{key}-r{number}", key, parent["code"], _human(parent)))
            bundle.mentions.append(
                (as_texts([key]), numbered("guardian", number), np.array([planted.person[parent["who"]]]))
            )
        for number, met in enumerate(told.get("encounter", ()), 1):
            bundle.encounters.append(encounter(f"{key}-e{number}", key, met["day"], met["class"], met["reason"]))
    return bundle


def _human(told: dict[str, Any]) -> dict[str, Any]:
    made = {"name": human_name(*told["name"]), "gender": told["gender"], "birthDate": told.get("birth", "")}
    made["phone"] = told.get("phone", "")
    if "address" in told:
        made["address"] = address(*told["address"])
    return made
