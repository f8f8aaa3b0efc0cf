"""Who sits at the desk: a signed token in a cookie (console) or a bearer header (API).

The token holds no personal data: an opaque worker id, coded answers and a random nonce. It is signed with a
key derived from the workspace's key ring; changing the key ring signs everybody out.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime

SESSION_SECONDS = 8 * 3600
"""A session lasts a working day; afterwards the worker signs in and states the reason anew."""


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in; ``staff`` is empty before it."""

    nonce: str
    expires: int
    """Unix seconds."""
    staff: str = ""
    purpose: str = ""
    present: tuple[str, ...] = ()
    """Who is present, coded (the desk's first minute)."""
    reason: str = ""
    """Why the worker looks, coded; empty until stated."""

    def states(self, present: tuple[str, ...], reason: str) -> "Session":
        """Return the session after the worker said who is present and why."""
        return replace(self, present=present, reason=reason)


class Sessions:
    """Issue and read signed session tokens; ``key`` is 32 bytes of the key ring's derivation."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def begin(self, now: datetime, *, staff: str = "", purpose: str = "") -> Session:
        """Start a session with a fresh nonce; signing in always changes the nonce."""
        return Session(secrets.token_urlsafe(18), int(now.timestamp()) + SESSION_SECONDS, staff, purpose)

    def write(self, session: Session) -> str:
        """Return the signed token, the inverse of ``read``."""
        payload = base64.urlsafe_b64encode(json.dumps(asdict(session), separators=(",", ":")).encode()).rstrip(b"=")
        return f"{payload.decode()}.{self._mac('session', payload.decode())}"

    def read(self, token: str, now: datetime) -> Session | None:
        """Return the session of a token, None for a forged, broken or expired one."""
        payload, _, mac = token.partition(".")
        if not hmac.compare_digest(mac.encode(), self._mac("session", payload).encode()):
            return None
        try:
            fields = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            session = Session(**{**fields, "present": tuple(fields["present"])})
        except (ValueError, TypeError, KeyError, binascii.Error):
            return None
        return session if session.expires > now.timestamp() else None

    def form_token(self, session: Session) -> str:
        """Return the token every form of this session must carry (CSRF)."""
        return self._mac("form", session.nonce)

    def form_ok(self, session: Session, token: str) -> bool:
        """Compare a form's token in constant time."""
        return hmac.compare_digest(self.form_token(session).encode(), token.encode())

    def _mac(self, label: str, text: str) -> str:
        digest = hmac.new(self._key, f"{label}\0{text}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
