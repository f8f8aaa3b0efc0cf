"""The single writer: a batch of prepared rows in one short transaction, exactly once."""

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection, Engine, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.rows import Prepared, Row
from schemas.store import bulk_insert, chunks, delete_by
from schemas.tables import (
    TOKEN_COLUMNS,
    consent,
    data_key,
    delivery,
    fact,
    mention,
    mention_alias,
    mention_identifier,
    mention_version,
    protection,
    protection_clearance,
    protection_party,
    quarantine,
    record_key,
    source_record,
    touched,
)

FACTS = tuple(column.name for column in fact.columns)[1:]
CONSENTS = tuple(column.name for column in consent.columns)[1:]
QUARANTINE = tuple(column.name for column in quarantine.columns)[1:]
RECORD_TOKEN = tuple(column.name for column in source_record.columns).index("key_token")
ROW_TOKEN = QUARANTINE.index("row_token")
VERSIONS = (
    "version_id",
    "mention_id",
    "source_id",
    "birth_year",
    "birth_month",
    "sex",
    "town",
    "died",
    "key_version",
    "identity",
    "address",
    "notes",
    *TOKEN_COLUMNS,
)


Wrote = Callable[[Prepared], None]
"""Told of every batch that was stored."""


def manifest_rows(made: Prepared) -> Iterator[bytes]:
    """Name each stored record as its run's manifest does: source, keyed key, keyed digest."""
    for row in made.records:
        yield f"{row[1]}/{row[2]}/{row[7]}".encode()


def write(engine: Engine, found: Prepared, *, keyed: bool = True) -> None:
    """Store a batch: records replace what they were, mentions keep their ids and keys.

    ``keyed``: the keyed keys of new records are stored with them; else the caller stores them.
    """
    with engine.begin() as conn:
        if keyed:
            known = set(found.replaced)
            fresh = [(row[RECORD_TOKEN], row[0]) for row in found.records if row[0] not in known]
            bulk_insert(conn, record_key, fresh)
        if found.replaced:
            _clear(conn, found.replaced)
        if found.vanished:
            delete_by(conn, data_key, "mention_id", found.vanished)
        bulk_insert(conn, source_record, found.records)
        bulk_insert(conn, mention, found.mentions)
        bulk_insert(conn, data_key, found.keys)
        bulk_insert(conn, mention_version, found.versions, VERSIONS)
        bulk_insert(conn, mention_identifier, found.identifiers)
        bulk_insert(conn, mention_alias, found.aliases)
        bulk_insert(conn, fact, found.facts, FACTS)
        bulk_insert(conn, consent, found.consents, CONSENTS)
        bulk_insert(conn, protection, found.protections)
        bulk_insert(conn, protection_party, found.parties)
        bulk_insert(conn, protection_clearance, found.clearances)
        if found.replaced:
            touch(conn, [*(row[0] for row in found.mentions), *found.vanished])
        elif found.mentions:
            _touch_fresh(conn, found.mentions[0][0], found.mentions[-1][0])
        quarantine_rows(conn, found.quarantine)


def touch(conn: Connection, mention_ids: Sequence[int]) -> None:
    """Mark mentions as changed since the last publication."""
    bulk_insert(conn, touched, [(mention_id,) for mention_id in mention_ids], ignore_duplicates=True)


def _touch_fresh(conn: Connection, first: int, last: int) -> None:
    """Mark the mentions of a batch that holds new ones only: they are all there are in its range of ids."""
    fresh = select(mention.c.mention_id).where(mention.c.mention_id.between(first, last))
    conn.execute(insert(touched).from_select(["mention_id"], fresh))


def touch_records(conn: Connection, record_ids: Sequence[int]) -> None:
    """Mark all mentions of some records."""
    for part in chunks(record_ids):
        ids = conn.execute(select(mention.c.mention_id).where(mention.c.record_id.in_(part))).scalars().all()
        touch(conn, ids)


def _clear(conn: Connection, record_ids: list[int]) -> None:
    """Remove what is written anew; sealed versions stay until no generation shows them."""
    orders = [
        row
        for part in chunks(record_ids)
        for row in conn.execute(select(protection.c.protection_id).where(protection.c.record_id.in_(part))).scalars()
    ]
    for table in (protection_party, protection_clearance, protection):
        delete_by(conn, table, "protection_id", orders)
    for table in (fact, consent, mention, source_record):
        delete_by(conn, table, "record_id", record_ids)


def quarantine_rows(conn: Connection, rows: Sequence[Row]) -> None:
    """Keep refused rows of a delivery sealed; the same row waits once and names the newest delivery it came with."""
    if not rows:
        return
    made = (sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert)(quarantine)
    named = _named_by_newer(conn, rows)
    values = [dict(zip(QUARANTINE, row, strict=True)) for row in rows if row[ROW_TOKEN] not in named]
    if not values:
        return
    key = ["source_id", "row_token"]
    changed = {name: made.excluded[name] for name in ("delivery_id", "line", "code", "field", "state", "run_id")}
    conn.execute(made.on_conflict_do_update(index_elements=key, set_=changed), values)


def _named_by_newer(conn: Connection, rows: Sequence[Row]) -> set[int]:
    """Find the tokens of those rows that name a newer delivery already."""
    source_id, delivery_id = rows[0][:2]
    here = conn.execute(select(delivery.c.as_of).where(delivery.c.delivery_id == delivery_id)).scalar_one()
    found: set[int] = set()
    for part in chunks([row[ROW_TOKEN] for row in rows]):
        query = (
            select(quarantine.c.row_token)
            .join(delivery, delivery.c.delivery_id == quarantine.c.delivery_id)
            .where(quarantine.c.source_id == source_id, quarantine.c.row_token.in_(part), delivery.c.as_of > here)
        )
        found.update(conn.execute(query).scalars())
    return found


def next_free(conn: Connection, *tables: Table) -> int:
    """Give an id above every id of the given tables."""
    largest = 0
    for table in tables:
        key = next(iter(table.primary_key.columns))
        largest = max(largest, conn.execute(select(key).order_by(key.desc()).limit(1)).scalar() or 0)
    return largest + 1
