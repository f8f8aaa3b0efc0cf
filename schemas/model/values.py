"""Value types shared by all models: references, codes, days as far as they are known, tiers by name."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from schemas.values.dates import PartialDate
from schemas.vocabulary import Tier

Ref = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,64}$")]
"""An outward id: the recipient's pseudonym, never an internal id. Its form is that of a FHIR id."""

Code = Annotated[str, Field(pattern=r"^(\S+( \S+)*)?$", max_length=80)]
"""A code of the unified lists; empty where nothing is stated."""

_DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_QUALITIES = frozenset(("day", "month", "year", "unknown", "noncalendar", "era-overflow", "range", "approx"))


def _is_day(text: str) -> str:
    if text:
        if not _DAY.fullmatch(text):
            raise ValueError("not YYYY, YYYY-MM or YYYY-MM-DD")
        date.fromisoformat(f"{text}-01-01"[:10] if len(text) < 10 else text)
    return text


def _is_partial(found: PartialDate) -> PartialDate:
    _is_day(found.value)
    if found.quality not in _QUALITIES or (found.quality == "unknown") != (not found.value):
        raise ValueError("quality does not fit the value")
    return found


Day = Annotated[
    str,
    AfterValidator(_is_day),
    WithJsonSchema({"type": "string", "pattern": r"^(\d{4}(-\d{2}(-\d{2})?)?)?$"}),
]
"""A date as far as it is known or shown: year, month or day; empty where open or unknown."""

Birthday = Annotated[PartialDate, AfterValidator(_is_partial)]
"""A date of birth or death: partial, unknown and legally impossible ones survive (不詳)."""

Instant = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$")]
"""A moment with its zone; UTC where Musubi itself writes it."""

Sex = Annotated[str, Field(pattern=r"^[12]?$")]
"""``1`` male, ``2`` female, empty where not stated (住民基本台帳 性別)."""


def _tier(value: object) -> object:
    return Tier[value.upper()] if isinstance(value, str) and value.upper() in Tier.__members__ else value


Grade = Annotated[
    Tier,
    BeforeValidator(_tier),
    PlainSerializer(lambda tier: tier.name.lower(), return_type=str),
    WithJsonSchema({"type": "string", "enum": [tier.name.lower() for tier in Tier]}),
]
"""A tier, written by its name."""
