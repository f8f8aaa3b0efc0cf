"""Consents: Consent and the Consent of FHIR.

The base rule is that nothing is shared (policyRule OPTOUT). A permit is one nested rule with its recipients,
purposes, period and categories, and inside it a deny for every category it does not name. FHIR reads what a rule
leaves open as "any", Musubi reads it as "none": so a consent that is not complete is written as a deny, one without
an end gets the end of its fiscal year, and the last day is the day before ``valid_to``. What was said stands in
extensions.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from schemas.fhir.elements import (
    Json,
    agency,
    agency_of,
    category_of,
    extension,
    filled,
    origin_extension,
    origin_of,
    own_code,
    patient,
    period,
    plain,
    referred,
    row_meta,
    value_of,
)
from schemas.fhir.terms import hl7, own, terms
from schemas.model import Consent, Origin, Scope
from schemas.vocabulary import Category, Tier

OPEN = "open"
"""Said where no end was said."""
_WHOLE_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def render_consent(consent: Consent) -> Json:
    """Write a consent, refusal or withdrawal; ``read_consent`` is the inverse."""
    number = {"system": own("consent_number"), "value": plain(consent.reference)}
    return filled(
        {
            "resourceType": "Consent",
            "id": consent.ref,
            "meta": row_meta("Consent", consent),
            "extension": [
                *origin_extension(consent.origin),
                *extension("decision", "Code", consent.decision),
                *extension("given-by", "Code", consent.given_by),
                *extension("method", "Code", consent.method),
                *extension("form", "Code", consent.form),
                *extension("supersedes", "String", consent.supersedes),
                *extension("valid-to", "String", _said_end(consent)),
            ],
            "identifier": [number] if number["value"] else [],
            "status": "active",
            "scope": {"coding": [{"system": hl7("consent_scope"), "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": hl7("loinc"), "code": "59284-0"}]}],
            "patient": patient(consent.person),
            "dateTime": consent.recorded_at,
            "performer": [patient(consent.person)] if consent.given_by == "self" else [],
            "policyRule": {"coding": [{"system": hl7("act"), "code": "OPTOUT"}]},
            "provision": {"provision": [_rule(consent)]},
        }
    )


def _rule(consent: Consent) -> Json:
    grants = consent.decision == "permit" and _is_complete(consent)
    named = {scope.category for scope in consent.scope}
    others = [_label(category) for category in Category if category not in named]
    rule = {
        "type": "permit" if grants else "deny",
        "period": period(consent.valid_from, _last_day(consent) if consent.decision == "permit" else ""),
        "actor": [{"role": _role(), "reference": agency(one)} for one in consent.agencies],
        "action": [{"coding": [{"system": hl7("consent_action"), "code": "access"}]}],
        "securityLabel": [_label(scope.category, scope.tier) for scope in consent.scope],
        "purpose": [{"system": own("code") + "purpose", "code": purpose.value} for purpose in consent.purposes],
        "provision": [{"type": "deny", "securityLabel": others}] if grants and others else [],
    }
    return filled(rule)


def _role() -> Json:
    return {"coding": [{"system": hl7("participation"), "code": "IRCP"}]}


def _label(category: Category, tier: Tier | None = None) -> Json:
    how_much = extension("tier", "Code", tier.name.lower()) if tier is not None else []
    return filled({"extension": how_much, "system": own("code") + "category", "code": category.value})


def _is_complete(consent: Consent) -> bool:
    """Whether a consent grants anything: subject, recipients, categories, purposes, giver and whole days."""
    return bool(
        consent.agencies
        and consent.purposes
        and consent.given_by
        and consent.scope
        and all(scope.tier > Tier.NONE for scope in consent.scope)
        and _last_day(consent)
    )


def _last_day(consent: Consent) -> str:
    """Give the last day a consent holds; empty where there is none."""
    if not _WHOLE_DAY.fullmatch(consent.valid_from):
        return ""
    end = consent.valid_to or _fiscal_end(consent.valid_from)
    if not _WHOLE_DAY.fullmatch(end) or end <= consent.valid_from:
        return ""
    return (date.fromisoformat(end) - timedelta(days=1)).isoformat()


def _fiscal_end(day: str) -> str:
    start = str(terms()["fiscal_year_start"])
    return f"{int(day[:4]) + (day[5:] >= start):04}-{start}"


def _said_end(consent: Consent) -> str:
    """Say what a Period cannot: an open end, an end that is no day, an end of what never ends by itself."""
    shown = consent.decision == "permit" and consent.valid_to and _last_day(consent)
    return "" if shown else consent.valid_to or OPEN


def read_consent(resource: Mapping[str, Any], origin: Origin | None = None) -> Consent:
    """Read a Consent that Musubi wrote; that of somebody else has no decision and is refused."""
    rules = resource.get("provision", {}).get("provision", ())
    rule = rules[0] if rules else {}
    span = rule.get("period", {})
    said = value_of(resource, "valid-to")
    end = said or _day_after(span.get("end", ""))
    labels = rule.get("securityLabel", ())
    return Consent.read(
        {
            "ref": resource.get("id", ""),
            "person": referred(resource.get("patient", {})),
            "category": category_of(resource, Category.PARTICIPATION),
            "decision": value_of(resource, "decision"),
            "agencies": [agency_of(actor["reference"]) for actor in rule.get("actor", ())],
            "scope": [
                Scope.read({"category": own_code([{"coding": [label]}], "category"), "tier": value_of(label, "tier")})
                for label in labels
            ],
            "purposes": [own_code([{"coding": [purpose]}], "purpose") for purpose in rule.get("purpose", ())],
            "valid_from": span.get("start", ""),
            "valid_to": "" if end == OPEN else end,
            "given_by": value_of(resource, "given-by"),
            "method": value_of(resource, "method"),
            "form": value_of(resource, "form"),
            "reference": next((one.get("value", "") for one in resource.get("identifier", ())), ""),
            "supersedes": value_of(resource, "supersedes"),
            "recorded_at": resource.get("dateTime"),
            "origin": origin_of(resource, origin),
        }
    )


def _day_after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat() if _WHOLE_DAY.fullmatch(day) else ""
