"""Recording an act: one row in ``act`` and its entry in ``outbox``, in the transaction of the act itself.

An entry is canonical JSON (sorted keys, no blanks, ASCII)::

    {"act": id, "at": instant, "body": {...}, "kind": "disclosure", "v": 1}

It holds no personal data: people appear as pseudonyms of the log's own domain. So that no name, address, note or
number slips in by mistake, text is codes: printable ASCII without blanks and ``@``; long numbers are refused, as
text and as integers, in keys as in values. No grammar recognises a surname written in Latin letters as one word;
that nothing but codes is handed in remains the caller's duty.
"""

import hashlib
import json
import re
import secrets
from base64 import b32encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from privacy.keyring import Keyring
from privacy.pseudonyms import PseudonymDomain
from schemas.tables import act, outbox

ENTRY_VERSION = 1
ENTRY_LIMIT = 65_535
"""Bytes of one entry: its length in a bundle has two bytes (C2SP tlog-tiles)."""
LOG_DOMAIN = "log"
_KIND = re.compile(r"[a-z][a-z0-9_.-]{0,39}")
_CODE = re.compile(r"[!-?A-~]*")
_NUMBER = re.compile(r"(?<![0-9A-Za-z])\d(?:[-.()]?\d){9,14}(?![0-9A-Za-z])")
"""10 to 15 digits standing alone: a telephone, insured, addressee or individual number, never a date or a hash."""
_COUNT_LIMIT = 10**9
"""Integers are counts and internal places; what has ten digits or more is somebody's number."""
_PSEUDONYM = re.compile(r"([0-9a-f]{32})?")
_NEWEST = select(func.max(outbox.c.recorded_at))
_ACT, _OUTBOX = insert(act), insert(outbox)


def record(conn: Connection, kind: str, body: Mapping[str, Any], *, at: datetime | None = None) -> str:
    """Record an act in the caller's transaction and give its random id.

    ``kind`` is a lower-case word (``disclosure``, ``run.sync`` ...). ``body`` holds codes, counts, pseudonyms and
    hashes: text as above, integers, booleans, None, lists and mappings of those.
    ``body["agency"]`` and ``body["staff"]`` (a :func:`staff_pseudonym`) say who acted, ``body["run"]`` names the
    row of the run ledger. Raises ValueError, naming the key and never the value, where the body holds anything
    else or is too long.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError("the kind of an act is a lower-case word of at most 40 characters")
    _refuse_personal(body, "body")
    if not _PSEUDONYM.fullmatch(actor(body)["staff"]):
        raise ValueError("body.staff: not a pseudonym of the log's domain")
    act_id = b32encode(secrets.token_bytes(16))[:26].decode().lower()
    instant = decision_instant(conn, at)
    content = {"act": act_id, "at": instant, "body": body, "kind": kind, "v": ENTRY_VERSION}
    entry = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    if len(entry) > ENTRY_LIMIT:
        raise ValueError(f"an entry of {len(entry)} bytes; name the rows by the root of their manifest")
    row = {"act_id": act_id, "kind": kind, "recorded_at": instant}
    conn.execute(_ACT, {**row, **actor(body), "digest": hashlib.sha256(entry).digest()})
    conn.execute(_OUTBOX, {**row, "entry": entry})
    return act_id


def actor(body: Mapping[str, Any]) -> dict[str, str]:
    """Give who acted, as the body says: agency and the pseudonym of the member of staff; empty for the system."""
    return {"agency_id": str(body.get("agency") or ""), "staff": str(body.get("staff") or "")}


def decision_instant(conn: Connection, now: datetime | None = None) -> str:
    """Give the instant of a decision: now, but never before the newest recorded act.

    A clock that was set back revives no lapsed consent. UTC, ISO 8601 with microseconds and ``Z``.
    """
    text = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    newest = conn.execute(_NEWEST).scalar_one_or_none()
    return max(text, newest or "")


def subject_pseudonym(keyring: Keyring, person_id: int) -> str:
    """Give the name of a person inside the log: a domain of its own that no recipient shares."""
    return PseudonymDomain(keyring, LOG_DOMAIN).outward("person", person_id)


def staff_pseudonym(keyring: Keyring, staff_id: str) -> str:
    """Give the name of a member of staff inside the log."""
    return PseudonymDomain(keyring, LOG_DOMAIN).outward("staff", staff_id)


def _refuse_personal(value: Any, where: str) -> None:
    match value:
        case None | bool():
            return
        case int() if abs(value) < _COUNT_LIMIT:
            return
        case str() if _is_code(value):
            return
        case Mapping():
            for key, inner in value.items():
                if not isinstance(key, str) or not _is_code(key):
                    raise ValueError(f"{where}: a key of an entry is a code")
                _refuse_personal(inner, f"{where}.{key}")
        case list() | tuple():
            for position, inner in enumerate(value):
                _refuse_personal(inner, f"{where}[{position}]")
        case _:
            raise ValueError(f"{where}: an entry holds codes, hashes and counts only")


def _is_code(text: str) -> bool:
    return _CODE.fullmatch(text) is not None and _NUMBER.search(text) is None
