import pytest
from sqlalchemy import delete, insert, select

from privacy import audit, rotation
from privacy.keyring import KeyUnusable, open_keyring
from privacy.log import entries
from privacy.sealing import new_data_key
from schemas.tables import data_key, delivery, quarantine, source_event


@pytest.fixture
def wrapped(log, monkeypatch):
    """Data keys in every place, more than one step of them; gives table -> id -> data key."""
    monkeypatch.setattr(rotation, "STEP", 7)
    keys = {table.name: {number: new_data_key() for number in range(20)} for table, _, _ in rotation.WRAPPED}
    rows = {"source_id": "s", "delivery_id": 1, "line": 1, "digest": 1, "row": b"", "payload": b"", "name": b""}
    texts = dict.fromkeys(("event_date", "as_of", "code", "state", "mode", "scopes", "status", "run_id"), "")
    with log.engine.begin() as conn:
        for number in range(20):
            old, version = log.keyring.wrap(keys["data_key"][number])
            conn.execute(insert(data_key), {"mention_id": number, "wrapped": old, "kek_version": version})
            for table, place, unique in (
                (source_event, "event_id", {"event_token": number, "key_token": 1}),
                (quarantine, "quarantine_id", {"row_token": number}),
                (delivery, "delivery_id", {"content_hash": str(number)}),
            ):
                values = {**rows, **texts, **unique, place: number}
                values["data_key"] = log.keyring.wrap(keys[table.name][number])[0]
                conn.execute(insert(table), {name: value for name, value in values.items() if name in table.c})
    return keys


def stored(log):
    with log.engine.connect() as conn:
        return {
            table.name: {row[0]: row[1] for row in conn.execute(select(place, column))}
            for table, place, column in rotation.WRAPPED
        }


def opened(log):
    return {
        name: {number: log.keyring.unwrap(key) for number, key in places.items()}
        for name, places in stored(log).items()
    }


def test_every_data_key_is_wrapped_anew_and_stays_the_same_key(log, wrapped):
    before = log.keyring.derive("token/phone")
    done = rotation.rotate(log.engine, log.keyring)
    assert (done.version, done.rewrapped) == (2, 80)
    assert {key[:2] for places in stored(log).values() for key in places.values()} == {b"\x00\x02"}
    with log.engine.connect() as conn:
        assert set(conn.execute(select(data_key.c.kek_version)).scalars()) == {2}
    assert opened(log) == wrapped
    assert log.keyring.derive("token/phone") == before


def test_old_keys_are_destroyed_only_when_nothing_needs_them(log, wrapped, tmp_path):
    log.keyring.add_version()
    with pytest.raises(KeyUnusable, match="keys rotate"):
        rotation.retire(log.engine, log.keyring)
    rotation.rotate(log.engine, log.keyring)
    assert rotation.retire(log.engine, log.keyring) == (1,)
    assert rotation.retire(log.engine, log.keyring) == ()
    assert open_keyring(tmp_path / "keys", None).versions == (2,)
    assert opened(log) == wrapped


class Killed(BaseException):
    """Stands for a kill: nothing after it runs."""


def test_a_rotation_killed_at_any_step_is_finished_by_the_next(log, wrapped, monkeypatch):
    for left in range(0, 80, 8):
        with monkeypatch.context() as patched:
            calls = iter(range(left))
            wrap = log.keyring.wrap

            def until_killed(key, calls=calls, wrap=wrap):
                if next(calls, None) is None:
                    raise Killed
                return wrap(key)

            patched.setattr(log.keyring, "wrap", until_killed)
            try:
                rotation.rotate(log.engine, log.keyring)
            except Killed:
                pass
            else:
                break
        assert opened(log) == wrapped
    assert rotation.rotate(log.engine, log.keyring).version == 3, "an interrupted rotation needs no key of its own"
    assert opened(log) == wrapped


def test_a_key_destroyed_meanwhile_stays_destroyed(log, wrapped, monkeypatch):
    wrap = log.keyring.wrap

    def erase_then_wrap(key):
        if key == wrapped["data_key"][3]:
            with log.engine.begin() as conn:
                conn.execute(delete(data_key).where(data_key.c.mention_id == 3))
        return wrap(key)

    monkeypatch.setattr(log.keyring, "wrap", erase_then_wrap)
    assert rotation.rotate(log.engine, log.keyring).rewrapped == 79
    assert 3 not in stored(log)["data_key"]


def test_rotation_and_retirement_stand_in_the_log(log, wrapped):
    rotation.rotate(log.engine, log.keyring)
    rotation.retire(log.engine, log.keyring)
    log.sequence()
    assert [(entry.kind, entry.body) for entry in entries(log.engine)] == [
        ("key.retire", {"versions": [1]}),
        ("key.rotate", {"version": 2, "rewrapped": 80}),
    ]
    assert audit.verify(log.engine, log.dir, log.key).clean
