"""Why a category is shown or not and what would change it: one sentence each, in Japanese and English.

What is withheld is explained by the policy, the reader and the tier already had, and by nothing else: for a hidden
fact, an absent one and a person who does not exist the words are the same, letter by letter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from privacy.policy.book import CATEGORIES, BasisRule, JoinName, Label, Policy, Step
from privacy.policy.decisions import POSITION, Decisions
from privacy.policy.reader import Basis, Reader
from schemas.vocabulary import Category, Tier

TIER_NAMES: dict[Tier, Literal["pointer", "summary", "full"]] = {
    Tier.POINTER: "pointer",
    Tier.SUMMARY: "summary",
    Tier.FULL: "full",
}


@dataclass(frozen=True, slots=True)
class Way:
    """A basis that could show more to this reader, and what it still lacks."""

    step: Step
    rule: BasisRule


@dataclass(frozen=True, slots=True)
class Explanation:
    """One category of one person for one reader."""

    category: Category
    tier: Tier
    own: bool
    """Whether the tier holds for records of the reader's own agency only."""
    ja: str
    en: str
    bases: tuple[Basis, ...]
    """What it is shown on."""
    ways: tuple[Way, ...]
    """What could show more, by the policy alone."""


def explain(decisions: Decisions, person_id: int, category: Category) -> Explanation:
    """Explain one category of one person of a decided batch; whom nobody asked about explains like an absent one."""
    policy, reader = decisions.policy, decisions.reader
    tier, held = decisions.best_tier(person_id, category), decisions.tier(person_id, category)
    bases = decisions.reasons(person_id, category)
    ways = tuple(ways_to_see(policy, reader, category, held))
    own = tier > held
    ja = _Voice(policy, reader, "ja").explain(category, tier, bases, ways, own=own)
    en = _Voice(policy, reader, "en").explain(category, tier, bases, ways, own=own)
    return Explanation(category, tier, own, ja, en, bases, ways)


def explain_all(decisions: Decisions, person_id: int) -> tuple[Explanation, ...]:
    """Explain every category in its fixed order."""
    return tuple(explain(decisions, person_id, category) for category in CATEGORIES)


def ways_to_see(policy: Policy, reader: Reader, category: Category, held: Tier = Tier.NONE) -> Iterator[Way]:
    """Give the bases that show a reader of this agency and role more than ``held`` of a category, of some person.

    Nothing that is stored about anybody enters.
    """
    purposes = policy.rules.roles[reader.role]
    for rule in policy.rules.basis:
        serves = reader.role in rule.roles and reader.agency_kind in rule.agency_kinds and rule.purposes & purposes
        if not serves or rule.kind == "own_programme" or rule.vector[POSITION[category]] <= held:
            continue
        if reader.purpose not in rule.purposes & purposes:
            yield Way("purpose", rule)
        elif rule.kind == "consent":
            yield Way("consent", rule)
        elif not rule.stated <= reader.stated:
            yield Way("statement", rule)
        else:
            yield Way("search" if rule.attributes else "other", rule)


class _Voice:
    """The sentences of one language."""

    def __init__(self, policy: Policy, reader: Reader, language: Literal["ja", "en"]) -> None:
        self._policy, self._purposes, self._language = policy, policy.rules.roles[reader.role], language

    def explain(
        self, category: Category, tier: Tier, bases: tuple[Basis, ...], ways: tuple[Way, ...], *, own: bool
    ) -> str:
        words = self._policy.words
        name = self._say(self._policy.label(category))
        if tier == Tier.NONE:
            parts = [self._say(words.sentences["withheld"], category=name)]
        else:
            level = self._say(words.tiers[TIER_NAMES[tier]])
            told = self._join("bases", [self._basis(basis) for basis in bases])
            parts = [self._say(words.sentences["own" if own else "shown"], category=name, tier=level, bases=told)]
        if ways:
            parts.append(self._say(words.sentences["ways"], ways=self._join("ways", map(self._way, ways))))
        elif tier < Tier.FULL or own:
            parts.append(self._say(words.sentences["never"]))
        return self._join("sentences", parts)

    def _basis(self, basis: Basis) -> str:
        label, article = Label(ja=basis.label_ja, en=basis.label_en), Label(ja=basis.article_ja, en=basis.article_en)
        named = self._policy.words.sentences["basis"]
        return self._say(named, basis=self._say(label), article=self._say(article))

    def _way(self, way: Way) -> str:
        words = self._policy.words
        purposes = [self._say(words.purposes[purpose]) for purpose in sorted(way.rule.purposes & self._purposes)]
        basis = self._say(Label(ja=way.rule.ja, en=way.rule.en))
        return self._say(words.ways[way.step], basis=basis, purposes=self._join("purposes", purposes))

    def _say(self, label: Label, **values: str) -> str:
        text = label.ja if self._language == "ja" else label.en
        return text.format(**values) if values else text

    def _join(self, kind: JoinName, parts: Iterable[str]) -> str:
        return self._say(self._policy.words.between[kind]).join(parts)
