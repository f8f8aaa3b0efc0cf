"""The desk reads all the time while a sync changes everything: no reading fails, each is of one whole generation."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.testing import preset_text
from desk import Query, open_service, reader_of
from privacy.policy import load_policy
from tests.integration.workspaces import Place, make_place, plain_sync, source_text

PEOPLE = 400
STATED = frozenset({"present", "reason"})
OLD, NEW = "桜台三丁目", "緑が丘二丁目"
KANJI = "一二三四五六七八九十"


def surname(number: int) -> str:
    return "".join(KANJI[int(digit)] for digit in f"{number:03}") + "田"


def deliver(place: Place, day: str, town: str) -> None:
    """The same people in two systems that change on the same day: address and as-of of both belong together."""
    for source, preset in (("hospital", "hospital_referral"), ("jiritsu", "self_reliance")):
        number, name, birth, address = COLUMNS[source]
        rows = [
            {
                number: f"{source}{one}",
                DATE[source]: "令和8年10月1日",
                name: f"{surname(one)}　花子",
                birth: f"19{50 + one % 40}-0{1 + one % 9}-1{one % 10}",
                address: f"結市{town}{one + 1}番{one % 7 + 1}号",
            }
            for one in range(PEOPLE)
        ]
        place.drop(source, f"{source}_{day}.csv", preset_text(preset, rows))


COLUMNS = {
    "hospital": ("連絡票番号", "患者氏名", "患者生年月日", "患者住所"),
    "jiritsu": ("ID", "氏名", "生年月日", "住所"),
}
DATE = {"hospital": "連絡日", "jiritsu": "受付日"}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_every_reading_succeeds_and_is_of_one_generation(kind: str, request, tmp_path: Path) -> None:
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else ""
    sources = {
        "hospital": source_text("hospital", "hospital_referral", agency="byoin"),
        "jiritsu": source_text("jiritsu", "self_reliance", agency="byoin", top='format = { kind = "csv" }'),
    }
    place = make_place(tmp_path / "site", sources, url=url)
    deliver(place, "20261101", OLD)
    with place.site() as site:
        first = plain_sync(site)
        assert first.accepted == 2 * PEOPLE, first
        stop, answers, failures = threading.Event(), [], []

        service = open_service(site.workspace, site.engine, site.keyring, load_policy())

        def answer(one: int) -> tuple[str, ...]:
            """Towns in search and household, and how old each system's part is."""
            reader = reader_of(site.workspace, "byoin-1", "own_programme", datetime.now(UTC), stated=STATED)
            (found,) = service.find(reader, Query(name=f"{surname(one)}花子")).found
            (member,) = service.household(reader, found.opening).members
            return (found.whereabouts.town, member.whereabouts.town, *(card.as_of for card in member.cards))

        def read() -> None:
            one = 0
            while not stop.wait(0.005):  # in this test sync and readers share one interpreter
                one = (one + 37) % PEOPLE
                try:
                    answers.append(answer(one))
                except Exception as error:  # noqa: BLE001 - whatever fails is what is looked for
                    failures.append(repr(error))

        readers = [threading.Thread(target=read) for _ in range(2)]
        for thread in readers:
            thread.start()
        try:
            deliver(place, "20261102", NEW)
            report = plain_sync(site)
        finally:
            stop.set()
            for thread in readers:
                thread.join()
        assert report.accepted == 2 * PEOPLE
        assert failures == []
        assert len(answers) > 10
        old = ("桜台3丁目", "桜台3丁目", "2026-11-01", "2026-11-01")
        new = ("緑が丘2丁目", "緑が丘2丁目", "2026-11-02", "2026-11-02")
        between = (old[0], *new[1:])  # the generation was shown between search and household
        assert set(answers) <= {old, new, between}
        assert old in answers
        assert answer(1) == new
