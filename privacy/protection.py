"""What protection orders (DV等支援措置) hide from one reader.

An order outlives its end date until a person lifts it. Its *group* is the protected person and those protected
with her; its *opponents* are those she is protected from (unknown: whoever ever shared a household with the group).
A household is *dangerous* when it ever contained a member of the group and an opponent; free text about anybody who
ever lived with an opponent may tell of her, too. A reader is cleared only if every standing order on a person lists
the reader's agency and role.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection

from privacy.batches import bind_ids, id_set, live, prepared

FEW = 100
"""Persons up to which a batch reads only the orders near it: a reading costs the same in a large city."""


@dataclass(slots=True)
class Order:
    """One standing order, resolved to persons."""

    cleared: bool
    opponent_known: bool
    group: set[int] = field(default_factory=set)
    opponents: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Shield:
    """What orders hide from one reader in one generation, for one batch of persons (and perhaps for others).

    ``guarded``: protected persons the reader is not cleared for. ``dangerous``: household id -> guarded persons who
    are absent in it. ``quiet``: persons whose free text goes to its authoring agency only (guarded persons,
    opponents and whoever ever lived with an opponent), whoever is cleared. ``vanished``: mention ids that do not
    exist for the reader.
    """

    guarded: frozenset[int] = frozenset()
    dangerous: dict[int, frozenset[int]] = field(default_factory=dict)
    quiet: frozenset[int] = frozenset()
    vanished: frozenset[int] = frozenset()


def raise_shield(
    conn: Connection,
    generation: int,
    person_ids: Collection[int],
    *,
    agency_id: str,
    role: str,
    principal_roles: Collection[str],
    programme: str,
) -> Shield:
    """Resolve standing orders and what they hide of ``person_ids``; six statements, or one where no order is near.

    ``programme`` is the programme of the protection feed itself, whose records nobody uncleared may see.
    """
    near = orders_near(conn, generation, person_ids) if len(person_ids) <= FEW else None
    orders = [] if near == [] else standing_orders(conn, generation, agency_id, role, near)
    if not orders:
        return Shield()
    guarded = frozenset(person for order in orders if not order.cleared for person in order.group)
    dangerous, quiet = _dangerous_households(conn, generation, orders)
    vanished = _vanished_mentions(conn, generation, orders, principal_roles=principal_roles, programme=programme)
    return Shield(guarded, dangerous, frozenset(quiet | guarded), vanished)


def _housed(people: str, key: str) -> str:
    """Give the query of everybody who ever shared a household with some people, by the generation ``:g``."""
    return f"""SELECT o.person_id FROM {people}
        JOIN view_member b ON b.person_id = {key} AND b.g_from <= :g
        JOIN view_member o ON o.household_id = b.household_id AND o.g_from <= :g"""


def orders_near(conn: Connection, generation: int, person_ids: Collection[int]) -> list[int]:
    """Return the orders that can hide anything of these persons, and perhaps some that cannot.

    An order reaches a person by a record that holds them both or by a household they ever shared, and as far as
    those who ever lived with one who ever lived with its group: an unknown opponent is whoever did, and free text
    about whoever lived with an opponent may tell of her. So its group or its opponent is found two households on
    from whoever stands in a record with one of these persons.
    """
    mates = conn.execute(
        prepared(f"""
        WITH fellow AS (
            SELECT s.id AS person_id FROM {id_set(conn, "ids")} s
            UNION
            SELECT w.person_id FROM {id_set(conn, "ids")} s
            JOIN view_mention v ON v.person_id = s.id AND {live("v")} JOIN mention m ON m.mention_id = v.mention_id
            JOIN mention n ON n.record_id = m.record_id
            JOIN view_mention w ON w.mention_id = n.mention_id AND {live("w")}
        )
        SELECT person_id FROM fellow
        UNION
        {_housed("fellow f", "f.person_id")}
        """),
        {"ids": bind_ids(person_ids), "g": generation},
    )
    # Asked in two steps: PostgreSQL, left to guess how many a chain of four joins finds, reads whole tables.
    found = conn.execute(
        prepared(f"""
        WITH near AS (
            SELECT s.id AS person_id FROM {id_set(conn, "ids")} s
            UNION
            {_housed(f"{id_set(conn, 'ids')} s", "s.id")}
        ), theirs AS (
            SELECT v.mention_id FROM near JOIN view_mention v ON v.person_id = near.person_id AND {live("v")}
            UNION
            SELECT p.mention_id FROM near JOIN person_mention p ON p.person_id = near.person_id
        )
        SELECT protection_id FROM protection WHERE lifted = 0 AND mention_id IN (SELECT mention_id FROM theirs)
        UNION
        SELECT protection_id FROM protection_party WHERE mention_id IN (SELECT mention_id FROM theirs)
        """),
        {"ids": bind_ids(mates.scalars()), "g": generation},
    )
    return sorted(found.scalars())


def standing_orders(
    conn: Connection, generation: int, agency_id: str, role: str, near: Collection[int] | None = None
) -> list[Order]:
    """Return the orders that no person has lifted, with the persons they protect and those they protect them from.

    A mention belongs to its person of this generation and to its person of the newest linkage, whichever protects.
    ``near`` (order ids) leaves out all others.
    """
    only = "" if near is None else f"AND p.protection_id IN (SELECT id FROM {id_set(conn, 'near')} x)"
    rows = conn.execute(
        prepared(f"""
        WITH party AS (
            SELECT p.protection_id, p.mention_id, 'self' AS part, p.opponent_known
            FROM protection p WHERE p.lifted = 0 {only}
            UNION ALL
            SELECT q.protection_id, q.mention_id, q.part, p.opponent_known
            FROM protection_party q JOIN protection p ON p.protection_id = q.protection_id WHERE p.lifted = 0 {only}
        )
        SELECT t.protection_id, t.part, t.opponent_known, w.person_id,
               (SELECT COUNT(*) FROM protection_clearance c
                WHERE c.protection_id = t.protection_id AND c.agency_id = :agency AND c.role = :role)
        FROM party t JOIN (
            SELECT v.mention_id, v.person_id FROM view_mention v WHERE {live("v")}
              AND v.mention_id IN (SELECT mention_id FROM party)
            UNION
            SELECT m.mention_id, m.person_id FROM person_mention m
            WHERE m.mention_id IN (SELECT mention_id FROM party)
        ) w ON w.mention_id = t.mention_id
        """),
        {"g": generation, "agency": agency_id, "role": role, **({} if near is None else {"near": bind_ids(near)})},
    )
    orders: dict[int, Order] = {}
    for protection_id, part, opponent_known, person_id, cleared in rows:
        order = orders.setdefault(protection_id, Order(bool(cleared), bool(opponent_known)))
        (order.opponents if part == "against" else order.group).add(person_id)
    standing = [order for order in orders.values() if order.group]
    unknown = [order for order in standing if not order.opponent_known or order.opponents <= order.group]
    company = _company(conn, generation, {person for order in unknown for person in order.group})
    for order in unknown:
        order.opponents.update(*(company[person] for person in order.group))
    for order in standing:
        order.opponents -= order.group
    return standing


def _company(conn: Connection, generation: int, person_ids: Collection[int]) -> defaultdict[int, set[int]]:
    """Return who ever shared a household with each of these persons."""
    company: defaultdict[int, set[int]] = defaultdict(set)
    if person_ids:
        for person_id, other_id in conn.execute(
            prepared(f"""
            SELECT DISTINCT b.person_id, m.person_id
            FROM {id_set(conn, "ids")} s JOIN view_member b ON b.person_id = s.id AND b.g_from <= :g
            JOIN view_member m ON m.household_id = b.household_id AND m.g_from <= :g
            """),
            {"ids": bind_ids(person_ids), "g": generation},
        ):
            company[person_id].add(other_id)
    return company


def _dangerous_households(
    conn: Connection, generation: int, orders: list[Order]
) -> tuple[dict[int, frozenset[int]], set[int]]:
    """Find the households that ever contained an opponent: who is absent in them, and whose free text is quiet."""
    opponents = {person for order in orders for person in order.opponents}
    members: defaultdict[int, set[int]] = defaultdict(set)
    for household_id, person_id in conn.execute(
        prepared(f"""
        WITH theirs AS (
            SELECT DISTINCT o.household_id FROM {id_set(conn, "opponents")} s
            JOIN view_member o ON o.person_id = s.id AND o.g_from <= :g
        )
        SELECT DISTINCT m.household_id, m.person_id
        FROM theirs t JOIN view_member m ON m.household_id = t.household_id AND m.g_from <= :g
        """),
        {"opponents": bind_ids(opponents), "g": generation},
    ):
        members[household_id].add(person_id)
    dangerous: defaultdict[int, set[int]] = defaultdict(set)
    foes: defaultdict[int, list[set[int]]] = defaultdict(list)
    for order in orders:
        for person in order.opponents if not order.cleared else ():
            foes[person].append(order.group)
    for household_id, persons in members.items():
        for group in (group for person in persons & foes.keys() for group in foes[person]):
            if not persons.isdisjoint(group):
                dangerous[household_id] |= group
    quiet = opponents.union(*members.values())
    return {household: frozenset(persons) for household, persons in dangerous.items()}, quiet


def _vanished_mentions(
    conn: Connection,
    generation: int,
    orders: list[Order],
    *,
    principal_roles: Collection[str],
    programme: str,
) -> frozenset[int]:
    """Find the mentions that orders hide in records.

    Those of guarded persons in other people's records and in the feed's own, those of others in hers; and, in a
    record that is an opponent's own, whoever may be her though nothing links that mention to her: an old form of his
    names her by the name they shared. There a birth in the same month is enough, or none stated.
    """
    groups: defaultdict[int, set[int]] = defaultdict(set)
    foes: defaultdict[int, set[int]] = defaultdict(set)
    for order in orders:
        if not order.cleared:
            for person in order.group:
                groups[person] |= order.group
            for person in order.opponents:
                foes[person] |= order.group
    records: defaultdict[int, dict[int, tuple[int, str, str, Birth]]] = defaultdict(dict)
    for record_id, mention_id, person_id, role, held_by, year, month in conn.execute(
        prepared(f"""
        WITH theirs AS (
            SELECT DISTINCT n.record_id FROM {id_set(conn, "parties")} s
            JOIN view_mention w ON w.person_id = s.id AND {live("w")} JOIN mention n ON n.mention_id = w.mention_id
        )
        SELECT m.record_id, m.mention_id, v.person_id, v.role, v.programme, v.birth_year, v.birth_month
        FROM theirs t JOIN mention m ON m.record_id = t.record_id
        JOIN view_mention v ON v.mention_id = m.mention_id AND {live("v")}
        """),
        {"parties": bind_ids({*groups, *foes}), "g": generation},
    ):
        records[record_id][mention_id] = (person_id, role, held_by, (year, month))
    heads = {
        person for mentions in records.values() for person, role, _, _ in mentions.values() if role in principal_roles
    }
    births = _births(conn, generation, {person for head in heads for person in foes[head]})
    gone: set[int] = set()
    for mentions in records.values():
        principals = {person for person, role, _, _ in mentions.values() if role in principal_roles}
        owners = principals or {person for person, _, _, _ in mentions.values()}
        sought = {person for owner in principals for person in foes[owner]}
        for mention_id, (person_id, _, held_by, birth) in mentions.items():
            if person_id in groups:
                vanishes = held_by == programme or not owners <= groups[person_id]
            else:
                vanishes = person_id not in principals and (
                    not principals.isdisjoint(groups)
                    or any(_may_be(birth, known) for person in sought for known in births[person])
                )
            if vanishes:
                gone.add(mention_id)
    return frozenset(gone)


Birth = tuple[int | None, int | None]
"""Year and month, as far as they are known."""


def _births(conn: Connection, generation: int, persons: Collection[int]) -> defaultdict[int, set[Birth]]:
    """Read year and month of birth as each record has them, where it has them."""
    found: defaultdict[int, set[Birth]] = defaultdict(set)
    if not persons:
        return found
    rows = conn.execute(
        prepared(f"""
        SELECT DISTINCT v.person_id, v.birth_year, v.birth_month FROM {id_set(conn, "ids")} s
        JOIN view_mention v ON v.person_id = s.id AND {live("v")}
        """),
        {"ids": bind_ids(persons), "g": generation},
    )
    for person_id, year, month in rows:
        if year is not None:
            found[person_id].add((year, month))
    return found


def _may_be(one: Birth, other: Birth) -> bool:
    """Whether two births may be one; an unknown part agrees with anything."""
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in zip(one, other, strict=True))
