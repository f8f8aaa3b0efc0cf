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
_TAG = 16


class SealBroken(MusubiError):
    """A sealed value does not open: changed, moved to another row, or under another key."""


def new_data_key() -> bytes:
    """Make the 256-bit data key of one mention from the system's randomness."""
    return os.urandom(32)


class Sealer:
    """Seal and open the fields of one row under one data key; the key schedule is built once."""

    __slots__ = ("_aead", "_place", "_version")

    def __init__(self, key: bytes, *, table: str, row: str, key_version: int = 1) -> None:
        self._aead = AESGCM(key)
        self._place = f"{len(table)}:{table}{len(row)}:{row}"
        self._version = key_version

    def seal(self, field: str, plaintext: bytes) -> bytes:
        """Seal one field."""
        version = self._version
        nonce = os.urandom(_NONCE)
        bound = f"{self._place}{len(field)}:{field}{version}".encode()
        return _FORMAT + version.to_bytes(2, "big") + nonce + self._aead.encrypt(nonce, plaintext, bound)

    def open(self, field: str, sealed: bytes) -> bytes:
        """Open one field; raise SealBroken, naming the field and nothing else, where it does not."""
        if len(sealed) < _HEADER + _NONCE + _TAG or sealed[:1] != _FORMAT:
            raise SealBroken(f"{field}: not a sealed value")
        version = int.from_bytes(sealed[1:_HEADER], "big")
        bound = f"{self._place}{len(field)}:{field}{version}".encode()
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
