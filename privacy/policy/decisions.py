"""The decision: which tier of which category of which person one reader gets, and on what it rests.

A batch is decided with a handful of statements whatever its size. Bases that hold for every published person (a
statute, the desk's first minute) are computed once; only what differs from person to person is kept per person.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from privacy.batches import bind_ids, id_set, live, prepared
from privacy.consents import Grant, live_grants
from privacy.policy.book import CATEGORIES, NOTHING, BasisRule, Policy, Vector
from privacy.policy.reader import Basis, Reader
from privacy.protection import Shield, raise_shield
from schemas.vocabulary import Category, Tier

POSITION: dict[str, int] = {category: place for place, category in enumerate(CATEGORIES)}
ADDRESS = POSITION[Category.ADDRESS]


def highest(one: Vector, other: Vector) -> Vector:
    """Return the higher tier of each category."""
    return tuple(map(max, one, other))


def masked(vector: Vector) -> Vector:
    """Return what is left of a vector for a protected person: everything but the address category."""
    return (*vector[:ADDRESS], 0, *vector[ADDRESS + 1 :])


def under_protection(rule: BasisRule) -> Vector:
    """Return what is left of a basis for a protected person."""
    return masked(rule.vector) if rule.under_protection == "masked" else NOTHING


@dataclass(slots=True)
class Decisions:
    """The answer for a batch of persons; a person it was not asked about gets nothing."""

    policy: Policy
    reader: Reader
    generation: int
    shield: Shield
    common: Vector
    """What every published, unguarded person of the batch gets."""
    guarded: Vector
    """What every published, guarded person gets from the same bases."""
    common_rules: tuple[BasisRule, ...]
    consent_rule: BasisRule | None
    own_rule: BasisRule | None
    asked: frozenset[int]
    published: frozenset[int]
    own: frozenset[int]
    """Persons with a mention delivered by the reader's own agency that exists for the reader."""
    grants: dict[int, list[Grant]] = field(default_factory=dict)
    known_at: str | None = None
    vectors: dict[int, Vector] = field(default_factory=dict)
    """Vectors of the persons to whom a consent applies."""
    bases: dict[tuple[int, bool, bool], tuple[Basis, ...]] = field(default_factory=dict)
    company: list["Decisions"] = field(default_factory=list)
    """What was decided for the same reading about persons nobody searched for."""

    def vector(self, person_id: int) -> Vector:
        """Return the tier of every category, on bases that hold for the whole person."""
        known = self.vectors.get(person_id)
        if known is not None:
            return known
        if person_id not in self.published:
            return NOTHING
        return self.guarded if person_id in self.shield.guarded else self.common

    def tier(self, person_id: int, category: Category) -> Tier:
        """Return the tier on bases that hold for the whole person; own programme counts only by mention."""
        return Tier(self.vector(person_id)[POSITION[category]])

    def own_vector(self, person_id: int) -> Vector:
        """Return the tiers of what the reader's own agency itself delivered about this person."""
        if self.own_rule is None or person_id not in self.own:
            return NOTHING
        return under_protection(self.own_rule) if person_id in self.shield.guarded else self.own_rule.vector

    def best_tier(self, person_id: int, category: Category) -> Tier:
        """Return the highest tier any row of this person may reach, own programme included."""
        return Tier(self.best_vector(person_id)[POSITION[category]])

    def best_vector(self, person_id: int) -> Vector:
        """Return the highest tier of every category that any row of this person may reach."""
        vector, own = self.vector(person_id), self.own_vector(person_id)
        return vector if own is NOTHING else highest(vector, own)

    def mention_vector(self, person_id: int, mention_id: int, agency_id: str) -> Vector:
        """Return the tiers for what one mention tells. ``agency_id`` is the agency that delivered it.

        What it grants of free text is opened only where the reader ``hears``.
        """
        if mention_id in self.shield.vanished:
            return NOTHING
        vector = self.vector(person_id)
        own = bool(agency_id) and agency_id == self.reader.agency_id
        return highest(vector, self.own_vector(person_id)) if own else vector

    def hears(self, person_id: int, agency_id: str) -> bool:
        """Tell whether free text that an agency wrote about this person may reach the reader at all.

        Whoever may not hear sees what he would see had nothing been written: the tiers stay as granted.
        """
        return agency_id == self.reader.agency_id or person_id not in self.shield.quiet

    def unnamed(self, person_id: int, agency_id: str, programme: str) -> bool:
        """Tell whether naming an agency would tell where a protected person is: her child's school, her hospital."""
        placed = programme in self.policy.rules.fields.placed and agency_id != self.reader.agency_id
        return placed and person_id in self.shield.guarded

    def absent(self, person_id: int) -> bool:
        """Tell whether no trace of this person may reach the reader: unknown, hidden and ungranted look alike."""
        return not any(self.vector(person_id)) and not any(self.own_vector(person_id))

    def reasons(self, person_id: int, category: Category) -> tuple[Basis, ...]:
        """Return every basis on which the category is shown at all; empty exactly when it is withheld."""
        place = POSITION[category]
        vector, own = self.vector(person_id), self.own_vector(person_id)
        if not vector[place]:
            return self._bases(place, guarded=False, own=True)[:1] if own[place] else ()
        guarded = person_id in self.shield.guarded
        found = self._bases(place, guarded=guarded, own=bool(own[place]))
        consents = [grant.consent_id for grant in self.grants.get(person_id, ()) if grant.category == category]
        if consents and self.consent_rule is not None and self.consent_rule.vector[place]:
            at = 1 if own[place] else 0
            return (*found[:at], self._basis(self.consent_rule, tuple(consents)), *found[at:])
        return found

    def _bases(self, place: int, *, guarded: bool, own: bool) -> tuple[Basis, ...]:
        """Return the bases of a category that name no person's consent: the same for everybody of a kind."""
        known = self.bases.get((place, guarded, own))
        if known is None:
            rules = [
                rule
                for rule in self.common_rules
                if rule.vector[place] and not (guarded and rule.under_protection == "defeated")
            ]
            first = [self.own_rule] if own and self.own_rule is not None else []
            known = self.bases[place, guarded, own] = tuple(map(self._basis, [*first, *rules]))
        return known

    def beside(self, conn: Connection, person_ids: Collection[int]) -> "Decisions":
        """Decide further persons for the same reading: those who merely stand beside the ones asked about."""
        persons = frozenset(person_ids)
        known = next((one for one in self.company if persons <= one.asked), None)
        if known is None:
            known = decide(
                conn,
                self.policy,
                self.reader,
                self.generation,
                persons,
                known_at=self.known_at,
            )
            known.company = self.company
            self.company.append(known)
        return known if known.asked == persons else replace(known, asked=persons)

    def _basis(self, rule: BasisRule, consents: tuple[int, ...] = ()) -> Basis:
        law = self.policy.laws[rule.legal]
        return Basis(rule.id, rule.kind, rule.ja, rule.en, law.ja, law.en, consents)


def decide(
    conn: Connection,
    policy: Policy,
    reader: Reader,
    generation: int,
    person_ids: Collection[int],
    found_by: int = 0,
    *,
    known_at: str | None = None,
) -> Decisions:
    """Decide a batch of persons for one reader in one published generation.

    ``found_by``: by how many attributes the reader found these persons (the desk's first minute asks for two);
    0 for persons the reader did not search for. ``known_at``: see ``live_grants``.
    """
    rules = policy.rules
    admitted = tuple(row for row in rules.basis if _admits(policy, row, reader, found_by))
    by_kind = {row.kind: row for row in admitted}
    own_rule, consent_rule = by_kind.get("own_programme"), by_kind.get("consent")
    common_rules = tuple(row for row in admitted if row.kind == "statute")
    shield = Shield()
    published: frozenset[int] = frozenset()
    own: frozenset[int] = frozenset()
    grants: dict[int, list[Grant]] = {}
    if admitted and person_ids:
        shield = raise_shield(
            conn,
            generation,
            person_ids,
            agency_id=reader.agency_id,
            role=reader.role,
            principal_roles=rules.principal_roles,
            programme=rules.protection_programme,
        )
        published, own = _published(conn, generation, person_ids, reader.agency_id, shield)
        if consent_rule is not None:
            spoken_for = published if consent_rule.under_protection == "masked" else published - shield.guarded
            grants = _grants(conn, policy, reader, generation, spoken_for, shield=shield, known_at=known_at)
    common = _merge(row.vector for row in common_rules)
    guarded = _merge(under_protection(row) for row in common_rules)
    decisions = Decisions(
        policy,
        reader,
        generation,
        shield,
        common,
        guarded,
        common_rules,
        consent_rule,
        own_rule,
        frozenset(person_ids),
        published,
        own if own_rule is not None else frozenset(),
        grants,
        known_at,
    )
    if consent_rule is not None:
        ceiling = consent_rule.vector
        for person_id, given in grants.items():
            vector = list(guarded if person_id in shield.guarded else common)
            for grant in given:
                place = POSITION[grant.category]
                vector[place] = max(vector[place], min(grant.tier, ceiling[place]))
            if person_id in shield.guarded:
                vector[ADDRESS] = 0
            decisions.vectors[person_id] = tuple(vector)
    return decisions


def _admits(policy: Policy, row: BasisRule, reader: Reader, found_by: int) -> bool:
    return (
        reader.purpose in policy.rules.roles[reader.role]
        and reader.role in row.roles
        and reader.agency_kind in row.agency_kinds
        and reader.purpose in row.purposes
        and row.stated <= reader.stated
        and found_by >= row.attributes
    )


def _merge(vectors: Iterable[Vector]) -> Vector:
    merged = NOTHING
    for vector in vectors:
        merged = highest(merged, vector)
    return merged


def _published(
    conn: Connection, generation: int, person_ids: Collection[int], agency_id: str, shield: Shield
) -> tuple[frozenset[int], frozenset[int]]:
    """Return who is published for the reader at all, and of whom the own agency delivered a mention."""
    rows = conn.execute(
        prepared(f"""
        SELECT v.person_id, MAX(CASE WHEN v.agency_id = :agency THEN 1 ELSE 0 END)
        FROM {id_set(conn, "ids")} s JOIN view_mention v ON v.person_id = s.id AND {live("v")}
        WHERE v.mention_id NOT IN (SELECT id FROM {id_set(conn, "vanished")} x)
        GROUP BY v.person_id
        """),
        {"ids": bind_ids(person_ids), "g": generation, "agency": agency_id, "vanished": bind_ids(shield.vanished)},
    ).all()
    return frozenset(row[0] for row in rows), frozenset(row[0] for row in rows if row[1])


def _grants(
    conn: Connection,
    policy: Policy,
    reader: Reader,
    generation: int,
    person_ids: Collection[int],
    *,
    shield: Shield,
    known_at: str | None,
) -> dict[int, list[Grant]]:
    found = live_grants(
        conn,
        generation,
        person_ids,
        agency_id=reader.agency_id,
        purpose=reader.purpose,
        day=reader.day,
        fiscal_from=reader.fiscal_year_from(policy.rules.fiscal_year_start),
        given_by=policy.rules.consent_given_by,
        unheard=shield.vanished,
        known_at=known_at,
    )
    grants: defaultdict[int, list[Grant]] = defaultdict(list)
    for grant in found:
        if grant.category in POSITION:
            grants[grant.person_id].append(grant)
    return dict(grants)
