"""Contacts: a consultation or visit as Encounter."""

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
from schemas.fhir.terms import hl7, table
from schemas.model import Contact, Origin
from schemas.vocabulary import Category


def render_contact(contact: Contact) -> Json:
    """Write a contact; ``read_contact`` is the inverse."""
    head = fact_head("Encounter", contact)
    classes = table("class_of_channel")
    told = [*extension("route", "Code", contact.route), *extension("two-way", "Boolean", contact.two_way)]
    kinds = [concept("channel", contact.channel), concept("occasion", contact.occasion)]
    return filled(
        head
        | {
            "extension": [*head["extension"], *told],
            "status": "finished",
            "class": {"system": hl7("act"), "code": classes.get(contact.channel, classes["*"])},
            "type": [kind for kind in kinds if kind],
            "priority": concept("urgency", contact.urgency),
            "subject": patient(contact.person),
            "period": period(contact.valid_from, contact.valid_to),
            "serviceProvider": agency(contact.agency or contact.origin.agency),
        }
    )


def read_contact(resource: Mapping[str, Any], origin: Origin | None = None) -> Contact:
    """Read an Encounter; where somebody else wrote it, its class tells the channel."""
    head = read_fact_head(resource, referred(resource.get("subject", {})), origin, Category.PARTICIPATION)
    channels = table("channel_of_class")
    channel = own_code(resource.get("type", ()), "channel")
    acting = agency_of(resource.get("serviceProvider", {}))
    return Contact.read(
        head
        | read_span(resource.get("period", {}))
        | {
            "channel": channel or channels.get(resource["class"].get("code", ""), channels["*"]),
            "occasion": own_code(resource.get("type", ()), "occasion"),
            "route": value_of(resource, "route"),
            "two_way": value_of(resource, "two-way", None),
            "urgency": own_code([resource.get("priority", {})], "urgency"),
            "agency": acting if acting != head["origin"].agency else "",
        }
    )
