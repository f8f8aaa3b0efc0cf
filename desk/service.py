"""The query service: the one way by which people and programs read about households.

A reading goes: one generation, one instant, one decision for everybody who could be shown, the sealed parts the
decision allows opened in one batch, the answer made, its entry recorded, all committed, and only then handed
out. A refusal is recorded as well. Nothing is cached between readings: a withdrawal holds at the next one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine, RowMapping

from desk import rows
from desk.assembly import (
    Setting,
    Subject,
    ages_of,
    cards_of,
    explained,
    identity_of,
    marks_of,
    member_of,
    wanted_parts,
    whereabouts_of,
)
from desk.clues import CLUE_OF, CLUES, Clue, clues_of
from desk.log_room import LogRoom
from desk.openings import Openings
from desk.refusals import NotShown
from desk.sealed import open_parts
from desk.views import (
    Agency,
    Explained,
    Explanations,
    Found,
    HouseholdView,
    Inclusion,
    Proof,
    Query,
    Reading,
    Results,
)
from privacy.keyring import Keyring
from privacy.log import decision_instant, record, staff_pseudonym, subject_pseudonym
from privacy.policy import (
    CATEGORIES,
    Decisions,
    Policy,
    Reader,
    SeenMember,
    decide,
    searchable,
    visible_facts,
    visible_members,
    visible_mentions,
)
from privacy.pseudonyms import PseudonymDomain
from privacy.tokens import TokenMinter
from schemas.errors import SourceUnavailable

OPENING_LABEL = "desk opening v1"
SHOWN = 20
"""Persons listed by one search; more ask for one more clue."""
PERSON = "person"
SEARCH_ACT = "reading.search"
HOUSEHOLD_ACT = "reading.household"
EXPLANATION_ACT = "reading.explanation"
ATTEMPTS = 8
"""How often an answer is made again because a publication was shown while it was being read."""

Answer = TypeVar("Answer")


class Service:
    """Readings of one workspace for the console, the API and the command line."""

    def __init__(
        self, engine: Engine, keyring: Keyring, policy: Policy, log: LogRoom, agencies: Iterable[Agency] = ()
    ) -> None:
        self._engine = engine
        self._keyring = keyring
        self._policy = policy
        self._log = log
        self._agencies = {agency.id: agency for agency in agencies}
        self._minter = TokenMinter(keyring)
        self._openings = Openings(keyring.derive(OPENING_LABEL))

    def find(self, reader: Reader, query: Query, statement: Collection[str] = ()) -> Results:
        """Find persons by at least two kinds of clue or a full name.

        ``statement`` holds the coded answers of the desk's first minute for the log.
        """
        clues = clues_of(query, self._minter)
        return self._whole(lambda conn, generation: self._find(conn, generation, reader, clues, statement))

    def household(self, reader: Reader, ref: str, statement: Collection[str] = ()) -> HouseholdView:
        """Show the living household of the person behind a reference or an opening; raise NotShown otherwise."""
        view = self._whole(lambda conn, generation: self._household(conn, generation, reader, ref, statement))
        if view is None:
            raise NotShown("nothing there or nothing to show")
        return view

    def explain(self, reader: Reader, ref: str, statement: Collection[str] = ()) -> Explanations:
        """Say what the reader has on the person behind a reference and why; raise NotShown as ``household`` does."""
        told = self._whole(lambda conn, generation: self._explain(conn, generation, reader, ref, statement))
        if told is None:
            raise NotShown("nothing there or nothing to show")
        return told

    def _whole(self, answer: Callable[[Connection, int], Answer]) -> Answer:
        """Make an answer from one whole generation, or make it again; commit its entry, then hand it out.

        A publication that was shown meanwhile may already be sweeping what this answer was read from.
        """
        for _attempt in range(ATTEMPTS):
            with self._engine.connect() as conn:
                generation = rows.generation_of(conn)
                made = answer(conn, generation)
                if rows.generation_of(conn) == generation:
                    conn.commit()
                    return made
                conn.rollback()
        raise SourceUnavailable("views were published again and again while they were read")

    def _find(
        self, conn: Connection, generation: int, reader: Reader, clues: tuple[Clue, ...], statement: Collection[str]
    ) -> Results:
        reader = self._at_decision(conn, reader)
        hits = rows.met_clues(conn, generation, clues)
        met = searchable(conn, self._policy, reader, generation, hits.keys(), hits)
        domain = PseudonymDomain(self._keyring, reader.agency_id)
        refs = dict(zip(met, domain.outward_all(PERSON, met), strict=True))
        ranked = sorted(met, key=lambda person: (-len(_clues_met(met[person])), refs[person]))
        listed = ranked[:SHOWN]
        decided = self._decide(conn, reader, generation, {person: met[person] for person in listed})
        subjects = [subject for part in decided for subject in self._subjects(conn, part, refs)]
        setting = self._setting(conn, subjects, rows.sources_of(conn, generation))
        place = {person: number for number, person in enumerate(listed)}
        found = tuple(
            Found(
                ref=subject.ref,
                opening=self._openings.write(reader, subject.ref, met[subject.person_id]),
                identity=identity_of(setting, subject),
                whereabouts=whereabouts_of(setting, subject),
                matched=_clues_met(met[subject.person_id]),
                cards=cards_of(setting, subject),
            )
            for subject in sorted(subjects, key=lambda subject: place[subject.person_id])
        )
        asked = {"clues": [clue.kind for clue in clues], "statement": list(statement)}
        domain.remember(conn, PERSON, listed)
        proof = self._record(conn, SEARCH_ACT, reader=reader, generation=generation, decided=decided, asked=asked)
        return Results(found=found, more=len(ranked) > SHOWN, proof=proof)

    def _household(
        self, conn: Connection, generation: int, reader: Reader, ref: str, statement: Collection[str]
    ) -> HouseholdView | None:
        reader = self._at_decision(conn, reader)
        bare, kinds = self._openings.read(reader, ref)
        domain = PseudonymDomain(self._keyring, reader.agency_id)
        known = domain.inward(conn, PERSON, bare)
        decided: list[Decisions] = []
        subjects: list[Subject] = []
        if known is not None:
            opener = rows.current_person(conn, known)
            first = self._decide(conn, reader, generation, {opener: kinds})[0]
            if not first.absent(opener):
                members = self._members(conn, first, opener)
                others = members.keys() - {opener}
                decided = [first, first.beside(conn, others)] if others else [first]
                persons = [opener, *sorted(others)]
                refs = dict(zip(persons, domain.outward_all(PERSON, persons), strict=True))
                subjects = [
                    replace(subject, membership=members.get(subject.person_id))
                    for part in decided
                    for subject in self._subjects(conn, part, refs)
                ]
                subjects.sort(key=lambda subject: (subject.person_id != opener, subject.ref))
        sources = rows.sources_of(conn, generation)
        setting = self._setting(conn, subjects, sources)
        shown = tuple(member_of(setting, subject, asked_for=number == 0) for number, subject in enumerate(subjects))
        domain.remember(conn, PERSON, [subject.person_id for subject in subjects])
        asked = {"statement": list(statement)}
        proof = self._record(conn, HOUSEHOLD_ACT, reader=reader, generation=generation, decided=decided, asked=asked)
        if not shown:
            return None
        return HouseholdView(ref=bare, members=shown, ages=ages_of(setting, shown, sources), proof=proof)

    def _explain(
        self, conn: Connection, generation: int, reader: Reader, ref: str, statement: Collection[str]
    ) -> Explanations | None:
        reader = self._at_decision(conn, reader)
        bare, kinds = self._openings.read(reader, ref)
        known = PseudonymDomain(self._keyring, reader.agency_id).inward(conn, PERSON, bare)
        parts: tuple[Explained, ...] = ()
        decided: list[Decisions] = []
        if known is not None:
            person_id = rows.current_person(conn, known)
            first = self._decide(conn, reader, generation, {person_id: kinds})[0]
            if not first.absent(person_id):
                parts, decided = explained(first, person_id), [first]
        asked = {"statement": list(statement)}
        proof = self._record(
            conn, EXPLANATION_ACT, reader=reader, generation=generation, decided=decided, asked=asked
        )
        return Explanations(ref=bare, parts=parts, proof=proof) if parts else None

    def readings(self, reader: Reader) -> tuple[Reading, ...]:
        """List the reader's own latest entries, newest first."""
        return self._log.readings(reader)

    def inclusion(self, reader: Reader, act_id: str) -> Inclusion:
        """Show one of the reader's own entries with its proof."""
        return self._log.inclusion(reader, act_id)

    def _at_decision(self, conn: Connection, reader: Reader) -> Reader:
        """Move the reader to the instant of decision: never before the newest entry of the log."""
        return replace(reader, instant=datetime.fromisoformat(decision_instant(conn, reader.instant)))

    def _decide(
        self, conn: Connection, reader: Reader, generation: int, found: Mapping[int, frozenset[str]]
    ) -> list[Decisions]:
        """Decide persons by how many attributes they were found by, one batch for each number."""
        batches: dict[int, list[int]] = {}
        for person_id, kinds in found.items():
            batches.setdefault(self._policy.attributes(kinds), []).append(person_id)
        return [
            decide(conn, self._policy, reader, generation, batch, attributes)
            for attributes, batch in sorted(batches.items())
        ]

    def _members(self, conn: Connection, decisions: Decisions, opener: int) -> dict[int, SeenMember]:
        """Return the members of the opener's living household that exist for the reader, the opener among them."""
        households = rows.living_households(conn, decisions.generation, opener)
        members = visible_members(conn, decisions, households)
        together = {member.household_id for member in members if member.person_id == opener}
        return {member.person_id: member for member in members if member.household_id in together}

    def _subjects(self, conn: Connection, decisions: Decisions, refs: Mapping[int, str]) -> list[Subject]:
        """Read what the reader may see of the persons of one decided batch."""
        mentions = visible_mentions(conn, decisions, decisions.asked)
        facts = visible_facts(conn, decisions, decisions.asked)
        return [
            Subject(
                person_id,
                refs[person_id],
                decisions,
                [mention for mention in mentions if mention.person_id == person_id],
                [fact for fact in facts if fact.person_id == person_id],
            )
            for person_id in sorted(decisions.asked)
        ]

    def _setting(self, conn: Connection, subjects: Sequence[Subject], sources: Mapping[str, RowMapping]) -> Setting:
        """Open, in one batch, exactly what the decisions allow."""
        wanted = wanted_parts(mention for subject in subjects for mention in subject.mentions)
        ages = {name: str(row["as_of"]) for name, row in sources.items()}
        return Setting(open_parts(conn, self._keyring, wanted), ages, self._agencies, marks_of(subjects))

    def _record(
        self,
        conn: Connection,
        kind: str,
        *,
        reader: Reader,
        generation: int,
        decided: Iterable[Decisions],
        asked: Mapping[str, list[str]],
    ) -> Proof:
        """Record the reading: one entry whatever the number of persons, each under the log's own pseudonym."""
        subjects = {
            subject_pseudonym(self._keyring, person_id): {
                str(category): [
                    decisions.tier(person_id, category).name.lower(),
                    *(basis.id for basis in decisions.reasons(person_id, category)),
                ]
                for category in CATEGORIES
                if decisions.best_tier(person_id, category)
            }
            for decisions in decided
            for person_id in decisions.asked
        }
        body = {
            "agency": reader.agency_id,
            "staff": staff_pseudonym(self._keyring, reader.staff_id),
            "role": str(reader.role),
            "purpose": str(reader.purpose),
            "policy": self._policy.version,
            "digest": self._policy.digest,
            "generation": generation,
            "subjects": subjects,
            **{name: value for name, value in asked.items() if value},
        }
        act_id = record(conn, kind, body, at=reader.instant)
        return Proof(
            act_id=act_id,
            policy=self._policy.version,
            generation=generation,
            instant=reader.instant.isoformat(),
            purpose=reader.purpose,
        )


def _clues_met(kinds: frozenset[str]) -> tuple[str, ...]:
    return tuple(clue for clue in CLUES if any(CLUE_OF[kind] == clue for kind in kinds))
