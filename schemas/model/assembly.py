"""From stored rows, opened and under the recipient's pseudonyms, to the models.

Columns are those of the tables ``fact``, ``view_fact``, ``consent`` and ``view_member``. Whoever reads has decided
before: what is withheld is not handed in. References (``vocabulary.REFERENCES``) come as marks of the recipient's.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from schemas.model.authority import Consent, Scope
from schemas.model.categories import rejection
from schemas.model.facts import Away, Contact, Enrolment, Fact, Need, Residence, ServiceUse, Wish
from schemas.model.persons import Membership, Relationship
from schemas.model.records import Mention, Note, Origin
from schemas.model.support import Agreement, Meeting, MeetingItem, Placement, Plan, PlanStep, Referral
from schemas.vocabulary import Category, FactKind, MentionRole, Purpose, Tier

YES = {"1": True, "yes": True, "0": False, "no": False}
NEXT_MEETING = "next_meeting"
PARTICIPANT = "participant"


@dataclass(frozen=True, slots=True)
class Shape:
    """Into which fields of which model a kind of fact is read; what has no field stays in ``detail``."""

    model: type[Fact]
    columns: Mapping[str, str]
    detail: Mapping[str, str] = field(default_factory=dict)


SHAPES: Mapping[FactKind, Shape] = {
    FactKind.RESIDENCE: Shape(Residence, {"code": "state", "level": "nationality"}),
    FactKind.KINSHIP: Shape(Relationship, {"code": "relation"}),
    FactKind.ENROLMENT: Shape(Enrolment, {"code": "scheme", "level": "level", "status": "status"}),
    FactKind.SERVICE_USE: Shape(ServiceUse, {"code": "service", "level": "level", "status": "status"}),
    FactKind.CONTACT: Shape(
        Contact,
        {"code": "channel", "level": "occasion", "status": "route"},
        {"two_way": "two_way", "urgency": "urgency"},
    ),
    FactKind.NEED: Shape(Need, {"code": "need", "level": "level", "status": "status"}),
    FactKind.WISH: Shape(Wish, {"code": "wish", "level": "level", "status": "status"}),
    FactKind.PLAN: Shape(
        PlanStep,
        {"code": "step", "level": "scheme", "status": "status"},
        {"plan": "plan", "lead": "lead", "review": "review_on"},
    ),
    FactKind.REFERRAL: Shape(
        Referral,
        {"code": "reason", "level": "level", "status": "status"},
        {"outcome": "outcome", "answered": "answered_on"},
    ),
    FactKind.MEETING: Shape(
        MeetingItem, {"code": "item", "level": "level", "status": "status"}, {"meeting": "meeting"}
    ),
    FactKind.PLACEMENT: Shape(
        Placement, {"code": "resource", "level": "scheme", "status": "status"}, {"outcome": "outcome"}
    ),
    FactKind.AWAY: Shape(Away, {"code": "reason"}),
}


def read_fact(
    row: Mapping[str, Any],
    *,
    ref: str,
    person: str,
    mention: str,
    origin: Origin,
    other: str | None = None,
    place_keys: Collection[str] = (),
) -> Fact:
    """Read one row of facts; ``place_keys`` are the keys of its detail that tell a place (policy ``fields``)."""
    shape = SHAPES[FactKind(row["kind"])]
    told = json.loads(row["detail"]) if isinstance(row["detail"], str) else dict(row["detail"])
    fields: dict[str, Any] = {"places": {key: told.pop(key) for key in sorted(told) if key in place_keys}}
    for column in ("code", "level", "status"):
        if column in shape.columns:
            fields[shape.columns[column]] = row[column]
        elif row[column]:
            told[column] = row[column]
    for key in sorted(told.keys() & shape.detail.keys()):
        fields[shape.detail[key]] = told.pop(key)
    if "two_way" in fields:
        fields["two_way"] = YES.get(fields["two_way"])
    if "agreements" in shape.model.model_fields:
        fields["agreements"] = _agreements(told)
    if shape.model is Relationship:
        fields["other"] = other
    common = {name: row[name] for name in ("category", "programme", "valid_from", "valid_to")}
    common |= {"ref": ref, "person": person, "mention": mention, "origin": origin, "agency": row["agency_id"]}
    try:
        return shape.model(**common, **fields, detail=told)
    except ValidationError as error:
        raise rejection("not-a-fact", error) from None


def _agreements(told: dict[str, str]) -> tuple[Agreement, ...]:
    """Take what a form tells of the person's agreement out of a detail."""
    agreed, on = YES.get(told.pop("agreed", "")), told.pop("agreed_on", "")
    return () if agreed is None else (Agreement(by="self", agreed=agreed, on=on),)


def read_mention(
    parts: Mapping[str, Mapping[str, Any]],
    *,
    ref: str,
    role: MentionRole,
    origin: Origin,
    seq: int = 0,
    sex: str = "",
    category: Category = Category.PARTICIPATION,
) -> Mention:
    """Read the opened parts (``identity``, ``address``, ``notes``) of a mention; a withheld one is left out."""
    identity, places = parts.get("identity", {}), parts.get("address", {})
    notes = [Note(field=name, text=text) for name, text in parts.get("notes", {}).items()]
    try:
        return Mention(
            ref=ref,
            role=role,
            seq=seq,
            category=category,
            names=identity.get("names", ()),
            birth=identity.get("birth"),
            death=identity.get("death"),
            sex=sex,
            identifiers=identity.get("identifiers", ()),
            addresses=places.get("addresses", ()),
            phones=places.get("phones", ()),
            emails=places.get("emails", ()),
            notes=tuple(notes),
            origin=origin,
        )
    except ValidationError as error:
        raise rejection("not-a-mention", error) from None


def read_membership(row: Mapping[str, Any], *, person: str, away: str = "") -> Membership:
    """Read one row of a household; ``away`` is what keeps the member elsewhere, where it may be told."""
    told = {name: row[name] for name in ("state", "relation", "valid_from", "valid_to")}
    evidence = tuple(filter(None, row["evidence"].split("+")))
    try:
        return Membership(person=person, away=away, evidence=evidence, **told)
    except ValidationError as error:
        raise rejection("not-a-membership", error) from None


def read_consent(
    rows: Sequence[Mapping[str, Any]],
    *,
    ref: str,
    person: str,
    origin: Origin | None = None,
    reference: str = "",
    supersedes: str = "",
) -> Consent:
    """Read the rows of one paper: one per agency, category and purpose, all else equal."""
    first = rows[0]
    scope = {row["category"]: row["tier"] for row in rows if row["category"]}
    try:
        return Consent(
            ref=ref,
            person=person,
            decision=first["decision"],
            agencies=tuple(sorted({row["agency_id"] for row in rows} - {""})),
            scope=tuple(Scope(category=Category(name), tier=Tier(scope[name])) for name in Category if name in scope),
            purposes=tuple(purpose for purpose in Purpose if purpose in {row["purpose"] for row in rows}),
            valid_from=first["valid_from"],
            valid_to=first["valid_to"],
            given_by=first["given_by"],
            recorded_at=first["recorded_at"],
            reference=reference,
            supersedes=supersedes,
            origin=origin,
        )
    except ValidationError as error:
        raise rejection("not-a-consent", error) from None


def _gravest(facts: Sequence[Fact]) -> Category:
    """What is put together is sensitive when any part of it is."""
    return Category.SENSITIVE if any(fact.category is Category.SENSITIVE for fact in facts) else facts[0].category


def plans(steps: Iterable[PlanStep]) -> tuple[Plan, ...]:
    """Put the steps of one person's plan together; a step without a reference is a plan of its own."""
    grouped: dict[tuple[str, str, str], list[PlanStep]] = defaultdict(list)
    for step in steps:
        grouped[step.person, step.origin.source, step.plan or f"\0{step.ref}"].append(step)
    return tuple(
        Plan(
            ref=group[0].ref,
            person=person,
            category=_gravest(group),
            mark=group[0].plan,
            lead=next((step.lead for step in group if step.lead), ""),
            review_on=max(step.review_on for step in group),
            steps=tuple(group),
        )
        for (person, _, _), group in grouped.items()
    )


def meetings(items: Iterable[MeetingItem]) -> tuple[Meeting, ...]:
    """Put what records say of one meeting together: who was there, whom it was about, when the next one is.

    Two kinds under one reference are two meetings: what is lawful in one is not in the other.
    """
    told = list(items)
    held = {
        (item.origin.source, item.origin.record): item
        for item in told
        if item.item not in {PARTICIPANT, NEXT_MEETING}
    }
    grouped: dict[tuple[str, str, str], list[MeetingItem]] = defaultdict(list)
    for item in told:
        of = held.get((item.origin.source, item.origin.record))
        if of:  # a next day without a meeting is told by its own fact
            grouped[item.origin.source, of.meeting or f"\0{item.origin.record}", of.item].append(item)
    found = []
    for (_, _, kind), group in grouped.items():
        first = next(item for item in group if item.item == kind)
        found.append(
            Meeting(
                ref=first.ref,
                category=_gravest(group),
                kind=kind,
                mark=first.meeting,
                held_on=first.valid_from,
                next_on=max((item.valid_from for item in group if item.item == NEXT_MEETING), default=""),
                lead=next((item.agency for item in group if item.item == kind and item.agency), ""),
                participants=tuple(dict.fromkeys(item.agency for item in group if item.item == PARTICIPANT)),
                persons=tuple(dict.fromkeys(item.person for item in group)),
            )
        )
    return tuple(found)
