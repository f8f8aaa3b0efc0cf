"""How the desk's search tokens are stored: packed, many to a row, since a row for each costs more than all the rest.

Tokens are cut from an HMAC, so their first bits spread them evenly over parts. A part holds entries in the order of
token, search kind and person: all tokens, then all persons (both as 64-bit little-endian integers), then all kinds.
"""

from bisect import bisect_left, bisect_right
from struct import unpack_from

SHIFT = 48
"""A token's first 16 bits name its part, from -32768 to 32767."""
ENTRY_BYTES = 17


def part_of(token: int) -> int:
    """Give the part in which a token lies."""
    return token >> SHIFT


def persons_of(entries: bytes, kind: int, token: int) -> list[int]:
    """Give the persons that a part names under a token of a kind (index in SEARCH_KINDS)."""
    count = len(entries) // ENTRY_BYTES
    tokens = unpack_from(f"<{count}q", entries)
    first, last = bisect_left(tokens, token), bisect_right(tokens, token)
    persons = unpack_from(f"<{last - first}q", entries, 8 * (count + first))
    kinds = entries[16 * count + first : 16 * count + last]
    return [person for person, found in zip(persons, kinds, strict=True) if found == kind]
