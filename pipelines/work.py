"""The work of one run, step by step: land, link, household, publish. Dagster's assets only call these steps."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, insert, select

from connectors.deliveries import Delivery
from connectors.sources import open_source
from linkage.households import HouseholdReport, resolve_households
from linkage.partition import LinkReport, Reading, link
from pipelines.landing import Landed, land, waiting_rows
from pipelines.publishing import Publication, publish
from pipelines.runs import Lease
from pipelines.site import Site
from pipelines.stages import Clock, Stage
from pipelines.workers import Workers
from pipelines.writing import manifest_rows
from privacy.log import record, staff_pseudonym
from privacy.log.manifest import Manifest
from schemas.errors import ConfigurationError, GuardStopped, MusubiError, SourceUnavailable
from schemas.source import SourceDefinition
from schemas.tables import delivery, household, person, source

Given = ParamSpec("Given")
Made = TypeVar("Made")
JAPAN = ZoneInfo("Asia/Tokyo")
MANIFESTS = "manifests"
"""Directory of row manifests below ``var``; part of the log's back-up class."""


class StepFailed(MusubiError):
    """A step failed in a way nobody foresaw. It names kind and place of the fault, never what was at hand there."""


def _step(
    method: Callable[Concatenate["Work", Given], Made],
) -> Callable[Concatenate["Work", Given], Made]:
    """Let no unforeseen error out of a step with its text: Dagster keeps what it is given, chain and all."""

    @wraps(method)
    def guarded(work: "Work", /, *given: Given.args, **named: Given.kwargs) -> Made:
        try:
            return method(work, *given, **named)
        except MusubiError as error:
            work.failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold a value
            work.failure = _unforeseen(method.__name__, error)
        raise work.failure from None

    return guarded


def _unforeseen(step: str, error: Exception) -> StepFailed:
    return StepFailed(f"{step}: {type(error).__name__} at {_place(error)}")


def _place(error: BaseException) -> str:
    """Say where in the house an error arose: file and line, nothing of its text."""
    trace, place = error.__traceback__, "?"
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "site-packages" not in path.parts:
            place = f"{path.parent.name}/{path.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


@dataclass
class SyncReport:
    """What a run did; counts only."""

    run_id: str
    stages: list[Stage] = field(default_factory=list)
    delivered: int = 0
    accepted: int = 0
    unchanged: int = 0
    quarantined: int = 0
    held: int = 0
    persons: int = 0
    households: int = 0
    guards: list[GuardStopped] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    """Deliveries that are still being written at their source, by file name: for the operator's screen only."""
    warnings: dict[str, int] = field(default_factory=dict)
    """``source: code`` → rows or columns."""
    withheld_addresses: int = 0
    waiting_rows: int = 0
    """Refused rows that wait in quarantine, from this run and before."""

    @property
    def exit_code(self) -> int:
        """0 done, 1 a source did not answer, 3 records wait in quarantine, 4 a guard stopped a delivery."""
        if self.guards:
            return 4
        if self.unavailable:
            return 1
        return 3 if self.waiting_rows else 0

    @property
    def status(self) -> str:
        """What the run ledger says."""
        return {0: "done", 1: "unavailable", 3: "done-with-quarantine", 4: "stopped"}[self.exit_code]

    def counts(self) -> dict[str, int]:
        """Give the counts for the run ledger and the log."""
        names = ("delivered", "accepted", "unchanged", "quarantined", "held", "persons", "households")
        found = {name: int(getattr(self, name)) for name in names}
        found |= {"guards": len(self.guards), "unavailable": len(self.unavailable)}
        return found | {"withheld_addresses": self.withheld_addresses, "waiting_rows": self.waiting_rows}


class Work:
    """One run at work."""

    def __init__(
        self,
        site: Site,
        clock: Clock,
        run_id: str,
        *,
        lease: Lease | None = None,
        chosen: Collection[str] = (),
        accept_removals: int = 0,
        by: str = "",
        workers: int | None = None,
    ) -> None:
        self.site = site
        self.clock = clock
        self.report = SyncReport(run_id, clock.stages)
        self.definitions = site.sources()
        unknown = sorted(set(chosen) - self.definitions.keys())
        if unknown:
            raise ConfigurationError(f"no source {unknown[0]}; `musubi sources list` names them")
        self._chosen = set(chosen) or set(self.definitions)
        self._accept = accept_removals
        self._by = by
        self._lease = lease
        self.workers = Workers(site.keyring, self.definitions, workers)
        self._found: dict[str, Delivery] = {}
        self._read = Reading()
        self.manifest = Manifest(site.workspace.var / MANIFESTS / run_id)
        self.failure: MusubiError | None = None
        """What a step failed with; the run raises it once Dagster has taken note."""

    @staticmethod
    def today() -> str:
        """Give the day it is in Japan."""
        return datetime.now(JAPAN).date().isoformat()

    def register_sources(self) -> None:
        """Write down what the other rooms need to know of each configured source."""
        rows = [_source_row(definition) for definition in self.definitions.values()]
        with self.site.engine.begin() as conn:
            conn.execute(delete(source).where(source.c.source_id.in_(self.definitions)))
            if rows:
                conn.execute(insert(source), rows)

    def look(self) -> Iterator[str]:
        """Ask every source for what is new; give a key per delivery, those of protecting sources first."""
        for source_id, definition in self.definitions.items():
            if source_id not in self._chosen:
                continue
            with self.site.engine.connect() as conn:
                known = frozenset(
                    conn.execute(
                        select(delivery.c.content_hash).where(
                            delivery.c.source_id == source_id, delivery.c.status == "applied"
                        )
                    ).scalars()
                )
            try:
                opened = open_source(definition, self.site.workspace.root)
                for found in opened.deliveries(known):
                    key = delivery_key(found)
                    self._found[key] = found
                    yield key
                self.report.waiting += [f"{source_id}: {name}" for name in opened.waiting]
            except SourceUnavailable as error:
                self.report.unavailable.append(str(error))
            except MusubiError:
                raise
            except Exception as error:  # noqa: BLE001 - the text of a file's error holds its name
                self.failure = _unforeseen("look", error)
                raise self.failure from None

    @_step
    def land(self, key: str) -> Landed | None:
        """Land one delivery; None where its source failed on the way (the next run tries again)."""
        found = self._find(key)
        self.keep()
        try:
            with self.clock.stage("land") as stage:
                landed = land(
                    self.site,
                    self.workers,
                    found,
                    self.report.run_id,
                    accept_removals=self._accept,
                    tell=lambda done: self.clock.tell(f"land {found.source_id}", done),
                    wrote=lambda made: self.manifest.add(manifest_rows(made)),
                )
                stage.records += landed.delivered
        except SourceUnavailable as error:
            self.report.unavailable.append(str(error))
            return None
        del self._found[key]
        self._count(landed)
        return landed

    def _find(self, key: str) -> Delivery:
        """Give a delivery by key; a run that Dagster started looks for it first."""
        if key not in self._found and all(found != key for found in self.look()):
            raise SourceUnavailable(f"{key}: not at its source any more, or applied already")
        return self._found[key]

    def _count(self, landed: Landed) -> None:
        report = self.report
        for name in ("delivered", "accepted", "unchanged", "quarantined", "held"):
            setattr(report, name, getattr(report, name) + getattr(landed, name))
        warnings = Counter(report.warnings)
        warnings.update({f"{landed.source_id}: {code}": count for code, count in landed.warnings.items()})
        if landed.cut:
            warnings[f"{landed.source_id}: individual-number-cut"] += landed.cut
        report.warnings = dict(warnings)
        if landed.hold:
            report.guards.append(GuardStopped(landed.hold.code, landed.source_id, landed.hold.detail))
        if self._accept and landed.removed:
            self._log_removals(landed)

    def _log_removals(self, landed: Landed) -> None:
        body = {"run": self.report.run_id, "source": landed.source_id, "removed": landed.removed}
        if self._by:
            body["staff"] = staff_pseudonym(self.site.keyring, self._by)
        with self.site.engine.begin() as conn:
            record(conn, "guard.removals-accepted", {**body, "accepted": self._accept})

    @_step
    def link(self) -> LinkReport:
        """Bring persons up to date; nothing is landed any more."""
        self.workers.stop()
        self.keep()
        with self.clock.stage("link") as stage:
            self.clock.tell("link", 0)
            found = link(self.site.bulk, self.report.run_id, self._read)
            stage.records = found.examined
        counts = {name: count for name, count in asdict(found).items() if name != "seconds"}
        with self.site.engine.begin() as conn:
            record(conn, "linkage", {**counts, "by": self.report.run_id})
        return found

    @_step
    def house(self) -> HouseholdReport:
        """Bring households up to date."""
        self.keep()
        with self.clock.stage("households") as stage:
            self.clock.tell("households", 0)
            found = resolve_households(self.site.bulk, self.report.run_id, self._read)
            stage.records = found.persons
        return found

    @_step
    def publish(self) -> Publication:
        """Publish what changed."""
        self.keep()
        with self.clock.stage("publish") as stage:
            found = publish(
                self.site.bulk,
                self.report.run_id,
                lambda done, total: self.clock.tell("publish", done, total),
            )
            stage.records = found.persons
        self.report.withheld_addresses = found.withheld_addresses
        return found

    def finish(self) -> SyncReport:
        """Count the end state."""
        with self.site.engine.connect() as conn:
            self.report.persons = int(
                conn.execute(
                    select(func.count()).select_from(person).where(person.c.retired_to.is_(None))
                ).scalar_one()
            )
            self.report.households = int(
                conn.execute(
                    select(func.count())
                    .select_from(household)
                    .where(household.c.kind == "living", household.c.retired_to.is_(None))
                ).scalar_one()
            )
            self.report.waiting_rows = waiting_rows(conn)
        return self.report

    def proof(self) -> dict[str, object]:
        """Close the row manifest and give what the run's log entry says of it."""
        return {"rows": self.manifest.size, "root": self.manifest.close()}

    def keep(self) -> None:
        """Keep the lease."""
        if self._lease is not None:
            self._lease.renew()


def delivery_key(found: Delivery) -> str:
    """Name a delivery without its file name: source, as-of and the start of its hash."""
    return f"{found.source_id}|{found.as_of}|{found.content_hash.rpartition(':')[2][:12]}"


def _source_row(definition: SourceDefinition) -> dict[str, object]:
    return {
        "source_id": definition.id,
        "agency_id": definition.agency,
        "programme": definition.programme.value,
        "sensitive": int(definition.sensitive),
        "population": definition.legal.population,
        "carries_address": int(definition.carries_address),
        "protects": int(definition.protects),
    }
