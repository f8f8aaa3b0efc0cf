"""The command over a real workspace: who asks, what is printed, what the log keeps, how it ends."""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import ANY

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, select, text

import musubi.asking
from desk import reader_of
from musubi.command import command
from privacy.log import staff_pseudonym
from privacy.policy import decide, explain_all, load_policy
from privacy.pseudonyms import PseudonymDomain
from schemas.tables import act, data_key, outbox
from tests.fakes.desk_town import build_town

DESK = ("--as", "desk-1", "--purpose", "consultation", "--present", "family", "--reason", "referred")
STATED = frozenset({"present", "reason"})
NAMES = ("結城", "ユウキ", "青葉町", "090-1234-5678", "09012345678", "1986-03-05", "昭和61年3月5日")


@pytest.fixture(autouse=True)
def own_process_state(monkeypatch):
    """Opening a site points the process's temporary files into the workspace; here each test has its own."""
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    monkeypatch.setenv("SQLITE_TMPDIR", os.environ.get("SQLITE_TMPDIR", ""))
    monkeypatch.delenv("MUSUBI_WORKSPACE", raising=False)


@pytest.fixture
def town(tmp_path):
    made = build_town(tmp_path)
    yield made
    made.engine.dispose()


def run(root: Path, *words: str, lang: str = "ja") -> Result:
    return CliRunner().invoke(command, ["--lang", lang, "-w", str(root), *words])


def entries(town, kind: str) -> list[dict]:
    with town.engine.connect() as conn:
        query = select(outbox.c.entry).where(outbox.c.kind == kind).order_by(outbox.c.recorded_at)
        return [json.loads(entry) for entry in conn.execute(query).scalars()]


def found(town) -> dict:
    result = run(town.root, "household", "find", "--name", "結城幸子", "--birth", "1986-03-05", *DESK, "--json")
    assert result.exit_code == 0, result.stderr
    (person,) = json.loads(result.stdout)["found"]
    return person


# --- the desk's readings ----------------------------------------------------------------------------------


def test_find_and_show_are_the_desks_own_readings_with_their_entries(town):
    person = found(town)
    result = run(town.root, "household", "show", person["opening"], *DESK, "--json")
    view = json.loads(result.stdout)
    assert [member["identity"]["name"] for member in view["members"]] == ["結城　幸子", "結城　健一"]
    (search,), (shown,) = entries(town, "reading.search"), entries(town, "reading.household")
    assert shown["act"] == view["proof"]["act_id"]
    for entry in (search, shown):
        assert entry["body"]["staff"] == staff_pseudonym(town.keyring, "desk-1")
        assert entry["body"]["purpose"] == "consultation"
        assert entry["body"]["statement"] == ["present:family", "reason:referred", "via:command"]


def test_clues_on_standard_input_stay_out_of_the_command_line(town):
    asked = ["--lang", "ja", "-w", str(town.root), "household", "find", *DESK, "--json"]
    given = json.dumps({"name": "結城幸子", "birth": "1986-03-05"})
    result = CliRunner().invoke(command, asked, input=given)
    assert json.loads(result.stdout)["found"] == [{**found(town), "opening": ANY}]
    for wrong in ("not json", '{"nome": "結城幸子"}', json.dumps({"name": "結" * 500})):
        refused = CliRunner().invoke(command, asked, input=wrong)
        assert refused.exit_code == 2
        assert "結" not in refused.output
    assert CliRunner().invoke(command, asked, input="").exit_code == 1


@pytest.mark.parametrize(("lang", "label"), [("ja", "本人の希望"), ("en", "What the person wishes")])
def test_the_household_reads_as_a_worker_needs_it(town, lang, label):
    result = run(town.root, "household", "show", found(town)["opening"], *DESK, lang=lang)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    name, wish = (next(n for n, line in enumerate(lines) if part in line) for part in ("結城　幸子", label))
    card = next(n for n, line in enumerate(lines) if "市民病院" in line or "City Hospital" in line)
    assert name < wish < card
    assert any("第69条第2項第1号" in line or "article 69" in line for line in lines)
    (entry,) = entries(town, "reading.household")
    assert f"audit search --act {entry['act']} --as desk-1" in result.stdout
    assert not any("…" in line for line in lines), "nothing is cut"


def test_without_the_first_minute_a_stranger_is_not_pointed_to(town):
    asked = ("household", "find", "--name", "佐藤太郎", "--birth", "1970-01-02", "--json")
    stated = json.loads(run(town.root, *asked, *DESK).stdout)
    unstated = json.loads(run(town.root, *asked, *DESK[:4]).stdout)
    assert len(stated["found"]) == 1
    assert unstated["found"] == []


def test_a_protected_woman_is_not_there_for_an_uncleared_desk(town):
    hidden = run(town.root, "household", "find", "--name", "森結衣", "--birth", "1990-08-08", *DESK, "--json")
    absent = run(town.root, "household", "find", "--name", "森無人", "--birth", "1990-08-08", *DESK, "--json")
    assert json.loads(hidden.stdout)["found"] == json.loads(absent.stdout)["found"] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("household", "find", "--name", "結", *DESK), 1, "手がかりが足りません"),
        (("household", "find", "--birth", "きのう", "--phone", "1", *DESK), 1, "生年月日が読み取れません"),
        (("household", "find", "--name", "結城幸子", "--as", "nobody", "--purpose", "consultation"), 1, "規程により"),
        (("household", "show", "0" * 32, *DESK), 1, "見つからないか"),
        (("household", "find", "--name", "結城幸子", "--as", "desk-1"), 2, "--purpose"),
        (("household", "find", "--name", "結城幸子", "--purpose", "consultation"), 2, "--as"),
        (("household", "find", "--name", "結城幸子", "--as", "desk-1", "--purpose", "curiosity"), 2, "curiosity"),
        (
            ("review", "explain", "ledger:1", "ledger:2", "--as", "ops-1", "--purpose", "link_review"),
            1,
            "見つからない",
        ),
    ],
)
def test_refusals_end_as_a_sentence_and_a_code(town, words, code, said):
    result = run(town.root, *words)
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_a_refused_reading_is_recorded_as_well(town):
    assert run(town.root, "household", "show", "0" * 32, *DESK).exit_code == 1
    (entry,) = entries(town, "reading.household")
    assert entry["body"]["subjects"] == {}


def test_an_unforeseen_error_says_kind_and_place_and_no_value(town, monkeypatch):
    def broken(_site):
        raise RuntimeError("結城　幸子 090-1234-5678")

    monkeypatch.setattr(musubi.asking, "policy_of", broken)
    result = run(town.root, "household", "show", "0" * 32, *DESK)
    assert result.exit_code == 1
    assert "RuntimeError" in result.stderr
    assert not any(name in result.output for name in NAMES)
    assert "Traceback" not in result.output


def test_no_workspace_is_a_matter_of_configuration(tmp_path):
    result = run(tmp_path / "nowhere", "household", "show", "x", *DESK)
    assert result.exit_code == 2
    assert "musubi init" in result.stderr


# --- the policy and the log -------------------------------------------------------------------------------


def test_policy_explain_tells_what_serves_and_what_stops(town):
    rows = {
        row["row"]: row for row in json.loads(run(town.root, "policy", "explain", *DESK, "--json").stdout)["rows"]
    }
    assert rows["first_minute"]["serves"]
    assert rows["first_minute"]["needs"] == ["attributes"]
    assert rows["link_review"]["stops"] == ["role", "purpose"]
    unstated = json.loads(run(town.root, "policy", "explain", *DESK[:4], "--json").stdout)["rows"]
    assert next(row for row in unstated if row["row"] == "first_minute")["stops"] == ["statement"]
    assert "個人情報の保護に関する法律" in run(town.root, "policy", "explain", *DESK).stdout


def test_policy_explain_for_a_person_is_a_reading(town):
    told = json.loads(
        run(town.root, "policy", "explain", "--reference", found(town)["opening"], *DESK, "--json").stdout
    )
    (entry,) = entries(town, "reading.explanation")
    assert told["person"]["act"] == entry["act"]
    assert len(entry["body"]["subjects"]) == 1
    parts = {part["category"]: (part["tier"], part["own"]) for part in told["person"]["parts"]}
    assert parts["assessment"] == ("full", False)
    assert parts["sensitive"] == ("none", True)
    assert "anybody" not in told


@pytest.mark.parametrize(("lang", "article"), [("ja", "第69条第2項第1号"), ("en", "article 69 (2) (i)")])
def test_policy_explain_speaks_the_policys_own_sentences(town, lang, article):
    opening = found(town)["opening"]
    policy = load_policy()
    reader = reader_of(town.workspace, "desk-1", "consultation", datetime.now(UTC), stated=STATED)
    with town.engine.connect() as conn:
        mother = decide(conn, policy, reader, 1, [town.people["mother"]], 2)
        wanted = [getattr(told, lang) for told in explain_all(mother, town.people["mother"])]
        nobody = [getattr(told, lang) for told in explain_all(decide(conn, policy, reader, 1, [99], 2), 99)]
    asked = ("policy", "explain", *DESK)
    told = run(town.root, *asked, "--reference", opening, lang=lang).stdout
    assert [sentence for sentence in wanted if flat(sentence) not in flat(told)] == []
    assert flat(article) in flat(told)
    told = run(town.root, *asked, lang=lang).stdout
    assert [sentence for sentence in nobody if flat(sentence) not in flat(told)] == []
    assert entries(town, "reading.household") == []


def flat(printed: str) -> str:
    """Without blanks and the breaks of lines, which fall anywhere in Japanese."""
    return "".join(printed.split())


def test_policy_explain_says_of_the_hidden_what_it_says_of_nobody(town):
    told = [
        run(town.root, "policy", "explain", *DESK, "--reference", reference)
        for reference in (hidden_reference(town), "nobody")
    ]
    assert [result.exit_code for result in told] == [1, 1]
    assert told[0].stderr == told[1].stderr
    assert told[0].stdout == told[1].stdout == ""


def hidden_reference(town) -> str:
    """The reference of somebody under a protection order, as the desk once knew it."""
    domain = PseudonymDomain(town.keyring, "desk")
    person = town.people["hidden"]
    with town.engine.begin() as conn:
        domain.remember(conn, "person", [person])
    return domain.outward_all("person", [person])[0]


def test_workers_search_their_own_entries_and_auditors_all(town):
    directory = town.root / "agencies.toml"
    auditor = '[[staff]]\nid = "auditor-1"\nagency = "shimin"\nrole = "auditor"\n'
    directory.write_text(directory.read_text("utf-8") + auditor, "utf-8")
    found(town)
    own = json.loads(run(town.root, "audit", "search", *DESK, "--json").stdout)
    assert [entry["kind"] for entry in own] == ["reading.search"]
    other = run(town.root, "audit", "search", "--as", "kaigo-1", "--purpose", "audit", "--json")
    assert json.loads(other.stdout) == []
    everything = run(town.root, "audit", "search", "--as", "auditor-1", "--purpose", "audit", "--json")
    assert [entry["kind"] for entry in json.loads(everything.stdout)] == ["reading.search"]
    (searched,) = entries(town, "audit.search")
    assert searched["body"]["entries"] == 1
    (subject,) = own[0]["body"]["subjects"]
    asked = ("--as", "auditor-1", "--purpose", "audit", "--json", "--subject")
    assert len(json.loads(run(town.root, "audit", "search", *asked, subject).stdout)) == 1
    assert json.loads(run(town.root, "audit", "search", *asked, "0" * 32).stdout) == []
    told = run(town.root, "audit", "search", *DESK).stdout
    assert "家族・同居の方・関係機関から連絡・つなぎがあった・コマンドから" in told
    assert not any(name in told for name in NAMES)


def test_a_proof_is_checked_without_musubi(town, tmp_path):
    found(town)
    (entry,) = entries(town, "reading.search")
    papers = tmp_path / "papers"
    result = run(town.root, "audit", "prove", entry["act"], "--directory", str(papers), *DESK, "--json")
    told = json.loads(result.stdout)
    program = (sys.executable, "-m", "privacy.verify", "receipt", told["receipt"], told["entry"], told["key"])
    assert subprocess.run(program, check=False, capture_output=True).returncode == 0
    Path(told["entry"]).write_bytes(Path(told["entry"]).read_bytes().replace(b"consultation", b"coordination"))
    assert subprocess.run(program, check=False, capture_output=True).returncode == 1
    others = ("--as", "kaigo-1", "--purpose", "consultation")
    assert run(town.root, "audit", "prove", entry["act"], "--directory", str(papers), *others).exit_code == 1


def test_audit_verify_finds_what_was_tampered_with(town, tmp_path):
    found(town)
    run(town.root, "audit", "search", *DESK)
    whole = run(town.root, "audit", "verify", "--json")
    assert whole.exit_code == 0
    kept = tmp_path / "kept-checkpoint"
    kept.write_text(json.loads(whole.stdout)["checkpoint"], "utf-8")
    found(town)
    assert run(town.root, "audit", "verify", "--against", str(kept)).exit_code == 0
    with town.engine.begin() as conn:
        conn.execute(delete(act))
    broken = run(town.root, "audit", "verify", "--json")
    assert broken.exit_code == 1
    assert {finding["fault"] for finding in json.loads(broken.stdout)["findings"]} == {"act-deleted"}
    assert "監査担当" in run(town.root, "audit", "verify").stdout
    assert run(town.root, "audit", "verify", "--key", "other+00000000+AAAA").exit_code == 2


def test_keys_rotate_and_retire(town):
    before = found(town)
    told = json.loads(run(town.root, "keys", "rotate", "--retire", "--json").stdout)
    with town.engine.connect() as conn:
        versions = set(conn.execute(select(data_key.c.kek_version)).scalars())
    assert versions == {told["version"]} == {2}
    assert told["retired"] == [1]
    assert found(town)["identity"] == before["identity"]


def test_a_demo_workspace_is_served_on_this_machine_only(town):
    refused = run(town.root, "serve", "--host", "0.0.0.0")  # noqa: S104 - it is refused
    assert refused.exit_code == 2
    assert "127.0.0.1" in refused.stderr


def test_readings_enter_the_signed_log_while_the_desk_serves(town, monkeypatch):
    waits = select(outbox.c.act_id).where(outbox.c.leaf_index.is_(None))

    def read_and_wait(*_given):
        found(town)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with town.engine.connect() as conn:
                if conn.execute(waits).first() is None:
                    return
            time.sleep(0.05)
        pytest.fail("the reading still waits")

    monkeypatch.setattr("musubi.commands.serve.SEQUENCED_EVERY", 0.05)
    monkeypatch.setattr("desk.serve", read_and_wait)
    assert run(town.root, "serve").exit_code == 0
    (town.workspace.var / "log" / "tile" / "0" / "000.p" / "1").unlink()
    monkeypatch.setattr("desk.serve", lambda *_given: found(town))
    told = run(town.root, "serve", lang="en")
    assert "contradicts the database" in told.stderr
    assert told.exit_code == 0


# --- doctor and init --------------------------------------------------------------------------------------


def doctor(root: Path, *words: str) -> tuple[int, dict[str, set[str]]]:
    result = run(root, "doctor", "--json", *words, lang="en")
    levels: dict[str, set[str]] = {}
    for finding in json.loads(result.stdout)["findings"]:
        levels.setdefault(finding["check"], set()).add(finding["level"])
    return result.exit_code, levels


@pytest.fixture
def sealed(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSUBI_TEST_UNLOCK", "a long secret kept elsewhere")
    root = tmp_path / "site"
    result = run(root, "init", str(root), "--unlock", "env:MUSUBI_TEST_UNLOCK", "--code", "132993")
    assert result.exit_code == 0, result.stderr
    return root


def test_a_new_workspace_is_fit_for_work(sealed):
    code, levels = doctor(sealed, "--deep")
    assert code == 0
    assert "fail" not in set().union(*levels.values())
    assert (sealed / "keys").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in sealed.iterdir()) == [
        "agencies.toml", "keys", "musubi.toml", "policy", "sources", "var",
    ]  # fmt: skip
    assert json.loads((sealed / "keys" / "keyring.json").read_text())["protection"] == "sealed"


def test_init_touches_nothing_that_is_there(sealed):
    before = {path: path.stat().st_mtime_ns for path in sealed.rglob("*")}
    result = run(sealed, "init", str(sealed), "--demo")
    assert result.exit_code == 2
    assert {path: path.stat().st_mtime_ns for path in sealed.rglob("*")} == before


@pytest.mark.parametrize(
    "words",
    [(), ("--demo", "--unlock", "env:X"), ("--unlock", "demo"), ("--unlock", "env:NOT_SET_ANYWHERE"),
     ("--demo", "--code", "132992")],
)  # fmt: skip
def test_init_leaves_nothing_behind_where_it_refuses(tmp_path, words):
    root = tmp_path / "new" / "site"
    assert run(root, "init", str(root), *words).exit_code == 2
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_keys_in_clear_fail(tmp_path):
    root = tmp_path / "site"
    assert run(root, "init", str(root), "--demo").exit_code == 0
    code, levels = doctor(root)
    assert code == 1
    assert levels["keys"] == {"fail"}


def _wrong_secret(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MUSUBI_TEST_UNLOCK", "another one")
    return "keys"


def _open_keys(root: Path, _monkeypatch: pytest.MonkeyPatch) -> str:
    (root / "keys" / "keyring.json").chmod(0o644)
    return "keys"


def _secret_inside(root: Path, _monkeypatch: pytest.MonkeyPatch) -> str:
    (root / "secret").write_text("a long secret kept elsewhere")
    (root / "secret").chmod(0o600)
    settings = root / "musubi.toml"
    settings.write_text(settings.read_text("utf-8").replace("env:MUSUBI_TEST_UNLOCK", "file:secret"), "utf-8")
    return "secret"


def _secret_readable(root: Path, _monkeypatch: pytest.MonkeyPatch) -> str:
    (root.parent / "secret").write_text("a long secret kept elsewhere")
    (root.parent / "secret").chmod(0o644)
    settings = root / "musubi.toml"
    settings.write_text(settings.read_text("utf-8").replace("env:MUSUBI_TEST_UNLOCK", "file:../secret"), "utf-8")
    return "secret"


def _no_store(root: Path, _monkeypatch: pytest.MonkeyPatch) -> str:
    (root / "var" / "musubi.db").unlink()
    return "store"


def _old_store(root: Path, _monkeypatch: pytest.MonkeyPatch) -> str:
    from schemas.store import open_store

    engine = open_store(f"sqlite:///{root / 'var' / 'musubi.db'}")
    with engine.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    engine.dispose()
    return "store"


def _log_gone(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    assert run(root, "keys", "rotate").exit_code == 0
    assert run(root, "audit", "search", "--as", "desk-1", "--purpose", "consultation").exit_code == 0
    (root / "var" / "log" / "checkpoint").write_text("nothing\n")
    return "log"


def _bad_source(root: Path, _monkeypatch: pytest.MonkeyPatch) -> str:
    (root / "sources" / "one.toml").write_text('id = "one"\npreset = "care_ledger"\nagency = "desk"\n')
    return "sources"


@pytest.mark.parametrize(
    "harm",
    [_wrong_secret, _open_keys, _secret_inside, _secret_readable, _no_store, _old_store, _log_gone, _bad_source],
)
def test_doctor_finds_it(sealed, monkeypatch, harm):
    check = harm(sealed, monkeypatch)
    code, levels = doctor(sealed)
    assert code == 1
    assert "fail" in levels[check]


def test_doctor_changes_nothing(sealed):
    before = {path: path.read_bytes() for path in sealed.rglob("*") if path.is_file()}
    doctor(sealed, "--deep")
    assert {path: path.read_bytes() for path in sealed.rglob("*") if path.is_file()} == before
