"""What every fact has in common as a resource, and reads back from one."""

from collections.abc import Mapping
from typing import Any

from schemas.errors import RecordRejected
from schemas.fhir.elements import (
    Json,
    category_of,
    extension,
    extension_of_parts,
    origin_extension,
    origin_of,
    own_code,
    parts_of,
    row_meta,
    value_of,
)
from schemas.model import Fact, Origin
from schemas.vocabulary import Category

ORIGIN_MISSING = "origin-missing"


def fact_head(kind: str, fact: Fact) -> Json:
    """Write id, labels, origin and details; ``read_fact_head`` is the inverse."""
    return {
        "resourceType": kind,
        "id": fact.ref,
        "meta": row_meta(kind, fact, fact.programme),
        "extension": [
            *origin_extension(fact.origin),
            *extension("mention", "String", fact.mention),
            *extension_of_parts("detail", fact.detail),
            *extension_of_parts("places", fact.places),
        ],
    }


def read_fact_head(resource: Mapping[str, Any], person: str, origin: Origin | None, absent: Category) -> Json:
    """Read what every fact has; ``person`` also stands for the mention where a resource of others names none."""
    source = origin_of(resource, origin)
    if source is None:
        raise RecordRejected(ORIGIN_MISSING, str(resource.get("resourceType", "")))
    programme = own_code([{"coding": resource.get("meta", {}).get("tag", ())}], "programme")
    return {
        "ref": resource.get("id", ""),
        "person": person,
        "mention": value_of(resource, "mention") or person,
        "category": category_of(resource, absent),
        "programme": programme or source.programme,
        "detail": parts_of(resource, "detail"),
        "places": parts_of(resource, "places"),
        "origin": source,
    }


def read_span(period: Mapping[str, Any]) -> Json:
    """Read a Period to days."""
    return {"valid_from": period.get("start", "")[:10], "valid_to": period.get("end", "")[:10]}
