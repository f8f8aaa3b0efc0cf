"""Keys of mentions: what must meet, what must stay apart."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.keys import mention_keys, query_keys
from linkage.normalise import exact_kana, folded_kana, folded_lot, folded_name, folded_phone, folded_town, loose_name
from schemas.drafts import MentionDraft
from schemas.tables import SEARCH_KINDS, TOKEN_COLUMNS
from schemas.values.addresses import Address
from schemas.values.dates import PartialDate
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName
from schemas.vocabulary import MentionRole


def mention(**fields):
    return MentionDraft(role=MentionRole.SUBJECT, **fields)


def keys_of(one):
    """The keys of one mention: those it has, by kind."""
    keys = mention_keys([one])
    tokens = {kind: string for kind, (string,) in keys.tokens.items() if string}
    return SimpleNamespace(
        tokens=tokens,
        aliases=[rest for _, *rest in keys.aliases],
        identifiers=[tuple(rest) for _, *rest in keys.identifiers],
    )


def test_a_batch_of_mentions_has_the_keys_each_has_alone():
    some = [
        mention(names=(PersonName("山田 花子", kana="ヤマダ ハナコ"), PersonName("佐藤", kind="former"))),
        mention(),
        mention(phones=("03-1234-5678", "090-1111-2222"), birth=PartialDate("1980-02-03", "day")),
        mention(identifiers=(Identifier("atena", "12", "1"), Identifier("setai", "77", "1"))),
    ]
    keys = mention_keys(some)
    for number, one in enumerate(some):
        alone = keys_of(one)
        assert {kind: column[number] for kind, column in keys.tokens.items() if column[number]} == alone.tokens
        assert [rest for owner, *rest in keys.aliases if owner == number] == alone.aliases
        assert [tuple(rest) for owner, *rest in keys.identifiers if owner == number] == alone.identifiers
    assert mention_keys([]).tokens == dict.fromkeys(TOKEN_COLUMNS, ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("髙橋 一郎", "高橋　一郎"),
        ("渡邊", "渡辺"),
        ("渡邉", "渡辺"),
        ("黒澤", "黒沢"),
        ("山﨑", "山崎"),
        ("齋藤", "斎藤"),
        ("濵田", "浜田"),
        ("𠮷田", "吉田"),
        ("葛\U000e0100城", "葛城"),
        ("神田", "神田"),
        ("ﾔﾏﾀﾞ", "やまだ"),
        ("ABC Ｄ", "abc d"),
    ],
)
def test_one_name_in_two_shapes_folds_to_one(one, other):
    assert folded_name(one) == folded_name(other)


@pytest.mark.parametrize(("one", "other"), [("太田", "大田"), ("健一", "健二"), ("美咲", "美桜"), ("斉藤", "斎藤")])
def test_different_names_stay_apart(one, other):
    assert folded_name(one) != folded_name(other)


def test_confusable_names_meet_in_the_loose_key_only():
    assert loose_name("斉藤") == loose_name("齋藤")
    assert loose_name("太田") != loose_name("大田")
    assert loose_name("茅ヶ崎") == loose_name("茅ケ崎")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("サトー", "サトウ"),
        ("オオタニ", "オータニ"),
        ("ﾖｼﾀﾞ", "ヨシタ゛"),
        ("しょうこ", "シヨウコ"),
        ("ナカジマ", "ナカシマ"),
        ("ヴァン", "バン"),
        ("いのうえ じゅん", "イノウエジュン"),
    ],
)
def test_the_registers_search_rule_for_readings(one, other):
    assert folded_kana(one) == folded_kana(other)


def test_readings_one_kana_apart_differ():
    assert folded_kana("サイトウ") != folded_kana("サトウ")
    assert exact_kana("ナカジマ") != exact_kana("ナカシマ")


@pytest.mark.parametrize(
    ("town", "lot", "town2", "lot2"),
    [
        ("結町三丁目", "２番３号", "結町３丁目", "2-3"),
        ("大字桜ヶ丘", "１０番地の２", "櫻ケ丘", "10-2"),
        ("本町", "１－２", "本町", "1−2"),
    ],
)
def test_one_place_written_twice(town, lot, town2, lot2):
    assert (folded_town(town), folded_lot(lot)) == (folded_town(town2), folded_lot(lot2))


def test_kanji_numbers_in_a_town_name_stay():
    assert folded_town("三番町") != folded_town("3番町")
    assert folded_town("十二丁目") == folded_town("12丁目")


def test_phone_is_digits_or_nothing():
    assert folded_phone("０３（1234）5678") == folded_phone("03-1234-5678") == folded_phone("+81 3-1234-5678")
    assert folded_phone("なし") == ""


def test_every_kind_is_a_column_and_every_search_kind_is_found():
    keys = keys_of(
        mention(
            names=(PersonName("山田 花子", kana="ヤマダ ハナコ"), PersonName("佐藤", kind="former", kana="サトウ")),
            birth=PartialDate("1980-02-03", "day"),
            addresses=(
                Address("", town="結町一丁目", lot="2-3", building="コーポ101"),
                Address("", town="本町", lot="9"),
            ),
            phones=("03-1234-5678", "090-1111-2222"),
            identifiers=(Identifier("atena", "000000123", "132993"), Identifier("setai", "77", "132993")),
        ),
    )
    assert set(keys.tokens) == set(TOKEN_COLUMNS)
    assert tuple(mention_keys([]).tokens) == TOKEN_COLUMNS
    assert set(SEARCH_KINDS) <= set(keys.tokens)
    assert {kind for kind, _ in keys.aliases} <= set(TOKEN_COLUMNS)
    assert ["name_folded", "佐藤花子"] in keys.aliases
    assert ["kana_full", folded_kana("サトウハナコ")] in keys.aliases
    assert ["town_lot", "本町-9"] in keys.aliases
    assert keys.identifiers == [("atena", "132993", "123", "", "")]
    assert keys.tokens["household_no"] == "132993/77"


def test_a_name_in_kana_alone_is_a_reading_and_never_a_spelling():
    keys = keys_of(mention(names=(PersonName("ﾔﾏﾀﾞ ﾊﾅｺ"),)))
    assert "name_folded" not in keys.tokens
    written = keys_of(mention(names=(PersonName("山田 花子", kana="やまだ はなこ"),)))
    assert keys.tokens["kana_full"] == written.tokens["kana_full"]
    assert keys.tokens["kana_given"] == written.tokens["kana_given"]


@pytest.mark.parametrize(
    ("name", "kana", "alone"),
    [
        ("寿伸", "ヒサノブ", True),
        ("玲央奈", "レオナ", True),
        ("レオナ", "", True),
        ("森由美", "モリユミ", False),
        ("森由美", "", False),
        ("林 誠", "ハヤシ マコト", False),
        ("ヤマダハナコ", "", False),
    ],
)
def test_a_given_name_alone_is_no_full_name(name, kana, alone):
    tokens = keys_of(mention(names=(PersonName(name, kana=kana),))).tokens
    assert ("name_folded" in tokens or "kana_full" in tokens) != alone
    assert bool(alone) <= ("kana_given" in tokens)


def test_a_short_query_still_searches_full_names():
    assert "name_loose" in query_keys(name="林誠")


def test_an_exchanged_name_shares_its_letters():
    right = keys_of(mention(names=(PersonName("渡邊 太郎"),))).tokens
    wrong = keys_of(mention(names=(PersonName("太郎 渡辺"),))).tokens
    assert right["name_bag"] == wrong["name_bag"]
    assert right["name_loose"] != wrong["name_loose"]


def test_partial_and_uncertain_birth_dates_give_what_they_know():
    assert set(keys_of(mention(birth=PartialDate("1955-02", "noncalendar"))).tokens) == {"birth_ym"}
    assert keys_of(mention(birth=PartialDate("1955", "approx"))).tokens == {}
    assert keys_of(mention(birth=PartialDate("", "unknown"))).tokens == {}


def test_a_query_finds_what_a_mention_wrote():
    wrote = keys_of(
        mention(names=(PersonName("髙橋　一郎", kana="ﾀｶﾊｼ ｲﾁﾛｳ"),), birth=PartialDate("1950-01-02", "day")),
    ).tokens
    asked = query_keys(name="高橋一郎", kana="たかはし　いちろう", birth=PartialDate("1950-01-02", "day"))
    assert {kind for kind in asked if asked[kind] == wrote[kind]} >= {"name_folded", "kana_full", "birth_date"}


def test_a_query_may_be_typed_as_people_write():
    asked = query_keys(birth="昭和25年1月2日", address="結市結町三丁目２番３号", phone="03-1234-5678")
    address = Address("", town="結町3丁目", lot="2-3")
    wrote = keys_of(mention(birth=PartialDate("1950-01-02", "day"), addresses=(address,))).tokens
    assert asked["birth_date"] == wrote["birth_date"]
    assert asked["town_lot"] == wrote["town_lot"]


def test_a_room_is_read_from_the_building_or_from_a_third_number():
    one = keys_of(mention(addresses=(Address("", town="本町1丁目", lot="2-3", building="コーポ結 305号室"),)))
    other = keys_of(mention(addresses=(Address("", town="本町1丁目", lot="2-3-305"),)))
    bare = keys_of(mention(addresses=(Address("", town="本町1丁目", lot="2-3"),)))
    assert one.tokens["dwelling"] == other.tokens["dwelling"] != bare.tokens["dwelling"]
    assert one.tokens["town_lot"] == other.tokens["town_lot"] == bare.tokens["town_lot"]


def test_an_all_zero_number_is_no_number():
    assert keys_of(mention(identifiers=(Identifier("kaigo", "0000000000"),))).identifiers == []


@given(st.text(alphabet="ぁあがゴッヴー゛ｶﾞ－山髙邊ヶ Aａ", max_size=12))
def test_folding_twice_changes_nothing(text):
    assert folded_name(folded_name(text)) == folded_name(text)
    assert folded_kana(folded_kana(text)) == folded_kana(text)


@given(st.text(max_size=20))
def test_no_text_whatever_raises(text):
    keys_of(mention(names=(PersonName(text, kana=text),), addresses=(Address(text, town=text, lot=text),)))
