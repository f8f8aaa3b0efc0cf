"""A record's place in time, as a function of the set of deliveries that were applied.

A record was last seen in the newest delivery that names it; it is closed from the first later snapshot of its scope
in which it is absent; its content is that of the delivery it was last seen in. ``as_of`` is stored empty while the
record stands in the newest snapshot of its scope, so that an unchanged row costs no write.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from schemas.tables import delivery

SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An applied snapshot: when it stands, and which scopes it speaks for (none: the whole source)."""

    as_of: str
    scopes: tuple[str, ...]

    def covers(self, scope: str) -> bool:
        """Whether absence from this snapshot says something about a record of this scope."""
        return not self.scopes or scope in self.scopes


@dataclass(frozen=True)
class Standing:
    """All snapshots of one source, oldest first, the one being applied among them."""

    snapshots: tuple[Snapshot, ...]

    def newest(self, scope: str) -> str:
        """Give the as-of of the newest snapshot of a scope; empty where there is none."""
        return max((one.as_of for one in self.snapshots if one.covers(scope)), default="")

    def closing(self, seen: str, scope: str) -> str | None:
        """Give the first snapshot of the scope after ``seen``: where a record last seen then was absent."""
        return next((one.as_of for one in self.snapshots if one.as_of > seen and one.covers(scope)), None)

    def place(self, seen: str, scope: str) -> tuple[str, str | None]:
        """Give what is stored of a record last seen at ``seen``: as-of (empty: newest snapshot) and closing."""
        if seen and seen == self.newest(scope):
            return "", None
        return seen, self.closing(seen, scope)

    def answers(self, as_of: str, scopes: tuple[str, ...]) -> bool:
        """Whether a newer snapshot speaks for all that a delivery of these scopes (none: anything) spoke for."""
        return any(
            one.as_of > as_of and (not one.scopes or (bool(scopes) and set(scopes) <= set(one.scopes)))
            for one in self.snapshots
        )

    def with_snapshot(self, one: Snapshot) -> "Standing":
        """Add a snapshot."""
        return Standing(tuple(sorted({*self.snapshots, one}, key=lambda found: (found.as_of, found.scopes))))


def applied_snapshots(conn: Connection, source_id: str) -> Standing:
    """Read which snapshots of a source were applied."""
    rows = conn.execute(
        select(delivery.c.as_of, delivery.c.scopes).where(
            delivery.c.source_id == source_id, delivery.c.mode == SNAPSHOT, delivery.c.status == "applied"
        )
    )
    found = {Snapshot(as_of, split_scopes(scopes)) for as_of, scopes in rows}
    return Standing(tuple(sorted(found, key=lambda one: (one.as_of, one.scopes))))


def split_scopes(text: str) -> tuple[str, ...]:
    """Read the stored scopes of a delivery."""
    return tuple(part for part in text.split("\x1f") if part)


def join_scopes(scopes: tuple[str, ...]) -> str:
    """Write the scopes of a delivery."""
    return "\x1f".join(scopes)
