"""What the API and the console need of the query service."""

from collections.abc import Collection
from typing import Protocol

from desk.views import HouseholdView, Inclusion, Query, Reading, Results
from privacy.policy import Reader


class Reads(Protocol):
    """Every method records the reading and returns only after the record is committed.

    NotShown and QueryRefused are the only refusals; a NotShown was recorded as well.
    """

    def find(self, reader: Reader, query: Query, statement: Collection[str] = ()) -> Results:
        """Find persons by at least two kinds of clue or a full name."""
        ...

    def household(self, reader: Reader, ref: str, statement: Collection[str] = ()) -> HouseholdView:
        """Show the living household of the person behind a reference."""
        ...

    def readings(self, reader: Reader) -> tuple[Reading, ...]:
        """List the reader's own latest entries, newest first."""
        ...

    def inclusion(self, reader: Reader, act_id: str) -> Inclusion:
        """Show one of the reader's own entries with its proof."""
        ...
