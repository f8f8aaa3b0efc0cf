"""From the rows a reader may see to the shapes he or she gets; pure, no database, no clock, no rights of its own.

Everything that comes in has passed the policy's ``visible_*``: what is not in the material does not exist here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from desk.sealed import Opened
from desk.views import Agency, Basis, Card, Explained, Fact, Identity, Member, Part, SourceAge, Whereabouts, Withheld
from privacy.policy import CATEGORIES, Decisions, SeenFact, SeenMember, SeenMention, explain_all
from schemas.vocabulary import REFERENCES, Category, MentionRole, Programme, Tier

OWN_PROGRAMME = "own_programme"
FULL = Tier.FULL.name.lower()
MONTH = 7
"""Characters of an ISO date that name year and month (tier summary)."""
NEVER = "0000"
PRINCIPAL = frozenset({MentionRole.SUBJECT, MentionRole.RECIPIENT})
CURRENT_PLACES = frozenset({"current", "facility", "away"})
PROGRAMME_ORDER = {str(programme): place for place, programme in enumerate(Programme)}
ASK_AGENCY = "ask_agency"
"""The way that always exists: ask the agency in charge, which decides for itself."""


@dataclass(frozen=True)
class Subject:
    """Everything one reader may see of one person."""

    person_id: int
    ref: str
    decisions: Decisions
    mentions: Sequence[SeenMention]
    facts: Sequence[SeenFact]
    membership: SeenMember | None = None


@dataclass(frozen=True)
class Setting:
    """What all subjects of one answer share."""

    opened: Opened
    ages: Mapping[str, str]
    """Source id → as-of."""
    agencies: Mapping[str, Agency]
    marks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """What stands for the references of facts (``marks_of``); one without a mark is not shown."""

    def agency(self, agency_id: str) -> Agency:
        """Return an agency of the directory, or its bare id where the directory does not list it."""
        return self.agencies.get(agency_id) or Agency(id=agency_id, name=agency_id)

    def as_of(self, row: SeenMention | SeenFact) -> str:
        """How old a row is: its own date, or that of its source's newest snapshot."""
        return row.as_of or self.ages.get(row.source_id, "")


def wanted_parts(mentions: Iterable[SeenMention]) -> list[tuple[int, str]]:
    """Return exactly the (version, part) pairs the decision allows to open."""
    wanted: list[tuple[int, str]] = []
    for mention in mentions:
        versions = (mention.identity_version, mention.address_version, mention.notes_version)
        for version, part in zip(versions, ("identity", "address", "notes"), strict=True):
            if version:
                wanted.append((version, part))
    return wanted


def identity_of(setting: Setting, subject: Subject) -> Identity:
    """Return names, birth and sex as far as the mentions' identity may be seen."""
    names: list[Mapping[str, str]] = []
    birth, death, sex = "", "", ""
    for mention in _best_first(setting, subject):
        part = setting.opened.get((mention.mention_id, "identity"), {})
        if mention.identity_tier >= Tier.FULL:
            names.extend(part.get("names", ()))
        birth = birth or _dated(part.get("birth"), mention.identity_tier)
        death = death or _dated(part.get("death"), mention.identity_tier)
        sex = sex or mention.sex
    first = names[0]["full"] if names else ""
    readings = [name["kana"] for name in names if name.get("kana")]
    of_first = [name["kana"] for name in names if name.get("kana") and name["full"] == first]
    others = dict.fromkeys(" ".join(name["full"].split()) for name in names)
    return Identity(
        name=first,
        kana=next(iter([*of_first, *readings]), ""),
        other_names=tuple(other for other in others if _plain(other) != _plain(first)),
        birth=birth,
        death=death,
        sex=sex,
    )


def whereabouts_of(setting: Setting, subject: Subject) -> Whereabouts:
    """Return the current address and telephone numbers as far as they may be seen."""
    address, town = "", ""
    phones: dict[str, None] = {}
    for mention in _best_first(setting, subject):
        part = setting.opened.get((mention.mention_id, "address"), {})
        for place in part.get("addresses", ()):
            if not address and place["kind"] in CURRENT_PLACES:
                address, town = place["text"], place["town"]
        phones.update(dict.fromkeys(part.get("phones", ())))
    return Whereabouts(address=address, town=town, phones=tuple(phones))


def cards_of(setting: Setting, subject: Subject) -> tuple[Card, ...]:
    """Return one card per programme and agency that may be pointed to; the register only where it tells a fact."""
    groups: dict[tuple[str, str], list[SeenMention]] = {}
    for mention in subject.mentions:
        if mention.agency_id:
            groups.setdefault((mention.programme, mention.agency_id), []).append(mention)
    order = sorted(groups, key=lambda key: (PROGRAMME_ORDER.get(key[0], len(PROGRAMME_ORDER)), key[1]))
    cards = [_card(setting, subject, key, groups[key]) for key in order]
    return tuple(card for card in cards if card.facts or card.notes or card.programme != Programme.REGISTER)


def _card(setting: Setting, subject: Subject, key: tuple[str, str], mentions: Sequence[SeenMention]) -> Card:
    programme, agency_id = key
    own = {mention.mention_id for mention in mentions}
    facts = [_fact(setting, subject, row) for row in subject.facts if row.mention_id in own]
    shown = bool(facts)
    notes: dict[tuple[str, str], None] = {}
    bases: dict[Basis, None] = {}
    for mention in mentions:
        part = setting.opened.get((mention.mention_id, "notes"), {}) if mention.notes_version else {}
        notes.update(dict.fromkeys((str(name), str(note)) for name, note in part.items()))
        category = Category.SENSITIVE if mention.sensitive else Category.PARTICIPATION
        least = Tier.SUMMARY if shown else Tier.POINTER
        found = bases_of(subject.decisions, subject.person_id, category, agency_id=agency_id, least=least)
        bases.update(dict.fromkeys(found))
    tier = max((Tier[fact.tier.upper()] for fact in facts), default=Tier.POINTER)
    return Card(
        agency=setting.agency(agency_id),
        programme=programme,
        tier=tier.name.lower(),
        as_of=max((setting.as_of(mention) for mention in mentions), default="") if facts or notes else "",
        facts=tuple(_distinct(facts)),
        notes=tuple(notes),
        bases=tuple(bases),
    )


def _fact(setting: Setting, subject: Subject, row: SeenFact) -> Fact:
    elsewhere = row.agency_id not in {"", row.source_agency_id}
    return Fact(
        kind=row.kind,
        category=row.category,
        programme=row.programme,
        tier=row.tier.name.lower(),
        code=row.code,
        level=row.level,
        status=row.status,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        acting=setting.agency(row.agency_id) if elsewhere else None,
        detail=_detail(setting, row.detail),
        source=row.source_id,
        as_of=setting.as_of(row),
        bases=bases_of(
            subject.decisions, subject.person_id, row.category, agency_id=row.source_agency_id, least=row.tier
        ),
    )


def marks_of(subjects: Iterable[Subject]) -> dict[tuple[str, str], str]:
    """Return a mark, A, B …, for every plan and meeting of an answer, by key and token, in the order they began.

    A worker sees what belongs together; marks hold in this answer only, and tell nothing of the number.
    """
    facts = [fact for subject in subjects for fact in subject.facts]
    marks: dict[tuple[str, str], str] = {}
    for name in sorted(REFERENCES):
        told = [fact.detail[name] for fact in sorted(facts, key=_began) if name in fact.detail]
        marks |= {(name, token): _letters(place) for place, token in enumerate(dict.fromkeys(told))}
    return marks


def _began(fact: SeenFact) -> str:
    return fact.valid_from or NEVER


def _letters(place: int) -> str:
    """Write a place as the columns of a sheet are named: A … Z, AA …."""
    before, letter = divmod(place, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + letter)


def _detail(setting: Setting, detail: Mapping[str, str]) -> dict[str, str]:
    shown = {
        name: setting.marks.get((name, text), "") if name in REFERENCES else text for name, text in detail.items()
    }
    return {name: text for name, text in shown.items() if text}


def _distinct(facts: Iterable[Fact]) -> list[Fact]:
    """Newest first; what several records tell in the same words is told once."""
    told: dict[str, Fact] = {}
    for fact in sorted(facts, key=lambda fact: (fact.valid_from or NEVER, fact.as_of), reverse=True):
        told.setdefault(fact.model_dump_json(exclude={"source", "as_of", "bases"}), fact)
    return list(told.values())


def bases_of(
    decisions: Decisions, person_id: int, category: Category, *, agency_id: str = "", least: Tier = Tier.POINTER
) -> tuple[Basis, ...]:
    """Return the bases that carry a category to the tier ``least``.

    For a row, ``agency_id`` is who delivered it: own programme counts only for the reader's own agency.
    """
    own = not agency_id or agency_id == decisions.reader.agency_id
    place, ceilings = CATEGORIES.index(category), decisions.policy.ceilings
    return tuple(
        _basis(basis.kind, basis.id, basis.label_ja, basis.label_en, basis.article_ja, basis.article_en)
        for basis in decisions.reasons(person_id, category)
        if ceilings[basis.id][place] >= least and (own or basis.kind != OWN_PROGRAMME)
    )


@lru_cache(256)
def _basis(kind: str, rule: str, label_ja: str, label_en: str, article_ja: str, article_en: str) -> Basis:
    return Basis(
        kind=kind,
        rule=rule,
        label_ja=label_ja,
        label_en=label_en,
        article_ja=article_ja,
        article_en=article_en,
    )


def member_of(setting: Setting, subject: Subject, *, asked_for: bool) -> Member:
    """Return one member with everything the reader may see of him or her."""
    decisions, membership, person_id = subject.decisions, subject.membership, subject.person_id
    parts = tuple(_part(decisions, person_id, category) for category in CATEGORIES)
    return Member(
        ref=subject.ref,
        identity=identity_of(setting, subject),
        whereabouts=whereabouts_of(setting, subject),
        relation=membership.relation if membership else "",
        state=membership.state if membership else "",
        evidence=tuple(part for part in membership.evidence.split("+") if part) if membership else (),
        asked_for=asked_for,
        cards=cards_of(setting, subject),
        parts=parts,
        withheld=tuple(
            Withheld(
                category=part.category,
                tier=part.tier,
                own=part.own,
                ways=ways_to(decisions, Category(part.category), Tier[part.tier.upper()]),
            )
            for part in parts
            if part.tier != FULL
        ),
    )


def _part(decisions: Decisions, person_id: int, category: Category) -> Part:
    return Part(
        category=category,
        tier=decisions.tier(person_id, category).name.lower(),
        own=decisions.best_tier(person_id, category) > decisions.tier(person_id, category),
        bases=bases_of(decisions, person_id, category),
    )


def explained(decisions: Decisions, person_id: int) -> tuple[Explained, ...]:
    """Return what the reader has of every category of a person, in the policy's own words."""
    return tuple(
        Explained(**dict(_part(decisions, person_id, told.category)), ja=told.ja, en=told.en)
        for told in explain_all(decisions, person_id)
    )


def ways_to(decisions: Decisions, category: Category, have: Tier) -> tuple[str, ...]:
    """Return how this reader could obtain more of a category.

    A function of the policy, the reader and the tier already had; nothing that is stored about the person enters.
    """
    reader, place = decisions.reader, CATEGORIES.index(category)
    ways: dict[str, None] = {}
    for rule in decisions.policy.rules.basis:
        serves = reader.role in rule.roles and reader.agency_kind in rule.agency_kinds
        if not serves or rule.kind == OWN_PROGRAMME or rule.vector[place] <= have:
            continue
        if reader.purpose not in rule.purposes:
            ways["purpose"] = None
        elif rule.kind == "consent":
            ways["consent"] = None
        elif not rule.stated <= reader.stated:
            ways["statement"] = None
        elif rule.attributes:
            ways["search"] = None
        else:
            ways[rule.kind] = None
    return (*ways, ASK_AGENCY)


def ages_of(setting: Setting, members: Iterable[Member], sources: Mapping[str, Any]) -> tuple[SourceAge, ...]:
    """Return how old the sources are that stand behind the facts shown."""
    shown = {fact.source for member in members for card in member.cards for fact in card.facts}
    return tuple(
        SourceAge(
            source=name, agency=setting.agency(row["agency_id"]), programme=row["programme"], as_of=row["as_of"]
        )
        for name, row in sorted(sources.items())
        if name in shown
    )


def _best_first(setting: Setting, subject: Subject) -> list[SeenMention]:
    """Order mentions by how well they name a person: current before closed, the register, own records, newest."""
    newest = sorted(subject.mentions, key=setting.as_of, reverse=True)
    return sorted(
        newest,
        key=lambda mention: (
            mention.closed,
            mention.programme != Programme.REGISTER,
            mention.role not in PRINCIPAL,
        ),
    )


def _dated(part: Any, tier: Tier) -> str:
    value = str(part["value"]) if part else ""
    return value if tier >= Tier.FULL else value[:MONTH]


def _plain(name: str) -> str:
    return "".join(name.split())
