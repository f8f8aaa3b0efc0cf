"""A handful of persons, households, consents and orders in an empty store, for the policy tests."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import Connection

from privacy.policy import Reader
from schemas import tables
from schemas.tables import GENERATION_OPEN

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def reader(agency="desk", role="desk_worker", purpose="consultation", **more):
    given = {
        "agency_kind": "municipal_department",
        "staff_id": "w1",
        "instant": NOW,
        "stated": frozenset({"present", "reason"}),
    }
    return Reader(agency_id=agency, role=role, purpose=purpose, **{**given, **more})


@dataclass
class World:
    """Writes published rows; ids count upward, one mention version per mention (id + 1000)."""

    conn: Connection
    ids: count = field(default_factory=lambda: count(1))
    rows: dict = field(default_factory=lambda: defaultdict(list))
    """What was written, by table, for the oracle."""

    def add(self, table, **values):
        self.rows[table].append(values)
        self.conn.execute(getattr(tables, table).insert().values(**values))

    def view(self, table, *, g_from=1, g_to=GENERATION_OPEN, **values):
        numbered = {"row_id": next(self.ids)} if "row_id" in getattr(tables, table).c else {}
        self.add(table, **numbered, g_from=g_from, g_to=g_to, **values)

    def mention(self, mention_id, person_id, record_id, agency="kaigo", role="subject", **more):
        self.add(
            "mention",
            mention_id=mention_id,
            record_id=record_id,
            role=role,
            seq=mention_id,
            version_id=mention_id + 1000,
        )
        given = {
            "source_id": f"{agency}_source",
            "programme": "elderly",
            "sensitive": 0,
            "identity_version": mention_id + 1000,
            "address_version": mention_id + 1000,
            "birth_year": 1950,
            "birth_month": 4,
            "sex": "2",
            "town": "0001",
            "as_of": "2026-11-01",
            "closed": 0,
        }
        self.view(
            "view_mention",
            mention_id=mention_id,
            person_id=person_id,
            role=role,
            agency_id=agency,
            **{**given, **more},
        )

    def fact(self, fact_id, mention_id, person_id, agency="kaigo", category="assessment", **more):
        given = {
            "source_id": f"{agency}_source",
            "as_of": "2026-11-01",
            "kind": "enrolment",
            "programme": "elderly",
            "code": "21",
            "level": "",
            "status": "",
            "valid_from": "2026-04-15",
            "valid_to": "",
            "agency_id": "",
            "other_mention_id": None,
            "detail": "{}",
        }
        self.view(
            "view_fact",
            fact_id=fact_id,
            mention_id=mention_id,
            person_id=person_id,
            source_agency_id=agency,
            category=category,
            **{**given, **more},
        )

    def member(self, household_id, person_id, relation="", **more):
        given = {"kind": "living", "state": "present", "evidence": "dwelling", "valid_from": "2020-01-15"}
        self.view(
            "view_member",
            household_id=household_id,
            person_id=person_id,
            relation=relation,
            **{**given, "valid_to": "", **more},
        )

    def consent(self, mention_id, category="assessment", decision="permit", token=1, names=None, **more):
        given = {
            "record_id": 0,
            "agency_id": "desk",
            "tier": 3,
            "purpose": "consultation",
            "valid_from": "2026-06-01",
            "valid_to": "",
            "given_by": "self",
            "recorded_at": "2026-06-01T00:00:00Z",
        }
        self.add(
            "consent",
            consent_id=next(self.ids),
            mention_id=mention_id,
            category=category,
            decision=decision,
            consent_token=token,
            supersedes_token=names,
            **{**given, **more},
        )

    def order(self, order_id, mention_id, against=(), beside=(), cleared=(), **more):
        given = {"kind": "dv", "valid_from": "2024-01-01", "valid_to": "2025-01-01", "lifted": 0}
        self.add(
            "protection",
            protection_id=order_id,
            record_id=0,
            mention_id=mention_id,
            **{**given, "opponent_known": int(bool(against)), **more},
        )
        for part, mentions in (("against", against), ("with", beside)):
            for other in mentions:
                self.add("protection_party", protection_id=order_id, mention_id=other, part=part)
        for agency, role in cleared:
            self.add("protection_clearance", protection_id=order_id, agency_id=agency, role=role)
