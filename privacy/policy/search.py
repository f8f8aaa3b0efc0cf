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
    kinds_matched: Collection[str] | Mapping[int, Collection[str]],
) -> set[int]:
    """Return those of the hits that the reader may know of; the others must leave no trace, not even a count.

    ``kinds_matched``: the kinds of search token (SEARCH_KINDS) that matched, for all hits or per person. A protected
    person found with the help of a place (address, phone) vanishes for a reader who is not cleared, whatever the
    basis: the answer itself would confirm where she is.
    """
    places = policy.rules.search.places
    batches: dict[frozenset[str], set[int]] = {}
    for person_id in person_ids:
        kinds = kinds_matched.get(person_id, ()) if isinstance(kinds_matched, Mapping) else kinds_matched
        batches.setdefault(frozenset(kinds), set()).add(person_id)
    seen: set[int] = set()
    for kinds, batch in batches.items():
        decisions = decide(conn, policy, reader, generation, batch, policy.attributes(kinds))
        hidden = decisions.shield.guarded if kinds & places else frozenset()
        seen |= {person for person in batch if person not in hidden and not decisions.absent(person)}
    return seen
