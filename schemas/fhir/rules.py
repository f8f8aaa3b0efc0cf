"""What FHIR and JP Core demand and fhir.resources does not check: codes, invariants, cardinalities, characters.

A fault names a rule and a place, never a value. ``tests/unit/schemas/test_fhir_rules.py`` breaks each once.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.fhir.elements import plain
from schemas.fhir.names import ALPHABETIC, IDEOGRAPHIC, SYLLABIC, katakana, spaced
from schemas.fhir.terms import hl7, own, terms

FORMS = frozenset((IDEOGRAPHIC, SYLLABIC, ALPHABETIC))
_POSTCODE = re.compile(r"[0-9]{3}(-[0-9]{4})?")
_POSTCODE_IN_TEXT = re.compile(r"^\s*(〒|[0-9０-９]{3}[-−－][0-9０-９]{4})")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that does not hold, and where."""

    rule: str
    place: str


Resource = Mapping[str, Any]
Found = Iterator[tuple[str, str]]
Rule = Callable[[Resource], Found]


def faults(resource: Resource, *, ours: bool = True) -> tuple[Fault, ...]:
    """Check a resource; ``ours`` adds what Musubi promises of its own (JP Core, characters, pseudonyms)."""
    rules = (*BASE, *OURS) if ours else BASE
    return tuple(Fault(rule, place) for check in rules for rule, place in check(resource))


def at(resource: Resource, path: str) -> Iterator[tuple[str, Any]]:
    """Give every value at a dotted path, lists walked, with its place."""
    found: list[tuple[str, Any]] = [(str(resource.get("resourceType", "")), resource)]
    for name in path.split("."):
        stepped = [(f"{place}.{name}", value[name]) for place, value in found if name in value]
        found = []
        for place, value in stepped:
            if isinstance(value, list):
                found += [(f"{place}[{n}]", one) for n, one in enumerate(value) if one is not None]
            else:
                found.append((place, value))
    yield from found


def walk(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Give every value of a resource with its place; names that could be data are not repeated."""
    yield place, value
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from walk(inner, f"{place}.{name if _NAME.fullmatch(name) else '?'}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from walk(inner, f"{place}[{number}]")


def _bindings(resource: Resource) -> Found:
    """Codes of required bindings."""
    for path, codes in terms()["bindings"].items():
        kind, _, rest = path.partition(".")
        if kind == resource.get("resourceType"):
            yield from (("binding", place) for place, code in at(resource, rest) if code not in codes)


def _nothing_empty(resource: Resource) -> Found:
    """ele-1: whatever is there has a value or children; nulls stand in lists of primitives only."""
    for place, value in walk(resource, str(resource.get("resourceType", ""))):
        if value in ("", [], {}) or (value is None and not place.endswith("]")):
            yield "ele-1", place


def _extensions(resource: Resource) -> Found:
    """ext-1: an extension has a value or extensions, not both."""
    for place, value in walk(resource, str(resource.get("resourceType", ""))):
        if re.search(r"\.(modifierE|e)xtension\[\d+\]$", place) and isinstance(value, Mapping):
            values = sum(name.startswith("value") for name in value)
            if values + ("extension" in value) != 1 or not value.get("url"):
                yield "ext-1", place


def _periods(resource: Resource) -> Found:
    """per-1: a period does not end before it starts, as far as both are known."""
    for place, value in walk(resource, str(resource.get("resourceType", ""))):
        if place.endswith("eriod") and isinstance(value, Mapping):
            start, end = str(value.get("start", "")), str(value.get("end", ""))
            known = min(len(start), len(end), len("YYYY-MM-DD"))
            if start[:known] > end[:known]:
                yield "per-1", place


def _consent(resource: Resource) -> Found:
    """ppc-1..5, and where a rule says permit or deny."""
    if resource.get("resourceType") != "Consent":
        return
    if not (resource.get("policy") or resource.get("policyRule")):
        yield "ppc-1", "Consent"
    if not resource.get("patient"):
        yield "ppc-2", "Consent.patient"
    for place, rule in at(resource, "provision"):
        if "type" in rule:
            yield "consent-root-type", place
    for path in ("provision.provision", "provision.provision.provision"):
        yield from (("consent-rule-type", place) for place, rule in at(resource, path) if "type" not in rule)


def _group(resource: Resource) -> Found:
    """grp-1: only an actual group has members."""
    if resource.get("resourceType") == "Group" and resource.get("member") and resource.get("actual") is not True:
        yield "grp-1", "Group.member"


def _telecom(resource: Resource) -> Found:
    """cpt-2: a contact point with a value says of which system."""
    yield from (
        ("cpt-2", place) for place, point in at(resource, "telecom") if "value" in point and "system" not in point
    )


def _characters(resource: Resource) -> Found:
    """No gaiji and no control character leaves the house."""
    for place, value in walk(resource, str(resource.get("resourceType", ""))):
        if isinstance(value, str) and plain(value) != value:
            yield "character", place


def _identified(resource: Resource) -> Found:
    """JP_Patient: at least one identifier, each with system and value, none called official; a pseudonym first."""
    if resource.get("resourceType") != "Patient":
        return
    identifiers = list(at(resource, "identifier"))
    if not identifiers:
        yield "jp-identifier", "Patient.identifier"
    elif identifiers[0][1].get("system") != own("pseudonym"):
        yield "pseudonym-first", "Patient.identifier[0]"
    for place, one in identifiers:
        if not (one.get("system") and one.get("value")):
            yield "jp-identifier-value", place
        if one.get("use") == "official":  # JP Core's hint for the individual number (個人番号)
            yield "jp-identifier-official", place


def _pseudonymous(resource: Resource) -> Found:
    """Who is labelled pseudonymous is not named."""
    labels = resource.get("meta", {}).get("security", ())
    if any(label.get("system") == hl7("value") and label.get("code") == "PSEUDED" for label in labels):
        numbers = [place for place, one in at(resource, "identifier") if one.get("system") != own("pseudonym")]
        named = [place for path in ("name", "telecom", "address") for place, _ in at(resource, path)]
        if resource.get("resourceType") in {"Patient", "RelatedPerson"}:
            yield from (("pseudonymous", place) for place in (*named, *numbers))


def _names(resource: Resource) -> Found:
    """JP_HumanName: form, half-width separators, full-width katakana, text wherever there are parts."""
    for place, name in at(resource, "name"):
        if not isinstance(name, Mapping):
            continue
        forms = [
            extension.get("valueCode")
            for extension in name.get("extension", ())
            if extension.get("url") == hl7("representation")
        ]
        if len(forms) != 1 or forms[0] not in FORMS:
            yield "jp-name-form", place
        text = name.get("text", "")
        if not text or spaced(text) != text:
            yield "jp-name-text", place
        if SYLLABIC in forms and katakana(text) != text:
            yield "jp-name-kana", place


def _addresses(resource: Resource) -> Found:
    """JP Core Address: no district, postcode as nnn-nnnn and not in the text, lines without spaces, country JP."""
    for place, address in at(resource, "address"):
        if "district" in address:
            yield "jp-district", place
        if address.get("country", "JP") not in {"JP", "JPN"}:
            continue
        if "country" in address and not _POSTCODE.fullmatch(address.get("postalCode", "000")):
            yield "jp-postcode", place
        if _POSTCODE_IN_TEXT.match(address.get("text", "")):
            yield "jp-address-text", place
        if any("".join(line.split()) != line for line in address.get("line", ()) if line):
            yield "jp-address-line", place


def _count(resource: Resource) -> Found:
    """A household never tells how many it has."""
    if resource.get("resourceType") == "Group" and "quantity" in resource:
        yield "group-quantity", "Group.quantity"


BASE: tuple[Rule, ...] = (_bindings, _nothing_empty, _extensions, _periods, _consent, _group, _telecom)
OURS: tuple[Rule, ...] = (_characters, _identified, _pseudonymous, _names, _addresses, _count)
