"""No merge that must never happen, in a city nobody looked at while building."""

from pathlib import Path

from sqlalchemy import func, select, update

from linkage.partition import link
from musubi.city import make_city
from pipelines.site import Site
from schemas.tables import person_mention
from tests.integration.forbidden import Forbidden, forbidden_merges
from tests.integration.workspaces import Place, city_place, plain_sync


def linked(directory: Path, people: int) -> tuple[Place, Path]:
    """A city, landed and linked; and where its truth and systems lie."""
    base = directory / "city"
    make_city(base, people=people, seed=7797)
    made = city_place(directory / "site", base / "systems")
    with made.site() as site:
        plain_sync(site, link=False)
        link(site.bulk, "run")
    return made, base


def counted(site: Site, base: Path) -> Forbidden:
    return forbidden_merges(site, base / "truth" / "truth.csv", max((base / "systems" / "ledger").glob("*.csv")))


def test_none_is_made(tmp_path: Path) -> None:
    place, base = linked(tmp_path, 4000)
    with place.site() as site:
        found = counted(site, base)
    assert min(found.twin_pairs, found.namesake_pairs, found.several_numbers) > 0
    assert found.merges == 0, found


def test_those_made_by_hand_are_counted(tmp_path: Path) -> None:
    """Everybody one person: whatever can be confused is."""
    place, base = linked(tmp_path, 1000)
    with place.site() as site:
        first = select(func.min(person_mention.c.person_id)).scalar_subquery()
        with site.engine.begin() as conn:
            conn.execute(update(person_mention).values(person_id=first))
        found = counted(site, base)
    assert (found.numbers, found.twins, found.namesakes) == (2, found.twin_pairs, found.namesake_pairs)
    assert found.residents > found.namesakes > 0
