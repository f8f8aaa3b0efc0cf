"""Read the published views of one generation; every answer names the generation once and keeps to it."""

from typing import Any

from sqlalchemy import Connection, RowMapping, Table, and_, bindparam, select

from desk.clues import CLUE_OF, LEAST_CLUES, Clue
from schemas.search import part_of, persons_of
from schemas.tables import SEARCH_KINDS, person, setting, view_member, view_search, view_source

LIVING = "living"
"""The household actually living together; the register household (世帯) is another fact."""
NAME = "name"
"""The clue that is enough alone."""


def _visible(view: Table) -> Any:
    return and_(view.c.g_from <= bindparam("g"), view.c.g_to > bindparam("g"))


# Built once: putting a statement together costs as much as asking it.
_GENERATION = select(setting.c.value).where(setting.c.name == "generation")
_RETIRED_TO = select(person.c.retired_to).where(person.c.person_id == bindparam("person"))
_HOUSEHOLDS = select(view_member.c.household_id).where(
    view_member.c.person_id == bindparam("person"), view_member.c.kind == LIVING, _visible(view_member)
)
_PARTS = select(view_search.c.part, view_search.c.entries).where(
    view_search.c.part.in_(bindparam("parts", expanding=True)), _visible(view_search)
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
    wanted = {"parts": sorted({part_of(token) for _, token in tokens}), "g": generation}
    parts = {row.part: row.entries for row in conn.execute(_PARTS, wanted)}
    met: dict[int, set[str]] = {}
    for kind, token in tokens:
        for person_id in persons_of(parts.get(part_of(token), b""), kind, token):
            met.setdefault(person_id, set()).add(SEARCH_KINDS[kind])
    return {person_id: frozenset(kinds) for person_id, kinds in met.items() if _enough(kinds)}


def _enough(kinds: set[str]) -> bool:
    met = {CLUE_OF[kind] for kind in kinds}
    return len(met) >= LEAST_CLUES or NAME in met


def living_households(conn: Connection, generation: int, person_id: int) -> list[int]:
    """Return the living household(s) a person belongs to."""
    return sorted(conn.execute(_HOUSEHOLDS, {"person": person_id, "g": generation}).scalars())


def sources_of(conn: Connection, generation: int) -> dict[str, RowMapping]:
    """Return how old each source is in a generation."""
    return {row["source_id"]: row for row in conn.execute(_SOURCES, {"g": generation}).mappings()}
