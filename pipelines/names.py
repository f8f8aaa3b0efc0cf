"""The names of delivered files: one may be called after a person, so it is stored sealed.

It is opened for the operator who asks what waits or why a delivery is held, and goes to that screen only: no run
ledger, no log and no history of Dagster's ever holds it.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, select

from connectors.deliveries import Delivery
from privacy.keyring import Keyring
from privacy.sealing import new_data_key, open_sealed, seal
from schemas.store import chunks
from schemas.tables import delivery

SEALED_NAME = (delivery.c.source_id, delivery.c.content_hash, delivery.c.name, delivery.c.data_key)
"""What a query gives for ``opened_name``."""


def sealed_name(keyring: Keyring, found: Delivery) -> dict[str, bytes]:
    """Seal the name of a delivery under a key of its own (columns ``name`` and ``data_key``)."""
    data_key = new_data_key()
    name = found.name.encode("utf-8", "surrogateescape")
    place = _place(found.source_id, found.content_hash)
    return {
        "name": seal(data_key, name, table=delivery.name, row=place, field="name"),
        "data_key": keyring.wrap(data_key)[0],
    }


def opened_name(keyring: Keyring, row: Row[*tuple[Any, ...]]) -> str:
    """Open the name in a row of ``SEALED_NAME``; bytes of it that are no text are replaced."""
    place = _place(row.source_id, row.content_hash)
    name = open_sealed(keyring.unwrap(row.data_key), row.name, table=delivery.name, row=place, field="name")
    return name.decode("utf-8", "replace")


def delivery_names(conn: Connection, keyring: Keyring, delivery_ids: Collection[int]) -> dict[int, str]:
    """Open the names of some deliveries."""
    query = select(delivery.c.delivery_id, *SEALED_NAME)
    rows = (
        row
        for part in chunks(sorted(delivery_ids))
        for row in conn.execute(query.where(delivery.c.delivery_id.in_(part)))
    )
    return {row.delivery_id: opened_name(keyring, row) for row in rows}


def _place(source_id: str, content_hash: str) -> str:
    return f"{source_id}/{content_hash}"
