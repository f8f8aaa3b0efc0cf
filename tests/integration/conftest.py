"""Cities and workspaces that several integration tests start from; each test works on a copy of its own."""

import shutil
import tempfile
from pathlib import Path

import pytest

from musubi.city import make_city
from pipelines.sync import sync
from tests.integration.workspaces import Place, city_place

PEOPLE = 600
SEED = 7


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    """A site points temporary files and Dagster into its workspace; the next test starts anew."""
    for name in ("SQLITE_TMPDIR", "DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    before = tempfile.tempdir
    yield
    tempfile.tempdir = before


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo city: ``systems`` and ``truth``."""
    directory = tmp_path_factory.mktemp("city")
    make_city(directory, people=PEOPLE, seed=SEED)
    return directory


@pytest.fixture(scope="session")
def synced_city(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The demo workspace after its first sync, on SQLite; to be copied, not changed."""
    before = tempfile.tempdir
    place = city_place(tmp_path_factory.mktemp("synced"), city / "systems")
    with place.site() as site:
        report = sync(site, workers=0)
    tempfile.tempdir = before
    assert report.exit_code == 3, report  # planted rows wait in quarantine
    return place


@pytest.fixture
def synced(synced_city: Place, tmp_path: Path) -> Place:
    """A copy of the synced demo workspace."""
    shutil.copytree(synced_city.base, tmp_path / "city")
    return Place(tmp_path / "city")
