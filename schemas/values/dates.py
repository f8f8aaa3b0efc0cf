"""Partial dates: a date as far as it is known, with the string it came from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date that may be partial, unknown or legally impossible (不詳).

    ``value`` is ``YYYY``, ``YYYY-MM``, ``YYYY-MM-DD`` or ``""``; ``quality`` one of day, month, year, unknown,
    noncalendar, era-overflow, range, approx; ``original`` the delivered string (sealed where it is identity).
    """

    value: str
    quality: str
    original: str = ""

    @property
    def year(self) -> int | None:
        """The Gregorian year where known."""
        return int(self.value[:4]) if self.value else None

    @property
    def month(self) -> int | None:
        """The month 1-12 where known."""
        return int(self.value[5:7]) if len(self.value) >= 7 else None
