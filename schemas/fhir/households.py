"""Households and kinship: Household as Group, Relationship as RelatedPerson.

A Group carries no ``quantity``: the number of members shown would tell that somebody is not. Lineage stays inside.
"""

from collections.abc import Mapping
from typing import Any

from schemas.errors import RecordRejected
from schemas.fhir.elements import (
    Json,
    agency,
    agency_of,
    code_of,
    concept,
    extension,
    extensions,
    filled,
    meta,
    own_code,
    patient,
    period,
    pseudonym,
    referred,
    value_of,
)
from schemas.fhir.facts import fact_head, read_fact_head, read_span
from schemas.fhir.patients import named_parts
from schemas.fhir.terms import hl7, own, table
from schemas.model import Household, Membership, Mention, Origin, Relationship
from schemas.vocabulary import Category


def render_household(household: Household) -> Json:
    """Write a household; ``read_household`` is the inverse but for lineage."""
    return filled(
        {
            "resourceType": "Group",
            "id": household.ref,
            "meta": meta("Group", Category.MEMBERSHIP, pseudonymous=True),
            "identifier": [pseudonym(household.ref)],
            "type": "person",
            "actual": True,
            "code": concept("household", household.kind),
            "member": [_member(member) for member in household.members],
        }
    )


def _member(member: Membership) -> Json:
    state = member.state if member.state != "present" else ""
    told = [
        *extension("membership-state", "Code", state),
        *extension("away", "Code", member.away),
        *extension("relation", "CodeableConcept", relation_concept(member.relation)),
        *extension("shared-livelihood", "Boolean", member.shared_livelihood),
    ]
    for kind in member.evidence:
        told += extension("evidence", "Code", kind)
    return filled(
        {
            "extension": told,
            "entity": patient(member.person),
            "period": period(member.valid_from, member.valid_to),
        }
    )


def relation_concept(relation: str) -> Json:
    """Write a 続柄 with the HL7 role beside it where there is one."""
    role = table("role_of_relation").get(relation)
    return concept("relation", relation, *([{"system": hl7("role"), "code": role}] if role else []))


def read_household(resource: Mapping[str, Any]) -> Household:
    """Read a Group of persons."""
    return Household.read(
        {
            "ref": resource.get("id", ""),
            "kind": own_code([resource.get("code", {})], "household"),
            "members": [
                {
                    "person": referred(member.get("entity", {})),
                    "state": value_of(member, "membership-state", "present"),
                    "away": value_of(member, "away"),
                    "relation": read_relation(value_of(member, "relation", {})),
                    "shared_livelihood": value_of(member, "shared-livelihood", None),
                    "evidence": [found.get("valueCode", "") for found in extensions(member, "evidence")],
                    "valid_from": member.get("period", {}).get("start", ""),
                    "valid_to": member.get("period", {}).get("end", ""),
                }
                for member in resource.get("member", ())
            ],
        }
    )


def read_relation(found: Mapping[str, Any]) -> str:
    """Read a 続柄: our own code, else the HL7 role."""
    return own_code([found], "relation") or table("relation_of_role").get(code_of([found], hl7("role")), "")


def render_relationship(relationship: Relationship, mention: Mention | None = None) -> Json:
    """Write how ``person`` is related to ``other``; with a mention also who that person is.

    What is said towards the head of the register household alone stands in the Group, not here.
    """
    if relationship.other is None:
        raise RecordRejected("fhir-needs-other", "Relationship.other")
    head = fact_head("RelatedPerson", relationship)
    if mention is not None:
        head["meta"] = meta("RelatedPerson", relationship.category, relationship.programme)
    return filled(
        head
        | {
            "extension": [
                *head["extension"],
                *extension("acting-agency", "Reference", agency(relationship.agency)),
            ],
            "identifier": [pseudonym(relationship.person)],
            "patient": patient(relationship.other),
            "relationship": [relation_concept(relationship.relation)],
            "period": period(relationship.valid_from, relationship.valid_to),
            **(named_parts(mention) if mention else {}),
        }
    )


def read_relationship(resource: Mapping[str, Any], origin: Origin | None = None) -> Relationship:
    """Read a RelatedPerson; whom it names is read by ``read_mention``."""
    identifiers = resource.get("identifier", ())
    own_ref = next((one.get("value", "") for one in identifiers if one.get("system") == own("pseudonym")), "")
    person = own_ref or resource.get("id", "")
    relations = [read_relation(found) for found in resource.get("relationship", ())]
    return Relationship.read(
        read_fact_head(resource, person, origin, Category.MEMBERSHIP)
        | read_span(resource.get("period", {}))
        | {
            "other": referred(resource.get("patient", {})),
            "relation": next(filter(None, relations), "other"),
            "agency": agency_of(value_of(resource, "acting-agency", {})),
        }
    )
