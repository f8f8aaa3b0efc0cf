"""Why a category is shown or withheld, in words, in Japanese and English.

What is withheld is explained by the policy and the reader alone: the text for a hidden fact, for an absent one and
for a person who does not exist is the same, letter by letter.
"""

from dataclasses import dataclass

from privacy.policy.book import CATEGORIES, BasisRule, Policy
from privacy.policy.decisions import POSITION, Decisions
from privacy.policy.reader import Basis, Reader
from schemas.vocabulary import Category, Tier

TIERS = {
    Tier.POINTER: ("関係機関の名称・連絡先のみ", "agency name and contact only"),
    Tier.SUMMARY: ("概要（日付は年月まで）", "summary, dates to the month"),
    Tier.FULL: ("全項目", "in full"),
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """One category of one person for one reader. ``ways``: what could open it, by the policy alone."""

    category: Category
    tier: Tier
    ja: str
    en: str
    bases: tuple[Basis, ...] = ()
    ways: tuple[Basis, ...] = ()


def explain(decisions: Decisions, person_id: int, category: Category) -> Explanation:
    """Explain one category: every basis with its article, or the same words for everything withheld."""
    label = decisions.policy.label(category)
    tier = decisions.best_tier(person_id, category)
    bases = decisions.reasons(person_id, category)
    if tier == Tier.NONE:
        ways = ways_to_see(decisions.policy, decisions.reader, category)
        return Explanation(
            category,
            tier,
            f"{label.ja}：お見せできる根拠がありません。{_paths_ja(ways)}",
            f"{label.en}: no basis to show it. {_paths_en(ways)}",
            ways=ways,
        )
    shown_ja, shown_en = TIERS[tier]
    ja = "、".join(f"{basis.label_ja}（{basis.article_ja}）" for basis in bases)
    en = "; ".join(f"{basis.label_en} ({basis.article_en})" for basis in bases)
    return Explanation(
        category, tier, f"{label.ja}：{shown_ja}。根拠：{ja}", f"{label.en}: {shown_en}. Basis: {en}", bases
    )


def explain_all(decisions: Decisions, person_id: int) -> tuple[Explanation, ...]:
    """Explain every category in its fixed order."""
    return tuple(explain(decisions, person_id, category) for category in CATEGORIES)


def ways_to_see(policy: Policy, reader: Reader, category: Category) -> tuple[Basis, ...]:
    """Return the bases by which a reader of this role and agency could ever see the category, for any person."""
    place = POSITION[category]
    return tuple(
        _way(policy, row)
        for row in policy.rules.basis
        if row.vector[place] and reader.role in row.roles and reader.agency_kind in row.agency_kinds
    )


def _way(policy: Policy, row: BasisRule) -> Basis:
    law = policy.laws[row.legal]
    return Basis(row.id, row.kind, row.ja, row.en, law.ja, law.en)


def _paths_ja(ways: tuple[Basis, ...]) -> str:
    if not ways:
        return "この役割では見ることができません。"
    return f"見るには次のいずれかが必要です：{'、'.join(way.label_ja for way in ways)}"


def _paths_en(ways: tuple[Basis, ...]) -> str:
    if not ways:
        return "This role never sees it."
    return f"One of these would be needed: {'; '.join(way.label_en for way in ways)}"
