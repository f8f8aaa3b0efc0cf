"""Quarantine: refused rows wait sealed, are listed by fault, shown under policy, and tried again.

A retried row is mapped by today's source file. It is taken only while no newer delivery has answered for its record.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, func, select, update

from connectors.deliveries import RawBatch
from pipelines.events import keep_events
from pipelines.landing import Landed, known_records
from pipelines.names import delivery_names
from pipelines.planning import plan
from pipelines.preparing import Preparer
from pipelines.rows import Context, Known, Task
from pipelines.runs import begin_run, finish_run, held_lease, instant, new_run_id
from pipelines.site import Site
from pipelines.standing import SNAPSHOT, applied_snapshots, split_scopes
from pipelines.writing import next_free, write
from privacy.log import record, staff_pseudonym
from privacy.policy import Policy, Reader, load_policy
from privacy.sealing import open_sealed
from schemas.errors import AccessDenied, MusubiError
from schemas.tables import delivery, mention, mention_version, quarantine, source, source_record

WAITING = "waiting"
RESOLVED = "resolved"
POLICY = "policy"
"""Directory of a workspace's own rules."""
Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One refused row, without anything it holds."""

    id: int
    source: str
    delivery: str
    line: int
    code: str
    field: str


@dataclass
class RetryReport:
    """What became of the rows that were tried again."""

    retried: int = 0
    accepted: int = 0
    waiting: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    """Why rows still wait."""


class NotWaiting(MusubiError):
    """There is no such row in quarantine; `musubi quarantine list` names those that wait."""


def waiting(site: Site, source_id: str = "") -> list[Waiting]:
    """List the rows that wait, grouped by source and fault."""
    table = quarantine.c
    query = (
        select(table.quarantine_id, table.source_id, table.delivery_id, table.line, table.code, table.field)
        .where(table.state == WAITING)
        .order_by(table.source_id, table.code, table.field, table.line)
    )
    if source_id:
        query = query.where(table.source_id == source_id)
    with site.engine.connect() as conn:
        rows = conn.execute(query).all()
        names = delivery_names(conn, site.keyring, {row.delivery_id for row in rows})
    return [
        Waiting(number, owner, names.get(delivery_id, ""), line, code, column)
        for number, owner, delivery_id, line, code, column in rows
    ]


def show(site: Site, quarantine_id: int, reader: Reader) -> dict[str, str]:
    """Open a refused row for a reader of the agency that delivered it; the reading stands in the log.

    A refused row has no person yet, so only own programme can carry it: AccessDenied for everybody else.
    """
    policy = load_policy(site.workspace.root / POLICY)
    with site.engine.begin() as conn:
        row = conn.execute(
            select(quarantine, source.c.agency_id)
            .join(source, source.c.source_id == quarantine.c.source_id)
            .where(quarantine.c.quarantine_id == quarantine_id)
        ).one_or_none()
        allowed = row is not None and row.agency_id == reader.agency_id and _own_programme(policy, reader)
        body = {
            "agency": reader.agency_id,
            "staff": staff_pseudonym(site.keyring, reader.staff_id),
            "role": str(reader.role),
            "purpose": str(reader.purpose),
            "quarantine": quarantine_id,
            "shown": allowed,
        }
        record(conn, "reading.quarantine", body, at=reader.instant)
    if row is None or not allowed:
        raise AccessDenied("a refused row is shown to the agency that delivered it, for its own programme")
    stored = _opened(site, row.source_id, row.row_token, row.data_key, row.row)
    return {**dict(zip(stored[0], stored[1], strict=False)), "": f"{row.code} {row.field}".strip()}


def _own_programme(policy: Policy, reader: Reader) -> bool:
    return any(
        rule.kind == "own_programme"
        and reader.role in rule.roles
        and reader.agency_kind in rule.agency_kinds
        and reader.purpose in rule.purposes
        for rule in policy.rules.basis
    )


def _opened(site: Site, source_id: str, token: int, wrapped: bytes, sealed: bytes) -> tuple[Cells, Cells]:
    content = open_sealed(
        site.keyring.unwrap(wrapped), sealed, table="quarantine", row=f"{source_id}/{token}", field="row"
    )
    stored: dict[str, Any] = json.loads(content.decode("utf-8", "surrogatepass"))
    return tuple(stored["header"]), tuple(stored["cells"])


def retry(site: Site, source_id: str = "") -> RetryReport:
    """Try waiting rows again under today's source files; what is taken is linked by the next run."""
    report = RetryReport()
    definitions = site.sources()
    preparer = Preparer(site.keyring, definitions)
    with held_lease(site.engine) as lease:
        run_id = new_run_id()
        begin_run(site.engine, "retry", run_id)
        for row in _waiting_rows(site.engine, source_id):
            if row.source_id not in definitions:
                continue
            lease.renew()
            report.retried += 1
            code = _retry(site, preparer, row, run_id)
            if code:
                report.codes[code] += 1
        report.accepted = report.retried - report.codes.total()
        report.waiting = report.codes.total()
        finish_run(site.engine, "retry", run_id, "done", {"retried": report.retried, "accepted": report.accepted})
    site.sequencer().run()
    return report


def _waiting_rows(engine: Engine, source_id: str) -> list[Any]:
    query = (
        select(quarantine, delivery.c.as_of, delivery.c.mode, delivery.c.scopes)
        .join(delivery, delivery.c.delivery_id == quarantine.c.delivery_id)
        .where(quarantine.c.state == WAITING)
        .order_by(delivery.c.as_of, quarantine.c.quarantine_id)
    )
    if source_id:
        query = query.where(quarantine.c.source_id == source_id)
    with engine.connect() as conn:
        return list(conn.execute(query).all())


def _retry(site: Site, preparer: Preparer, row: Any, run_id: str) -> str:
    """Land one waiting row at the place in time of its delivery; give the fault it still has, or nothing."""
    header, cells = _opened(site, row.source_id, row.row_token, row.data_key, row.row)
    with site.engine.connect() as conn:
        standing = applied_snapshots(conn, row.source_id)
    context = Context(
        row.source_id,
        row.delivery_id,
        run_id,
        row.as_of,
        instant(),
        row.mode == SNAPSHOT,
        split_scopes(row.scopes),
        standing,
    )
    fault = _land_row(site, preparer, context, header, cells, row.line)
    if not fault:
        with site.engine.begin() as conn:
            conn.execute(
                update(quarantine)
                .where(quarantine.c.quarantine_id == row.quarantine_id)
                .values(state=RESOLVED, run_id=run_id)
            )
            conn.execute(
                update(delivery)
                .where(delivery.c.delivery_id == row.delivery_id)
                .values(accepted=delivery.c.accepted + 1, quarantined=delivery.c.quarantined - 1)
            )
    return fault


def _land_row(site: Site, preparer: Preparer, context: Context, header: Cells, cells: Cells, line: int) -> str:
    if len(cells) != len(header):
        return "cell-count"
    rows = [(line, cells)]
    if preparer.is_event_source(context.source_id):
        side = Landed(context.source_id, context.as_of)
        return keep_events(site, preparer, context, header, rows, side)
    batch = RawBatch(header, rows, [])
    scan = preparer.scan(context.source_id, batch)
    with site.engine.connect() as conn:
        chosen = plan(conn, Context(**{**_fields(context), "snapshot": False}), [scan])
        known: dict[int, Known] = known_records(conn, [one for one in (chosen.mapped or {}).values() if one])
        bases = next_free(conn, source_record), next_free(conn, mention, mention_version)
    if not chosen.mapped:
        return ""  # a newer delivery answered for this record, or it stands there as it is
    made = preparer.prepare(Task(context, batch, bases[0], bases[1], known))
    if made.quarantine:
        return str(made.quarantine[0][3])
    write(site.engine, made)
    return ""


def _fields(context: Context) -> dict[str, Any]:
    return {name: getattr(context, name) for name in Context.__slots__}


def counts_by_fault(site: Site) -> dict[tuple[str, str, str], int]:
    """Count waiting rows by source, fault and column."""
    table = quarantine.c
    query = select(table.source_id, table.code, table.field, func.count()).where(table.state == WAITING)
    with site.engine.connect() as conn:
        return {
            (owner, code, column): count
            for owner, code, column, count in conn.execute(query.group_by(table.source_id, table.code, table.field))
        }
