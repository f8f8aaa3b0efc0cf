"""Read the published views of one generation; every answer names the generation once and keeps to it."""

from typing import Any

from sqlalchemy import Connection, RowMapping, Table, and_, bindparam, case, distinct, func, or_, select

from desk.clues import CLUE_OF, CLUES, LEAST_CLUES, Clue
from schemas.tables import SEARCH_KINDS, person, setting, view_member, view_search, view_source

LIVING = "living"
"""The household actually living together; the register household (世帯) is another fact."""


NAME = list(CLUES).index("name")
_CLUE_NUMBERS = {SEARCH_KINDS.index(kind): list(CLUES).index(clue) for kind, clue in CLUE_OF.items()}


def _visible(view: Table) -> Any:
    return and_(view.c.g_from <= bindparam("g"), view.c.g_to > bindparam("g"))


# Built once: putting a statement together costs as much as asking it.
_GENERATION = select(setting.c.value).where(setting.c.name == "generation")
_RETIRED_TO = select(person.c.retired_to).where(person.c.person_id == bindparam("person"))
_HOUSEHOLDS = select(view_member.c.household_id).where(
    view_member.c.person_id == bindparam("person"), view_member.c.kind == LIVING, _visible(view_member)
)
_SOURCES = select(view_source).where(_visible(view_source))


def generation_of(conn: Connection) -> int:
    """Return the generation readers see now; 0 before the first publication."""
    return int(conn.execute(_GENERATION).scalar_one_or_none() or 0)


def current_person(conn: Connection, person_id: int) -> int:
    """Follow a person id through merges to the one that stands now."""
    seen: set[int] = set()
    while person_id not in seen:
        seen.add(person_id)
        after = conn.execute(_RETIRED_TO, {"person": person_id}).scalar_one_or_none()
        if after is None:
            break
        person_id = after
    return person_id


def met_clues(conn: Connection, generation: int, clues: tuple[Clue, ...]) -> dict[int, frozenset[str]]:
    """Return by which search kinds each person meets the clues, for those who meet two of them or the full name."""
    tokens = [pair for clue in clues for pair in clue.tokens]
    wanted = or_(*(and_(view_search.c.token == token, view_search.c.kind == kind) for kind, token in tokens))
    hit = and_(wanted, _visible(view_search))
    clue_of = case(*((view_search.c.kind == kind, number) for kind, number in _CLUE_NUMBERS.items()))
    enough = or_(func.count(distinct(clue_of)) >= LEAST_CLUES, func.min(clue_of) == NAME)
    persons = select(view_search.c.person_id).where(hit).group_by(view_search.c.person_id).having(enough)
    query = select(view_search.c.person_id, view_search.c.kind).where(hit, view_search.c.person_id.in_(persons))
    met: dict[int, set[str]] = {}
    for person_id, kind in conn.execute(query.distinct(), {"g": generation}):
        met.setdefault(person_id, set()).add(SEARCH_KINDS[kind])
    return {person_id: frozenset(kinds) for person_id, kinds in met.items()}


def living_households(conn: Connection, generation: int, person_id: int) -> list[int]:
    """Return the living household(s) a person belongs to."""
    return sorted(conn.execute(_HOUSEHOLDS, {"person": person_id, "g": generation}).scalars())


def sources_of(conn: Connection, generation: int) -> dict[str, RowMapping]:
    """Return how old each source is in a generation."""
    return {row["source_id"]: row for row in conn.execute(_SOURCES, {"g": generation}).mappings()}
