"""Keyed tokens: what may be searched and joined where the value itself is sealed.

A token is the first 64 bits of keyed BLAKE2b (RFC 7693) of the normalised value, read as a signed big-endian
integer. Each kind has its own derived key, so equal texts of different kinds share no token, and without the
keyring a token cannot be tried against a list of names or numbers.

Two values of one kind collide with a chance near n²/2⁶⁵: for four million distinct values about one in a
million. What stays visible in the store is which rows share a value, and how many.
"""

import hashlib
import struct
from collections.abc import Collection, Sequence

from privacy.keyring import Keyring

_BYTES = 8
REMEMBERED = 1 << 16
"""Values of one kind whose tokens are remembered; family names, towns and dates come again and again."""


class TokenMinter:
    """Mint tokens under the keys of one keyring; cheap to keep, one per process.

    Values it remembers are in clear: in memory only, and bounded.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._states: dict[str, hashlib.blake2b] = {}
        self._known: dict[str, dict[str | None, int | None]] = {}

    def one(self, kind: str, value: str) -> int:
        """Mint the token of one value."""
        return self.each(kind, (value,))[0]

    def mint(self, kind: str, values: Sequence[str | None]) -> list[int | None]:
        """Mint the tokens of a column, in its order; an absent or empty value has none."""
        known = self._known.setdefault(kind, {"": None, None: None})
        fresh = set(values).difference(known)
        if fresh and len(known) > REMEMBERED:
            known = self._known[kind] = {"": None, None: None}
            fresh = set(values).difference(known)
        known.update(zip(fresh, self.each(kind, fresh), strict=True))  # type: ignore[arg-type]  # None is known
        return list(map(known.__getitem__, values))

    def each(self, kind: str, values: Collection[str]) -> tuple[int, ...]:
        """Mint the tokens of values that seldom come again; empty ones have theirs, too."""
        fresh = self._state(kind).copy
        digests: list[bytes] = []
        for value in values:
            state = fresh()
            state.update(value.encode("utf-8", "surrogatepass"))
            digests.append(state.digest())
        return struct.unpack(f">{len(digests)}q", b"".join(digests))

    def _state(self, kind: str) -> hashlib.blake2b:
        """Give the hash state that has taken the key of a kind in already."""
        state = self._states.get(kind)
        if state is None:
            key = self._keyring.derive(f"token/{kind}")
            state = self._states[kind] = hashlib.blake2b(key=key, digest_size=_BYTES)
        return state
