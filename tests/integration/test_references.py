"""Numbers of plans and meetings: keyed tokens in the store, equal where the numbers are, and grouped by them."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.testing import preset_text
from pipelines.site import Site
from schemas.model.assembly import plans, read_fact
from schemas.model.records import Origin
from schemas.tables import fact, view_fact
from schemas.vocabulary import FactKind
from tests.integration.workspaces import make_place, plain_sync, source_text

PLAN = {"項番": "1", "作成日": "20260401", "対象者氏名": "結城　幸子", "支援区分": "住まい"}
MEETING = {
    "会議種別": "1",
    "開催日": "20260401",
    "対象者氏名": "結城　幸子",
    "主担当機関": "desk",
    "参加機関": "kaigo",
}
ORIGIN = Origin(source="desk_plan", record="r", agency="desk", programme="integrated", as_of="2026-11-01", run="r")
STEPS = [("P-1", "1"), ("P-1", "2"), ("P-2", "1")]


@pytest.fixture(params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, tmp_path: Path):
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    sources = {"desk_plan": "desk_plan", "more_plans": "desk_plan", "desk_meeting": "desk_meeting"}
    place = make_place(tmp_path, {name: source_text(name, preset) for name, preset in sources.items()}, url=url)
    rows = [PLAN | {"プラン番号": number, "項番": step} for number, step in STEPS]
    place.drop("desk_plan", "PLAN_20261101.csv", preset_text("desk_plan", rows))
    place.drop("more_plans", "PLAN_20261101.csv", preset_text("desk_plan", rows[:1]))
    held = [MEETING | {"会議番号": "P-1", "対象者番号": str(number)} for number in range(2)]
    place.drop("desk_meeting", "MEETING_20261101.csv", preset_text("desk_meeting", held))
    with place.site() as opened:
        assert plain_sync(opened).exit_code == 0
        yield opened


def references(site: Site, kind: str) -> dict[str, list[str]]:
    """The references of all facts of a kind, as published, by source."""
    query = select(view_fact.c.source_id, view_fact.c.detail).where(view_fact.c.kind == kind)
    found: dict[str, list[str]] = {}
    with site.engine.connect() as conn:
        for source_id, detail in conn.execute(query.order_by(view_fact.c.fact_id)):
            found.setdefault(source_id, []).append(json.loads(detail)[kind])
    return found


def test_equal_numbers_of_one_source_have_one_token_and_no_others_have(site: Site) -> None:
    told = references(site, "plan")
    first, second, other = told["desk_plan"]
    assert first == second
    meeting = set(references(site, "meeting")["desk_meeting"])
    assert len({first, other, *told["more_plans"], *meeting}) == 4
    with site.engine.connect() as conn:
        assert not [text for text in conn.execute(select(fact.c.detail)).scalars() if "P-" in text]


def test_the_steps_of_a_plan_are_put_together_by_it(site: Site) -> None:
    query = select(view_fact).where(view_fact.c.kind == FactKind.PLAN, view_fact.c.source_id == "desk_plan")
    with site.engine.connect() as conn:
        steps = [
            read_fact(
                row,
                ref=f"f{row['fact_id']}",
                person="p",
                mention="m",
                origin=ORIGIN,
            )
            for row in conn.execute(query).mappings()
        ]
    assert sorted(len(plan.steps) for plan in plans(steps)) == [1, 2]
