"""Sealed values: AES-256-GCM under the data key of one mention.

Bytes of a sealed value: ``01`` (format) ‖ key version (u16 BE) ‖ nonce (12) ‖ ciphertext ‖ tag (16). The
associated data binds table, row, field and key version, each with its length, so a value moved to another
row, field or table does not open. A nonce is random; one data key seals a few dozen values in its life, far
below the 2**32 that NIST SP 800-38D allows for random nonces.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.errors import MusubiError

_FORMAT = b"\x01"
_HEADER = 3
_NONCE = 12
_KEY = 32
_TAG = 16
_DRAWN = 512


class SealBroken(MusubiError):
    """A sealed value does not open: changed, moved to another row, or under another key."""


def new_data_key() -> bytes:
    """Make the 256-bit data key of one mention from the system's randomness."""
    return os.urandom(_KEY)


def new_data_keys(count: int) -> list[bytes]:
    """Make the data keys of a batch in one draw."""
    drawn = os.urandom(_KEY * count)
    return [drawn[at : at + _KEY] for at in range(0, len(drawn), _KEY)]


class _Nonces(list[bytes]):
    """Random nonces drawn from the system some hundreds at a time; a forked process starts with none of them."""

    def draw(self) -> bytes:
        drawn = os.urandom(_NONCE * _DRAWN)
        self.extend(drawn[at : at + _NONCE] for at in range(_NONCE, len(drawn), _NONCE))
        return drawn[:_NONCE]


_nonces = _Nonces()
_draw = _nonces.pop
os.register_at_fork(after_in_child=_nonces.clear)


class _Suffixes(dict[str, bytes]):
    """What the associated data ends with, by field, and how sealed values begin, for one key version."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self._version = version
        self.head = _FORMAT + version.to_bytes(2, "big")

    def __missing__(self, field: str) -> bytes:
        suffix = self[field] = f"{len(field)}:{field}{self._version}".encode()
        return suffix


class _Versions(dict[int, _Suffixes]):
    def __missing__(self, version: int) -> _Suffixes:
        suffixes = self[version] = _Suffixes(version)
        return suffixes


_versions = _Versions()


class Sealer:
    """Seal and open the fields of one row under one data key; the key schedule is built once."""

    __slots__ = ("_aead", "_encrypt", "_head", "_place", "_suffix")

    def __init__(self, key: bytes, *, table: str, row: str, key_version: int = 1) -> None:
        self._aead = AESGCM(key)
        self._encrypt = self._aead.encrypt
        self._place = f"{len(table)}:{table}{len(row)}:{row}".encode()
        self._suffix = suffix = _versions[key_version]
        self._head = suffix.head

    def seal(self, field: str, plaintext: bytes) -> bytes:
        """Seal one field."""
        try:
            nonce = _draw()
        except IndexError:
            nonce = _nonces.draw()
        return self._head + nonce + self._encrypt(nonce, plaintext, self._place + self._suffix[field])

    def open(self, field: str, sealed: bytes) -> bytes:
        """Open one field; raise SealBroken, naming the field and nothing else, where it does not."""
        if len(sealed) < _HEADER + _NONCE + _TAG or sealed[:1] != _FORMAT:
            raise SealBroken(f"{field}: not a sealed value")
        bound = self._place + f"{len(field)}:{field}{int.from_bytes(sealed[1:_HEADER], 'big')}".encode()
        nonce, rest = sealed[_HEADER : _HEADER + _NONCE], sealed[_HEADER + _NONCE :]
        try:
            return self._aead.decrypt(nonce, rest, bound)
        except InvalidTag:
            raise SealBroken(f"{field}: a sealed value does not open here") from None


def seal(key: bytes, plaintext: bytes, *, table: str, row: str, field: str, key_version: int = 1) -> bytes:
    """Seal one value for its place."""
    return Sealer(key, table=table, row=row, key_version=key_version).seal(field, plaintext)


def open_sealed(key: bytes, sealed: bytes, *, table: str, row: str, field: str) -> bytes:
    """Open one sealed value of its place; the key version stands in the value."""
    return Sealer(key, table=table, row=row).open(field, sealed)
