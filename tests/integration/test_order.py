"""The end state is a function of the set of deliveries: order, split into runs and repeats make no difference."""

import itertools
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from connectors.deliveries import Delivery
from connectors.sources import open_source
from connectors.testing import preset_text
from linkage.households import resolve_households
from linkage.partition import link
from pipelines.landing import land
from pipelines.publishing import publish
from pipelines.site import Site
from pipelines.workers import Workers
from privacy.keyring import create_keyring
from tests.integration.workspaces import State, accounts, assert_same, make_place, source_text, state_of

SCOPED = '[record]\nscope = { column = "連絡区分" }\n'
AS_CSV = '[format]\nkind = "csv"\nencodings = ["utf-8-sig"]\nheader = true\n'
SOURCES = {
    "hospital": source_text("hospital", "hospital_referral", agency="byoin") + SCOPED,
    "care": source_text("care", "care_change_notice", agency="kaigo") + AS_CSV,
}
PEOPLE = ("髙澤　明子", "結城　健一", "大島　沙織", "関口　颯太")
KANA = ("タカザワ　アキコ", "ユウキ　ケンイチ", "オオシマ　サオリ", "セキグチ　ソウタ")
OFFICES = ("a", "b")
NUMBERS = itertools.count()
PRESETS = {"hospital": "hospital_referral", "care": "care_change_notice"}


@dataclass(frozen=True)
class Made:
    """One delivery as it is generated: the day (0-based) is the as-of and unlike all others of its source."""

    source: str
    day: int
    mode: str
    scopes: tuple[str, ...]
    rows: tuple[tuple[tuple[str, str], ...], ...] = field(repr=True)

    @property
    def name(self) -> str:
        return f"{self.source}_202611{self.day + 1:02}.csv"


def referral(number: int, office: str, variant: int) -> tuple[tuple[str, str], ...]:
    """A row of the hospital; variant 3 is one that must be refused, variant 4 has no carer."""
    row = {
        "連絡票番号": f"R{number}",
        "連絡日": "令和8年10月1日",
        "連絡区分": office,
        "患者氏名": "" if variant == 3 else PEOPLE[number],
        "患者フリガナ": KANA[number],
        "患者生年月日": f"198{number}-04-17",
        "患者住所": f"結市桜台三丁目5番{variant + 1}号",
        "病名": f"所見{variant}",
    }
    if variant != 4:
        row |= {"介護者氏名": PEOPLE[(number + 1) % 4], "介護者続柄": "夫", "介護者同居": "1"}
    return tuple(row.items())


def notice(number: int, event: int, correction: int, level: int) -> tuple[tuple[str, str], ...]:
    """A change notice: an event of a person, or a correction of one; correction 3 takes it back."""
    row = {
        "証記載保険者番号": "132993",
        "被保険者番号": f"000000000{number}",
        "異動年月日": f"202610{event + 1:02}",
        "異動事由": "01",
        "訂正年月日": f"202611{correction:02}" if correction else "",
        "訂正区分コード": {0: "", 3: "3"}.get(correction, "2"),
        "被保険者氏名": KANA[number],
        "生年月日": f"198{number}0417",
        "要介護状態区分コード": str(level),
        "認定有効期間開始年月日": f"202610{event + 1:02}",
    }
    return tuple(row.items())


referrals = st.builds(referral, st.integers(0, 3), st.sampled_from(OFFICES), st.integers(0, 4))
notices = st.builds(
    notice, st.integers(0, 1), st.integers(0, 1), st.integers(0, 3), st.sampled_from([11, 21, 22, 23])
)


@st.composite
def deliveries(draw: st.DrawFn) -> list[Made]:
    """A few deliveries of both sources, each of its own day."""
    made = []
    for day in draw(st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True)):
        mode = draw(st.sampled_from(["snapshot", "snapshot", "delta"]))
        scopes = draw(st.sampled_from([(), (), ("a",), ("b",)])) if mode == "snapshot" else ()
        rows = draw(st.lists(referrals, max_size=5))
        if scopes:  # a scoped snapshot holds records of its scope only
            rows = [row for row in rows if dict(row)["連絡区分"] in scopes]
        made.append(Made("hospital", day, mode, scopes, tuple(rows)))
    some = st.lists(notices, min_size=1, max_size=4)
    days = draw(st.lists(st.integers(0, 20), max_size=4, unique=True))
    return made + [Made("care", day, "events", (), tuple(draw(some))) for day in days]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Made], list[list[Made]]]:
    """Deliveries, and some other way they might arrive: permuted, repeated, split into runs."""
    made = draw(deliveries())
    arriving = draw(st.permutations([*made, *draw(st.lists(st.sampled_from(made), max_size=2))]))
    runs: list[list[Made]] = [[]]
    for one in arriving:
        if draw(st.booleans()):
            runs.append([])
        runs[-1].append(one)
    return made, runs


def found_delivery(site: Site, one: Made) -> Delivery:
    definition = site.sources()[one.source]
    listed = open_source(definition, site.workspace.root).deliveries(frozenset())
    found = next(delivery for delivery in listed if delivery.name == one.name)
    found.mode, found.scopes = one.mode, one.scopes
    return found


def arrive(base: Path, keys: Path, runs: list[list[Made]]) -> State:
    """Take deliveries in run by run, in the given order, and give the end state."""
    place = make_place(base, SOURCES, keys=keys)
    for one in {one for run in runs for one in run}:
        place.drop(one.source, one.name, preset_text(PRESETS[one.source], map(dict, one.rows)))
    with place.site() as site:
        _register(site)
        for number, run in enumerate(runs):
            with Workers(site.keyring, site.sources(), 0) as workers:
                for one in run:
                    landed = land(site, workers, found_delivery(site, one), f"run-{number}")
                    assert landed.hold is None, landed.hold
                    assert landed.delivered == landed.accepted + landed.quarantined == len(one.rows)
            link(site.engine, f"run-{number}")
            resolve_households(site.engine, f"run-{number}")
            publish(site.engine, f"run-{number}")
        assert accounts(site) == []
        return state_of(site)


def _register(site: Site) -> None:
    from pipelines.stages import Clock
    from pipelines.work import Work

    Work(site, Clock(), "register", workers=0).register_sources()


def check(directory: Path, history: tuple[list[Made], list[list[Made]]]) -> None:
    made, runs = history
    base = directory / str(next(NUMBERS))
    create_keyring(base / "keys", None)
    wanted = arrive(base / "one", base / "keys", [sorted(made, key=lambda one: (one.day, one.source))])
    assert_same(arrive(base / "other", base / "keys", runs), wanted)
    shutil.rmtree(base)


CALM = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


REFUSED_TWICE = tuple(referral(2, "ab"[second], 2 * second) for second in range(2))
TWICE = (Made("hospital", 0, "delta", (), REFUSED_TWICE), Made("hospital", 8, "snapshot", (), REFUSED_TWICE))


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=CALM,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes: run the long search for that
)
@example((list(TWICE), [[TWICE[1]], [TWICE[0]]]))
@given(histories())
def test_any_order_split_and_repeat_ends_in_the_same_state(tmp_path, history):
    check(tmp_path, history)


@pytest.mark.long
@settings(max_examples=300, deadline=None, suppress_health_check=CALM)
@given(histories())
def test_any_order_split_and_repeat_ends_in_the_same_state_searched_long(tmp_path, history):
    check(tmp_path, history)
