"""Outward ids: what a recipient sees instead of an internal id.

A pseudonym is HMAC-SHA256 over kind and internal id, cut to 128 bits, as 32 hexadecimal digits, under a key
derived for one recipient and one epoch. Two recipients cannot join their sets; a new epoch gives new pseudonyms
by design. HMAC has no way back: the desk resolves through the recipient's own rows of table ``pseudonym``, or
by computing over the candidates it may show.
"""

import hashlib
from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from privacy.keyring import Keyring
from schemas.tables import pseudonym as known

_BLOCK = 64
_BYTES = 16
_INNER = bytes(value ^ 0x36 for value in range(256))
_OUTER = bytes(value ^ 0x5C for value in range(256))
_INWARD = select(known.c.internal_id).where(
    *(known.c[name] == bindparam(name) for name in ("domain", "pseudonym", "kind"))
)


class PseudonymDomain:
    """The pseudonyms of one recipient in one epoch; staff of one agency share their agency's domain."""

    def __init__(self, keyring: Keyring, recipient: str, epoch: str = "1") -> None:
        self.name = f"{recipient}/{epoch}"
        key = keyring.derive(f"pseudonym/{len(recipient)}:{recipient}/{epoch}").ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(key.translate(_INNER))
        self._outer = hashlib.sha256(key.translate(_OUTER))

    def outward(self, kind: str, internal_id: int | str) -> str:
        """Give the pseudonym of one internal id."""
        return self.outward_all(kind, (internal_id,))[0]

    def outward_all(self, kind: str, internal_ids: Iterable[int | str]) -> list[str]:
        """Give the pseudonyms of many ids of one kind, in their order (states copied, RFC 2104 otherwise)."""
        keyed = self._inner.copy()
        keyed.update(f"{kind}:".encode())
        inner, outer = keyed.copy, self._outer.copy
        found = []
        for internal_id in internal_ids:
            inside = inner()
            inside.update(str(internal_id).encode())
            outside = outer()
            outside.update(inside.digest())
            found.append(outside.digest()[:_BYTES].hex())
        return found

    def remember(self, conn: Connection, kind: str, internal_ids: Iterable[int]) -> dict[int, str]:
        """Give the pseudonyms of ids now shown to the recipient and keep the way back, once each."""
        ids = list(dict.fromkeys(internal_ids))
        given = dict(zip(ids, self.outward_all(kind, ids), strict=True))
        if given:
            insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
            rows = [
                {"domain": self.name, "pseudonym": text, "kind": kind, "internal_id": internal_id}
                for internal_id, text in given.items()
            ]
            conn.execute(insert(known).on_conflict_do_nothing(), rows)
        return given

    def inward(self, conn: Connection, kind: str, text: str) -> int | None:
        """Resolve a pseudonym this recipient was shown; None for any other text."""
        given = {"domain": self.name, "pseudonym": text, "kind": kind}
        return conn.execute(_INWARD, given).scalar_one_or_none()
