"""The unified household model: the outward, assembled form of what is stored; export, FHIR and API speak it."""

from schemas.model.agencies import Agency, Resource, ResourceContact
from schemas.model.authority import Basis, Clearance, Consent, Disclosure, Part, Permit, Protection, Scope
from schemas.model.categories import Graded, Model, of
from schemas.model.facts import Away, Contact, Enrolment, Fact, Need, Residence, ServiceUse, Wish
from schemas.model.persons import Household, Lineage, Membership, Person, Relationship
from schemas.model.records import Mention, Note, Origin, SourceRecord
from schemas.model.support import Agreement, Meeting, MeetingItem, Placement, Plan, PlanStep, Referral

__all__ = [
    "MODELS",
    "Agency",
    "Agreement",
    "Away",
    "Basis",
    "Clearance",
    "Consent",
    "Contact",
    "Disclosure",
    "Enrolment",
    "Fact",
    "Graded",
    "Household",
    "Lineage",
    "Meeting",
    "MeetingItem",
    "Membership",
    "Mention",
    "Model",
    "Need",
    "Note",
    "Origin",
    "Part",
    "Permit",
    "Person",
    "Placement",
    "Plan",
    "PlanStep",
    "Protection",
    "Referral",
    "Relationship",
    "Residence",
    "Resource",
    "ResourceContact",
    "Scope",
    "ServiceUse",
    "SourceRecord",
    "Wish",
    "of",
]

MODELS: tuple[type[Model], ...] = (
    SourceRecord,
    Mention,
    Person,
    Household,
    Membership,
    Relationship,
    Residence,
    Away,
    Enrolment,
    ServiceUse,
    Contact,
    Need,
    Wish,
    Plan,
    PlanStep,
    Referral,
    Meeting,
    MeetingItem,
    Agency,
    Resource,
    Placement,
    Consent,
    Permit,
    Protection,
    Disclosure,
)
"""Every model that travels on its own; each has an exported JSON Schema."""
