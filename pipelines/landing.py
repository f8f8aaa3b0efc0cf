"""One delivery: looked at whole, held or applied, exactly once, resumable after a kill at any point.

Order of steps: the guards speak before anything is written; rows are written in short transactions while the
delivery is marked ``landing``; who disappeared is closed; last the delivery is marked ``applied``, and only then do
its rows stand in the newest snapshot. A delivery that was killed on the way is landed again: what is stored already
counts as unchanged.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, bindparam, func, insert, select, update

from connectors.deliveries import Delivery, Part
from pipelines.events import land_events
from pipelines.first import FirstDelivery, complete_keys
from pipelines.holding import Hold, disappearance, same_instant
from pipelines.names import sealed_name
from pipelines.planning import Plan, plan
from pipelines.preparing import Preparer
from pipelines.rows import (
    MENTION_IDS,
    PART_ROWS,
    Context,
    Known,
    Prepared,
    Scan,
    Task,
    unflagged_history,
)
from pipelines.runs import instant
from pipelines.site import Site
from pipelines.standing import SNAPSHOT, Snapshot, applied_snapshots, join_scopes, split_scopes
from pipelines.workers import Workers
from pipelines.writing import Wrote, next_free, touch_records, write
from schemas.store import chunks
from schemas.tables import data_key, delivery, mention, mention_version, quarantine, source_record

BATCH = 1000
"""Rows per batch: one task of a worker and one write transaction, well below 100 ms on SQLite."""
SMALL = 3
"""Deliveries of fewer parts are not worth starting worker processes for."""
CLOSING = 2000
"""Records closed per write transaction."""


@dataclass
class Landed:
    """What became of one delivery; the accounting closes: accepted + quarantined + held = delivered."""

    source_id: str
    as_of: str
    hold: Hold | None = None
    delivered: int = 0
    accepted: int = 0
    unchanged: int = 0
    quarantined: int = 0
    held: int = 0
    removed: int = 0
    cut: int = 0
    warnings: Counter[str] = field(default_factory=Counter)


def land(
    site: Site,
    workers: Workers,
    found: Delivery,
    run_id: str,
    *,
    accept_removals: int = 0,
    tell: Callable[[int], None] = lambda _done: None,
    wrote: Wrote = lambda _made: None,
) -> Landed:
    """Apply one delivery, or hold it; SourceUnavailable where its source fails on the way."""
    inspection = found.inspect()
    out = Landed(found.source_id, found.as_of)
    out.warnings.update(inspection.warnings)
    if inspection.held:
        out.hold = Hold(inspection.held, inspection.detail)
        out.delivered = out.held = inspection.rows
        return _held(site, found, run_id, out)
    with site.bulk.connect() as conn:
        out.hold = same_instant(conn, site.keyring, found)
    if out.hold is not None:
        out.delivered = out.held = _rows(found)
        return _held(site, found, run_id, out)
    delivery_id = _begin(site, found, run_id)
    context = _context(site, found, run_id, delivery_id)
    if found.mode == "events":
        land_events(site, workers, found, context, out, tell, wrote)
    else:
        chosen = _planned(site, workers, found, context, out, accept_removals)
        if out.hold is not None:
            out.delivered = out.held = _rows(found)
            return _held(site, found, run_id, out)
        _apply(site, workers, found, context, chosen, out, tell, wrote)
        _close(site, chosen, tell)
        out.removed = chosen.disappear
    _finish(site, context, out)
    return out


def _rows(found: Delivery) -> int:
    return sum(len(batch.rows) + len(batch.faults) for batch in found.raw_batches(BATCH))


def _begin(site: Site, found: Delivery, run_id: str) -> int:
    """Mark a delivery as landing and give its id; a killed or held one of the same content is taken up again.

    Where the landing of any delivery of this source was killed before, the keys it did not come to are stored first.
    """
    values = {
        **sealed_name(site.keyring, found),
        "as_of": found.as_of,
        "mode": found.mode,
        "scopes": join_scopes(found.scopes),
        "status": "landing",
        "reason": "",
        "run_id": run_id,
        "held": 0,
    }
    same = (delivery.c.source_id == found.source_id) & (delivery.c.content_hash == found.content_hash)
    killed = (delivery.c.source_id == found.source_id) & (delivery.c.status == "landing")
    with site.bulk.connect() as conn:
        was_killed = conn.execute(select(delivery.c.delivery_id).where(killed)).first() is not None
    if was_killed:
        complete_keys(site.bulk, found.source_id)
    with site.bulk.begin() as conn:
        known = conn.execute(select(delivery.c.delivery_id).where(same)).scalar_one_or_none()
        if known is not None:
            conn.execute(update(delivery).where(same).values(values))
            return int(known)
        made = conn.execute(
            insert(delivery).values(source_id=found.source_id, content_hash=found.content_hash, **values)
        )
        return int(made.inserted_primary_key[0])  # type: ignore[index]  # a single-column key


def _held(site: Site, found: Delivery, run_id: str, out: Landed) -> Landed:
    """Write down why a delivery is held; its rows stay at their source."""
    delivery_id = _begin(site, found, run_id)
    reason = out.hold.code if out.hold else ""
    with site.bulk.begin() as conn:
        conn.execute(
            update(delivery)
            .where(delivery.c.delivery_id == delivery_id)
            .values(status="held", reason=reason, delivered=out.delivered, held=out.held)
        )
    return out


def _context(site: Site, found: Delivery, run_id: str, delivery_id: int) -> Context:
    snapshot = found.mode == SNAPSHOT
    with site.bulk.connect() as conn:
        standing = applied_snapshots(conn, found.source_id)
    if snapshot:
        standing = standing.with_snapshot(Snapshot(found.as_of, found.scopes))
    return Context(
        found.source_id, delivery_id, run_id, found.as_of, instant(), snapshot, tuple(found.scopes), standing
    )


def _planned(
    site: Site, workers: Workers, found: Delivery, context: Context, out: Landed, accept_removals: int
) -> Plan:
    """Decide what becomes of every row; a source that is not known yet needs no first look."""
    with site.bulk.connect() as conn:
        known = conn.execute(
            select(source_record.c.record_id).where(source_record.c.source_id == found.source_id).limit(1)
        ).scalar()
    if known is None and not unflagged_history(found.definition):
        return Plan()
    looks = list(workers.map(_scan, ((found.source_id, part) for part in _parts(workers, found))))
    with site.bulk.connect() as conn:
        chosen = replace(plan(conn, context, looks), looks=looks)
    out.hold = disappearance(
        site.workspace.config.guards,
        open_records=chosen.open_records,
        gone=chosen.disappear,
        accepted=accept_removals,
    )
    return chosen


def _scan(preparer: Preparer, given: tuple[str, Part]) -> Scan:
    return preparer.scan(*given)


def _parts(workers: Workers, found: Delivery) -> Iterator[Part]:
    """Cut the delivery into parts; once it shows to be large, the worker processes are started."""
    for number, part in enumerate(found.parts(BATCH)):
        if number == SMALL:
            workers.start()
        yield part


def _apply(
    site: Site,
    workers: Workers,
    found: Delivery,
    context: Context,
    chosen: Plan,
    out: Landed,
    tell: Callable[[int], None],
    wrote: Wrote,
) -> None:
    out.accepted = out.unchanged = chosen.unchanged
    out.delivered = chosen.passed_over
    first = FirstDelivery() if chosen.mapped is None else None
    for prepared in workers.map(_prepare, _tasks(site, workers, found, context, chosen)):
        made = first.only_once(prepared) if first else prepared
        write(site.bulk, made, keyed=first is None)
        wrote(made)
        _count(out, made)
        tell(out.delivered)
    if first:
        first.store_keys(site.bulk)
    if first and (first.clashing or first.repeated):
        out.accepted += first.repeated
        out.unchanged += first.repeated
        again = replace(chosen, mapped=dict.fromkeys(first.clashing, 0), refused=first.clashing)
        for prepared in workers.map(_prepare, _tasks(site, workers, found, context, again, faults=False)):
            write(site.bulk, prepared)
            out.quarantined += len(prepared.quarantine)


def _count(out: Landed, made: Prepared) -> None:
    out.delivered += made.delivered
    out.accepted += made.accepted
    out.quarantined += len(made.quarantine)
    out.cut += made.cut
    out.warnings.update(made.warnings)


def _prepare(preparer: Preparer, task: Task) -> Prepared:
    return preparer.prepare(task)


def _tasks(
    site: Site, workers: Workers, found: Delivery, context: Context, chosen: Plan, *, faults: bool = True
) -> Iterator[Task]:
    """Cut a delivery into tasks, ids reserved, known records looked up; parts without a change are left out."""
    with site.bulk.connect() as conn:
        record_base = next_free(conn, source_record)
        mention_base = next_free(conn, mention, mention_version)
    for number, part in enumerate(_parts(workers, found)):
        known: dict[int, Known] = {}
        only: frozenset[int] | None = None
        refused = chosen.refused
        if chosen.mapped is not None and chosen.looks:
            only = chosen.taken(number)
            if not only and not chosen.looks[number].faults:
                continue
            refused = {line: chosen.refused[line] for line in only if line in chosen.refused}
            ids = {record_id for line in only if (record_id := chosen.mapped[line])}
            if ids:
                with site.bulk.connect() as conn:
                    known = known_records(conn, ids)
        elif chosen.mapped is not None:
            only = frozenset(chosen.mapped)
        yield Task(context, part, record_base, mention_base, known, refused, only, faults)
        record_base += PART_ROWS
        mention_base += MENTION_IDS


def known_records(conn: Connection, record_ids: Iterable[int]) -> dict[int, Known]:
    """Look up, by record token, what the store holds of some records."""
    found: dict[int, Known] = {}
    for part in chunks(list(record_ids)):
        rows = conn.execute(
            select(
                source_record.c.key_token,
                source_record.c.record_id,
                mention.c.role,
                mention.c.seq,
                mention.c.mention_id,
                data_key.c.wrapped,
            )
            .join(mention, mention.c.record_id == source_record.c.record_id, isouter=True)
            .join(data_key, data_key.c.mention_id == mention.c.mention_id, isouter=True)
            .where(source_record.c.record_id.in_(part))
        )
        for token, record_id, role, seq, mention_id, wrapped in rows:
            one = found.setdefault(token, Known(record_id, {}))
            if mention_id is not None and wrapped is not None:
                one.mentions[role, seq] = (mention_id, wrapped)
    return found


def _close(site: Site, chosen: Plan, tell: Callable[[int], None]) -> None:
    """Let records stand where this delivery puts them; those it no longer names are closed."""
    move = (
        update(source_record)
        .where(source_record.c.record_id == bindparam("record"))
        .values(as_of=bindparam("seen"), closed_as_of=bindparam("closing"))
    )
    moved = [*chosen.restand, *chosen.gone]
    for start in range(0, len(moved), CLOSING):
        part = moved[start : start + CLOSING]
        with site.bulk.begin() as conn:
            conn.execute(move, [{"record": one, "seen": seen, "closing": closing} for one, seen, closing in part])
            touch_records(conn, [one for one, _, _ in part])
        tell(0)


def _finish(site: Site, context: Context, out: Landed) -> None:
    """Mark the delivery applied; refused rows that a newer snapshot has answered wait for nobody."""
    with site.bulk.begin() as conn:
        waiting = (quarantine.c.source_id == context.source_id) & (quarantine.c.state == "waiting")
        carriers = conn.execute(
            select(delivery.c.delivery_id, delivery.c.as_of, delivery.c.scopes).where(
                delivery.c.delivery_id.in_(select(quarantine.c.delivery_id).where(waiting))
            )
        )
        answered = [
            number for number, as_of, scopes in carriers if context.standing.answers(as_of, split_scopes(scopes))
        ]
        conn.execute(
            update(quarantine).where(waiting, quarantine.c.delivery_id.in_(answered)).values(state="resolved")
        )
        conn.execute(
            update(delivery)
            .where(delivery.c.delivery_id == context.delivery_id)
            .values(
                status="applied",
                delivered=out.delivered,
                accepted=out.accepted,
                unchanged=out.unchanged,
                quarantined=out.quarantined,
                held=0,
            )
        )


def waiting_rows(conn: Connection) -> int:
    """Count the refused rows that wait."""
    return int(
        conn.execute(select(func.count()).select_from(quarantine).where(quarantine.c.state == "waiting")).scalar_one()
    )
