"""利用者支援事業: children and parents as FHIR R4 resources in the style of JP Core, one NDJSON file per type."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from musubi.city.arrays import Ints, Texts, as_texts, chosen, generator, padded
from musubi.city.calendars import written
from musubi.city.cases import Scene, case_days, companions, here
from musubi.city.noise import Writing, rates
from musubi.city.places import towns
from musubi.city.population import CITY, PREFECTURE, RESIDENT

REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
PATIENT_PROFILE = "http://jpfhir.jp/fhir/core/StructureDefinition/JP_Patient"
ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
REASONS = ("子育て", "病気・健康・障害", "家族との関係", "収入・生活費", "不登校", "障害の疑い")
BROKEN = (
    '{"resourceType": "Patient", "id": "pbroken1", "name": [{"text": "',
    '{"resourceType": "Patient", "active": true}',
)
"""Planted lines: one cut in the middle, one without id and name."""


@dataclass
class Bundle:
    """The resources of one delivery and who they are about."""

    source: str
    patients: list[dict[str, Any]]
    related: list[dict[str, Any]]
    encounters: list[dict[str, Any]]
    mentions: list[tuple[Texts, str, Ints]]
    bad: tuple[str, ...] = BROKEN

    @property
    def size(self) -> int:
        """Data rows: one per patient."""
        return len(self.patients)


def human_name(family: str, given: str, kana_family: str, kana_given: str) -> list[dict[str, Any]]:
    """Return JP_HumanName in characters (IDE) and in kana (SYL); an empty half is left out."""
    names = []
    for code, first, second in (("IDE", family, given), ("SYL", kana_family, kana_given)):
        if not (first or second):
            continue
        name: dict[str, Any] = {
            "extension": [{"url": REPRESENTATION, "valueCode": code}],
            "use": "official",
            "text": f"{first} {second}".strip(),
        }
        if first:
            name["family"] = first
        if second:
            name["given"] = [second]
        names.append(name)
    return names


def patient(key: str, numbers: dict[str, str], person: dict[str, Any]) -> dict[str, Any]:
    """Return a JP_Patient; ``person`` holds name, gender, birthDate, address and phone as far as known."""
    systems = [{"system": f"urn:musubi:{kind}", "value": value} for kind, value in numbers.items() if value]
    made: dict[str, Any] = {
        "resourceType": "Patient",
        "id": key,
        "meta": {"profile": [PATIENT_PROFILE]},
        "identifier": systems,
        "active": True,
        "name": person["name"],
        "gender": person["gender"],
    }
    if person.get("birthDate"):
        made["birthDate"] = person["birthDate"]
    if person.get("phone"):
        made["telecom"] = [{"system": "phone", "value": person["phone"]}]
    if person.get("address"):
        made["address"] = [person["address"]]
    return made


def address(text: str, town: str, lot: str, building: str, postcode: str) -> dict[str, Any]:
    """Return a JP Core address: 都道府県 in state, 市 in city, the rest in one line."""
    return {
        "use": "home",
        "text": text,
        "line": [town + lot + building],
        "city": CITY,
        "state": PREFECTURE,
        "postalCode": f"{postcode[:3]}-{postcode[3:]}",
        "country": "JP",
    }


def related_person(key: str, of: str, code: str, person: dict[str, Any]) -> dict[str, Any]:
    """Return a RelatedPerson of a patient; the code is HL7 RoleCode (MTH, FTH ...)."""
    made: dict[str, Any] = {
        "resourceType": "RelatedPerson",
        "id": key,
        "active": True,
        "patient": {"reference": f"Patient/{of}"},
        "relationship": [{"coding": [{"system": ROLE_CODE, "code": code}]}],
        "name": person["name"],
        "gender": person["gender"],
    }
    if person.get("birthDate"):
        made["birthDate"] = person["birthDate"]
    if person.get("phone"):
        made["telecom"] = [{"system": "phone", "value": person["phone"]}]
    return made


def encounter(key: str, of: str, day: str, kind: str, reason: str) -> dict[str, Any]:
    """Return a consultation as Encounter; ``kind`` is AMB, HH or VR."""
    return {
        "resourceType": "Encounter",
        "id": key,
        "status": "finished",
        "class": {"system": ACT_CODE, "code": kind},
        "subject": {"reference": f"Patient/{of}"},
        "period": {"start": day, "end": day},
        "reasonCode": [{"text": reason}],
    }


def make_child_support(scene: Scene) -> Bundle:
    """Small children, pupils and young mothers known to the family support; a third with the city's number."""
    person, rng = scene.person, generator(scene.seed, "child_support")
    age = person.age()
    residents = int((person.state == RESIDENT).sum())
    able = here(person) & ((age < 18) | ((person.sex == 2) & (age >= 20) & (age < 46))) & (person.birth_known == 0)
    weight = np.where(age < 7, 6.0, np.where(age < 18, 2.0, 0.4)) * np.sqrt(scene.hardship)
    pool = np.flatnonzero(able)
    size = min(len(pool), max(3, int(residents * rates()["cases"]["child_support"])))
    order = np.argsort(rng.exponential(1.0, len(pool)) / weight[pool], kind="stable")
    rows = pool[order[:size]]
    keys = as_texts([f"p{text}" for text in padded(np.arange(size), 7).tolist()])
    someone = scene.writing(rows, rng)
    numbered = rng.random(size) < rates()["numbered"]["child_support"]
    parent = np.where(age[rows] < 18, companions(person, rows), -1)
    parents = scene.writing(parent, rng)
    patients = [
        patient(key, {"atena": person.number[row] if has else "", "jido": f"C{key[1:]}"}, told)
        for key, row, has, told in zip(keys, rows.tolist(), numbered, _told(scene, rows, someone), strict=True)
    ]
    related = [
        related_person(f"r{key[1:]}", key, "MTH" if person.sex[row] == 2 else "FTH", told)
        for key, row, told in zip(keys, parent.tolist(), _told(scene, np.maximum(parent, 0), parents), strict=True)
        if row >= 0
    ]
    met = rng.random(size) < 0.8
    days = written(case_days(rng, size, 700), "iso")
    kinds = chosen(rng, size, ("AMB", "HH", "VR"), (0.5, 0.3, 0.2))
    reasons = chosen(rng, size, REASONS)
    encounters = [
        encounter(f"e{keys[row][1:]}", keys[row], days[row], kinds[row], reasons[row])
        for row in np.flatnonzero(met).tolist()
    ]
    mentions = [(keys, "subject", rows), (keys, "guardian", parent)]
    return Bundle("child_support", patients, related, encounters, mentions)


def _told(scene: Scene, rows: Ints, someone: Writing) -> Iterator[dict[str, Any]]:
    dwellings = scene.dwellings
    births = written(someone.birth, "iso")
    text = scene.address(someone)
    town = towns().name[dwellings.town[someone.dwelling]]
    lot = np.where(someone.moved > 0, dwellings.short_lot(someone.dwelling), dwellings.lot(someone.dwelling))
    building = dwellings.house(someone.dwelling)
    post = towns().postcode[dwellings.town[someone.dwelling]]
    for place, row in enumerate(rows.tolist()):
        yield {
            "name": human_name(
                someone.family[place], someone.given[place], someone.kana_family[place], someone.kana_given[place]
            ),
            "gender": "male" if scene.person.sex[row] == 1 else "female",
            "birthDate": births[place],
            "phone": someone.phone[place],
            "address": address(text[place], town[place], lot[place], building[place], post[place]),
        }


def write_child_support(bundle: Bundle, systems: Path, as_of: str) -> None:
    """``child_support/YYYYMMDD/`` with Patient, RelatedPerson and Encounter as NDJSON."""
    directory = systems / "child_support" / as_of
    directory.mkdir(parents=True, exist_ok=True)
    for name, resources in (
        ("Patient", bundle.patients),
        ("RelatedPerson", bundle.related),
        ("Encounter", bundle.encounters),
    ):
        lines = [json.dumps(resource, ensure_ascii=False, separators=(",", ":")) for resource in resources]
        if name == "Patient":
            lines[len(lines) // 2 : len(lines) // 2] = bundle.bad
        (directory / f"{name}.ndjson").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
