"""Readings of doubtful links: which pairs wait for a person, and why two mentions are one or are not.

These are readings like any other: decided for both persons at this instant, and recorded before they are shown.
A pair of which one side does not exist for the reader does not exist either.
"""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, select

from desk import rows
from desk.assembly import Setting, Subject, identity_of, wanted_parts, whereabouts_of
from desk.refusals import NotShown
from desk.sealed import open_parts
from desk.views import Agency, Identity, Shape, Whereabouts
from linkage.explain import Explanation, explain
from pipelines.rows import record_token
from privacy.log import decision_instant, record, staff_pseudonym, subject_pseudonym
from privacy.policy import CATEGORIES, Decisions, Policy, Reader, SeenMention, decide, visible_mentions
from privacy.pseudonyms import PseudonymDomain
from privacy.tokens import TokenMinter
from schemas.errors import MusubiError
from schemas.tables import link_edge, mention, person_mention, record_key
from schemas.vocabulary import MentionRole

if TYPE_CHECKING:
    from pipelines.site import Site

LIST_ACT = "reading.review"
EXPLAIN_ACT = "reading.link"
MENTION = "mention"
REVIEW = "review"
STEP = 500
"""Pairs decided at a time."""
THOUSAND = 1000
"""Weights are stored in thousandths of a bit."""


class Ambiguous(MusubiError):
    """A record names several people; say which role is meant."""


class Side(Shape):
    """One mention of a pair."""

    ref: str
    source: str
    agency: str
    role: str
    identity: Identity
    whereabouts: Whereabouts


class Pair(Shape):
    """Two mentions that may be one person; ``bits`` is the weight of what speaks for it."""

    bits: float
    sides: tuple[Side, Side]


class Waiting(Shape):
    """Pairs that wait for a person's decision, heaviest first, and the entry of this reading."""

    pairs: tuple[Pair, ...]
    act: str


@dataclass(frozen=True)
class Explained:
    """Why two mentions are one person or are not, and the entry of this reading."""

    explanation: Explanation
    act: str


class Review:
    """Readings of links in one workspace by one reader."""

    def __init__(self, site: "Site", policy: Policy, reader: Reader, statement: Collection[str]) -> None:
        self._site = site
        self._policy = policy
        self._reader = reader
        self._statement = list(statement)
        self._domain = PseudonymDomain(site.keyring, reader.agency_id)

    def waiting(self, limit: int) -> Waiting:
        """List pairs that wait, heaviest first; those that do not exist for the reader are passed over unseen."""
        pairs: list[Pair] = []
        decided: list[tuple[Decisions, set[int]]] = []
        with self._site.engine.connect() as conn:
            for edges in _waiting_edges(conn):
                found, seen = self._seen(conn, {end for edge in edges for end in (edge.a, edge.b)})
                shown = [edge for edge in edges if edge.a in seen and edge.b in seen][: limit - len(pairs)]
                ends = [end for edge in shown for end in (edge.a, edge.b)]
                pairs += self._pairs(conn, found, shown, {end: seen[end] for end in ends})
                decided.append((found, {seen[end].person_id for end in ends}))
                if len(pairs) == limit:
                    break
            act = self._record(conn, LIST_ACT, decided)
            conn.commit()
        return Waiting(pairs=tuple(pairs), act=act)

    def explain(self, first: str, second: str) -> Explained:
        """Explain two mentions, each given as a reference of ``waiting`` or as ``source:record key[@role[/n]]``."""
        with self._site.engine.connect() as conn:
            ids = [self._mention(conn, text) for text in (first, second)]
            decided, seen = self._seen(conn, {found for found in ids if found is not None})
            whole = len(seen) == len(ids) and None not in ids
            persons = {one.person_id for one in seen.values()} if whole else set()
            act = self._record(conn, EXPLAIN_ACT, [(decided, persons)])
            conn.commit()
        explanation = explain(self._site.engine, *sorted(seen)) if whole else None
        if explanation is None:
            raise NotShown("no such pair for this reader")
        return Explained(explanation, act)

    def _seen(self, conn: Connection, ids: Collection[int]) -> tuple[Decisions, dict[int, SeenMention]]:
        """Decide the persons of some mentions and give those mentions that exist for the reader."""
        at = datetime.fromisoformat(decision_instant(conn, self._reader.instant))
        query = select(person_mention.c.person_id).where(person_mention.c.mention_id.in_(ids)).distinct()
        persons = list(conn.execute(query).scalars())
        generation = rows.generation_of(conn)
        decided = decide(conn, self._policy, replace(self._reader, instant=at), generation, persons, 0)
        seen = visible_mentions(conn, decided, decided.asked)
        return decided, {one.mention_id: one for one in seen if one.mention_id in ids}

    def _pairs(
        self, conn: Connection, decided: Decisions, shown: Sequence[Row[Any]], seen: dict[int, SeenMention]
    ) -> Iterator[Pair]:
        agencies = {
            agency.id: Agency(id=agency.id, name=agency.name, name_en=agency.name_en)
            for agency in self._site.workspace.agencies.values()
        }
        opened = open_parts(conn, self._site.keyring, wanted_parts(seen.values()))
        setting = Setting(opened, {}, agencies)
        refs = self._domain.remember(conn, MENTION, seen)
        for edge in shown:
            first, second = (self._side(setting, decided, seen[end], refs[end]) for end in (edge.a, edge.b))
            yield Pair(bits=edge.weight / THOUSAND, sides=(first, second))

    def _side(self, setting: Setting, decided: Decisions, one: SeenMention, ref: str) -> Side:
        subject = Subject(one.person_id, ref, decided, [one], [])
        return Side(
            ref=ref,
            source=one.source_id if one.agency_id else "",
            agency=one.agency_id,
            role=one.role,
            identity=identity_of(setting, subject),
            whereabouts=whereabouts_of(setting, subject),
        )

    def _mention(self, conn: Connection, text: str) -> int | None:
        """Find the mention a text names; None where there is none."""
        if ":" not in text:
            return self._domain.inward(conn, MENTION, text)
        source, _, key = text.partition(":")
        head, _, tail = key.rpartition("@")
        role, _, number = tail.partition("/")
        if not head or role not in set(MentionRole) or not (number or "0").isdigit():
            head, role, number = key, "", ""
        token = record_token(TokenMinter(self._site.keyring), source, head)
        query = (
            select(mention.c.mention_id, mention.c.role, mention.c.seq)
            .join(record_key, record_key.c.record_id == mention.c.record_id)
            .where(record_key.c.key_token == token)
        )
        found = conn.execute(query).all()
        meant: list[int] = [
            one.mention_id for one in found if not role or (one.role == role and one.seq == int(number or "0"))
        ]
        if len(meant) > 1:
            own: list[int] = [one.mention_id for one in found if one.role in self._policy.rules.principal_roles]
            if len(own) != 1:
                raise Ambiguous(f"{source}: the record names several people; add @role to its key")
            return own[0]
        return meant[0] if meant else None

    def _record(self, conn: Connection, kind: str, decided: Sequence[tuple[Decisions, Collection[int]]]) -> str:
        """Record the reading: whoever was decided for it, under the log's own pseudonyms."""
        reader, generation = self._reader, rows.generation_of(conn)
        subjects = {
            subject_pseudonym(self._site.keyring, person): {
                str(category): [
                    one.tier(person, category).name.lower(),
                    *(basis.id for basis in one.reasons(person, category)),
                ]
                for category in CATEGORIES
                if one.best_tier(person, category)
            }
            for one, persons in decided
            for person in persons
        }
        body = {
            "agency": reader.agency_id,
            "staff": staff_pseudonym(self._site.keyring, reader.staff_id),
            "role": str(reader.role),
            "purpose": str(reader.purpose),
            "policy": self._policy.version,
            "digest": self._policy.digest,
            "generation": generation,
            "statement": self._statement,
            "subjects": subjects,
        }
        return record(conn, kind, body, at=reader.instant)


def _waiting_edges(conn: Connection) -> Iterator[Sequence[Row[Any]]]:
    """Give waiting pairs some hundreds at a time."""
    query = select(link_edge).where(link_edge.c.outcome == REVIEW)
    ordered = query.order_by(link_edge.c.weight.desc(), link_edge.c.a, link_edge.c.b)
    for start in itertools.count(0, STEP):
        edges = conn.execute(ordered.offset(start).limit(STEP)).all()
        if not edges:
            return
        yield edges
