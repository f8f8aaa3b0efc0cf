"""The closed vocabularies every room shares."""

from enum import IntEnum, StrEnum


class Category(StrEnum):
    """What kind of thing a field tells; the unit of every grant (design: categories)."""

    IDENTITY = "identity"
    ADDRESS = "address"
    MEMBERSHIP = "membership"
    PARTICIPATION = "participation"
    ASSESSMENT = "assessment"
    SENSITIVE = "sensitive"
    NOTES = "notes"


class Tier(IntEnum):
    """How much of a category a reader gets; totally ordered."""

    NONE = 0
    POINTER = 1
    SUMMARY = 2
    FULL = 3


class Purpose(StrEnum):
    """Why somebody reads (利用目的)."""

    CONSULTATION = "consultation"
    COORDINATION = "coordination"
    OUTREACH = "outreach"
    PARTICIPATION_SUPPORT = "participation_support"
    OWN_PROGRAMME = "own_programme"
    ABUSE_RESPONSE = "abuse_response"
    STATISTICS = "statistics"
    AUDIT = "audit"
    SUBJECT_ACCESS = "subject_access"
    LINK_REVIEW = "link_review"
    OPERATIONS = "operations"


class StaffRole(StrEnum):
    """What a member of staff is here for."""

    DESK_WORKER = "desk_worker"
    AGENCY_WORKER = "agency_worker"
    COORDINATOR = "coordinator"
    STEWARD = "steward"
    AUDITOR = "auditor"
    PRIVACY_OFFICER = "privacy_officer"
    OPERATOR = "operator"


class AgencyKind(StrEnum):
    """What an agency is in law; every legal-basis row names the kinds it serves."""

    MUNICIPAL_DEPARTMENT = "municipal_department"
    MUNICIPAL_ORGAN = "municipal_organ"
    ENTRUSTED_OPERATOR = "entrusted_operator"
    PUBLIC_BODY = "public_body"
    MEDICAL = "medical"
    EDUCATION = "education"
    PRIVATE = "private"


class MentionRole(StrEnum):
    """In which part a person appears in a source record."""

    SUBJECT = "subject"
    RECIPIENT = "recipient"
    CHILD = "child"
    HEAD = "head"
    SPOUSE = "spouse"
    MEMBER = "member"
    CONSULTER = "consulter"
    CARER = "carer"
    EMERGENCY_CONTACT = "emergency_contact"
    GUARANTOR = "guarantor"
    GUARDIAN = "guardian"
    OPPONENT = "opponent"
    CO_PROTECTED = "co_protected"


class FactKind(StrEnum):
    """What a coded fact is about."""

    RESIDENCE = "residence"
    KINSHIP = "kinship"
    ENROLMENT = "enrolment"
    SERVICE_USE = "service_use"
    CONTACT = "contact"
    NEED = "need"
    WISH = "wish"
    PLAN = "plan"
    REFERRAL = "referral"
    MEETING = "meeting"
    PLACEMENT = "placement"
    AWAY = "away"


REFERENCES = frozenset(("meeting", "plan"))
"""Keys of a fact's detail that hold a number of the source (会議番号, プラン番号).

It is stored as a keyed token, equal for equal numbers of one source, and shown as a mark; a number under any other
key would stand in clear."""


class Programme(StrEnum):
    """The fields of welfare a source belongs to."""

    REGISTER = "register"
    ELDERLY = "elderly"
    DISABILITY = "disability"
    CHILD = "child"
    POVERTY = "poverty"
    EDUCATION = "education"
    MEDICAL = "medical"
    INTEGRATED = "integrated"
    COMMUNITY = "community"
    PROTECTION = "protection"
