"""Keyed tokens: what may be searched and joined where the value itself is sealed.

A token is the first 64 bits of keyed BLAKE2b (RFC 7693) of the normalised value, read as a signed big-endian
integer. Each kind has its own derived key, so equal texts of different kinds share no token, and without the
keyring a token cannot be tried against a list of names or numbers.

Two values of one kind collide with a chance near n²/2⁶⁵: for four million distinct values about one in a
million. What stays visible in the store is which rows share a value, and how many.
"""

import hashlib
from collections.abc import Iterable

from privacy.keyring import Keyring

_BYTES = 8


REMEMBERED = 1 << 16
"""Values of one kind whose tokens are remembered; family names, towns and dates come again and again."""


class KindTokens(dict[str, int]):
    """The tokens of one kind, by value; minted when first asked for. Values in clear: memory only, bounded."""

    def __init__(self, state: hashlib.blake2b) -> None:
        super().__init__()
        self._fresh = state.copy

    def __missing__(self, value: str) -> int:
        state = self._fresh()
        state.update(value.encode("utf-8", "surrogatepass"))
        token = int.from_bytes(state.digest(), "big", signed=True)
        if len(self) >= REMEMBERED:
            self.clear()
        self[value] = token
        return token


class TokenMinter:
    """Mint tokens under the keys of one keyring; cheap to keep, one per process."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._states: dict[str, hashlib.blake2b] = {}
        self._kinds: dict[str, KindTokens] = {}

    def one(self, kind: str, value: str) -> int:
        """Mint the token of one value."""
        state = self._state(kind).copy()
        state.update(value.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "big", signed=True)

    def of_kind(self, kind: str) -> KindTokens:
        """Give the tokens of one kind, for callers that mint many."""
        found = self._kinds.get(kind)
        if found is None:
            found = self._kinds[kind] = KindTokens(self._state(kind))
        return found

    def mint(self, kind: str, values: Iterable[str | None]) -> list[int | None]:
        """Mint the tokens of a column, in its order; an absent or empty value has none."""
        fresh, number = self._state(kind).copy, int.from_bytes
        tokens: list[int | None] = []
        keep = tokens.append
        for value in values:
            if value:
                state = fresh()
                state.update(value.encode("utf-8", "surrogatepass"))
                keep(number(state.digest(), "big", signed=True))
            else:
                keep(None)
        return tokens

    def _state(self, kind: str) -> hashlib.blake2b:
        """Give the hash state that has taken the key of a kind in already."""
        state = self._states.get(kind)
        if state is None:
            key = self._keyring.derive(f"token/{kind}")
            state = self._states[kind] = hashlib.blake2b(key=key, digest_size=_BYTES)
        return state
