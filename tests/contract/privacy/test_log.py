import ast
import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from privacy import audit, verify
from privacy.log import decision_instant, entries, prove, record, staff_pseudonym, subject_pseudonym
from privacy.log.sequencer import BATCH
from privacy.log.tiles import LogFiles
from privacy.pseudonyms import PseudonymDomain
from privacy.verify import Checkpoint, Mismatch, main, tile_path, verify_log, verify_receipt
from schemas.errors import LedgerCorrupt
from schemas.tables import act, log_head, outbox


def verified(log, **options):
    head, findings = verify_log(log.dir, log.key, **options)
    assert findings == []
    return head


def test_what_is_recorded_is_sequenced_once_and_verifies(log):
    log.record(3)
    assert log.sequence() == 3
    assert log.sequence() == 0
    log.record(2, "sync_run")
    assert log.sequence() == 2
    seen = []
    assert verified(log, each=lambda index, entry: seen.append((index, json.loads(entry)))).size == 5
    assert [index for index, _ in seen] == [0, 1, 2, 3, 4]
    assert [entry["kind"] for _, entry in seen] == ["disclosure"] * 3 + ["sync_run"] * 2
    assert (log.dir / "checkpoint").read_text("utf-8").startswith("musubi.test/log\n5\n")


def test_an_empty_log_has_no_checkpoint_and_says_so(log):
    assert log.sequence() == 0
    head, findings = verify_log(log.dir, log.key)
    assert head is None
    assert [finding.where for finding in findings] == ["checkpoint"]


def test_an_act_that_is_rolled_back_leaves_nothing(log):
    with log.engine.connect() as conn:
        record(conn, "disclosure", {})
        conn.rollback()
    assert log.sequence() == 0
    assert entries(log.engine) == []


@pytest.mark.parametrize("steps", [[255, 1, 1], [256], [257, 255], [100] * 6, [BATCH + 300], [1] * 5])
def test_any_steps_give_the_same_tree_with_exactly_the_tiles_of_the_specification(log, steps):
    for step in steps:
        log.record(step)
        log.sequence()
    size = sum(steps)
    assert verified(log).size == size
    full = {tile_path(level, index) for level in ("entries", 0) for index in range(size // 256)}
    assert full <= set(log.files())
    assert not any(name.partition(".p/")[0] in full for name in log.files() if ".p/" in name)


def test_an_older_checkpoint_is_a_prefix(log):
    log.record(300)
    log.sequence()
    older = (log.dir / "checkpoint").read_text("utf-8")
    log.record(300)
    log.sequence()
    verified(log, against=older)
    newer = (log.dir / "checkpoint").read_text("utf-8")
    (log.dir / "checkpoint").write_text(older, "utf-8")
    _, findings = verify_log(log.dir, log.key, against=newer)
    assert any("shrank" in finding.what for finding in findings)


def test_a_receipt_verifies_offline_and_for_its_entry_only(log, tmp_path, capsys):
    acts = log.record(600)
    assert prove(log.engine, log.dir, log.key, acts[0]) is None
    log.sequence()
    for act_id in (acts[0], acts[255], acts[256], acts[599]):
        text = prove(log.engine, log.dir, log.key, act_id).receipt
        [entry] = entries(log.engine, act_id=act_id)
        assert verify_receipt(text, entry.entry, log.key)[0] == entry.leaf_index
        with pytest.raises(Mismatch):
            verify_receipt(text, entry.entry + b" ", log.key)
    (tmp_path / "receipt").write_text(text, "utf-8")
    (tmp_path / "entry").write_bytes(entry.entry)
    assert main(["receipt", str(tmp_path / "receipt"), str(tmp_path / "entry"), str(log.key)]) == 0
    assert main(["log", str(log.dir), str(log.key)]) == 0
    assert "600 entries" in capsys.readouterr().out
    (tmp_path / "entry").write_bytes(b"x")
    assert main(["receipt", str(tmp_path / "receipt"), str(tmp_path / "entry"), str(log.key)]) == 1
    assert prove(log.engine, log.dir, log.key, "unknown") is None


def test_entries_are_found_by_agency_kind_and_act(log):
    log.record(2)
    [other] = log.record(1, "sign_in", agency="shogai")
    log.sequence()
    assert [entry.kind for entry in entries(log.engine, agency_id="shogai")] == ["sign_in"]
    assert len(entries(log.engine, agency_id="kaigo")) == 2
    assert len(entries(log.engine, limit=1)) == 1
    [found] = entries(log.engine, act_id=other, kind="sign_in")
    assert (found.body["agency"], found.leaf_index) == ("shogai", 2)
    assert entries(log.engine, act_id=other, kind="disclosure") == []


def test_a_worker_finds_her_own_readings_by_a_pseudonym_of_the_log_alone(log):
    staff = staff_pseudonym(log.keyring, "worker-7")
    assert staff != subject_pseudonym(log.keyring, 7) != PseudonymDomain(log.keyring, "kaigo").outward("person", 7)
    log.record(1)
    log.record(2, staff=staff)
    assert len(entries(log.engine, staff=staff)) == 2
    assert entries(log.engine, staff="worker-7") == []


NUMBERS = [
    *({"number": text} for text in ("0312345678", "tel:090-1234-5678", "090.1234.5678", "03(1234)5678")),
    *({"number": text} for text in ("123456789012", "a/001234567890123", 123456789012, -9_012_345_678)),
    {"123456789012": 1},
]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "結城"},
        {"結城": 1},
        {"deep": [{"name": "ﾕｳｷ"}]},
        {"share": 0.5},
        {"raw": b"x"},
        {"line": "a\nb"},
        {"name": "Yuki Hanako"},
        {"mail": "hanako@example.jp"},
        {"Yuki Hanako": 1},
        {"staff": "worker-7"},
        *NUMBERS,
    ],
)
def test_text_that_could_be_personal_is_refused_without_being_quoted(log, body):
    with pytest.raises(ValueError, match="body") as caught, log.engine.begin() as conn:
        record(conn, "disclosure", body)
    assert "結城" not in str(caught.value)


def test_dates_hashes_pseudonyms_and_file_names_are_recorded(log):
    texts = ["2026-11-01", "20261124T051209-12345678", "URE_20261101.csv", "0" * 32, "2026-11-24T05:12:09.113204Z"]
    [act_id] = log.record(1, texts=texts)
    assert entries(log.engine, act_id=act_id)[0].body["texts"] == texts


def test_a_lost_directory_is_written_anew_and_is_the_same_log(log, tmp_path):
    log.record(BATCH + 700)
    log.sequence()
    log.record(1)
    before = log.files()
    with pytest.raises(LedgerCorrupt, match="not empty"):
        log.sequencer().rebuild()
    log.dir.rename(tmp_path / "lost")
    assert log.sequencer().rebuild() == BATCH + 700
    rebuilt = log.files()
    assert rebuilt.items() <= before.items()
    assert set(before) - set(rebuilt) == set(), "one checkpoint, one set of tiles"
    assert log.sequence() == 1
    assert audit.verify(log.engine, log.dir, log.key).clean


def test_a_directory_is_not_written_anew_from_a_changed_database(log, tmp_path):
    log.record(300)
    log.sequence()
    log.dir.rename(tmp_path / "lost")
    with log.engine.begin() as conn:
        conn.execute(update(outbox).where(outbox.c.leaf_index == 17).values(entry=b"{}"))
    with pytest.raises(LedgerCorrupt, match="not those that were signed"):
        log.sequencer().rebuild()
    assert log.files() == {}


def test_an_entry_that_no_bundle_can_hold_is_refused(log):
    with pytest.raises(ValueError, match="manifest"), log.engine.begin() as conn:
        record(conn, "disclosure", {"rows": ["x" * 100] * 700})


def test_a_clock_set_back_does_not_set_the_log_back(log):
    now = datetime.now(UTC)
    with log.engine.begin() as conn:
        record(conn, "disclosure", {}, at=now)
        assert decision_instant(conn, now - timedelta(days=400)) == decision_instant(conn, now)
        record(conn, "disclosure", {}, at=now - timedelta(days=400))
    first, second = entries(log.engine)
    assert first.recorded_at == second.recorded_at


def test_a_database_restored_from_a_back_up_cannot_fork_the_log(log):
    log.record(3)
    log.sequence()
    with log.engine.connect() as conn:
        old_head = dict(conn.execute(select(log_head)).one()._mapping)
    log.record(3)
    log.sequence()
    before = log.files()
    with log.engine.begin() as conn:
        conn.execute(update(log_head).values(**old_head))
        conn.execute(delete(outbox).where(outbox.c.leaf_index >= 3))
    log.record(1)
    with pytest.raises(LedgerCorrupt, match="back-up"):
        log.sequence()
    assert log.files() == before


@pytest.mark.parametrize("name", ["tile/0/000.p/3", "checkpoint"])
def test_the_sequencer_refuses_to_build_on_a_changed_file(log, name):
    log.record(3)
    log.sequence()
    raw = bytearray((log.dir / name).read_bytes())
    raw[40] ^= 1
    (log.dir / name).write_bytes(raw)
    log.record(1)
    with pytest.raises(LedgerCorrupt):
        log.sequence()
    assert Checkpoint.open(head_text(log), log.key).size == 3


def head_text(log):
    with log.engine.connect() as conn:
        return conn.execute(select(log_head.c.checkpoint)).scalar_one()


def test_the_sequencer_refuses_a_gap_and_a_changed_entry(log):
    log.record(3)
    log.sequence()
    with log.engine.begin() as conn:
        conn.execute(update(outbox).where(outbox.c.leaf_index == 1).values(entry=b"{}"))
    log.record(1)
    with pytest.raises(LedgerCorrupt, match="leaf 0"):
        log.sequence()


class Killed(BaseException):
    """Stands for a kill: nothing after it runs."""


class FailingFiles(LogFiles):
    """Fails at the n-th file operation, before or after its effect."""

    def __init__(self, root, fail_at, after):
        super().__init__(root)
        self.left, self.after = fail_at, after

    def _count(self, effect, *arguments):
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        effect(*arguments)
        if self.left == 0:
            raise Killed

    def put(self, path, content):
        self._count(super().put, path, content)

    def flush(self, folder):
        self._count(super().flush, folder)

    def drop_partials(self, files):
        self._count(super().drop_partials, files)


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_any_file_operation_changes_nothing_in_the_end(log, after):
    log.record(250)
    log.sequence()
    rounds = 0
    while True:
        rounds += 1
        log.record(9)
        try:
            log.sequencer(FailingFiles(log.dir, rounds, after)).run()
        except Killed:
            log.sequence()
        else:
            break
        assert verified(log).size == 250 + 9 * rounds
        assert not any(path.name.endswith(".new") for path in log.dir.rglob("*")), "a repeat cleans up"
    assert rounds >= 8


def test_a_kill_around_the_commit_of_the_checkpoint_changes_nothing_in_the_end(log, monkeypatch):
    log.record(3)
    sequencer = log.sequencer()
    monkeypatch.setattr(sequencer, "_swap", killed)
    with pytest.raises(Killed):
        sequencer.run()
    assert log.sequence() == 3
    log.record(3)
    swapped = log.sequencer()
    commit = swapped._swap
    monkeypatch.setattr(swapped, "_swap", lambda *arguments: (commit(*arguments), killed()))
    with pytest.raises(Killed):
        swapped.run()
    assert log.sequence() == 0  # nothing is left to add, the checkpoint is published
    assert verified(log).size == 6


def killed(*_):
    raise Killed


def test_writers_and_sequencers_at_once_lose_and_repeat_nothing(log):
    def write(_):
        for _ in range(10):
            log.record(7)

    def sequence(_):
        return sum(log.sequence() for _ in range(10))

    with ThreadPoolExecutor(5) as pool:
        written = [pool.submit(write, number) for number in range(3)]
        sequenced = [pool.submit(sequence, number) for number in range(2)]
        for task in written:
            task.result()
        added = sum(task.result() for task in sequenced)
    assert added + log.sequence() == 210
    acts = []
    verified(log, each=lambda _, entry: acts.append(json.loads(entry)["act"]))
    assert len(set(acts)) == len(acts) == 210
    assert audit.verify(log.engine, log.dir, log.key).clean


WORKER = """
import sys
from pathlib import Path
from privacy.keyring import open_keyring
from privacy.log import Sequencer, record
from schemas.store import open_store
url, root = sys.argv[1], Path(sys.argv[2])
engine, keyring = open_store(url), open_keyring(root / "keys", None)
sequencer = Sequencer(engine, root / "log", keyring, "musubi.test/log")
print("at work", flush=True)
while True:
    with engine.begin() as conn:
        for number in range(40):
            record(conn, "disclosure", {"n": number})
    sequencer.run()
"""


def test_a_killed_process_leaves_a_whole_log(log, tmp_path):
    url = log.engine.url.render_as_string(hide_password=False)
    for wait in (0.02, 0.11, 0.23):
        with subprocess.Popen([sys.executable, "-c", WORKER, url, str(tmp_path)], stdout=subprocess.PIPE) as worker:
            assert worker.stdout.readline() == b"at work\n"
            time.sleep(wait)
            worker.kill()
        log.sequence()
        report = audit.verify(log.engine, log.dir, log.key)
        assert (report.findings, report.pending, report.size % 40) == ((), 0, 0)
    assert report.size > 0


def test_the_verifier_is_one_file_that_runs_without_musubi(log, tmp_path):
    log.record(300)
    log.sequence()
    alone = tmp_path / "auditor" / "verify.py"
    alone.parent.mkdir()
    shutil.copy(verify.__file__, alone)
    names = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(alone.read_text("utf-8")))
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in getattr(node, "names", ())]
        )
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert names <= set(sys.stdlib_module_names) | {"cryptography"}
    command = [sys.executable, "-I", str(alone), "log", str(log.dir), str(log.key)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=alone.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert "300 entries" in done.stdout
    (log.dir / "tile/0/000").write_bytes(bytes(8192))
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=alone.parent)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("tile/0/000: hash 0 ")


def test_every_act_stands_beside_its_entry(log):
    log.record(2)
    with log.engine.connect() as conn:
        acts = set(conn.execute(select(act.c.act_id)).scalars())
        assert acts == set(conn.execute(select(outbox.c.act_id)).scalars())
