"""A sync killed at any point is made good by the next one: the end state is that of an undisturbed run."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.testing import preset_text
from pipelines import landing
from pipelines.first import FirstDelivery
from pipelines.holding import Hold
from pipelines.work import StepFailed
from privacy.audit import verify
from privacy.log import verifier_key
from schemas.tables import lease, record_key, run, source_record
from tests.integration.workspaces import (
    Place,
    State,
    assert_same,
    city_place,
    make_place,
    plain_sync,
    source_text,
    state_of,
)

ROOT = Path(__file__).parents[2]
VICTIM = Path(__file__).with_name("victim.py")
SHARES = (0.1, 0.35, 0.6, 0.75, 0.85, 0.95)
"""When to kill, as shares of the time an undisturbed run takes: landing, then linking, households, publication."""


@pytest.fixture(scope="module")
def undisturbed(city, tmp_path_factory) -> tuple[Place, State, float]:
    """A workspace that was never disturbed, its state, and the seconds its sync took in a process of its own."""
    place = city_place(tmp_path_factory.mktemp("calm"), city / "systems")
    with victim(place, 0) as process:
        begun = time.monotonic()
        assert process.wait(timeout=120) == 0
        seconds = time.monotonic() - begun
    with place.site() as site:
        return place, state_of(site), seconds


def victim(place: Place, workers: int) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, str(VICTIM), str(place.root), str(workers)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    return process


def below(pid: int) -> set[int]:
    """All processes started by one, and by those."""
    found: set[int] = set()
    pending = [pid]
    while pending:
        with suppress(OSError):
            for task in Path(f"/proc/{pending.pop()}/task").iterdir():
                children = {int(child) for child in (task / "children").read_text("ascii").split()}
                pending += children - found
                found |= children
    return found


def living(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in status(pid)}


def status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return "\nState:\tZ"


def killed(place: Place, workers: int, after: float) -> bool:
    """Kill a sync after some seconds; tell whether it was still at work. Nothing of it stays behind."""
    with victim(place, workers) as process:
        time.sleep(after)
        children = below(process.pid)
        at_work = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    until = time.monotonic() + 10
    while left := living(children):
        if time.monotonic() > until:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            pytest.fail(f"{len(left)} worker processes outlived the killed sync, keys in their memory")
        time.sleep(0.05)
    return at_work


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("shares", [SHARES[::2], SHARES[1::2]])
def test_a_killed_sync_is_made_good(workers, shares, undisturbed, city, tmp_path):
    calm, wanted, seconds = undisturbed
    place = city_place(tmp_path / "city", city / "systems", keys=calm.root / "keys")
    with place.site():
        pass  # the store is there before the first kill
    struck = sum(killed(place, workers, share * seconds) for share in shares)
    assert struck
    with place.site() as site:
        plain_sync(site)
        with site.engine.connect() as conn:
            assert conn.execute(select(lease)).all() == []
            states = conn.execute(select(run.c.status, run.c.finished)).all()
        assert all(finished for _, finished in states)
        assert [state for state, _ in states].count("killed") >= 1
        assert "running" not in {state for state, _ in states}
        assert_same(state_of(site), wanted)
        report = verify(site.engine, site.log_dir, verifier_key(site.keyring, site.origin))
        assert report.clean, report.findings


def test_a_workspace_copied_while_leased_is_recovered_too(undisturbed, tmp_path):
    """A lease of a process that is no more is taken over at once, whatever its end says."""
    calm, wanted, _ = undisturbed
    shutil.copytree(calm.base, tmp_path / "city")
    place = Place(tmp_path / "city")
    with place.site() as site:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        with site.engine.begin() as conn:
            conn.execute(
                lease.insert().values(name="workspace", holder=f"{boot}:1:0", expires="2999-01-01T00:00:00.000000Z")
            )
        plain_sync(site)
        assert_same(state_of(site), wanted)


@pytest.mark.parametrize("held", [False, True])
def test_a_first_delivery_that_ended_before_its_keys_is_completed(tmp_path: Path, monkeypatch, held: bool) -> None:
    """Its records are known again, even where the same delivery was held in between: nobody is stored twice."""
    place = make_place(tmp_path / "site", {"hospital": source_text("hospital", "hospital_referral", agency="byoin")})
    number, name = "連絡票番号", "患者氏名"
    rows = [{number: f"N{one}", name: f"山田　{one}子", "患者生年月日": "1950-01-01"} for one in range(30)]
    place.drop("hospital", "MSW_20261101.csv", preset_text("hospital_referral", rows))
    with place.site() as site:
        with monkeypatch.context() as broken:
            broken.setattr(FirstDelivery, "store_keys", lambda *_given: 1 / 0)
            with pytest.raises(StepFailed):
                plain_sync(site)
        if held:
            with monkeypatch.context() as broken:
                guard = Hold("equal-as-of", "")
                broken.setattr(landing, "same_instant", lambda *_given: guard)
                assert plain_sync(site).held == len(rows)
        place.drop("hospital", "MSW_20261102.csv", preset_text("hospital_referral", rows))
        assert plain_sync(site).delivered == len(rows) * 2
        with site.engine.connect() as conn:
            stored = conn.execute(select(source_record.c.key_token)).scalars().all()
            keyed = conn.execute(select(record_key.c.key_token)).scalars().all()
    assert len(stored) == len(rows)
    assert sorted(stored) == sorted(keyed)
