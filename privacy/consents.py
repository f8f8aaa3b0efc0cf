"""Which consents speak for a batch of persons, at one instant, for one reader.

A grant counts when it names subject, recipient, category, purpose and day, was given by somebody entitled, stands in
a record that its source still holds, and ``from <= day < to``; without ``to`` it ends with the fiscal year of its
``from`` (``to`` is exclusive: a paper valid until 31 March ends at 1 April 00:00 JST). A refusal or withdrawal counts
from its day on and never ends by itself, not even with its record; what it leaves open or names unintelligibly
(agency, category, purpose, day) it refuses altogether. It defeats every grant of the same person it overlaps, older
or newer, except one that is not older and whose paper names it. Order of arrival plays no part.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection

from privacy.batches import bind_ids, id_set, is_day, live, prepared
from schemas.vocabulary import Category, Purpose


class Grant(NamedTuple):
    """One live consent row: a category of a person at a tier."""

    person_id: int
    category: str
    tier: int
    consent_id: int


def live_grants(
    conn: Connection,
    generation: int,
    person_ids: Collection[int],
    *,
    agency_id: str,
    purpose: str,
    day: str,
    fiscal_from: str,
    given_by: Collection[str],
    unheard: Collection[int] = (),
    known_at: str | None = None,
) -> list[Grant]:
    """Return every live, undefeated grant to one agency for one purpose; one statement for the whole batch.

    ``unheard`` are mention ids whose grants do not count; what was refused there is refused all the same.
    ``known_at`` (UTC, ISO) leaves out what was recorded later, to replay an old decision.
    """
    givers = {f"giver{n}": giver for n, giver in enumerate(sorted(given_by))}
    if not person_ids or not givers:
        return []
    from_is_day, to_is_day = is_day(conn, "p.valid_from"), is_day(conn, "p.valid_to")
    refused_later = f"({is_day(conn, 'd.valid_from')} AND d.valid_from > :day)"
    named_later = f"NOT ({is_day(conn, 'd.valid_from')} AND p.valid_from < d.valid_from)"

    def listed(name: str, vocabulary: type[StrEnum]) -> str:
        return ", ".join(f":{name}{n}" for n, _ in enumerate(vocabulary))

    known = "AND c.recorded_at <= :known" if known_at is not None else ""
    statement = f"""
        WITH spoken AS (
            SELECT v.person_id, v.mention_id, v.closed, c.consent_id, c.consent_token, c.decision, c.agency_id,
                   c.category, c.tier, c.purpose, c.valid_from, c.valid_to, c.given_by, c.supersedes_token
            FROM {id_set(conn, "ids")} s
            JOIN view_mention v ON v.person_id = s.id AND {live("v")}
            JOIN consent c ON c.mention_id = v.mention_id {known}
            WHERE c.agency_id IN ('', :agency) OR c.supersedes_token IS NOT NULL
        )
        SELECT p.person_id, p.category, p.tier, p.consent_id
        FROM spoken p
        WHERE p.decision = 'permit' AND p.closed = 0 AND p.agency_id = :agency AND p.purpose = :purpose
          AND p.tier BETWEEN 1 AND 3 AND p.given_by IN ({", ".join(f":{name}" for name in givers)})
          AND {from_is_day} AND p.valid_from <= :day
          AND ((p.valid_to = '' AND p.valid_from >= :fiscal) OR ({to_is_day} AND :day < p.valid_to))
          AND p.mention_id NOT IN (SELECT id FROM {id_set(conn, "unheard")} u)
          AND NOT EXISTS (
            SELECT 1 FROM spoken d
            WHERE d.person_id = p.person_id AND d.decision <> 'permit'
              AND d.agency_id IN ('', :agency)
              AND (d.purpose = :purpose OR d.purpose NOT IN ({listed("purpose", Purpose)}))
              AND (d.category = p.category OR d.category NOT IN ({listed("category", Category)}))
              AND NOT {refused_later}
              AND NOT ({named_later} AND EXISTS (
                SELECT 1 FROM spoken n
                WHERE n.person_id = p.person_id AND n.decision = 'permit'
                  AND n.mention_id NOT IN (SELECT id FROM {id_set(conn, "unheard")} u)
                  AND n.consent_token = p.consent_token AND n.supersedes_token = d.consent_token)))
        ORDER BY p.person_id, p.consent_id
    """
    bound = {
        "ids": bind_ids(person_ids),
        "g": generation,
        "agency": agency_id,
        "purpose": purpose,
        "day": day,
        "fiscal": fiscal_from,
        "unheard": bind_ids(unheard),
        **givers,
        **{f"purpose{n}": str(purpose) for n, purpose in enumerate(Purpose)},
        **{f"category{n}": str(category) for n, category in enumerate(Category)},
    }
    if known_at is not None:
        bound["known"] = known_at
    return list(map(Grant._make, conn.execute(prepared(statement), bound).all()))
