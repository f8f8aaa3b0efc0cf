"""From FHIR R4 resources to mentions: Patient, RelatedPerson and Encounter as JP Core writes them.

A data row is one Patient with all resources that refer to it. What the elements mean is fixed by HL7 FHIR R4
4.0.1 and JP Core 1.2, so it is written here once; identifier systems, relationships and needs are code maps of the
source file.
"""

import json
from collections.abc import Iterable
from typing import Any

from connectors.cells import Cells, Columns, bounded
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
_NAME_KINDS = {"old": "former", "maiden": "former", "nickname": "alias"}
_NO_READING = ("", "", "")
_NOTHING: dict[str, Any] = {}
_DRAFT_STATES = frozenset(("entered-in-error", "cancelled"))

Json = dict[str, Any]


class FhirReader:
    """Reads the bundle in a row's second cell. Resources are many and what they state few: facts are remembered."""

    def __init__(self, definition: SourceDefinition) -> None:
        self._definition = definition
        codes = definition.codes
        self._systems = codes.get("identifier_system", {})
        self._relationships = codes.get("relationship", {})
        self._needs = codes.get("need", {})
        self._classes = codes.get("encounter_class", {})
        self._sexes = codes.get("sex", {})
        self._contacts: dict[tuple[str, ...], FactDraft] = {}
        self._facts: dict[tuple[FactKind, str, str | None], FactDraft] = {}
        self._kinships: dict[str, tuple[FactDraft, ...]] = {"": ()}

    def read(self, cells: Cells, columns: Columns) -> tuple[MentionDraft, ...]:
        """Read the mentions of one row."""
        try:
            bundle = json.loads(cells[-1])
            patient, encounters = bundle["patient"], bundle["encounters"]
            facts = self._encounters(encounters, columns)
            starts = [fact.valid_from.value for fact in facts if fact.valid_from and fact.valid_from.value]
            since = min(starts, default=None)
            facts.append(self._fact(FactKind.ENROLMENT, Category.PARTICIPATION, "child_support", since))
            subject = self._mention(patient, MentionRole.SUBJECT, 0, tuple(facts), _notes(encounters))
            if not subject.names:
                raise RecordRejected("name-missing", "Patient.name")
            return (subject, *self._related(bundle["related"]))
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError):
            raise RecordRejected("not-fhir", "resource") from None

    def _related(self, resources: Iterable[Json]) -> list[MentionDraft]:
        counts: dict[MentionRole, int] = {}
        mentions: list[MentionDraft] = []
        for resource in sorted(resources, key=_id):
            codes = [code for concept in resource.get("relationship", ()) for code in _codes(concept)]
            relation = next((self._relationships[code] for code in codes if code in self._relationships), "")
            relation = relation or self._relationships.get("*", "")
            role = MentionRole.CARER
            if GUARDIANS.intersection(codes):
                role = MentionRole.GUARDIAN
            elif SPOUSES.intersection(codes):
                role = MentionRole.SPOUSE
            seq = counts.get(role, 0)
            found = self._mention(resource, role, seq, self._kinship(relation), ())
            if found.names:
                counts[role] = seq + 1
                mentions.append(found)
        return mentions

    def _mention(
        self,
        resource: Json,
        role: MentionRole,
        seq: int,
        facts: tuple[FactDraft, ...],
        notes: tuple[tuple[str, str], ...],
    ) -> MentionDraft:
        get = resource.get
        phones, emails = _telecom(get("telecom", ()))
        return MentionDraft(
            role,
            seq,
            _names(get("name", ())),
            _birth(resource),
            _day(get("deceasedDateTime", "")[:10], "Patient.deceased"),
            self._sexes.get(get("gender", ""), ""),
            _addresses(get("address", ())),
            phones,
            emails,
            self._identifiers(get("identifier", ())),
            facts,
            notes,
        )

    def _identifiers(self, identifiers: Iterable[Json]) -> tuple[Identifier, ...]:
        found: list[Identifier] = []
        for identifier in identifiers:
            kind = self._systems.get(identifier.get("system", ""), "")
            value = str(identifier.get("value", "")).strip()
            if kind and value:
                period = identifier.get("period", _NOTHING)
                start, end = period.get("start", "")[:10], period.get("end", "")[:10]
                found.append(Identifier(kind, value, self._definition.issuer, start, end))
        return tuple(found)

    def _encounters(self, encounters: Iterable[Json], columns: Columns) -> list[FactDraft]:
        """Read contacts, behind each the needs it was about."""
        facts: list[FactDraft] = []
        for encounter in encounters:
            get = encounter.get
            status = get("status", "")
            if status in _DRAFT_STATES:
                continue
            period = get("period", _NOTHING)
            first, last = period.get("start", "")[:10] or "", period.get("end", "")[:10] or ""
            start = _day(first, "Encounter.period.start")
            end = _day(last, "Encounter.period.end")
            code = self._classes.get(get("class", _NOTHING).get("code", "")) or self._classes.get("*", "other")
            display = get("serviceProvider", _NOTHING).get("display", "")
            agency = columns.code("agency", "Encounter.serviceProvider")(display) if display != "" else ""
            key = (code, str(status), first, last, agency)
            contact = self._contacts.get(key)
            if contact is None:
                contact = bounded(self._contacts)[key] = self._contact(code, str(status), start, end, agency)
            facts.append(contact)
            for concept in (*get("type", ()), *get("reasonCode", ())):
                need = next((self._needs[code] for code in _codes(concept) if code in self._needs), "")
                if need:
                    category = Category.SENSITIVE if need in {"violence", "abuse"} else Category.ASSESSMENT
                    facts.append(self._fact(FactKind.NEED, category, need, start.value if start else None))
        return facts

    def _contact(
        self, code: str, status: str, start: PartialDate | None, end: PartialDate | None, agency: str
    ) -> FactDraft:
        two_way = "0" if code == "no_answer" else "1"
        return FactDraft(
            FactKind.CONTACT,
            Category.PARTICIPATION,
            self._definition.programme,
            code,
            "consultation",
            status,
            start,
            end,
            agency,
            detail=(("two_way", two_way),),
        )

    def _fact(self, kind: FactKind, category: Category, code: str, start: str | None) -> FactDraft:
        key = (kind, code, start)
        found = self._facts.get(key)
        if found is None:
            day = None if start is None else PartialDate(start, "day", start)
            found = FactDraft(kind, category, self._definition.programme, code, valid_from=day)
            bounded(self._facts)[key] = found
        return found

    def _kinship(self, relation: str) -> tuple[FactDraft, ...]:
        """Give how a related person is related to the patient; nothing where nobody says."""
        found = self._kinships.get(relation)
        if found is None:
            kinship = FactDraft(
                FactKind.KINSHIP,
                Category.MEMBERSHIP,
                self._definition.programme,
                relation,
                other=(MentionRole.SUBJECT, 0),
            )
            found = self._kinships[relation] = (kinship,)
        return found


def _id(resource: Json) -> str:
    return str(resource.get("id", ""))


def _codes(concept: Json) -> list[str]:
    """Codes, displays and text of a CodeableConcept, in the order of trust."""
    text = concept.get("text", "")
    if "coding" not in concept:
        return [text] if text else []
    codings = concept["coding"]
    found = [coding.get("code", "") for coding in codings] + [coding.get("display", "") for coding in codings]
    return [code for code in (*found, text) if code]


def _notes(encounters: Iterable[Json]) -> tuple[tuple[str, str], ...]:
    reasons = [concept for encounter in encounters for concept in encounter.get("reasonCode", ())]
    texts = [concept.get("text", "").strip() for concept in reasons]
    return tuple([("Encounter.reasonCode", text) for text in texts if text])


def _telecom(points: Iterable[Json]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read telephone numbers and mail addresses."""
    phones: list[str] = []
    emails: list[str] = []
    for point in points:
        system, value = point.get("system"), point.get("value", "")
        if system == "phone":
            if phone := normalise_phone(value):
                phones.append(phone)
        elif system == "email" and value:
            emails.append(value)
    return tuple(phones), tuple(emails)


def _names(names: Iterable[Json]) -> tuple[PersonName, ...]:
    """Pair written forms with readings: JP Core gives each its own HumanName."""
    written: list[tuple[str, str, str, str]] = []
    readings: list[tuple[str, str, str, str]] = []
    for name in names:
        get = name.get
        form = "IDE"
        for extension in get("extension", ()):
            if extension.get("url") == REPRESENTATION:
                form = extension.get("valueCode", "")
                break
        family, given = get("family", ""), " ".join(get("given", ()))
        full = get("text", "") or " ".join(filter(None, (family, given)))
        if not full:
            continue
        use = _NAME_KINDS.get(get("use", ""), "as_written")
        if form == "SYL":
            readings.append((use, full, family, given))
        else:
            written.append(("roman" if form == "ABC" else use, full, family, given))
    paired: list[PersonName] = []
    for kind, full, family, given in written:
        kana = _NO_READING
        for at, reading in enumerate(readings):
            if reading[0] == kind:
                kana = readings.pop(at)[1:]
                break
        paired.append(PersonName(full, kind, family, given, *kana))
    paired += [PersonName(full, kind, family, given, full, family, given) for kind, full, family, given in readings]
    if len(paired) > 1:
        paired.sort(key=lambda name: name.kind in {"former", "roman"})
    return tuple(paired)


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


def _addresses(addresses: Iterable[Json]) -> tuple[Address, ...]:
    found: list[Address] = []
    for address in addresses:
        get = address.get
        lines = [line for line in get("line", ()) if line]
        text = get("text", "") or "".join((get("state", ""), get("city", ""), *lines))
        if text:
            kind = _ADDRESS_KINDS.get(get("use", ""), "current")
            found.append(parse_address(text, postcode=get("postalCode", ""), kind=kind))
    return tuple(found)
