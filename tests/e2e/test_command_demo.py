"""``musubi demo`` and what follows it, as a program: the city, one household, its proof, and what waits."""

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from musubi.command import command

PEOPLE = 600
DESK = ("--as", "desk-1", "--purpose", "consultation", "--present", "family", "--reason", "referred")
STEWARD = ("--as", "steward-1", "--purpose", "link_review", "--reason", "own_case")
FAMILY_A = ("髙澤　明子", "髙澤　修一", "髙澤　陽菜")


@pytest.fixture(autouse=True)
def own_process_state(monkeypatch):
    """Opening a site points the process's temporary files into the workspace; here each test has its own."""
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    for name in ("SQLITE_TMPDIR", "DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.delenv("MUSUBI_WORKSPACE", raising=False)


def program(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MUSUBI_WORKSPACE"}
    line = (sys.executable, "-m", "musubi", *words)
    return subprocess.run(line, check=False, capture_output=True, text=True, env=environment, timeout=300)


def musubi(root: Path, *words: str) -> Result:
    return CliRunner().invoke(command, ["--lang", "ja", "-w", str(root / "workspace"), *words])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    directory = tmp_path_factory.mktemp("demo") / "city"
    made = program("demo", "--people", str(PEOPLE), "--seed", "7", "--dir", str(directory), "--json")
    assert made.returncode == 0, made.stderr
    return directory, json.loads(made.stdout)


def asked(demo, *words: str, code: int = 0):
    done = musubi(demo[0], *words, "--json")
    assert done.exit_code == code, done.stderr
    return json.loads(done.stdout)


def test_the_report_is_one_object_whose_accounting_closes(demo):
    directory, told = demo
    assert sorted(path.name for path in directory.iterdir()) == ["musubi-demo.json", "systems", "truth", "workspace"]
    assert next(stage["name"] for stage in told["stages"]) == "generate"
    assert all(stage["seconds"] >= 0 and stage["peak_mib"] > 0 for stage in told["stages"])
    assert all(set(stage) == {"name", "records", "seconds", "peak_mib"} for stage in told["stages"])
    assert told["accepted"] + told["quarantined"] == told["delivered"] == told["stages"][0]["records"]
    assert (told["unchanged"], told["held"]) == (0, 0)
    assert told["quarantined"] == 29
    assert 0 < told["households"] < told["persons"]
    for name in ("persons", "unaided", "households"):
        assert set(told["accuracy"][name]) == {"precision", "recall", "f1"}
        assert told["accuracy"][name]["f1"] > 0.97


def test_the_pipeline_never_reads_the_truth(demo):
    sources = (demo[0] / "workspace" / "sources").glob("*.toml")
    assert not any("truth" in path.read_text("utf-8") for path in sources)


def test_the_first_family_is_one_household_for_the_desk(demo):
    results = asked(demo, "household", "find", "--name", "髙澤明子", "--birth", "1988-04-17", *DESK)
    (person,) = results["found"]
    view = asked(demo, "household", "show", person["opening"], *DESK)
    assert {member["identity"]["name"] for member in view["members"]} == set(FAMILY_A)
    programmes = {card["programme"] for member in view["members"] for card in member["cards"]}
    assert {"medical", "education", "integrated", "register"} <= programmes
    (entry,) = asked(demo, "audit", "search", "--act", view["proof"]["act_id"], *DESK)
    assert entry["leaf_index"] is not None
    assert asked(demo, "audit", "verify")["clean"]


def test_the_protected_woman_is_seen_by_whom_she_told_without_her_address_and_by_nobody_else(demo):
    clues = ("household", "find", "--name", "水野彩香", "--birth", "1993-01-21")
    partners_agency = ("--as", "jiritsu-1", "--purpose", "own_programme")
    assert asked(demo, *clues, *partners_agency)["found"] == []
    (hers,) = asked(demo, *clues, *DESK)["found"]
    shown = musubi(demo[0], "household", "show", hers["opening"], *DESK)
    assert "子どもと静かに暮らしたい" in shown.stdout
    assert not any(part in shown.stdout for part in ("宮前", "メゾン", "0908085513", "水野　蓮", "黒川"))


def test_every_source_of_the_city_is_checked_and_previewed_without_values(demo):
    sources = [source["id"] for source in asked(demo, "sources", "list")]
    assert len(sources) == 19
    assert sources[0] == "protection"
    for source in ("care_ledger", "disability_soudan", "child_support", "houkatsu"):
        check = asked(demo, "sources", "check", source)
        assert [one["applied"] for one in check["deliveries"]] == [True]
    told = asked(demo, "sources", "preview", "hospital", "--rows", "50")
    assert told["mapped"] + sum(told["faults"].values()) == told["rows"]
    assert told["mentions"]["subject"] == told["mapped"] > 0
    people = musubi(demo[0], "sources", "preview", "hospital")
    assert "本人" in people.stdout
    with (demo[0] / "systems" / "hospital" / "MSW_20261101.csv").open(encoding="utf-8-sig") as file:
        names = {row["患者氏名"] for row in csv.DictReader(file)} - {""}
    assert names
    assert not any(name in people.stdout for name in names)
    assert asked(demo, "sources", "list")[0]["as_of"] == "2026-11-01"


def test_planted_rows_wait_and_are_shown_to_the_agency_that_delivered_them_only(demo):
    waiting = asked(demo, "quarantine", "list")
    assert len(waiting) == 29
    row = next(one for one in waiting if one["source"] == "care_ledger")
    worker = ("--as", "kaigo-1", "--purpose", "own_programme")
    shown = asked(demo, "quarantine", "show", str(row["id"]), *worker)
    assert any(shown.values())
    assert musubi(demo[0], "quarantine", "show", str(row["id"]), *DESK).exit_code == 1
    retried = asked(demo, "quarantine", "retry", "--source", "care_ledger", code=3)
    assert retried["retried"] == retried["waiting"] > 0


def test_a_link_explains_itself_from_record_keys(demo):
    told = asked(demo, "review", "explain", "hospital:MSW-2026-0417", "desk_intake:U-2026-000412", *STEWARD)
    assert told["explanation"]["outcome"] == "one_person"
    others = ("hospital:MSW-2026-0417@carer", "hospital:MSW-2026-0417@child")
    assert asked(demo, "review", "explain", *others, *STEWARD)["explanation"]["outcome"] == "apart"
    assert musubi(demo[0], "review", "explain", "hospital:MSW-0", "hospital:MSW-1", *STEWARD).exit_code == 1
    listed = asked(demo, "review", "list", *STEWARD)
    for pair in listed["pairs"][:1]:
        again = asked(demo, "review", "explain", *(side["ref"] for side in pair["sides"]), *STEWARD)
        assert again["explanation"]["outcome"] in {"review", "one_person"}


def test_a_second_sync_changes_nothing_and_ends_with_code_3(demo):
    told = asked(demo, "sync", code=3)
    assert (told["delivered"], told["waiting_rows"]) == (0, 29)
    assert (told["persons"], told["households"]) == (demo[1]["persons"], demo[1]["households"])
    assert asked(demo, "publish", code=3)["persons"] == demo[1]["persons"]


def test_a_guard_ends_with_code_4_and_says_what_to_do(demo):
    ledger = demo[0] / "systems" / "ledger"
    (newest,) = ledger.glob("URE_*.csv")
    lines = newest.read_bytes().splitlines(keepends=True)
    short = ledger / "URE_20261102.csv"
    short.write_bytes(b"".join(lines[: len(lines) // 2]))
    stopped = musubi(demo[0], "sync", "--source", "ledger")
    assert stopped.exit_code == 4
    assert "--accept-removals" in stopped.stdout
    short.unlink()
    assert musubi(demo[0], "sync", "--source", "nothing").exit_code == 2


def test_doctor_warns_of_the_demo_keys_and_of_nothing_else(demo):
    told = asked(demo, "doctor", "--deep")
    assert told["healthy"]
    assert {one["check"] for one in told["findings"] if one["level"] == "warn"} <= {"keys", "files"}


def test_a_new_demo_takes_the_place_of_an_old_one_and_shows_the_family(tmp_path):
    directory = tmp_path / "city"
    directory.mkdir()
    (directory / "musubi-demo.json").write_text("{}")
    (directory / "workspace").mkdir()
    (directory / "workspace" / "left").write_text("over")
    made = program("--lang", "ja", "demo", "--people", "300", "--dir", str(directory))
    assert made.returncode == 0, made.stderr
    assert not (directory / "workspace" / "left").exists()
    assert all(name in made.stdout for name in FAMILY_A)
    assert "隔離で 29 行が待っています" in made.stdout
    assert "make serve" in made.stdout
    assert "Traceback" not in made.stderr


def test_a_place_that_holds_anything_else_is_not_touched(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    refused = musubi(tmp_path, "demo", "--people", "300", "--dir", str(tmp_path))
    assert refused.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert musubi(tmp_path, "demo", "--dir", str(tmp_path / "letter.txt")).exit_code == 2
    assert (tmp_path / "letter.txt").read_text() == "mine"
