"""One door to FHIR: models out as R4 resources and back in.

Bulk output is rendered as plain dicts, ten to thirty times as fast as building fhir.resources objects; a single
resource goes through fhir.resources and the rules of ``rules.py``. FHIR R4 4.0.1 is read and written with the R4B
classes, which are the nearest fhir.resources has. No error carries a value.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.errors import RecordRejected
from schemas.fhir.consents import read_consent, render_consent
from schemas.fhir.contacts import read_contact, render_contact
from schemas.fhir.elements import Json
from schemas.fhir.enrolments import read_enrolment, render_enrolment
from schemas.fhir.households import read_household, read_relationship, render_household, render_relationship
from schemas.fhir.patients import read_mention, render_mention, render_person
from schemas.fhir.rules import faults
from schemas.model import Consent, Contact, Enrolment, Household, Mention, Model, Origin, Person, Relationship
from schemas.model.categories import rejection

KINDS = ("Patient", "RelatedPerson", "Group", "Coverage", "EpisodeOfCare", "Encounter", "Consent")
INVALID = "fhir-invalid"
UNMAPPED = "fhir-unmapped"


def render(model: Model) -> Json:
    """Write a model as a plain dict, unchecked: for bulk output of models that are valid themselves."""
    match model:
        case Mention():
            return render_mention(model)
        case Person():
            return render_person(model)
        case Household():
            return render_household(model)
        case Relationship():
            return render_relationship(model)
        case Enrolment():
            return render_enrolment(model)
        case Contact():
            return render_contact(model)
        case Consent():
            return render_consent(model)
    raise RecordRejected(UNMAPPED, type(model).__name__)


def to_fhir(model: Model) -> BaseModel:
    """Write a model as a resource of fhir.resources, checked by it and by the rules."""
    return validated(render(model))


def from_fhir(resource: Mapping[str, Any] | BaseModel, origin: Origin | None = None) -> Model:
    """Read a resource; ``origin`` is for resources of others, which do not say where they come from.

    A RelatedPerson gives the relationship; whom it names is read by ``read_mention``.
    """
    raw = json.loads(resource.model_dump_json()) if isinstance(resource, BaseModel) else resource
    checked = json.loads(validated(raw, ours=False).model_dump_json())
    try:
        return _read(checked, origin)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise RecordRejected(INVALID, checked["resourceType"]) from None


def _read(checked: Json, origin: Origin | None) -> Model:
    match checked["resourceType"]:
        case "Patient":
            return read_mention(checked, origin)
        case "RelatedPerson":
            return read_relationship(checked, origin)
        case "Group":
            return read_household(checked)
        case "Coverage" | "EpisodeOfCare":
            return read_enrolment(checked, origin)
        case "Encounter":
            return read_contact(checked, origin)
        case _:
            return read_consent(checked, origin)


def validated(resource: Mapping[str, Any], *, ours: bool = True) -> BaseModel:
    """Build the fhir.resources object of a dict; raise RecordRejected that names elements and faults only."""
    kind = resource.get("resourceType")
    if kind not in KINDS:
        raise RecordRejected(UNMAPPED, "resourceType")
    try:
        built = _class(kind).model_validate(resource)
    except ValidationError as error:
        raise rejection(INVALID, error) from None
    except (LookupError, TypeError, ValueError, AttributeError):
        raise RecordRejected(INVALID, kind) from None
    found = faults(resource, ours=ours)
    if found:
        raise RecordRejected(INVALID, found[0].place, faults=[(fault.place, fault.rule) for fault in found])
    return built


@cache
def _class(kind: str) -> type[BaseModel]:
    found: type[BaseModel] = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    return found
