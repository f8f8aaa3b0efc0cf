from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from privacy import audit
from privacy.audit import Fault
from privacy.log import record
from privacy.verify import tile_path, tile_widths
from schemas.tables import act, log_head, outbox, run


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(audit, "PATIENCE", 0.0)


@pytest.fixture
def kept(log):
    """A log of several checkpoints, two full tiles, a partial one, and acts still waiting."""
    for count in (130, 200, 200):
        log.record(count)
        log.sequence()
    log.record(2)
    return log


def faults(log, **options):
    report = audit.verify(log.engine, log.dir, log.key, **options)
    assert report.clean == (not report.findings)
    return [finding.fault for finding in report.findings]


def change(log, statement):
    with log.engine.begin() as conn:
        assert conn.execute(statement).rowcount == 1


def test_an_honest_workspace_is_clean(kept):
    report = audit.verify(kept.engine, kept.dir, kept.key)
    assert report.findings == ()
    assert (report.size, report.pending, report.origin) == (530, 2, "musubi.test/log")
    kept.sequence()
    assert faults(kept, against=report.checkpoint) == []


def test_an_empty_workspace_is_clean(log):
    report = audit.verify(log.engine, log.dir, log.key)
    assert (report.findings, report.size, report.pending) == ((), 0, 0)


def test_every_flipped_byte_of_every_file_is_found(kept):
    """Every byte of the small files, and of the others the ends and a regular sample: each region of each file."""
    looked = 0
    for name, raw in kept.files().items():
        path = kept.dir / name
        for position in sorted({*range(0, len(raw), max(1, len(raw) // 7)), 0, 1, 2, len(raw) - 1}):
            changed = bytearray(raw)
            changed[position] ^= 1 << (position % 8)
            path.write_bytes(changed)
            assert faults(kept), (name, position)
            looked += 1
        path.write_bytes(raw)
    assert faults(kept) == []
    assert looked > 60


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_is_found(kept, data):
    files = kept.files()
    name = data.draw(st.sampled_from(sorted(files)))
    bit = data.draw(st.integers(0, len(files[name]) * 8 - 1))
    changed = bytearray(files[name])
    changed[bit // 8] ^= 1 << bit % 8
    try:
        (kept.dir / name).write_bytes(changed)
        assert faults(kept)
    finally:
        (kept.dir / name).write_bytes(files[name])


def test_every_flipped_bit_of_the_checkpoint_is_found(kept):
    path = kept.dir / "checkpoint"
    raw = path.read_bytes()
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        assert audit.verify_log(kept.dir, kept.key)[1], bit  # without the database's help


def test_every_removed_file_is_found(kept):
    needed = {tile_path(level, *tile) for level in ("entries", 0, 1) for tile in tile_widths(530, int(level == 1))}
    assert needed | {"checkpoint"} <= set(kept.files())
    for name, raw in kept.files().items():
        if name not in needed | {"checkpoint"}:
            continue  # a partial tile of an older checkpoint: of use to a reader who holds that one
        (kept.dir / name).unlink()
        assert faults(kept), name
        (kept.dir / name).write_bytes(raw)


def test_an_added_file_is_found(kept):
    (kept.dir / "tile/0/001.p/7").parent.mkdir(exist_ok=True)
    (kept.dir / "tile/0/001.p/7").write_bytes(bytes(7 * 32))
    assert faults(kept) == [Fault.LOG_CHANGED]


@pytest.mark.parametrize("name", ["note", "tile/0/abc.p/3", "tile/x/000.p/3", "tile/0/000.p/²", "tile/entries/7.p/0"])
def test_an_added_file_of_any_name_is_found(kept, name):
    path = kept.dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    assert [finding.where for finding in audit.verify(kept.engine, kept.dir, kept.key).findings] == [name]


@pytest.mark.parametrize("leaf", [0, 255, 529])
@pytest.mark.parametrize("table", [act, outbox])
def test_a_deleted_act_is_found(kept, leaf, table):
    [act_id] = [name for name, index in leaves(kept) if index == leaf]
    change(kept, delete(table).where(table.c.act_id == act_id))
    assert Fault.ACT_DELETED in faults(kept)


def test_an_act_deleted_with_its_outbox_row_is_found(kept):
    [act_id] = [name for name, index in leaves(kept) if index == 300]
    change(kept, delete(outbox).where(outbox.c.act_id == act_id))
    change(kept, delete(act).where(act.c.act_id == act_id))
    report = audit.verify(kept.engine, kept.dir, kept.key)
    assert [(finding.fault, finding.where) for finding in report.findings] == [(Fault.ACT_DELETED, "outbox leaf 300")]


def leaves(log):
    with log.engine.connect() as conn:
        return conn.execute(outbox.select().with_only_columns(outbox.c.act_id, outbox.c.leaf_index)).all()


def test_an_act_without_an_entry_is_found(kept):
    row = {
        "act_id": "forged",
        "kind": "disclosure",
        "recorded_at": "2026-11-01T00:00:00.000000Z",
        "digest": bytes(32),
    }
    with kept.engine.begin() as conn:
        conn.execute(insert(act), row)
    assert faults(kept) == [Fault.ENTRY_MISSING]


def test_a_waiting_entry_without_its_act_and_an_act_without_its_waiting_entry_are_found(kept):
    first, second = [name for name, index in leaves(kept) if index is None]
    change(kept, delete(act).where(act.c.act_id == first))
    change(kept, delete(outbox).where(outbox.c.act_id == second))
    assert sorted(faults(kept)) == sorted([Fault.ENTRY_MISSING, Fault.ACT_DELETED])


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (act, {"kind": "sign_in"}),
        (act, {"agency_id": "shogai"}),
        (act, {"staff": "somebody"}),
        (act, {"recorded_at": "2026-01-01T00:00:00.000000Z"}),
        (act, {"digest": bytes(32)}),
        (outbox, {"kind": "sign_in"}),
        (outbox, {"recorded_at": "2026-01-01T00:00:00.000000Z"}),
        (outbox, {"entry": b"{}"}),
        (outbox, {"entry": b"\xff"}),
    ],
)
@pytest.mark.parametrize("leaf", [17, None])
def test_any_changed_column_of_an_act_is_found(kept, table, values, leaf):
    act_id = next(name for name, index in leaves(kept) if index == leaf)
    change(kept, update(table).where(table.c.act_id == act_id).values(values))
    assert faults(kept) == [Fault.ACT_CHANGED]


def test_two_acts_that_changed_places_are_found(kept):
    for old, new in ((3, -1), (4, 3), (-1, 4)):
        change(kept, update(outbox).where(outbox.c.leaf_index == old).values(leaf_index=new))
    assert faults(kept) == [Fault.ACT_CHANGED] * 2


def test_a_finished_run_without_an_entry_is_found(log):
    now = datetime.now(UTC).isoformat()
    with log.engine.begin() as conn:
        for run_id, finished in (("proven", now), ("waiting", now), ("running", None)):
            conn.execute(
                insert(run), {"run_id": run_id, "kind": "sync", "started": now, "finished": finished, "status": ""}
            )
        record(conn, "run.sync", {"run": "proven"})
    log.sequence()
    log.record(1, "run.sync", run="waiting")
    assert faults(log) == []
    change(log, update(run).where(run.c.run_id == "running").values(finished=now))
    report = audit.verify(log.engine, log.dir, log.key)
    assert [(finding.fault, finding.where) for finding in report.findings] == [(Fault.ENTRY_MISSING, "run running")]


def test_a_rolled_back_directory_is_found(kept):
    older = kept.files()
    kept.sequence()
    for name in set(kept.files()) - set(older):
        (kept.dir / name).unlink()
    (kept.dir / "checkpoint").write_bytes(older["checkpoint"])
    assert Fault.HEAD_CHANGED in faults(kept)


@pytest.mark.parametrize("values", [{"checkpoint": "x"}, {"origin": "musubi.other/log"}])
def test_a_changed_head_is_found(kept, values):
    change(kept, update(log_head).values(values))
    assert Fault.HEAD_CHANGED in faults(kept)


def test_a_rewritten_history_is_found_by_a_checkpoint_kept_elsewhere(kept, tmp_path):
    """Whoever holds the signing key can build another log; the copy in the second place tells."""
    elsewhere = (kept.dir / "checkpoint").read_text("utf-8")
    with kept.engine.begin() as conn:
        for table in (act, outbox, log_head):
            conn.execute(delete(table))
    kept.dir.rename(tmp_path / "gone")
    kept.record(600)
    kept.sequence()
    assert faults(kept) == []
    assert faults(kept, against=elsewhere) == [Fault.HEAD_CHANGED]


def test_another_key_signs_nothing_here(kept, tmp_path):
    from privacy.keyring import create_keyring
    from privacy.log import verifier_key

    stranger = verifier_key(create_keyring(tmp_path / "stranger", None), kept.key.name)
    report = audit.verify(kept.engine, kept.dir, stranger)
    assert Fault.HEAD_CHANGED in [finding.fault for finding in report.findings]
