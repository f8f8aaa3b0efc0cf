"""Rotating the key-encryption key: data keys are wrapped anew, sealed values and pseudonyms stay as they are.

``rotate`` may be killed at any point and called again: the new key is durable before the first data key is
wrapped under it, and the old one goes on opening the rest. ``retire`` destroys old keys, and refuses while
anything is still wrapped under them. Both run under the workspace's lease, so that no sync that started with
the old key writes meanwhile.
"""

from dataclasses import dataclass

from sqlalchemy import Column, Engine, Table, bindparam, select, update

from privacy.keyring import Keyring, KeyUnusable
from privacy.log.outbox import record
from schemas.tables import data_key, delivery, quarantine, source_event

STEP = 2000
"""Data keys per write transaction: well under the 100 ms that readers may have to wait."""
WRAPPED: tuple[tuple[Table, Column[int], Column[bytes]], ...] = (
    (data_key, data_key.c.mention_id, data_key.c.wrapped),
    (source_event, source_event.c.event_id, source_event.c.data_key),
    (quarantine, quarantine.c.quarantine_id, quarantine.c.data_key),
    (delivery, delivery.c.delivery_id, delivery.c.data_key),
)
"""Every place of a wrapped data key: table, its id, the column."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did."""

    version: int
    rewrapped: int


def rotate(engine: Engine, keyring: Keyring) -> Rotation:
    """Make a new key-encryption key and wrap every data key under it; finish an interrupted rotation first."""
    version = keyring.current_version
    if not _behind(engine, version):
        version = keyring.add_version()
    rewrapped = sum(_rewrap(engine, keyring, *place) for place in WRAPPED)
    with engine.begin() as conn:
        record(conn, "key.rotate", {"version": version, "rewrapped": rewrapped})
    return Rotation(version, rewrapped)


def retire(engine: Engine, keyring: Keyring) -> tuple[int, ...]:
    """Destroy the old key-encryption keys and name them; KeyUnusable while a data key still needs one."""
    old = tuple(version for version in keyring.versions if version != keyring.current_version)
    if not old:
        return ()
    if _behind(engine, keyring.current_version):
        raise KeyUnusable("data keys are still wrapped under an old key; finish with `musubi keys rotate`")
    with engine.begin() as conn:
        record(conn, "key.retire", {"versions": list(old)})
    keyring.retire_versions()
    return old


def _behind(engine: Engine, version: int) -> bool:
    """Tell whether any data key is wrapped under another key than ``version``."""
    current = version.to_bytes(2, "big")
    with engine.connect() as conn:
        for table, _, wrapped in WRAPPED:
            query = select(wrapped).select_from(table)
            with conn.execution_options(yield_per=STEP).execute(query) as rows:
                if any(key[:2] != current for key in rows.scalars()):
                    return True
    return False


def _rewrap(engine: Engine, keyring: Keyring, table: Table, key: Column[int], wrapped: Column[bytes]) -> int:
    changed, after, version = 0, -1, keyring.current_version
    values: dict[str, object] = {wrapped.name: bindparam("new")}
    if table is data_key:
        values["kek_version"] = bindparam("version")
    # Only where the key is still the one that was read: an erasure or a re-import meanwhile wins.
    statement = update(table).where(key == bindparam("place"), wrapped == bindparam("old")).values(values)
    while True:
        with engine.connect() as conn:
            rows = conn.execute(select(key, wrapped).where(key > after).order_by(key).limit(STEP)).all()
        if not rows:
            return changed
        after = rows[-1][0]
        stale = [
            {"place": row_id, "old": old, "new": keyring.wrap(keyring.unwrap(old))[0], "version": version}
            for row_id, old in rows
            if int.from_bytes(old[:2], "big") != version
        ]
        if stale:
            with engine.begin() as conn:
                changed += conn.execute(statement, stale).rowcount
