import re

import pytest

from privacy.policy import decide, explain, explain_all, load_policy
from privacy.policy.book import PACKAGED
from schemas.errors import ConfigurationError
from schemas.store import create_tables, open_store
from schemas.vocabulary import Category, Purpose, StaffRole, Tier
from tests.unit.privacy.policy_world import World, reader

POLICY = load_policy()
HANA, TARO, NOBODY = 1, 2, 99


@pytest.fixture
def world(tmp_path):
    """Hana is under protection, Taro is not; both gave the desk their consent to the same things."""
    engine = open_store(f"sqlite:///{tmp_path}/musubi.db")
    create_tables(engine)
    with engine.connect() as conn:
        world = World(conn)
        for person in (HANA, TARO):
            world.mention(person * 10, person, person * 100)
            world.consent(person * 10, "assessment", token=person, tier=2)
            world.consent(person * 10, "address", token=person)
        world.mention(12, HANA, 900, programme="protection")
        world.order(1, 12)
        yield world
    engine.dispose()


def test_what_is_shown_names_its_basis_and_what_would_show_more(world):
    decisions = decide(world.conn, POLICY, reader(), 1, [TARO])
    told = explain(decisions, TARO, Category.ASSESSMENT)
    assert (told.tier, told.own, [basis.id for basis in told.bases]) == (Tier.SUMMARY, False, ["consent"])
    assert told.ja == (
        "認定・ニーズ・プラン：概要（日付は年月まで）を表示します。"
        "根拠：本人または法定代理人等の同意（個人情報の保護に関する法律 第69条第2項第1号）。"
        "これ以上を見るには：機関・目的・区分・期限を示した同意を得る（本人または法定代理人等の同意）。"
    )
    assert "in summary, dates to the month" in told.en
    assert "article 69 (2) (i)" in told.en
    assert "obtain a consent" in told.en


def test_own_records_are_said_to_be_all_there_is(world):
    decisions = decide(world.conn, POLICY, reader("kaigo", "agency_worker", "own_programme"), 1, [TARO])
    told = explain(decisions, TARO, Category.ASSESSMENT)
    assert (told.tier, told.own) == (Tier.FULL, True)
    assert "自機関の記録に限り" in told.ja
    assert [(way.step, way.rule.id) for way in told.ways] == [("purpose", "consent")]
    assert "state the purpose abuse response / consultation" in told.en


def test_the_hidden_explain_like_the_absent(world):
    for who in (reader(), reader("desk", "agency_worker"), reader(stated=frozenset())):
        decisions = decide(world.conn, POLICY, who, 1, [HANA, TARO, NOBODY], 2)
        address = Category.ADDRESS
        assert explain(decisions, HANA, address).tier == Tier.NONE
        assert explain(decisions, HANA, address) == explain(decisions, NOBODY, address)
    world.conn.exec_driver_sql("DELETE FROM consent WHERE mention_id = 10")
    decisions = decide(world.conn, POLICY, reader(), 1, [HANA], 2)
    assert explain_all(decisions, HANA) == explain_all(decisions, NOBODY)


@pytest.mark.parametrize(
    ("who", "category", "steps"),
    [
        (reader(), "identity", {"consent": "consent", "search": "first_minute"}),
        (reader(stated=frozenset()), "identity", {"consent": "consent", "statement": "first_minute"}),
        (reader(purpose="outreach"), "identity", {"consent": "consent", "purpose": "first_minute"}),
        (reader(), "sensitive", {"consent": "consent"}),
        (reader(role="steward", purpose="link_review"), "identity", {"other": "link_review"}),
        (reader(role="steward", purpose="link_review"), "notes", {}),
        (reader(role="operator", purpose="operations"), "identity", {}),
    ],
)
def test_what_would_change_it(world, who, category, steps):
    """Of a person nobody has a basis for: by the policy and the reader alone."""
    told = explain(decide(world.conn, POLICY, who, 1, [NOBODY]), NOBODY, Category(category))
    assert {way.step: way.rule.id for way in told.ways} == steps
    assert told.ja.startswith(f"{POLICY.label(Category(category)).ja}：表示できる根拠がありません。")
    assert ("根拠はありません" in told.ja) == (not steps)
    assert ("No basis shows" in told.en) == (not steps)


@pytest.mark.parametrize("role", StaffRole)
@pytest.mark.parametrize("purpose", Purpose)
def test_every_sentence_is_whole_in_both_languages(world, role, purpose):
    decisions = decide(world.conn, POLICY, reader(role=role, purpose=purpose), 1, [TARO], 2)
    for told in explain_all(decisions, TARO):
        assert told.ja.endswith("。")
        assert told.en.endswith(".")
        assert not re.search(r"[{}]", told.ja + told.en)
        assert told.en.isascii()


def test_a_sentence_of_the_site_is_checked(tmp_path):
    text = (PACKAGED / "explanations.toml").read_text("utf-8")
    for old, new in (("{tier}", "{teir}"), ("{tier}", "{tier"), ("withheld = {", "withhold = {")):
        (tmp_path / "explanations.toml").write_text(text.replace(old, new), "utf-8")
        with pytest.raises(ConfigurationError, match=r"explanations\.toml"):
            load_policy(tmp_path)
