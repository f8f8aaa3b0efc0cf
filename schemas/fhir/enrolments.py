"""Enrolments: an entitlement is a Coverage, being looked after by an agency for a while an EpisodeOfCare."""

from collections.abc import Mapping
from typing import Any

from schemas.fhir.elements import (
    Json,
    agency,
    agency_of,
    concept,
    extension,
    filled,
    own_code,
    patient,
    period,
    referred,
    value_of,
)
from schemas.fhir.facts import fact_head, read_fact_head, read_span
from schemas.fhir.terms import terms
from schemas.model import Enrolment, Origin
from schemas.vocabulary import Category


def render_enrolment(enrolment: Enrolment) -> Json:
    """Write an enrolment; ``read_enrolment`` is the inverse."""
    if enrolment.scheme in terms()["episodes"]["schemes"]:
        return _episode(enrolment)
    return _coverage(enrolment)


def _coverage(enrolment: Enrolment) -> Json:
    head = fact_head("Coverage", enrolment)
    acting = enrolment.agency or enrolment.origin.agency
    level = {"type": concept("coverage-class", "level"), "value": enrolment.level}
    return filled(
        head
        | {
            "extension": [*head["extension"], *extension("status", "Code", enrolment.status)],
            "status": "cancelled" if enrolment.status in terms()["coverage"]["cancelled"] else "active",
            "type": concept("scheme", enrolment.scheme),
            "beneficiary": patient(enrolment.person),
            "period": period(enrolment.valid_from, enrolment.valid_to),
            "payor": [agency(acting)],
            "class": [level] if enrolment.level else [],
        }
    )


def _episode(enrolment: Enrolment) -> Json:
    head = fact_head("EpisodeOfCare", enrolment)
    told = [*extension("status", "Code", enrolment.status), *extension("level", "Code", enrolment.level)]
    return filled(
        head
        | {
            "extension": [*head["extension"], *told],
            "status": "finished" if enrolment.valid_to else "active",
            "type": [concept("scheme", enrolment.scheme)],
            "patient": patient(enrolment.person),
            "managingOrganization": agency(enrolment.agency or enrolment.origin.agency),
            "period": period(enrolment.valid_from, enrolment.valid_to),
        }
    )


def read_enrolment(resource: Mapping[str, Any], origin: Origin | None = None) -> Enrolment:
    """Read a Coverage or EpisodeOfCare whose type is one of our schemes."""
    if resource["resourceType"] == "Coverage":
        person, acting = referred(resource["beneficiary"]), agency_of(resource["payor"][0])
        scheme = own_code([resource.get("type", {})], "scheme")
        level = next(
            (one["value"] for one in resource.get("class", ()) if own_code([one["type"]], "coverage-class")), ""
        )
    else:
        person, acting = referred(resource["patient"]), agency_of(resource.get("managingOrganization", {}))
        scheme, level = own_code(resource.get("type", ()), "scheme"), value_of(resource, "level")
    head = read_fact_head(resource, person, origin, Category.PARTICIPATION)
    return Enrolment.read(
        head
        | read_span(resource.get("period", {}))
        | {
            "scheme": scheme,
            "level": level,
            "status": value_of(resource, "status"),
            "agency": acting if acting != head["origin"].agency else "",
        }
    )
