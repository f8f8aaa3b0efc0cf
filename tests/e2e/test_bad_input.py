"""Every kind of bad input, from the file to the records: refused, held, waited for or taken, and mended."""

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.sources import load_source, open_source
from pipelines.quarantine import Waiting
from pipelines.sync import SyncReport
from tests.fakes.bad_input import CASES, SECRETS, Case, definition
from tests.fakes.small_town import SmallTown


@dataclass(frozen=True)
class Seen:
    """What an operator sees of every source after a run."""

    report: SyncReport
    accounts: dict[str, tuple[int, int, int, int]]
    refused: list[Waiting]
    reasons: list[tuple[str, str]]
    standing: dict[str, int]

    @classmethod
    def of(cls, town: SmallTown) -> "Seen":
        """Run and look."""
        report = town.sync()
        return cls(report, town.accounts(), town.waiting(), town.reasons(), town.standing())

    def guards(self, case: Case) -> list[str]:
        return [guard.code for guard in self.report.guards if guard.source_id == case.id]

    def codes(self, case: Case) -> list[str]:
        return [row.code for row in self.refused if row.source == case.id]

    def said(self, case: Case) -> list[str]:
        """Give every message that names the source."""
        report = self.report
        told = [*(str(guard) for guard in report.guards), *report.unavailable, *report.waiting, *report.warnings]
        told += [f"{source}: {reason}" for source, reason in self.reasons]
        told += [f"{row.source}: {row.delivery} {row.code} {row.field}" for row in self.refused]
        return [message for message in told if message.startswith(f"{case.id}:")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seen, Seen]:
    """One workspace with a source per case: the run over all that is bad, and the one after all was mended."""
    town = SmallTown(tmp_path_factory.mktemp("town") / "workspace")
    for case in CASES:
        town.define(case.id, definition(case.id, **case.source))
        if case.end != "unavailable":
            town.drop(f"drop/{case.id}", case.files)
    bad = Seen.of(town)
    for case in CASES:
        if case.mended_source is not None:
            town.define(case.id, definition(case.id, **case.mended_source))
    town.retry()
    for case in CASES:
        if case.mended is not None:
            town.drop(f"drop/{case.id}", case.mended)
    return bad, Seen.of(town)


EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@EACH
def test_bad_input_ends_in_quarantine_a_guard_or_a_retry(runs: tuple[Seen, Seen], case: Case) -> None:
    bad, _ = runs
    assert bad.guards(case) == ([case.code] if case.end == "guard" else [])
    assert bad.codes(case) == ([case.code] if case.end == "quarantine" else [])
    assert bad.accounts.get(case.id, (0, 0, 0, 0)) == case.counts
    told = bad.said(case)
    if case.end == "taken":
        assert told == ([f"{case.id}: {case.code}"] if case.code else [])
    else:
        assert any(case.says in message and case.code in message for message in told), told


@EACH
def test_no_message_holds_a_value(runs: tuple[Seen, Seen], case: Case) -> None:
    told = [message for seen in runs for message in seen.said(case)]
    assert not [secret for secret in SECRETS for message in told if secret in message]


@EACH
def test_what_was_mended_lands(runs: tuple[Seen, Seen], case: Case) -> None:
    _, mended = runs
    assert mended.standing.get(case.id, 0) == case.stands
    assert not mended.guards(case)
    assert len(mended.codes(case)) == case.waits
    delivered, accepted, quarantined, held = mended.accounts[case.id]
    assert delivered == accepted + quarantined + held


def test_the_accounting_closes_and_the_exit_says_what_to_do(runs: tuple[Seen, Seen]) -> None:
    for seen in runs:
        report = seen.report
        assert report.delivered == report.accepted + report.quarantined + report.held
    bad, mended = runs
    assert (bad.report.exit_code, mended.report.exit_code) == (4, 3)
    assert len(bad.report.unavailable) == 1
    assert not mended.report.unavailable
    assert not mended.report.waiting


@pytest.mark.parametrize("case", [case for case in CASES if case.id.startswith("number_")], ids=lambda case: case.id)
def test_no_individual_number_comes_behind_the_connector(tmp_path: Path, case: Case) -> None:
    path = tmp_path / "source.toml"
    path.write_text(definition(case.id, **case.source), "utf-8")
    folder = tmp_path / "drop" / case.id
    folder.mkdir(parents=True)
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    (found,) = open_source(load_source(path), tmp_path).deliveries(frozenset())
    held = found.inspect().held
    text = " ".join(str(batch) for batch in found.raw_batches(100))
    assert bool(held) == (case.end == "guard")
    assert not re.search(r"\d{12}", re.sub(r"[-\s]", "", unicodedata.normalize("NFKC", text)))


def test_the_catalogue_is_wide() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 35
