"""Who may see what: one rule set, decided at read time over audience-free views, for a batch at once."""

from privacy.policy.book import CATEGORIES, Policy, load_policy
from privacy.policy.decisions import Decisions, decide
from privacy.policy.explain import Explanation, Way, explain, explain_all, ways_to_see
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
    "Explanation",
    "Pointer",
    "Policy",
    "Reader",
    "SeenFact",
    "SeenMember",
    "SeenMention",
    "Way",
    "decide",
    "explain",
    "explain_all",
    "load_policy",
    "searchable",
    "visible_facts",
    "visible_members",
    "visible_mentions",
    "visible_pointers",
    "ways_to_see",
]
