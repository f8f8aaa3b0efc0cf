"""The small parts FHIR resources are made of, as plain dicts, and how they are read back.

Everything here leaves empty values out: FHIR knows no empty string, list or object.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.fhir.terms import hl7, own, terms
from schemas.model import Graded, Origin
from schemas.vocabulary import Category, Programme

Json = dict[str, Any]

_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
GETA = "〓"
"""Stands for a site's own character (外字), which must not leave the site."""


def plain(text: str) -> str:
    """Give a text as FHIR can carry it; blank is empty, control characters go, gaiji become 〓."""
    if text.isprintable():  # most texts; neither private-use nor control characters are printable
        return text if text.strip() else ""
    cleaned = _PRIVATE.sub(GETA, _CONTROL.sub("", text))
    return cleaned if cleaned.strip() else ""


def filled(element: Mapping[str, Any]) -> Json:
    """Leave out what is empty; False and zero are values."""
    return {name: value for name, value in element.items() if value not in ("", None, [], {}, ())}


def extension(name: str, kind: str, value: Any) -> list[Json]:
    """Give one extension of the project, or none for an empty value; ``value_of`` reads it."""
    if isinstance(value, str):
        value = plain(value)
    return [{"url": own("extension") + name, f"value{kind}": value}] if value not in ("", None, [], {}) else []


def extension_of_parts(name: str, parts: Mapping[str, str]) -> list[Json]:
    """Give one extension of several named texts; ``parts_of`` reads it."""
    inner = [{"url": key, "valueString": plain(text)} for key, text in parts.items() if plain(text)]
    return [{"url": own("extension") + name, "extension": inner}] if inner else []


def extensions(element: Mapping[str, Any], name: str) -> list[Json]:
    """Give the extensions of the project under one name."""
    return [found for found in element.get("extension", ()) if found.get("url") == own("extension") + name]


def value_of(element: Mapping[str, Any], name: str, absent: Any = "") -> Any:
    """Read the value of an extension of the project."""
    return next((_value(found) for found in extensions(element, name)), absent)


def parts_of(element: Mapping[str, Any], name: str) -> dict[str, str]:
    """Read an extension of several named texts."""
    found = extensions(element, name)
    return {part["url"]: str(_value(part)) for part in found[0].get("extension", ())} if found else {}


def hl7_value(element: Mapping[str, Any], name: str) -> str:
    """Read the value of an extension of HL7."""
    found = (one for one in element.get("extension", ()) if one.get("url") == hl7(name))
    return next((str(_value(one)) for one in found), "")


def _value(found: Mapping[str, Any]) -> Any:
    return next((value for key, value in found.items() if key.startswith("value")), "")


def delivered(key: str, text: str, original: str) -> Json:
    """Write a primitive beside the string it came from, where the two differ; ``original_of`` reads it."""
    written, before = plain(text), plain(original)
    made = filled({key: written})
    if before and before != written:
        made[f"_{key}"] = {"extension": extension("as-delivered", "String", before)}
    return made


def original_of(element: Mapping[str, Any], key: str) -> str:
    """Read a primitive as it was delivered."""
    beside = element.get(f"_{key}") or {}
    return str(value_of(beside, "as-delivered") or element.get(key, ""))


def concept(listed: str, code: str, *more: Json) -> Json:
    """Give a CodeableConcept of one of our code lists, with codes of others beside it."""
    return {"coding": [{"system": own("code") + listed, "code": code}, *more]} if code else {}


def code_of(concepts: Iterable[Mapping[str, Any]], system: str) -> str:
    """Read the first code of a system."""
    codings = (coding for one in concepts for coding in one.get("coding", ()))
    return next((str(coding.get("code", "")) for coding in codings if coding.get("system") == system), "")


def own_code(concepts: Iterable[Mapping[str, Any]], listed: str) -> str:
    """Read the first code of one of our lists."""
    return code_of(concepts, own("code") + listed)


def patient(ref: str) -> Json:
    """Point to a person or mention."""
    return {"reference": f"Patient/{ref}"}


def referred(reference: Mapping[str, Any]) -> str:
    """Read the id a reference ends with."""
    return str(reference.get("reference", "")).rpartition("/")[2].rpartition(":")[2]


def agency(agency_id: str) -> Json:
    """Point to an agency by its id; agencies are no resources of their own."""
    return {"identifier": {"system": own("agency"), "value": agency_id}} if agency_id else {}


def agency_of(reference: Mapping[str, Any]) -> str:
    """Read the id of an agency."""
    identifier = reference.get("identifier", {})
    return str(identifier.get("value", "")) if identifier.get("system") == own("agency") else ""


def period(start: str, end: str) -> Json:
    """Give a Period; both ends belong to it."""
    return filled({"start": start, "end": end})


def pseudonym(ref: str) -> Json:
    """Give the identifier that is nothing but the recipient's pseudonym."""
    return {"system": own("pseudonym"), "value": ref}


def meta(kind: str, category: Category, programme: Programme | None = None, *, pseudonymous: bool = False) -> Json:
    """Label a resource: profile, category, confidentiality, whether it names anybody, programme."""
    security = [{"system": own("code") + "category", "code": category.value}]
    if category is Category.SENSITIVE:
        security.append({"system": hl7("confidentiality"), "code": "R"})
    if pseudonymous:
        security.append({"system": hl7("value"), "code": "PSEUDED"})
    tag = [{"system": own("code") + "programme", "code": programme.value}] if programme else []
    profile = terms()["profiles"].get(kind)
    return filled({"profile": [profile] if profile else [], "security": security, "tag": tag})


def category_of(resource: Mapping[str, Any], absent: Category) -> Category:
    """Read the category a resource is labelled with."""
    found = own_code([{"coding": resource.get("meta", {}).get("security", ())}], "category")
    return Category(found) if found in set(Category) else absent


def origin_extension(origin: Origin | None) -> list[Json]:
    """Say which record, run and day a resource comes from."""
    if origin is None:
        return []
    told = origin.model_dump(mode="json")
    return extension_of_parts("origin", {name.replace("_", "-"): str(value) for name, value in told.items()})


def origin_of(resource: Mapping[str, Any], given: Origin | None) -> Origin | None:
    """Read where a resource comes from; ``given`` is for resources of others, which do not say."""
    parts = parts_of(resource, "origin")
    if not parts:
        return given
    return Origin.read({name.replace("-", "_"): value for name, value in parts.items()})


def row_meta(kind: str, row: Graded, programme: Programme | None = None) -> Json:
    """Label a resource that names nobody."""
    return meta(kind, row.category, programme, pseudonymous=True)
