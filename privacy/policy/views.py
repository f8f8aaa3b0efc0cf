"""The rows one reader may see, already filtered and coarsened: mentions, facts, pointers and memberships.

What is not in these answers does not exist for the reader; nothing says that something was left out.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from privacy.batches import bind_ids, id_set, live, prepared
from privacy.policy.book import Vector
from privacy.policy.decisions import POSITION, Decisions
from schemas.vocabulary import Category, Tier

WHOLE_DAY = re.compile(r"\b(\d{4}-\d{2})-\d{2}\b")
HEAD = "02"
REGISTER = "register"
IDENTITY = POSITION[Category.IDENTITY]
ADDRESS = POSITION[Category.ADDRESS]
MEMBERSHIP = POSITION[Category.MEMBERSHIP]
PARTICIPATION = POSITION[Category.PARTICIPATION]
SENSITIVE = POSITION[Category.SENSITIVE]
NOTES = POSITION[Category.NOTES]


@dataclass(frozen=True, slots=True)
class SeenMention:
    """One mention as the reader may see it; a withheld part is None or empty.

    The version columns say which sealed values may be opened: names and numbers under ``identity_version``,
    addresses and phones under ``address_version``, free text under ``notes_version``.
    """

    mention_id: int
    person_id: int
    role: str
    source_id: str
    agency_id: str
    programme: str
    sensitive: bool
    identity_version: int | None
    address_version: int | None
    notes_version: int | None
    birth_year: int | None
    birth_month: int | None
    sex: str
    town: str
    as_of: str
    closed: bool
    identity_tier: Tier
    """At summary a birth date is shown to the month only; at full whole."""


@dataclass(frozen=True, slots=True)
class SeenFact:
    """One coded fact at summary (dates to the month) or full."""

    fact_id: int
    person_id: int
    mention_id: int
    source_id: str
    source_agency_id: str
    as_of: str
    kind: str
    category: Category
    programme: str
    code: str
    level: str
    status: str
    valid_from: str
    valid_to: str
    agency_id: str
    other_person_id: int | None
    detail: dict[str, str]
    tier: Tier


@dataclass(frozen=True, slots=True, order=True)
class Pointer:
    """An agency that knows something of a category about a person, and nothing more."""

    person_id: int
    category: Category
    agency_id: str


@dataclass(frozen=True, slots=True)
class SeenMember:
    """One membership of a household, among the members the reader may know of."""

    household_id: int
    person_id: int
    kind: str
    state: str
    relation: str
    evidence: str
    valid_from: str
    valid_to: str
    tier: Tier


def _live_mentions(conn: Connection, decisions: Decisions, person_ids: Collection[int]) -> list[SeenMention]:
    rows = conn.execute(
        prepared(f"""
        SELECT v.mention_id, v.person_id, v.role, v.source_id, v.agency_id, v.programme, v.sensitive,
               v.identity_version, v.address_version, v.birth_year, v.birth_month, v.sex, v.town, v.as_of, v.closed
        FROM {id_set(conn, "ids")} s JOIN view_mention v ON v.person_id = s.id AND {live("v")}
        ORDER BY v.person_id, v.mention_id
        """),
        {"ids": bind_ids(person_ids), "g": decisions.generation},
    )
    return [
        SeenMention(
            mention_id=row.mention_id,
            person_id=row.person_id,
            role=row.role,
            source_id=row.source_id,
            agency_id=row.agency_id,
            programme=row.programme,
            sensitive=bool(row.sensitive),
            identity_version=row.identity_version,
            address_version=row.address_version,
            notes_version=row.identity_version,
            birth_year=row.birth_year,
            birth_month=row.birth_month,
            sex=row.sex,
            town=row.town,
            as_of=row.as_of,
            closed=bool(row.closed),
            identity_tier=Tier.NONE,
        )
        for row in rows
    ]


def _participation(vector: Vector, sensitive: bool) -> int:
    return vector[SENSITIVE] if sensitive else vector[PARTICIPATION]


def visible_mentions(conn: Connection, decisions: Decisions, person_ids: Collection[int]) -> list[SeenMention]:
    """Return the mentions of these persons that exist for the reader, withheld parts removed.

    A mention whose mere participation is sensitive exists only with at least pointer on ``sensitive``. Agency, source
    and programme are empty unless participation is at least pointer; the role needs summary. A school or hospital of
    a protected person has no name. Free text of a sensitive mention needs ``sensitive`` in full, too; that somebody's
    free text stays with its author shows like no text.
    """
    seen: list[SeenMention] = []
    for row in _live_mentions(conn, decisions, person_ids):
        vector = decisions.mention_vector(row.person_id, row.mention_id, row.agency_id)
        known = _participation(vector, row.sensitive)
        identity, address = vector[IDENTITY], vector[ADDRESS]
        notes = min(vector[NOTES], vector[SENSITIVE]) if row.sensitive else vector[NOTES]
        opened = identity >= Tier.SUMMARY or address >= Tier.SUMMARY or notes == Tier.FULL
        heard = notes == Tier.FULL and decisions.hears(row.person_id, row.agency_id)
        if (row.sensitive and not known) or not (known or opened):
            continue
        names = identity >= Tier.SUMMARY
        named = known and not decisions.unnamed(row.person_id, row.agency_id, row.programme)
        seen.append(
            SeenMention(
                row.mention_id,
                row.person_id,
                row.role if known >= Tier.SUMMARY else "",
                row.source_id if named else "",
                row.agency_id if named else "",
                row.programme if known else "",
                row.sensitive,
                row.identity_version if names else None,
                row.address_version if address == Tier.FULL else None,
                row.notes_version if heard else None,
                row.birth_year if names else None,
                row.birth_month if names else None,
                row.sex if names else "",
                row.town if address >= Tier.SUMMARY else "",
                row.as_of,
                row.closed,
                Tier(identity),
            )
        )
    return seen


def _live_facts(
    conn: Connection, decisions: Decisions, person_ids: Collection[int]
) -> Iterator[tuple[Row[Any], Vector, int]]:
    """Yield the facts that may exist for the reader: the row, the tiers of its mention and its own tier (not none).

    A fact about two persons (続柄, kinship) exists only with at least pointer on membership for both.
    """
    rows = conn.execute(
        prepared(f"""
        SELECT f.fact_id, f.person_id, f.mention_id, f.source_id, f.source_agency_id, f.as_of, f.kind, f.category,
               f.programme, f.code, f.level, f.status, f.valid_from, f.valid_to, f.agency_id, f.detail,
               f.other_mention_id, o.person_id AS other_person_id, o.agency_id AS other_agency_id, v.sensitive,
               v.programme AS held_by
        FROM {id_set(conn, "ids")} s
        JOIN view_fact f ON f.person_id = s.id AND {live("f")}
        JOIN view_mention v ON v.mention_id = f.mention_id AND {live("v")}
        LEFT JOIN view_mention o ON o.mention_id = f.other_mention_id AND {live("o")}
        ORDER BY f.person_id, f.fact_id
        """),
        {"ids": bind_ids(person_ids), "g": decisions.generation},
    ).all()
    others = {row.other_person_id for row in rows if row.other_person_id is not None} - decisions.asked
    beside = decisions.beside(conn, others)
    for row in rows:
        if row.category not in POSITION:
            continue
        vector = decisions.mention_vector(row.person_id, row.mention_id, row.source_agency_id)
        tier = vector[POSITION[Category(row.category)]]
        if row.sensitive:
            tier = min(tier, vector[SENSITIVE])
        if row.other_mention_id is not None and tier:
            ground = beside if row.other_person_id in others else decisions
            known = vector[MEMBERSHIP] and row.other_person_id is not None
            other = ground.mention_vector(row.other_person_id, row.other_mention_id, row.other_agency_id)
            if not known or not other[MEMBERSHIP]:
                continue
        if tier:
            yield row, vector, tier


def visible_facts(conn: Connection, decisions: Decisions, person_ids: Collection[int]) -> list[SeenFact]:
    """Return the coded facts of these persons that the reader sees at summary or full."""
    seen: list[SeenFact] = []
    for row, vector, tier in _live_facts(conn, decisions, person_ids):
        unheard = row.category == Category.NOTES and not decisions.hears(row.person_id, row.source_agency_id)
        if tier < Tier.SUMMARY or unheard:
            continue
        full = tier == Tier.FULL
        guarded = row.person_id in decisions.shield.guarded
        elsewhere = row.agency_id not in {"", row.source_agency_id}
        unnamed = decisions.unnamed(row.person_id, row.source_agency_id, row.held_by)
        seen.append(
            SeenFact(
                row.fact_id,
                row.person_id,
                row.mention_id,
                "" if unnamed else row.source_id,
                "" if unnamed else row.source_agency_id,
                row.as_of,
                row.kind,
                Category(row.category),
                row.programme,
                row.code,
                row.level,
                row.status,
                row.valid_from if full else row.valid_from[:7],
                row.valid_to if full else row.valid_to[:7],
                "" if guarded and (elsewhere or unnamed) else row.agency_id,
                row.other_person_id,
                _detail(decisions, row.detail, vector[ADDRESS], full=full, guarded=guarded),
                Tier(tier),
            )
        )
    return seen


def _detail(decisions: Decisions, detail: str, address: int, *, full: bool, guarded: bool) -> dict[str, str]:
    fields = decisions.policy.rules.fields
    shown: dict[str, str] = {}
    for key, value in sorted(json.loads(detail or "{}").items()):
        if (key in fields.address and address < (Tier.FULL if full else Tier.SUMMARY)) or (
            guarded and key not in fields.plain
        ):
            continue
        shown[key] = str(value) if full else WHOLE_DAY.sub(r"\1", str(value))
    return shown


def visible_pointers(conn: Connection, decisions: Decisions, person_ids: Collection[int]) -> list[Pointer]:
    """Return which agencies know something, per person and category, where the reader has at least pointer."""
    seen: set[Pointer] = set()
    for row in _live_mentions(conn, decisions, person_ids):
        if decisions.unnamed(row.person_id, row.agency_id, row.programme):
            continue
        vector = decisions.mention_vector(row.person_id, row.mention_id, row.agency_id)
        if _participation(vector, row.sensitive):
            category = Category.SENSITIVE if row.sensitive else Category.PARTICIPATION
            seen.add(Pointer(row.person_id, category, row.agency_id))
    for fact, vector, _ in _live_facts(conn, decisions, person_ids):
        unnamed = decisions.unnamed(fact.person_id, fact.source_agency_id, fact.held_by)
        if _participation(vector, fact.sensitive) and not unnamed:
            seen.add(Pointer(fact.person_id, Category(fact.category), fact.source_agency_id))
    return sorted(seen)


def visible_members(conn: Connection, decisions: Decisions, household_ids: Collection[int]) -> list[SeenMember]:
    """Return the memberships of these households that the reader may know of.

    A member is shown only together with another shown member, each with at least pointer on membership; guarded
    persons are absent where it is dangerous. What two members have with each other tells of nobody unseen: 続柄 is
    shown only beside the head it is relative to, evidence such as kinship only where two shown members have it. The
    batch decided need not hold every member; those outside it are decided as persons nobody searched for.
    """
    rows = conn.execute(
        prepared(f"""
        SELECT b.household_id, b.person_id, b.kind, b.state, b.relation, b.evidence, b.valid_from, b.valid_to
        FROM {id_set(conn, "ids")} s JOIN view_member b ON b.household_id = s.id AND {live("b")}
        ORDER BY b.household_id, b.person_id
        """),
        {"ids": bind_ids(household_ids), "g": decisions.generation},
    ).all()
    others = {row.person_id for row in rows} - decisions.asked
    beside = decisions.beside(conn, others)
    dangerous = {**decisions.shield.dangerous, **beside.shield.dangerous}
    households: defaultdict[int, list[SeenMember]] = defaultdict(list)
    for row in rows:
        ground = beside if row.person_id in others else decisions
        tier = ground.tier(row.person_id, Category.MEMBERSHIP)
        if tier and row.person_id not in dangerous.get(row.household_id, ()):
            households[row.household_id].append(
                SeenMember(
                    row.household_id,
                    row.person_id,
                    row.kind,
                    row.state,
                    row.relation,
                    row.evidence,
                    row.valid_from,
                    row.valid_to,
                    tier,
                )
            )
    seen: list[SeenMember] = []
    for household_id, members in households.items():
        if len({member.person_id for member in members}) < 2:
            continue
        headed = any(member.relation == HEAD for member in members)
        ties = Counter(tie for member in members for tie in set(member.evidence.split("+")))
        for member in members:
            full = member.tier == Tier.FULL
            evidence = [tie for tie in member.evidence.split("+") if tie == REGISTER or ties[tie] > 1]
            seen.append(
                SeenMember(
                    household_id,
                    member.person_id,
                    member.kind,
                    member.state if member.tier >= Tier.SUMMARY else "",
                    member.relation if headed and member.tier >= Tier.SUMMARY else "",
                    "+".join(evidence),
                    member.valid_from if full else member.valid_from[:7],
                    member.valid_to if full else member.valid_to[:7],
                    member.tier,
                )
            )
    return seen
