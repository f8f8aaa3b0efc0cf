"""Event sources (異動/訂正): every event is kept sealed, and the record of a key is rebuilt by replaying them all.

The record is a function of the set of events, so late and corrected ones change it whatever the order they came in.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from connectors.deliveries import Delivery, Part, RawBatch
from connectors.replay import replay
from pipelines.planning import DUPLICATE
from pipelines.preparing import Preparer
from pipelines.rows import (
    IDS_PER_ROW,
    KEY_VERSION,
    Cells,
    Context,
    Known,
    Prepared,
    Row,
    Task,
    record_token,
    row_digest,
)
from pipelines.sealed import sealed_row
from pipelines.site import Site
from pipelines.workers import Workers
from pipelines.writing import Wrote, next_free, quarantine_rows, write
from privacy.sealing import Sealer, new_data_key, open_sealed
from schemas.drafts import RecordDraft
from schemas.errors import RecordRejected
from schemas.store import bulk_insert, chunks, delete_by
from schemas.tables import mention, mention_version, record_key, source_event, source_record

if TYPE_CHECKING:
    from pipelines.landing import Landed

BATCH = 1000
REBUILD = 300
"""Records rebuilt per write transaction."""
COLUMNS = tuple(column.name for column in source_event.columns)[1:]


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a batch: its token and correction, its row for the store, and the row's cells."""

    token: int
    corrected: str
    digest: int
    row: Row
    refusal: Row
    """What goes to quarantine where this is a second statement about the same event."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A stored event as a worker gets it."""

    token: int
    corrected: str
    as_of: str
    digest: int
    line: int
    data_key: bytes
    payload: bytes


def land_events(
    site: Site,
    workers: Workers,
    found: Delivery,
    context: Context,
    out: "Landed",
    tell: Callable[[int], None],
    wrote: Wrote,
) -> None:
    """Keep the events of a delivery and rebuild the records they speak of."""
    seen: dict[tuple[int, str], int] = {}
    keys: set[int] = set()
    for delivered, happenings, refused, touched in _read(workers, found, context):
        out.delivered += delivered
        keys |= touched
        with site.bulk.begin() as conn:
            _keep(conn, context, happenings, refused, seen, out)
        tell(out.delivered)
    _rebuild(site, workers.map, context, keys, wrote)


def keep_events(
    site: Site,
    preparer: Preparer,
    context: Context,
    header: Cells,
    rows: list[tuple[int, Cells]],
    out: "Landed",
) -> str:
    """Keep single events (rows tried again) and rebuild their records; give the code of the fault they still have."""
    _, happenings, refused, keys = _happenings(preparer, (context, RawBatch(header, rows, [])))
    if refused:
        return str(refused[0][3])
    with site.bulk.begin() as conn:
        _keep(conn, context, happenings, [], {}, out)
    _rebuild(site, lambda work, given: [work(preparer, one) for one in given], context, keys, lambda _made: None)
    return ""


def _read(
    workers: Workers, found: Delivery, context: Context
) -> Iterator[tuple[int, list[Happening], list[Row], set[int]]]:
    yield from workers.map(_happenings, ((context, part) for part in found.parts(BATCH)))


def _happenings(
    preparer: Preparer, given: tuple[Context, Part | RawBatch]
) -> tuple[int, list[Happening], list[Row], set[int]]:
    """Read a part of a delivery: how many rows, what happened, what is refused, which records are spoken of."""
    context = given[0]
    batch = preparer.read(context.source_id, given[1])
    mapper, minter, keyring = preparer.mapper(context.source_id, batch.header), preparer.minter, preparer.keyring
    found: list[Happening] = []
    keys: set[int] = set()

    def refusal(cells: Cells, line: int, code: str, field: str = "") -> Row:
        return sealed_row(keyring, minter, context, batch.header, cells, line, code, field)

    refused = [refusal(fault.cells, fault.line, fault.code) for fault in batch.faults]
    for line, cells in batch.rows:
        try:
            draft = mapper.map(cells, line)
        except RecordRejected as rejected:
            refused.append(refusal(cells, line, rejected.code, rejected.field_name))
            continue
        if draft.event is None:
            refused.append(refusal(cells, line, "event-date", mapper.definition.record.event_date))
            continue
        when, event_key, corrected = draft.event
        key_token = record_token(minter, context.source_id, draft.record_key)
        token = minter.one("event", f"{context.source_id}/{draft.record_key}/{event_key}")
        digest = row_digest(minter, mapper.fingerprint, cells)
        data_key = new_data_key()
        wrapped, _ = keyring.wrap(data_key)
        sealer = Sealer(
            data_key, table="source_event", row=_place(context, token, corrected), key_version=KEY_VERSION
        )
        content = json.dumps({"header": list(batch.header), "cells": list(cells)}, ensure_ascii=False)
        payload = sealer.seal("payload", content.encode("utf-8", "surrogatepass"))
        row = (
            context.source_id,
            key_token,
            token,
            when,
            corrected,
            context.as_of,
            context.delivery_id,
            line,
            digest,
            wrapped,
            payload,
        )
        keys.add(key_token)
        second = refusal(cells, line, DUPLICATE, mapper.definition.record.event_date)
        found.append(Happening(token, corrected, digest, row, second))
    return len(batch.rows) + len(batch.faults), found, refused, keys


def _place(context: Context, token: int, corrected: str) -> str:
    return f"{context.source_id}/{token}/{corrected}"


def _keep(
    conn: Connection,
    context: Context,
    happenings: list[Happening],
    refused: list[Row],
    seen: dict[tuple[int, str], int],
    out: "Landed",
) -> None:
    event = source_event.c
    stored: dict[tuple[int, str], tuple[int, str, int]] = {}
    for part in chunks([one.token for one in happenings]):
        rows = conn.execute(
            select(event.event_token, event.corrected, event.event_id, event.as_of, event.digest).where(
                event.source_id == context.source_id, event.event_token.in_(part)
            )
        )
        stored |= {(token, corrected): (number, as_of, digest) for token, corrected, number, as_of, digest in rows}
    fresh: list[Row] = []
    replaced: list[int] = []
    for one in happenings:
        place = (one.token, one.corrected)
        if place in seen:
            if seen[place] == one.digest:
                out.accepted, out.unchanged = out.accepted + 1, out.unchanged + 1
            else:
                refused = [*refused, one.refusal]
            continue
        seen[place] = one.digest
        out.accepted += 1
        if place in stored:
            number, as_of, digest = stored[place]
            if as_of >= context.as_of:
                out.unchanged += 1
                continue
            out.unchanged += digest == one.digest  # said again: it stands since the newer delivery
            replaced.append(number)
        fresh.append(one.row)
    delete_by(conn, source_event, "event_id", replaced)
    bulk_insert(conn, source_event, fresh, COLUMNS)
    quarantine_rows(conn, refused)
    out.quarantined += len(refused)


def _rebuild(
    site: Site,
    does: Callable[[Callable[[Preparer, Any], Prepared], list[Any]], Iterable[Prepared]],
    context: Context,
    keys: set[int],
    wrote: Wrote,
) -> None:
    """Rebuild the records whose events are not those they were last built from."""
    from pipelines.landing import known_records

    ordered = sorted(keys)
    for start in range(0, len(ordered), REBUILD):
        part = ordered[start : start + REBUILD]
        with site.bulk.connect() as conn:
            events = _events_of(conn, context, part)
            standing = {
                token: (record_id, digest)
                for token, record_id, digest in conn.execute(
                    select(record_key.c.key_token, record_key.c.record_id, source_record.c.digest)
                    .join(source_record, source_record.c.record_id == record_key.c.record_id)
                    .where(record_key.c.key_token.in_(part))
                )
            }
            known: dict[int, Known] = known_records(conn, [record_id for record_id, _ in standing.values()])
            bases = next_free(conn, source_record), next_free(conn, mention, mention_version)
        task = Task(context, RawBatch((), [], []), bases[0], bases[1], known)
        digests = {token: digest for token, (_, digest) in standing.items()}
        for prepared in does(_replayed, [(task, events, digests)]):
            write(site.bulk, prepared)
            wrote(prepared)


def _events_of(conn: Connection, context: Context, keys: list[int]) -> dict[int, list[Sealed]]:
    event = source_event.c
    found: dict[int, list[Sealed]] = {}
    for part in chunks(keys):
        for key_token, *rest in conn.execute(
            select(
                event.key_token,
                event.event_token,
                event.corrected,
                event.as_of,
                event.digest,
                event.line,
                event.data_key,
                event.payload,
            ).where(event.source_id == context.source_id, event.key_token.in_(part))
        ):
            found.setdefault(key_token, []).append(Sealed(*rest))
    return found


def _replayed(preparer: Preparer, given: tuple[Task, dict[int, list[Sealed]], dict[int, int]]) -> Prepared:
    task, events, digests = given
    context, minter = task.context, preparer.minter
    drafts: list[tuple[RecordDraft, int, str]] = []
    for key_token, sealed in events.items():
        digest = minter.one("replay", "\x1f".join(sorted(f"{one.digest}@{one.as_of}" for one in sealed)))
        if digests.get(key_token) == digest:
            continue
        opened = [_opened(preparer, context, one) for one in sealed]
        drafts.append((replay(opened), digest, max(one.as_of for one in sealed)))
    if any(len(draft.mentions) > IDS_PER_ROW for draft, _, _ in drafts):
        raise RecordRejected("too-many-mentions")
    return preparer.rebuild(task, drafts)


def _opened(preparer: Preparer, context: Context, one: Sealed) -> RecordDraft:
    content = open_sealed(
        preparer.keyring.unwrap(one.data_key),
        one.payload,
        table="source_event",
        row=_place(context, one.token, one.corrected),
        field="payload",
    )
    stored = json.loads(content.decode("utf-8", "surrogatepass"))
    return preparer.mapper(context.source_id, tuple(stored["header"])).map(tuple(stored["cells"]), one.line)
