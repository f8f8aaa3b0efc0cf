"""From FHIR R4 resources to mentions: Patient, RelatedPerson and Encounter as JP Core writes them.

A data row is one Patient with all resources that refer to it. What the elements mean is fixed by HL7 FHIR R4
4.0.1 and JP Core 1.2, so it is written here once; identifier systems, relationships and needs are code maps of the
source file.
"""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from connectors.cells import Cells, Columns
from schemas.drafts import FactDraft, MentionDraft
from schemas.errors import RecordRejected
from schemas.source import SourceDefinition
from schemas.values.addresses import Address, parse_address
from schemas.values.dates import PartialDate, parse_date
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName
from schemas.values.phones import normalise_phone
from schemas.vocabulary import Category, FactKind, MentionRole

__all__ = ["FhirReader"]

REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
"""IDE written in kanji, SYL in kana, ABC in Latin letters."""
GUARDIANS = frozenset(("MTH", "FTH", "PRN", "GUARD", "NMTH", "NFTH", "STPMTH", "STPFTH"))
SPOUSES = frozenset(("SPS", "HUSB", "WIFE", "DOMPART"))
_ADDRESS_KINDS = {"old": "past", "temp": "away"}
_DRAFT_STATES = frozenset(("entered-in-error", "cancelled"))

Json = dict[str, Any]


class FhirReader:
    """Reads the bundle in a row's second cell."""

    def __init__(self, definition: SourceDefinition) -> None:
        self._definition = definition
        codes = definition.codes
        self._systems = codes.get("identifier_system", {})
        self._relationships = codes.get("relationship", {})
        self._needs = codes.get("need", {})
        self._classes = codes.get("encounter_class", {})
        self._sexes = codes.get("sex", {})

    def read(self, cells: Cells, columns: Columns) -> tuple[MentionDraft, ...]:
        """Read the mentions of one row."""
        try:
            bundle = json.loads(cells[-1])
            patient = bundle["patient"]
            facts = [fact for encounter in bundle["encounters"] for fact in self._encounter(encounter, columns)]
            notes = [note for encounter in bundle["encounters"] for note in _encounter_notes(encounter)]
            starts = sorted(fact.valid_from.value for fact in facts if fact.valid_from and fact.valid_from.value)
            facts.append(self._fact(FactKind.ENROLMENT, Category.PARTICIPATION, "child_support", starts[:1]))
            subject = self._mention(patient, MentionRole.SUBJECT, 0, tuple(facts), tuple(notes))
            if not subject.names:
                raise RecordRejected("name-missing", "Patient.name")
            return (subject, *self._related(bundle["related"], subject))
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError):
            raise RecordRejected("not-fhir", "resource") from None

    def _related(self, resources: Iterable[Json], subject: MentionDraft) -> Iterable[MentionDraft]:
        counts: Counter[MentionRole] = Counter()
        for resource in sorted(resources, key=lambda found: str(found.get("id", ""))):
            codes = [code for concept in resource.get("relationship", ()) for code in _codes(concept)]
            relation = next((self._relationships[code] for code in codes if code in self._relationships), "")
            relation = relation or self._relationships.get("*", "")
            role = MentionRole.CARER
            if GUARDIANS.intersection(codes):
                role = MentionRole.GUARDIAN
            elif SPOUSES.intersection(codes):
                role = MentionRole.SPOUSE
            kinship = FactDraft(
                FactKind.KINSHIP,
                Category.MEMBERSHIP,
                self._definition.programme,
                relation,
                other=(subject.role, subject.seq),
            )
            found = self._mention(resource, role, counts[role], (kinship,) if relation else (), ())
            if found.names:
                counts[role] += 1
                yield found

    def _mention(
        self,
        resource: Json,
        role: MentionRole,
        seq: int,
        facts: tuple[FactDraft, ...],
        notes: tuple[tuple[str, str], ...],
    ) -> MentionDraft:
        telecom = resource.get("telecom", ())
        phones = [normalise_phone(point.get("value", "")) for point in telecom if point.get("system") == "phone"]
        return MentionDraft(
            role,
            seq,
            _names(resource.get("name", ())),
            _birth(resource),
            _day(resource.get("deceasedDateTime", "")[:10], "Patient.deceased"),
            self._sexes.get(resource.get("gender", ""), ""),
            tuple(_addresses(resource.get("address", ()))),
            tuple(phone for phone in phones if phone),
            tuple(point["value"] for point in telecom if point.get("system") == "email" and point.get("value")),
            tuple(self._identifiers(resource.get("identifier", ()))),
            facts,
            notes,
        )

    def _identifiers(self, identifiers: Iterable[Json]) -> Iterable[Identifier]:
        for identifier in identifiers:
            kind = self._systems.get(identifier.get("system", ""), "")
            value = str(identifier.get("value", "")).strip()
            if kind and value:
                period = identifier.get("period", {})
                start, end = period.get("start", "")[:10], period.get("end", "")[:10]
                yield Identifier(kind, value, self._definition.issuer, start, end)

    def _encounter(self, encounter: Json, columns: Columns) -> Iterable[FactDraft]:
        if encounter.get("status") in _DRAFT_STATES:
            return
        period = encounter.get("period", {})
        start = _day(period.get("start", "")[:10], "Encounter.period.start")
        end = _day(period.get("end", "")[:10], "Encounter.period.end")
        code = self._classes.get(encounter.get("class", {}).get("code", "")) or self._classes.get("*", "other")
        provider = encounter.get("serviceProvider", {})
        agency = columns.code("agency", "Encounter.serviceProvider")(provider.get("display", ""))
        two_way = "0" if code == "no_answer" else "1"
        yield FactDraft(
            FactKind.CONTACT,
            Category.PARTICIPATION,
            self._definition.programme,
            code,
            "consultation",
            str(encounter.get("status", "")),
            start,
            end,
            agency,
            detail=(("two_way", two_way),),
        )
        for concept in (*encounter.get("type", ()), *encounter.get("reasonCode", ())):
            need = next((self._needs[code] for code in _codes(concept) if code in self._needs), "")
            if need:
                category = Category.SENSITIVE if need in {"violence", "abuse"} else Category.ASSESSMENT
                yield self._fact(FactKind.NEED, category, need, [start.value] if start else [])

    def _fact(self, kind: FactKind, category: Category, code: str, start: list[str]) -> FactDraft:
        day = PartialDate(start[0], "day", start[0]) if start else None
        return FactDraft(kind, category, self._definition.programme, code, valid_from=day)


def _codes(concept: Json) -> list[str]:
    """Codes, displays and text of a CodeableConcept, in the order of trust."""
    codings = concept.get("coding", ())
    found = [coding.get("code", "") for coding in codings] + [coding.get("display", "") for coding in codings]
    return [code for code in (*found, concept.get("text", "")) if code]


def _encounter_notes(encounter: Json) -> Iterable[tuple[str, str]]:
    for concept in encounter.get("reasonCode", ()):
        if text := concept.get("text", "").strip():
            yield ("Encounter.reasonCode", text)


def _names(names: Iterable[Json]) -> tuple[PersonName, ...]:
    """Pair written forms with readings: JP Core gives each its own HumanName."""
    written: list[tuple[str, str, str, str]] = []
    readings: list[tuple[str, str, str, str]] = []
    for name in names:
        form = next(
            (e.get("valueCode", "") for e in name.get("extension", ()) if e.get("url") == REPRESENTATION), "IDE"
        )
        family, given = name.get("family", ""), " ".join(name.get("given", ()))
        full = name.get("text", "") or " ".join(filter(None, (family, given)))
        if not full:
            continue
        use = {"old": "former", "maiden": "former", "nickname": "alias"}.get(name.get("use", ""), "as_written")
        if form == "SYL":
            readings.append((use, full, family, given))
        else:
            written.append(("roman" if form == "ABC" else use, full, family, given))
    paired: list[PersonName] = []
    for kind, full, family, given in written:
        at = next((n for n, reading in enumerate(readings) if reading[0] == kind), None)
        kana = readings.pop(at)[1:] if at is not None else ("", "", "")
        paired.append(PersonName(full, kind, family, given, *kana))
    paired += [PersonName(full, kind, family, given, full, family, given) for kind, full, family, given in readings]
    return tuple(sorted(paired, key=lambda name: name.kind in {"former", "roman"}))


def _birth(resource: Json) -> PartialDate | None:
    text = resource.get("birthDate", "")
    if text:
        return _day(text, "birthDate")
    return PartialDate("", "unknown", "") if resource.get("_birthDate") else None


def _day(text: str, field: str) -> PartialDate | None:
    if not text:
        return None
    try:
        return parse_date(text)
    except ValueError:
        raise RecordRejected("bad-date", field) from None


def _addresses(addresses: Iterable[Json]) -> Iterable[Address]:
    for address in addresses:
        lines = [line for line in address.get("line", ()) if line]
        text = address.get("text", "") or "".join((address.get("state", ""), address.get("city", ""), *lines))
        if not text:
            continue
        kind = _ADDRESS_KINDS.get(address.get("use", ""), "current")
        yield parse_address(text, postcode=address.get("postalCode", ""), kind=kind)
