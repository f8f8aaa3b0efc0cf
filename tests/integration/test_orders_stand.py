"""Only a person lifts a protection order: not a delete flag, not a stray word, not an id that moved."""

import pytest
from sqlalchemy import insert, select, text, update

from connectors.testing import preset_text
from pipelines.publishing import publish
from schemas.tables import person, person_mention, protection, source_record, touched, view_member
from tests.integration.workspaces import make_place, plain_sync, source_text

FLAG = 'column = [{ name = "削除フラグ" }]\n[record]\ndeleted = { column = "削除フラグ", equals = ["1"] }\n'


def feed(place, day, lifted="", flag="0"):
    row = {
        "宛名番号": "000000000000101",
        "支援措置番号": "S1",
        "氏名": "森　結衣",
        "生年月日": "1990-08-08",
        "支援措置区分": "1",
        "支援措置事由": "1",
        "支援措置開始年月日": "2025-01-01",
        "解除年月日": lifted,
        "加害者判明区分": "1",
        "加害者_氏名": "森　剛",
        "加害者_生年月日": "1988-09-09",
    }
    header, *lines = preset_text("address_protection", [row]).split("\r\n")
    told = "\r\n".join([f"{header},削除フラグ", *(f"{line},{flag}" for line in lines if line), ""])
    place.drop("protection", f"SHIEN_{day}.csv", told.encode("cp932"))


@pytest.fixture
def place(tmp_path):
    source = source_text("protection", "address_protection").replace("[transport]", f"{FLAG}[transport]", 1)
    made = make_place(tmp_path, {"protection": source})
    feed(made, "20261101")
    with made.site() as site:
        assert plain_sync(site).accepted == 1
    return made


def lifted_now(site):
    with site.engine.connect() as conn:
        return conn.execute(select(protection.c.lifted)).scalars().all()


@pytest.mark.parametrize("word", ["なし", "00000000", "令和8年", "未定", "2026-12-24", "解除せず"])
def test_no_stray_word_and_no_day_to_come_lifts_an_order(place, word):
    feed(place, "20261102", lifted=word)
    with place.site() as site:
        plain_sync(site)
        assert lifted_now(site) == [0]


@pytest.mark.parametrize("day", ["2026-11-02", "令和8年11月1日"])
def test_a_day_that_has_come_lifts_it(place, day):
    feed(place, "20261102", lifted=day)
    with place.site() as site:
        plain_sync(site)
        assert lifted_now(site) == [1]


def test_the_sources_delete_flag_does_not_end_an_order_nobody_lifted(place):
    feed(place, "20261102", flag="1")
    with place.site() as site:
        plain_sync(site)
        assert lifted_now(site) == [0]
        with site.engine.connect() as conn:
            assert conn.execute(select(source_record.c.deleted)).scalars().all() == [0]
            shown = text("SELECT COUNT(*) FROM view_mention WHERE role = 'subject' AND g_to > 1000000")
            assert conn.execute(shown).scalar_one() == 1


def test_the_delete_flag_of_a_lifted_order_counts(place):
    feed(place, "20261102", lifted="2026-11-01", flag="1")
    with place.site() as site:
        plain_sync(site)
        with site.engine.connect() as conn:
            assert conn.execute(select(source_record.c.deleted)).scalars().all() == [1]


def test_who_ever_lived_where_follows_a_person_to_a_new_id(place):
    with place.site() as site:
        with site.engine.begin() as conn:
            mention_id, before = conn.execute(
                select(person_mention.c.mention_id, person_mention.c.person_id).order_by(person_mention.c.mention_id)
            ).first()
            lived = {"household_id": 77, "person_id": before, "kind": "living", "state": "present", "relation": ""}
            span = {"evidence": "register", "valid_from": "", "valid_to": "", "g_from": 1, "g_to": 2}
            conn.execute(insert(view_member), {**lived, **span})
            after = 9001
            conn.execute(insert(person), {"person_id": after})
            conn.execute(
                update(person_mention).where(person_mention.c.mention_id == mention_id).values(person_id=after)
            )
            conn.execute(insert(touched), {"mention_id": mention_id})
        publish(site.engine, "moved")
        with site.engine.connect() as conn:
            ever = set(
                conn.execute(select(view_member.c.person_id).where(view_member.c.household_id == 77)).scalars()
            )
        assert ever == {before, after}
