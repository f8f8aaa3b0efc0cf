"""The first delivery of a source: nothing stands yet that its rows could be compared with."""

from array import array
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import Engine, select

from pipelines.planning import DUPLICATE
from pipelines.rows import Prepared
from schemas.store import bulk_insert
from schemas.tables import record_key, source_record

KEYS = 20_000
"""Keys per transaction: well below 100 ms on SQLite."""


class FirstDelivery:
    """Of a source not known yet: keep the first row of every record; a second one that says otherwise is refused.

    Keyed keys come in no order: stored batch by batch, each batch would rewrite most pages of a large index. They are
    stored in their own order once all rows are.
    """

    def __init__(self) -> None:
        self._digests: dict[int, int] = {}
        self._ids = array("q")
        """Record ids, in the order of the digests."""
        self.clashing: dict[int, str] = {}
        self.repeated = 0

    def only_once(self, made: Prepared) -> Prepared:
        """Leave out of a batch what an earlier row of the delivery has said already."""
        dropped: set[int] = set()
        for row in made.records:
            record_id, token, digest, line = row[0], row[2], row[7], row[11]
            if token not in self._digests:
                self._digests[token] = digest
                self._ids.append(record_id)
                continue
            dropped.add(record_id)
            if self._digests[token] == digest:
                self.repeated += 1
            else:
                self.clashing[line] = DUPLICATE
        return _without(made, dropped) if dropped else made

    def store_keys(self, engine: Engine) -> None:
        """Store the keys of all records, in short transactions."""
        tokens, ids = np.fromiter(self._digests, np.int64, len(self._digests)), np.frombuffer(self._ids, np.int64)
        order = np.argsort(tokens)
        store_keys(engine, list(zip(tokens[order].tolist(), ids[order].tolist(), strict=True)))


def _without(made: Prepared, records: set[int]) -> Prepared:
    mentions = {row[0] for row in made.mentions if row[1] in records}
    versions = {row[4] for row in made.mentions if row[1] in records}
    return replace(
        made,
        records=[row for row in made.records if row[0] not in records],
        mentions=[row for row in made.mentions if row[1] not in records],
        keys=[row for row in made.keys if row[0] not in mentions],
        versions=[row for row in made.versions if row[0] not in versions],
        identifiers=[row for row in made.identifiers if row[0] not in versions],
        aliases=[row for row in made.aliases if row[0] not in versions],
        facts=[row for row in made.facts if row[0] not in records],
        consents=[row for row in made.consents if row[0] not in records],
        protections=[row for row in made.protections if row[1] not in records],
        parties=[row for row in made.parties if row[0] not in mentions],
        clearances=[row for row in made.clearances if row[0] not in mentions],
        accepted=made.accepted - len(records),
    )


def complete_keys(engine: Engine, source_id: str) -> None:
    """Store the keys that a killed first delivery of a source did not come to."""
    missing = (
        select(source_record.c.key_token, source_record.c.record_id)
        .join(record_key, record_key.c.key_token == source_record.c.key_token, isouter=True)
        .where(source_record.c.source_id == source_id, record_key.c.record_id.is_(None))
    )
    with engine.connect() as conn:
        rows = sorted((token, record_id) for token, record_id in conn.execute(missing))
    store_keys(engine, rows)


def store_keys(engine: Engine, rows: Sequence[tuple[int, int]]) -> None:
    """Store (token, record id) pairs that are in order."""
    for start in range(0, len(rows), KEYS):
        with engine.begin() as conn:
            bulk_insert(conn, record_key, rows[start : start + KEYS])
