"""No plaintext anywhere below the workspace or in the store: after success, failure and kill."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import create_engine, select, text

from connectors.testing import preset_text
from connectors.transports import files
from pipelines import work
from pipelines.definitions import sync_job, work_resource
from pipelines.quarantine import waiting
from pipelines.sync import sync
from pipelines.work import StepFailed
from schemas.tables import metadata
from schemas.values.identifiers import individual_number_ok
from tests.integration.traces import BLOCK, encoded, half_width, name_forms, residents, traces
from tests.integration.workspaces import city_place, make_place, source_text

RESIDENTS = 150
ROOT = Path(__file__).parents[2]
VICTIM = Path(__file__).with_name("victim.py")
NUMBER = next(str(value) for value in range(234567890120, 234567890999) if individual_number_ok(str(value)))
"""An invented individual number, planted under a denied header and in free text."""


@pytest.fixture(scope="module")
def planted(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The city's systems with an individual number in the register and in a hospital's free text.

    The hospital's file is called after a resident.
    """
    systems = tmp_path_factory.mktemp("planted") / "systems"
    shutil.copytree(city / "systems", systems)
    _plant(next((systems / "ledger").glob("*.csv")), "個人番号", NUMBER)
    referrals = next((systems / "hospital").glob("*.csv"))
    _plant(referrals, "連絡内容", f"番号は{NUMBER}とのこと")
    referrals.rename(referrals.with_stem(f"{referrals.stem}_{_name_of(systems, 3)}"))
    return systems


def _name_of(systems: Path, number: int) -> str:
    """How the register writes the name of a resident."""
    with next((systems / "ledger").glob("*.csv")).open(encoding="cp932", errors="replace", newline="") as file:
        return next(row["氏名"] for place, row in enumerate(csv.DictReader(file)) if place == number)


def _plant(path: Path, column: str, value: str) -> None:
    encoding = "utf-8-sig" if path.read_bytes().startswith(b"\xef\xbb\xbf") else "cp932"
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        rows = list(csv.reader(file))
    if column not in rows[0]:
        rows = [[*row, column if number == 0 else ""] for number, row in enumerate(rows)]
    for row in rows[1:40]:
        if len(row) == len(rows[0]):
            row[rows[0].index(column)] = value
    with path.open("w", encoding=encoding, errors="surrogateescape", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(rows)


@pytest.fixture(scope="module")
def needles(planted: Path) -> dict[bytes, str]:
    return encoded([*residents(planted, RESIDENTS), NUMBER])


def test_the_search_finds_what_is_there(needles: dict[bytes, str], tmp_path: Path) -> None:
    assert len(set(needles.values())) > 8 * RESIDENTS
    assert half_width("ガッコウ　パピヴ") == "ｶﾞｯｺｳ ﾊﾟﾋﾟｳﾞ"
    for number, raw in enumerate(sorted(needles)[:: len(needles) // 12]):
        path = tmp_path / str(number)
        path.write_bytes(os.urandom(BLOCK - number) + raw + b"\0")  # across the border of two blocks
        assert (str(path), needles[raw]) in traces([tmp_path], needles)
        path.unlink()


def test_nothing_stands_in_clear_after_a_sync_and_none_of_it_after_a_failure(
    planted: Path, needles: dict[bytes, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = city_place(tmp_path / "city", planted)
    canaries = [form for form in set(needles.values()) if "　" in form][:20]

    def explode(*_given: object, **_named: object) -> None:
        raise RuntimeError(" ".join(canaries))

    with place.site() as site, site.engine.connect() as reading:
        reading.execute(text("SELECT 1 FROM run"))  # keeps the write-ahead log from being folded away
        report = sync(site, workers=0)
        assert report.warnings["hospital: individual-number-cut"] > 10
        assert report.exit_code == 3
        assert list((place.root / "var").glob("*.db-wal"))
        assert traces([place.root], needles) == []
        for step in ("link", "resolve_households", "publish", "land"):
            monkeypatch.setattr(work, step, explode)
        (place.systems / "hospital" / "MSW_20261102.csv").write_bytes(
            next((place.systems / "hospital").glob("*.csv")).read_bytes()
        )
        with pytest.raises(StepFailed) as failure:
            sync(site, workers=0)
        assert not [canary for canary in canaries if canary in f"{failure.value!r} {failure.value.__cause__!r}"]
        assert traces([place.root], needles) == []


CALLED = "結城　美咲"
"""Whom the files of the next test are called after."""


@pytest.mark.parametrize("engine_kind", ["sqlite", "postgres"])
def test_a_file_called_after_a_person_is_named_on_the_screen_only(
    engine_kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Applied, held for its day, held for its form, still being written: the name goes to the operator alone."""
    url = request.getfixturevalue("postgres_url") if engine_kind == "postgres" else ""
    place = make_place(tmp_path, {"hospital": source_text("hospital", "hospital_referral", agency="byoin")}, url=url)
    good = {"連絡票番号": "1", "連絡日": "20261101", "患者氏名": "結城　花子"}
    applied = f"MSW_20261101_{CALLED}.csv"
    place.drop("hospital", applied, preset_text("hospital_referral", [good, good | {"連絡票番号": ""}]))
    with place.site() as site:
        assert sync(site, workers=0).exit_code == 3
        assert [row.delivery for row in waiting(site)] == [applied]
    again = preset_text("hospital_referral", [good | {"連絡日": "20261031"}])
    held = place.drop("hospital", f"MSW_20261101_{CALLED}_2.csv", again)
    place.drop("hospital", f"MSW_20261102_{CALLED}.csv", b"")
    unfinished = place.drop("hospital", f"MSW_20261103_{CALLED}.csv.part", again)
    with place.site() as site:
        report = sync(site, workers=0)
        assert [guard.code for guard in report.guards] == ["equal-as-of", "empty-file"]
        assert held.name in str(report.guards[0])
        assert f"and {applied} stand" in str(report.guards[0])
        assert report.waiting == [f"hospital: {unfinished.name}"]
        needles = encoded(name_forms(CALLED))
        assert traces([place.root], needles) == []
        with site.engine.connect() as conn:
            for table in metadata.sorted_tables:
                stored = repr(conn.execute(select(table)).all())
                assert not [form for form in needles.values() if form in stored], table.name


def test_a_file_that_fails_while_it_is_looked_for_is_not_named_by_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster keeps the error of a run it started, and looking for deliveries is part of that run."""
    place = make_place(tmp_path, {"hospital": source_text("hospital", "hospital_referral", agency="byoin")})
    path = place.drop("hospital", f"MSW_20261101_{CALLED}.csv", "")
    monkeypatch.setenv("MUSUBI_WORKSPACE", str(place.root))
    monkeypatch.setattr(files, "file_hash", lambda found: found.with_suffix(".gone").stat())
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = sync_job.execute_in_process(
            instance=instance, resources={"work": work_resource}, raise_on_error=False
        )
        assert not outcome.success
        told = "".join(repr(entry) for entry in instance.all_logs(outcome.run_id))
    assert "look: FileNotFoundError at" in told
    assert path.stem not in told
    assert CALLED not in told


@pytest.mark.parametrize("workers", [0, 2])
def test_nothing_stands_in_clear_after_a_kill(
    planted: Path, needles: dict[bytes, str], tmp_path: Path, workers: int
) -> None:
    place = city_place(tmp_path / "city", planted)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "HOME": str(temporary)}
    for seconds in (0.5, 1.5, 3.0):
        with subprocess.Popen(
            [sys.executable, str(VICTIM), str(place.root), str(workers)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "go\n"
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            told = process.communicate()
        (temporary / "said").write_text("".join(told), "utf-8")
        assert traces([place.root, temporary], needles) == []


def test_nothing_stands_in_clear_in_postgresqls_directory(
    planted: Path, needles: dict[bytes, str], tmp_path: Path, postgres_server, postgres_url: str
) -> None:
    place = city_place(tmp_path / "city", planted, url=postgres_url)
    with place.site() as site:
        sync(site, workers=0)
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text("CHECKPOINT"))
    engine.dispose()
    data = Path(postgres_server.pgdata)
    assert any(data.rglob("PG_VERSION"))
    assert traces([data, place.root], needles) == []
