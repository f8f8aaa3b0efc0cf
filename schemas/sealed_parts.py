"""The sealed parts of a mention as bytes: identity, whereabouts (category address), notes.

Each is a JSON array that begins with the number of its format; names, addresses and numbers are arrays of their
fields in the order of their classes. Readers get objects with named fields, as the unified model takes them.
"""

import json
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from pydantic_core import from_json, to_json

from schemas.drafts import MentionDraft
from schemas.values.addresses import Address
from schemas.values.dates import PartialDate
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName

PARTS = ("identity", "address", "notes")
FORMAT = 1
_NAME, _ADDRESS, _NUMBER, _DATE = (
    tuple(kind.__dataclass_fields__) for kind in (PersonName, Address, Identifier, PartialDate)
)
_name, _address, _number, _date = (attrgetter(*fields) for fields in (_NAME, _ADDRESS, _NUMBER, _DATE))


def written_identity(mention: MentionDraft, record_key: str) -> bytes:
    """Write names, birth, death and numbers of a mention, and the key of its record."""
    birth, death = mention.birth, mention.death
    return as_json(
        (
            FORMAT,
            tuple(map(_name, mention.names)),
            _date(birth) if birth else None,
            _date(death) if death else None,
            tuple(map(_number, mention.identifiers)),
            record_key,
        )
    )


def written_whereabouts(mention: MentionDraft) -> bytes:
    """Write addresses, phones and mail addresses of a mention."""
    return as_json((FORMAT, tuple(map(_address, mention.addresses)), mention.phones, mention.emails))


def written_notes(mention: MentionDraft) -> bytes:
    """Write the free texts of a mention with the names of their fields."""
    return as_json((FORMAT, mention.notes))


def read_part(part: str, content: bytes) -> dict[str, Any]:
    """Read one part (a member of ``PARTS``) back into named fields."""
    form, *fields = from_json(content)
    if form != FORMAT:
        raise ValueError(f"{part}: format {form} is not known")
    return _READERS[part](*fields)


def as_json(value: object) -> bytes:
    """Write JSON; what UTF-8 cannot hold (a lone surrogate out of a broken source) takes the slow way."""
    try:
        return to_json(value)
    except ValueError:
        return json.dumps(value).encode()


def _identity(names: list[Any], birth: Any, death: Any, numbers: list[Any], record_key: str) -> dict[str, Any]:
    return {
        "names": [_named(_NAME, name) for name in names],
        "birth": _named(_DATE, birth) if birth else None,
        "death": _named(_DATE, death) if death else None,
        "identifiers": [_named(_NUMBER, number) for number in numbers],
        "record_key": record_key,
    }


def _whereabouts(addresses: list[Any], phones: list[str], emails: list[str]) -> dict[str, Any]:
    return {"addresses": [_named(_ADDRESS, address) for address in addresses], "phones": phones, "emails": emails}


def _named(fields: tuple[str, ...], values: list[Any]) -> dict[str, Any]:
    return dict(zip(fields, values, strict=True))


_READERS: dict[str, Callable[..., dict[str, Any]]] = {"identity": _identity, "address": _whereabouts, "notes": dict}
