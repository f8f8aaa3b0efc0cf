"""Who may see what: one rule set, decided at read time over audience-free views, for a batch at once."""

from privacy.policy.book import CATEGORIES, Policy, load_policy
from privacy.policy.decisions import Decisions, decide
from privacy.policy.reader import Basis, Reader
from privacy.policy.search import searchable
from privacy.policy.views import (
    Pointer,
    SeenFact,
    SeenMember,
    SeenMention,
    visible_facts,
    visible_members,
    visible_mentions,
    visible_pointers,
)

__all__ = [
    "CATEGORIES",
    "Basis",
    "Decisions",
    "Pointer",
    "Policy",
    "Reader",
    "SeenFact",
    "SeenMember",
    "SeenMention",
    "decide",
    "load_policy",
    "searchable",
    "visible_facts",
    "visible_members",
    "visible_mentions",
    "visible_pointers",
]
