"""People: Mention and Person as JP_Patient, Mention as the named part of a RelatedPerson."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from schemas.errors import RecordRejected
from schemas.fhir.addresses import fhir_addresses, read_addresses
from schemas.fhir.elements import (
    Json,
    category_of,
    extension,
    extension_of_parts,
    filled,
    meta,
    origin_extension,
    origin_of,
    original_of,
    parts_of,
    patient,
    plain,
    pseudonym,
    value_of,
)
from schemas.fhir.facts import ORIGIN_MISSING
from schemas.fhir.names import human_names, person_names
from schemas.fhir.terms import hl7, is_denied, number_system, own, read_system, table
from schemas.model import Mention, Origin, Person
from schemas.values.dates import PartialDate
from schemas.values.identifiers import Identifier
from schemas.vocabulary import Category, MentionRole

T = TypeVar("T")


def render_mention(mention: Mention) -> Json:
    """Write a mention; ``read_mention`` is the inverse but for free text, which has no place in a Patient."""
    named = named_parts(mention)
    return filled(
        {
            "resourceType": "Patient",
            "id": mention.ref,
            "meta": meta(
                "Patient", mention.category, mention.origin.programme, pseudonymous=_pseudonymous(mention, named)
            ),
            "extension": [
                *origin_extension(mention.origin),
                *extension_of_parts("mention", {"role": mention.role.value, "seq": str(mention.seq)}),
            ],
            "identifier": [pseudonym(mention.ref), *_identifiers(mention.identifiers)],
            **named,
            **_death(mention.death),
        }
    )


def render_person(person: Person) -> Json:
    """Write a person: what his or her mentions say together, and a link to each.

    Where they disagree on a date or sex the first that says anything counts; each keeps its own in its own Patient.
    """
    one = person.mentions[0].model_copy(
        update={
            "names": _union(mention.names for mention in person.mentions),
            "addresses": _union(mention.addresses for mention in person.mentions),
            "phones": _union(mention.phones for mention in person.mentions),
            "emails": _union(mention.emails for mention in person.mentions),
            "birth": next((mention.birth for mention in person.mentions if mention.birth), None),
            "death": next((mention.death for mention in person.mentions if mention.death), None),
            "sex": next((mention.sex for mention in person.mentions if mention.sex), ""),
        }
    )
    named = named_parts(one)
    return filled(
        {
            "resourceType": "Patient",
            "id": person.ref,
            "meta": meta("Patient", Category.IDENTITY, pseudonymous=_pseudonymous(one, named)),
            "identifier": [
                pseudonym(person.ref),
                *_identifiers(_union(mention.identifiers for mention in person.mentions)),
            ],
            **named,
            **_death(one.death),
            "link": [{"other": patient(mention.ref), "type": "seealso"} for mention in person.mentions],
        }
    )


def _union(groups: Iterable[Iterable[T]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(one for group in groups for one in group))


def _pseudonymous(mention: Mention, named: Json) -> bool:
    """Whether a Patient names nobody: no name, number, telephone, day of birth or address below 町字."""
    births = len(named.get("birthDate", "")) > len("YYYY-MM") or "_birthDate" in named
    return not (
        mention.names or mention.identifiers or mention.phones or mention.emails or mention.addresses or births
    )


def _identifiers(identifiers: Iterable[Identifier]) -> list[Json]:
    return [
        filled(
            {
                "system": number_system(one.kind, one.issuer),
                "value": plain(one.value),
                "period": filled({"start": one.valid_from, "end": one.valid_to}),
            }
        )
        for one in identifiers
        if plain(one.value) and not is_denied(one.kind)
    ]


def named_parts(mention: Mention) -> Json:
    """Write what a Patient and a RelatedPerson have in common."""
    telecom = [{"system": "phone", "value": phone} for phone in map(plain, mention.phones) if phone]
    telecom += [{"system": "email", "value": mail} for mail in map(plain, mention.emails) if mail]
    return filled(
        {
            "name": human_names(mention.names),
            "telecom": telecom,
            "gender": table("gender")[mention.sex],
            **_date("birthDate", mention.birth),
            "address": fhir_addresses(mention.addresses),
        }
    )


def _date(key: str, found: PartialDate | None) -> Json:
    """Write a date as far as it is known, and beside it how it was delivered and why it is no whole day."""
    if found is None:
        return {}
    usual = {0: "unknown", 4: "year", 7: "month", 10: "day"}[len(found.value)]
    beside = [] if found.value else [{"url": hl7("absent"), "valueCode": "unknown"}]
    if found.quality != usual:
        beside += extension("date-quality", "Code", found.quality)
    if found.original != found.value:
        beside += extension("as-delivered", "String", found.original)
    return filled({key: found.value, f"_{key}": filled({"extension": beside})})


def _death(found: PartialDate | None) -> Json:
    if found is None:
        return {}
    if found.value:
        return _date("deceasedDateTime", found)
    beside = extension("as-delivered", "String", found.original)
    return filled({"deceasedBoolean": True, "_deceasedBoolean": filled({"extension": beside})})


def read_mention(
    resource: Mapping[str, Any], origin: Origin | None = None, role: MentionRole = MentionRole.SUBJECT
) -> Mention:
    """Read a Patient or RelatedPerson; ``origin`` and ``role`` are for resources that do not say.

    Numbers of systems that are not known are not taken.
    """
    source = origin_of(resource, origin)
    if source is None:
        raise RecordRejected(ORIGIN_MISSING, str(resource.get("resourceType", "")))
    identifiers = resource.get("identifier", ())
    own_ref = next((one.get("value", "") for one in identifiers if one.get("system") == own("pseudonym")), "")
    told = parts_of(resource, "mention")
    telecom = [(point.get("system"), point["value"]) for point in resource.get("telecom", ()) if point.get("value")]
    return Mention.read(
        {
            "ref": own_ref or resource.get("id", ""),
            "role": told.get("role", role),
            "seq": told.get("seq", 0),
            "category": category_of(resource, Category.PARTICIPATION),
            "names": person_names(resource.get("name", ())),
            "birth": _read_date(resource, "birthDate"),
            "death": _read_death(resource),
            "sex": next((code for code, gender in table("gender").items() if gender == resource.get("gender")), ""),
            "addresses": read_addresses(resource.get("address", ())),
            "phones": tuple(value for system, value in telecom if system == "phone"),
            "emails": tuple(value for system, value in telecom if system == "email"),
            "identifiers": tuple(_read_identifiers(identifiers)),
            "origin": source,
        }
    )


def _read_identifiers(identifiers: Iterable[Mapping[str, Any]]) -> Iterable[Identifier]:
    for one in identifiers:
        found = read_system(str(one.get("system", "")), str(one.get("value", "")).strip())
        if found and found.value:
            span = one.get("period", {})
            yield Identifier(
                found.kind, found.value, found.issuer, span.get("start", "")[:10], span.get("end", "")[:10]
            )


def _read_date(resource: Mapping[str, Any], key: str) -> PartialDate | None:
    value, beside = str(resource.get(key, ""))[:10], resource.get(f"_{key}") or {}
    if not value and not beside:
        return None
    usual = {0: "unknown", 4: "year", 7: "month"}.get(len(value), "day")
    original = original_of({key: value, f"_{key}": beside}, key)
    return PartialDate(value, value_of(beside, "date-quality") or usual, original)


def _read_death(resource: Mapping[str, Any]) -> PartialDate | None:
    if resource.get("deceasedBoolean"):
        return PartialDate("", "unknown", value_of(resource.get("_deceasedBoolean") or {}, "as-delivered"))
    return _read_date(resource, "deceasedDateTime")
