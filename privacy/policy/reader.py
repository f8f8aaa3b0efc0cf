"""Who reads, and what a reading rests on."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from schemas.vocabulary import AgencyKind, Purpose, StaffRole

JST = timezone(timedelta(hours=9), "JST")
"""Asia/Tokyo; Japan keeps no summer time."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A member of staff of an agency, here for one purpose at one instant.

    ``instant`` is aware. ``stated`` names what the reader has stated (``present``, ``reason``, ``request``); the
    statements themselves stay with the caller and never reach the policy. Naming no role or purpose that the
    vocabulary knows raises ValueError; a known role with a purpose it may not state is simply granted nothing.
    """

    agency_id: str
    agency_kind: AgencyKind
    role: StaffRole
    staff_id: str
    purpose: Purpose
    instant: datetime
    stated: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.instant.tzinfo is None:
            raise ValueError("the instant of a reading must be aware")
        if not self.agency_id:
            raise ValueError("a reader belongs to an agency")
        object.__setattr__(self, "agency_kind", AgencyKind(self.agency_kind))
        object.__setattr__(self, "role", StaffRole(self.role))
        object.__setattr__(self, "purpose", Purpose(self.purpose))
        object.__setattr__(self, "stated", frozenset(self.stated))
        object.__setattr__(self, "instant", self.instant.astimezone(UTC))

    @property
    def day(self) -> str:
        """The day of the reading in Asia/Tokyo, ISO."""
        return self.instant.astimezone(JST).date().isoformat()

    def fiscal_year_from(self, start: str) -> str:
        """Return the first day of the fiscal year (年度) of the reading; ``start`` is ``MM-DD``."""
        year = int(self.day[:4]) - (self.day[5:] < start)
        return f"{year:04d}-{start}"


@dataclass(frozen=True, slots=True)
class Basis:
    """What one category of one person is shown on.

    ``consents`` are internal consent row ids, for the log's commitment and replay; they never leave the store.
    """

    id: str
    kind: str
    label_ja: str
    label_en: str
    article_ja: str
    article_en: str
    consents: tuple[int, ...] = ()
