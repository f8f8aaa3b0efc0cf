"""Persons, then households, from one reading of the store."""

from sqlalchemy import Engine

from linkage.households import HouseholdReport, resolve_households
from linkage.partition import LinkReport, Reading, relink


class Linkage:
    """One run of linkage. Each step may also be taken alone, in a process of its own; it then reads for itself."""

    def __init__(self, engine: Engine, run_id: str) -> None:
        self._engine = engine
        self._run_id = run_id
        self._read = Reading()

    def persons(self) -> LinkReport:
        """Bring persons up to date with the mentions."""
        report, self._read = relink(self._engine, self._run_id)
        return report

    def households(self) -> HouseholdReport:
        """Bring households up to date with the persons; what was read is let go."""
        return resolve_households(self._engine, self._run_id, self._read)


def resolve(engine: Engine, run_id: str) -> tuple[LinkReport, HouseholdReport]:
    """Bring persons and households up to date."""
    linkage = Linkage(engine, run_id)
    return linkage.persons(), linkage.households()
