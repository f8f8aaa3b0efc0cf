"""The run ledger and the lease: what ran, and that only one runs at a time.

The ledger is the truth about runs; Dagster's own records may be deleted at any time. A lease names its holder by
machine boot, process and start time, so that a dead holder on this machine is recognised at once; one on another
machine is when its lease runs out.
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from privacy.log import record
from schemas.errors import MusubiError
from schemas.tables import lease, run

LEASE = "workspace"
LEASE_TIME = timedelta(minutes=10)
"""How long a lease lasts without being renewed; it is renewed with every batch of rows."""


class LeaseHeld(MusubiError):
    """Another run is at work in this workspace; wait for it, or try again later."""


def instant(now: datetime | None = None) -> str:
    """Write an instant as the store keeps it: UTC, ISO 8601."""
    return (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_run_id() -> str:
    """Make a run id that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def begin_run(engine: Engine, kind: str, run_id: str) -> None:
    """Write a run into the ledger."""
    with engine.begin() as conn:
        conn.execute(insert(run).values(run_id=run_id, kind=kind, started=instant(), status="running"))


def finish_run(
    engine: Engine,
    kind: str,
    run_id: str,
    status: str,
    counts: Mapping[str, Any],
    manifest: Mapping[str, Any] | None = None,
) -> None:
    """Close a run, with its entry in the verifiable log in the same transaction.

    ``manifest``: number of rows and root of the run's row manifest.
    """
    proof = {"manifest": dict(manifest)} if manifest else {}
    with engine.begin() as conn:
        record(conn, f"run.{kind}", {"run": run_id, "status": status, "counts": dict(counts), **proof})
        conn.execute(
            update(run)
            .where(run.c.run_id == run_id)
            .values(finished=instant(), status=status, counts=json.dumps(dict(counts), sort_keys=True))
        )


def close_dead_runs(engine: Engine) -> list[str]:
    """Mark runs that a killed process left open; to be called by the holder of the lease."""
    with engine.connect() as conn:
        open_runs = list(conn.execute(select(run.c.run_id, run.c.kind).where(run.c.finished.is_(None))))
    for run_id, kind in open_runs:
        finish_run(engine, kind, run_id, "killed", {})
    return [run_id for run_id, _ in open_runs]


class Lease:
    """A held lease."""

    def __init__(self, engine: Engine, holder: str) -> None:
        self._engine = engine
        self._holder = holder
        self._renewed = datetime.now(UTC)

    def renew(self) -> None:
        """Push the end out, at most once a minute; raise LeaseHeld where somebody else took it over."""
        now = datetime.now(UTC)
        if now - self._renewed < LEASE_TIME / 10:
            return
        with self._engine.begin() as conn:
            kept = conn.execute(
                update(lease)
                .where(lease.c.name == LEASE, lease.c.holder == self._holder)
                .values(expires=instant(now + LEASE_TIME))
            ).rowcount
        if not kept:
            raise LeaseHeld("this run lost its lease; another run took over")
        self._renewed = now


@contextmanager
def held_lease(engine: Engine) -> Iterator[Lease]:
    """Hold the workspace for one run; raise LeaseHeld while a living run holds it."""
    holder = _holder(os.getpid())
    with engine.begin() as conn:
        found = conn.execute(select(lease.c.holder, lease.c.expires).where(lease.c.name == LEASE)).one_or_none()
        if found is not None:
            if not _dead(found.holder) and found.expires > instant():
                raise LeaseHeld(f"another run holds this workspace until {found.expires}; try again then")
            conn.execute(delete(lease).where(lease.c.name == LEASE, lease.c.holder == found.holder))
        try:
            conn.execute(
                insert(lease).values(name=LEASE, holder=holder, expires=instant(datetime.now(UTC) + LEASE_TIME))
            )
        except IntegrityError:
            raise LeaseHeld("another run took this workspace a moment ago; try again later") from None
    try:
        yield Lease(engine, holder)
    finally:
        with engine.begin() as conn:
            conn.execute(delete(lease).where(lease.c.name == LEASE, lease.c.holder == holder))


def _holder(pid: int) -> str:
    return f"{_boot()}:{pid}:{_started(pid)}"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return "unknown"


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; empty when there is none (proc_pid_stat(5), field 22)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _dead(holder: str) -> bool:
    boot, _, rest = holder.partition(":")
    pid, _, started = rest.partition(":")
    if boot != _boot() or boot == "unknown":
        return False
    return not pid.isdigit() or _started(int(pid)) != started
