"""The first delivery of a source: nothing stands yet that its rows could be compared with."""

from array import array
from dataclasses import replace

import numpy as np
from sqlalchemy import Engine, select

from pipelines.planning import DUPLICATE
from pipelines.rows import Prepared
from pipelines.writing import RECORD_TOKEN
from schemas.store import bulk_insert
from schemas.tables import record_key, source_record

KEYS = 20_000
"""Keys per transaction: well below 100 ms on SQLite."""


class FirstRows:
    """Of a source not known yet: keep the first row of every record; a second one that says otherwise is refused."""

    def __init__(self) -> None:
        self._digests: dict[int, int] = {}
        self.clashing: dict[int, str] = {}
        self.repeated = 0

    def only_once(self, made: Prepared) -> Prepared:
        """Leave out of a batch what an earlier row of the delivery has said already."""
        dropped: set[int] = set()
        for row in made.records:
            record_id, token, digest, line = row[0], row[2], row[7], row[11]
            known = self._digests.setdefault(token, digest)
            if known is digest:
                continue
            dropped.add(record_id)
            if known == digest:
                self.repeated += 1
            else:
                self.clashing[line] = DUPLICATE
        return _without(made, dropped) if dropped else made


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


class FreshKeys:
    """Keyed keys of the new records of a delivery, to be stored in their own order once all its rows are.

    Keys come in no order: stored batch by batch, each batch would rewrite most pages of a large index.
    """

    def __init__(self) -> None:
        self._tokens = array("q")
        self._ids = array("q")

    def add(self, found: Prepared) -> None:
        """Take in the keys of a batch."""
        self._tokens.extend(row[RECORD_TOKEN] for row in found.records)
        self._ids.extend(row[0] for row in found.records)

    def store(self, engine: Engine) -> None:
        """Store them, in short transactions."""
        tokens, ids = np.frombuffer(self._tokens, np.int64), np.frombuffer(self._ids, np.int64)
        order = np.argsort(tokens)
        for start in range(0, len(order), KEYS):
            part = order[start : start + KEYS]
            with engine.begin() as conn:
                rows = list(zip(tokens[part].tolist(), ids[part].tolist(), strict=True))
                bulk_insert(conn, record_key, rows)


def complete_keys(engine: Engine, source_id: str) -> None:
    """Store the keys that a killed first delivery of a source did not come to."""
    missing = (
        select(source_record.c.key_token, source_record.c.record_id)
        .join(record_key, record_key.c.key_token == source_record.c.key_token, isouter=True)
        .where(source_record.c.source_id == source_id, record_key.c.record_id.is_(None))
    )
    with engine.connect() as conn:
        rows = [tuple(row) for row in conn.execute(missing)]
    rows.sort()
    for start in range(0, len(rows), KEYS):
        with engine.begin() as conn:
            bulk_insert(conn, record_key, rows[start : start + KEYS])
