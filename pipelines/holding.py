"""Why a delivery is held instead of applied: its own faults, its place in time, or who would disappear.

A held delivery stays at its source, unapplied; the next run looks again.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from connectors.deliveries import Delivery
from pipelines.names import SEALED_NAME, opened_name
from pipelines.standing import split_scopes
from privacy.keyring import Keyring
from schemas.tables import delivery
from schemas.workspace import Guards

EQUAL_AS_OF = "equal-as-of"
DISAPPEARANCE = "mass-disappearance"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a delivery is held: guard code and a sentence that says what to do.

    The sentence may name files: it is for the operator's screen and is stored nowhere.
    """

    code: str
    detail: str


def same_instant(conn: Connection, keyring: Keyring, found: Delivery) -> Hold | None:
    """Hold a delivery that stands for the same instant and scope as another one with other content."""
    rows = conn.execute(
        select(*SEALED_NAME, delivery.c.scopes).where(
            delivery.c.source_id == found.source_id,
            delivery.c.as_of == found.as_of,
            delivery.c.status == "applied",
            delivery.c.content_hash != found.content_hash,
        )
    )
    for row in rows:
        others = split_scopes(row.scopes)
        if not others or not found.scopes or set(others) & set(found.scopes):
            return Hold(
                EQUAL_AS_OF,
                f"{found.name} and {opened_name(keyring, row)} stand for the same day with different content; "
                "remove the wrong one or date them apart",
            )
    return None


def disappearance(guards: Guards, *, open_records: int, gone: int, accepted: int) -> Hold | None:
    """Hold a snapshot in which too many records are missing, unless so many removals were accepted."""
    if gone < guards.disappear_least or gone <= guards.disappear_share * open_records or gone <= accepted:
        return None
    return Hold(
        DISAPPEARANCE,
        f"{gone} of {open_records} records are missing; check the export, "
        f"or run again with --accept-removals {gone} if that is right",
    )
