"""The model as FHIR R4 in the style of JP Core, and back: the only place of ``schemas`` that knows fhir.resources."""

from schemas.fhir.households import render_relationship
from schemas.fhir.mapping import KINDS, from_fhir, render, to_fhir, validated
from schemas.fhir.patients import read_mention
from schemas.fhir.rules import Fault, faults

__all__ = [
    "KINDS",
    "Fault",
    "faults",
    "from_fhir",
    "read_mention",
    "render",
    "render_relationship",
    "to_fhir",
    "validated",
]
