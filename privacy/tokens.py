"""Keyed tokens: what may be searched and joined where the value itself is sealed.

A token is the first 64 bits of keyed BLAKE2b (RFC 7693) of the normalised value, read as a signed big-endian
integer. Each kind has its own derived key, so equal texts of different kinds share no token, and without the
keyring a token cannot be tried against a list of names or numbers.

Two values of one kind collide with a chance near n²/2⁶⁵: for four million distinct values about one in a
million. What stays visible in the store is which rows share a value, and how many.
"""

import hashlib
from collections.abc import Callable, Iterable
from struct import Struct

from privacy.keyring import Keyring

_NUMBER = Struct(">q")
_REMEMBERED = 1 << 14
"""Tokens of one kind that are kept: family names, towns and days come again and again."""
_SHORT = 40
"""Characters up to which a value is worth keeping."""


REMEMBERED = 1 << 16
"""Values of one kind whose tokens are remembered; family names, towns and dates come again and again."""


class KindTokens(dict[str, int]):
    """The tokens of one kind, by value; minted when first asked for. Values in clear: memory only, bounded."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._kinds: dict[str, tuple[Callable[[], hashlib.blake2b], dict[str, int]]] = {}

    def one(self, kind: str, value: str) -> int:
        """Mint the token of one value."""
        fresh, known = self._kinds.get(kind) or self._kind(kind)
        token = known.get(value)
        if token is None:
            state = fresh()
            state.update(value.encode("utf-8", "surrogatepass"))
            token = _NUMBER.unpack(state.digest())[0]
            if len(value) <= _SHORT:
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[value] = token
        return token

    def mint(self, kind: str, values: Iterable[str | None]) -> list[int | None]:
        """Mint the tokens of a column, in its order; an absent or empty value has none."""
        one = self.one
        return [one(kind, value) if value else None for value in values]

    def _kind(self, kind: str) -> tuple[Callable[[], hashlib.blake2b], dict[str, int]]:
        """Give what copies the hash state that has taken the key of a kind in already, and the tokens kept of it."""
        state = hashlib.blake2b(key=self._keyring.derive(f"token/{kind}"), digest_size=_NUMBER.size)
        made = self._kinds[kind] = (state.copy, {})
        return made
