"""Dagster's home may go at any time; its graph is the one meant; nothing of it calls home or keeps a value."""

import shutil
import sqlite3
from pathlib import Path

import dagster as dg
import pytest
import yaml
from sqlalchemy import select

from pipelines import work
from pipelines.definitions import WORKSPACE, defs
from pipelines.home import dagster_home
from pipelines.sync import sync
from pipelines.work import StepFailed
from schemas.tables import run
from tests.integration.workspaces import Place, assert_same, state_of

CANARY = "髙澤カナリア42"


def test_deleting_dagsters_home_loses_nothing(synced: Place) -> None:
    with synced.site() as site:
        before = state_of(site)
        shutil.rmtree(site.workspace.var / "dagster")
        report = sync(site, workers=0)
        assert (report.delivered, report.guards, report.unavailable) == (0, [], [])
        assert_same(state_of(site), before)
        with site.engine.connect() as conn:
            runs = conn.execute(select(run.c.kind, run.c.finished, run.c.status).order_by(run.c.started)).all()
        assert [kind for kind, _, _ in runs] == ["sync", "sync"]
        assert all(finished and status != "running" for _, finished, status in runs)
        assert (site.workspace.var / "dagster" / "dagster.yaml").is_file()


# Dagster warns of a parameter of its own while it puts the graph together.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `owners` of initializer `SensorDefinition")


@pytest.fixture
def graph(synced: Place, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    monkeypatch.setenv(WORKSPACE, str(synced.root))
    loaded = defs()
    dg.Definitions.validate_loadable(loaded)
    return loaded


def test_the_graph_is_the_one_meant(graph: dg.Definitions) -> None:
    repository = graph.get_repository_def()
    assets = repository.asset_graph
    edges = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in assets.get(key).parent_keys)
        for key in assets.get_all_asset_keys()
    }
    assert edges == {"landing": [], "persons": ["landing"], "households": ["persons"], "views": ["households"]}
    assert {key.to_user_string() for key in assets.get_all_asset_keys() if assets.get(key).is_partitioned} == {
        "landing"
    }
    assert {(key.asset_key.to_user_string(), key.name) for key in assets.asset_check_keys} == {
        ("views", "accounting_closes"),
        ("views", "rejects_are_few"),
        ("views", "counts_are_usual"),
        ("views", "sources_are_fresh"),
        ("persons", "link_rate"),
        ("views", "addresses_are_published"),
    }
    (schedule,) = repository.schedule_defs
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "Asia/Tokyo")
    assert [sensor.name for sensor in repository.sensor_defs] == ["drop_folders"]


def test_telemetry_is_off(synced: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with synced.site() as site:
        home = dagster_home(site.workspace)
        assert yaml.safe_load((home / "dagster.yaml").read_text("utf-8"))["telemetry"] == {"enabled": False}
        with dg.DagsterInstance.from_config(str(home)) as instance:
            assert instance.telemetry_enabled is False


@pytest.mark.parametrize("step", ["link", "publish"])
def test_the_event_log_holds_no_value_of_a_failed_step(
    synced: Place, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_given: object, **_named: object) -> None:
        try:
            int(CANARY)  # ValueError says what it was given
        except ValueError as error:
            raise RuntimeError(f"row of {CANARY}") from error

    monkeypatch.setattr(work, step, explode)
    with synced.site() as site:
        with pytest.raises(StepFailed) as failure:
            sync(site, workers=0)
        assert CANARY not in str(failure.value)
        assert CANARY not in repr(failure.value.__cause__)
        with site.engine.connect() as conn:
            assert "failed" in set(conn.execute(select(run.c.status)).scalars())
        events = _texts(site.workspace.var / "dagster")
        assert "StepFailed" in events  # what went wrong is told
        assert CANARY not in events
        assert "カナリア" not in events
        assert "\\u30ab\\u30ca\\u30ea\\u30a2" not in events


def _texts(home: Path) -> str:
    """All text in Dagster's databases and logs."""
    found: list[str] = []
    for path in home.rglob("*"):
        if path.suffix == ".db":
            with sqlite3.connect(path) as conn:
                found += conn.iterdump()
        elif path.is_file():
            found.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(found)
