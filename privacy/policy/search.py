"""Whom a search may name."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection

from privacy.policy.book import Policy
from privacy.policy.decisions import decide
from privacy.policy.reader import Reader


def searchable(
    conn: Connection,
    policy: Policy,
    reader: Reader,
    generation: int,
    person_ids: Collection[int],
    kinds_matched: Mapping[int, Collection[str]],
) -> dict[int, frozenset[str]]:
    """Return those of the hits that the reader may know of, each with the kinds of token that found it.

    The others must leave no trace, not even a count. ``kinds_matched``: the kinds of search token (SEARCH_KINDS) that
    matched, per person. For a protected person and a reader who is not cleared a place (address, phone) counts as not
    matched, whether it matched or not: neither that she is found nor that she is not confirms where she is.
    """
    places = policy.rules.search.places
    batches: dict[frozenset[str], set[int]] = {}
    for person_id in person_ids:
        batches.setdefault(frozenset(kinds_matched.get(person_id, ())), set()).add(person_id)
    seen: dict[int, frozenset[str]] = {}
    for kinds, batch in batches.items():
        decisions = decide(conn, policy, reader, generation, batch, policy.attributes(kinds))
        placed = decisions.shield.guarded & batch if kinds & places else frozenset()
        seen |= dict.fromkeys((person for person in batch - placed if not decisions.absent(person)), kinds)
        rest = kinds - places
        if placed and policy.suffices(rest):
            decisions = decide(conn, policy, reader, generation, placed, policy.attributes(rest))
            seen |= dict.fromkeys((person for person in placed if not decisions.absent(person)), rest)
    return seen
