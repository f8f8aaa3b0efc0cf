"""Openings: how a search result carries the attributes by which a person was found to the next page.

The desk's first minute rests on having found a person by attributes of his or her own. Between the search and
the household that fact is kept in the link itself, signed for one worker, one purpose and one day::

    reference ~ mask ~ MAC        mask: bit n = the n-th kind of SEARCH_KINDS met

An opening is no right: the policy decides anew at every reading. A bare reference opens what needs no search.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from zoneinfo import ZoneInfo

from privacy.policy import Reader
from schemas.tables import SEARCH_KINDS

SEPARATOR = "~"
MAC_BYTES = 15
TOKYO = ZoneInfo("Asia/Tokyo")
"""The day of an opening is the desk's."""


class Openings:
    """Write and read openings under one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, reader: Reader, ref: str, kinds: frozenset[str]) -> str:
        """Return the opening of a person this reader found by these search kinds."""
        mask = sum(1 << SEARCH_KINDS.index(kind) for kind in kinds)
        return SEPARATOR.join((ref, str(mask), self._mac(reader, ref, mask, reader.instant)))

    def read(self, reader: Reader, text: str) -> tuple[str, frozenset[str]]:
        """Return reference and search kinds; no kinds for a bare reference or a forged or old opening."""
        ref, _, rest = text.partition(SEPARATOR)
        number, _, mac = rest.partition(SEPARATOR)
        if not number.isascii() or not number.isdigit() or len(number) > len(SEARCH_KINDS):
            return ref, frozenset()
        mask = int(number)
        if not hmac.compare_digest(mac.encode(), self._mac(reader, ref, mask, reader.instant).encode()):
            return ref, frozenset()
        return ref, frozenset(kind for place, kind in enumerate(SEARCH_KINDS) if mask >> place & 1)

    def _mac(self, reader: Reader, ref: str, mask: int, instant: datetime) -> str:
        day = instant.astimezone(TOKYO).date().isoformat()
        parts = (reader.agency_id, reader.staff_id, reader.purpose, day, ref, str(mask))
        digest = hmac.new(self._key, "\0".join(parts).encode(), hashlib.sha256).digest()[:MAC_BYTES]
        return base64.b32encode(digest).decode().lower()
