"""A publication writes what changed and nothing less; one that failed on the way leaves no trace."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.testing import preset_text
from desk import Query, open_service, reader_of
from pipelines import publishing
from pipelines.site import Site
from privacy.policy import load_policy
from schemas.tables import setting, view_fact, view_mention, view_search
from tests.integration.workspaces import Place, assert_same, make_place, plain_sync, source_text, state_of

BIRTH = "1979-03-14"
NAME = "白石　澪"
COLUMNS = {
    "hospital": ("hospital_referral", "連絡票番号", "患者氏名", "患者生年月日", "患者電話番号"),
    "jiritsu": ("self_reliance", "ID", "氏名", "生年月日", "電話"),
}
DATED = {"hospital": "連絡日", "jiritsu": "受付日"}


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path: Path) -> Place:
    """Two systems of one agency that know the same person."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    sources = {
        "hospital": source_text("hospital", "hospital_referral", agency="byoin"),
        "jiritsu": source_text("jiritsu", "self_reliance", agency="byoin", top='format = { kind = "csv" }'),
    }
    return make_place(tmp_path / "site", sources, url=url)


def says(place: Place, source: str, day: str, phone: str, others: int = 0) -> None:
    preset, number, name, birth, telephone = COLUMNS[source]
    rows = [
        {
            number: f"{source}{one}",
            DATED[source]: "令和8年10月1日",
            name: NAME if one == 0 else f"新田　{'一二三四五六七八九'[one % 9]}{'一二三四五六七八九'[one // 9]}",
            birth: BIRTH if one == 0 else f"19{50 + one}-07-07",
            telephone: phone if one == 0 else f"090-7777-{one:04}",
        }
        for one in range(others + 1)
    ]
    place.drop(source, f"{source}_{day}.csv", preset_text(preset, rows))


def found_by(site: Site, phone: str) -> int:
    stated = frozenset({"present", "reason"})
    reader = reader_of(site.workspace, "byoin-1", "own_programme", datetime.now(UTC), stated=stated)
    service = open_service(site.workspace, site.engine, site.keyring, load_policy())
    return len(service.find(reader, Query(birth=BIRTH, phone=phone)).found)


OLD, NEW = "090-0000-1111", "090-0000-2222"


def test_what_another_record_still_says_finds_the_person(place: Place) -> None:
    says(place, "hospital", "20261101", OLD)
    says(place, "jiritsu", "20261101", OLD)
    with place.site() as site:
        plain_sync(site)
        assert (found_by(site, OLD), found_by(site, NEW)) == (1, 0)
        says(place, "hospital", "20261102", NEW)
        plain_sync(site)
        assert (found_by(site, OLD), found_by(site, NEW)) == (1, 1)
        says(place, "jiritsu", "20261103", NEW)
        plain_sync(site)
        assert (found_by(site, OLD), found_by(site, NEW)) == (0, 1)


def test_mentions_that_did_not_change_are_not_written_again(place: Place) -> None:
    says(place, "hospital", "20261101", OLD, others=20)
    with place.site() as site:
        plain_sync(site)
        says(place, "hospital", "20261102", NEW, others=20)
        plain_sync(site)
        with site.engine.connect() as conn:
            for view in (view_mention, view_fact):
                fresh = conn.execute(select(view.c.person_id).where(view.c.g_from == 2)).scalars().all()
                assert len(set(fresh)) == 1, view.name
            begun = conn.execute(select(view_search.c.part).where(view_search.c.g_from == 2)).all()
            ended = conn.execute(select(view_search.c.part).where(view_search.c.g_to == 2)).all()
            assert len(begun) == len(ended) == 1  # the new number's part, which held nothing, and the old one's


@pytest.mark.parametrize("where", ["write_search", "record"])
@pytest.mark.parametrize("generation", [0, 1])
def test_a_publication_that_failed_on_the_way_is_made_anew(
    where: str, generation: int, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = make_place(tmp_path / "calm", {}, keys=place.root / "keys")
    for source in (place.root / "sources").iterdir():
        (calm.root / "sources" / source.name).write_bytes(source.read_bytes())
    says(place, "hospital", "20261101", OLD, others=9)
    says(place, "jiritsu", "20261101", OLD, others=9)
    with place.site() as site:
        if generation:
            plain_sync(site)
            says(place, "hospital", "20261102", NEW, others=4)
        with monkeypatch.context() as patch:
            real = getattr(publishing, where)

            def fail(*given: object) -> None:
                if where == "write_search":
                    real(*given)
                raise InterruptedError

            patch.setattr(publishing, where, fail)
            with pytest.raises(Exception, match="InterruptedError"):
                plain_sync(site)
        with site.engine.connect() as conn:
            assert conn.execute(select(setting.c.value).where(setting.c.name == "writing")).scalar() is not None
        assert found_by(site, OLD) == generation
        assert found_by(site, NEW) == 0
        plain_sync(site)
        assert found_by(site, NEW if generation else OLD) == 1
        state = state_of(site)
    for source in ("hospital", "jiritsu"):
        for file in (place.systems / source).iterdir():
            calm.drop(source, file.name, file.read_bytes())
    with calm.site() as site:
        plain_sync(site)
        assert_same(state, state_of(site))
