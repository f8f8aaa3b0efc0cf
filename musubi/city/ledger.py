"""住民記録: the register's full export, 122 columns, one row per change of a person."""

from dataclasses import dataclass, fields
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from musubi.city.arrays import Flags, Ints, Texts, chosen, coded, generator, padded, plain, texts
from musubi.city.calendars import EPOCH, written
from musubi.city.cases import Scene
from musubi.city.noise import WIDE, birth_note, birth_text
from musubi.city.places import Dwellings, towns
from musubi.city.population import (
    CITY,
    CITY_CODE,
    DEAD,
    GONE,
    PREFECTURE,
    TODAY,
    UNREGISTERED,
    Population,
)
from musubi.city.sheets import Sheet, stacked, write_csv

OTHER_CITIES = (
    ("131016", "東京都", "千代田区", "霞が関二丁目"),
    ("141003", "神奈川県", "横浜市", "本町六丁目"),
    ("112089", "埼玉県", "所沢市", "並木一丁目"),
    ("152021", "新潟県", "長岡市", "大手通一丁目"),
    ("011002", "北海道", "札幌市", "北十八条西四丁目"),
    ("401307", "福岡県", "福岡市", "天神一丁目"),
)
KIN = {
    "02": "世帯主",
    "11": "夫",
    "12": "妻",
    "20": "子",
    "51": "父",
    "52": "母",
    "71": "兄",
    "74": "弟",
    "81": "姉",
    "84": "妹",
    "96": "縁故者",
    "99": "同居人",
}
CHANGES = ("41", "45", "51", "44")
"""異動事由 of rows between arrival and today: 世帯主変更, 世帯変更, 氏名等の修正, 職権修正."""
ARRIVALS = ("11", "12", "13")
"""異動事由: 国内転入, 国外転入等, 出生."""


def household_numbers(register: Ints) -> Texts:
    """世帯番号 of ten digits; empty outside the register."""
    made = padded(np.maximum(register, 0) + 2_000_000_000, 10)
    made[register < 0] = ""
    return made


def full_name(person: Population, rows: Ints) -> Texts:
    """氏名 on the register; foreigners stand in capitals."""
    japanese: Texts = person.family[rows] + "　" + person.given[rows]
    return np.where(person.nation[rows] == "", japanese, person.roman[rows]).astype(object)


@dataclass(frozen=True)
class Entries:
    """Rows of the register: whose, at which dwelling, with which history number, why and since when."""

    rows: Ints
    place: Ints
    number: Ints
    latest: Flags
    reason: Texts
    on: Ints

    def at(self, which: Ints | Flags) -> "Entries":
        """Return some of the rows, in the given order."""
        return Entries(*(getattr(self, field.name)[which] for field in fields(self)))


def make_ledger(scene: Scene) -> Sheet:
    """All rows of the register, history rows first for each person."""
    person, dwellings, rng = scene.person, scene.dwellings, generator(scene.seed, "ledger")
    held = np.flatnonzero(person.state != UNREGISTERED)
    moved = person.past_dwelling[held] >= 0
    changed = rng.random(len(held)) < 0.42
    changed_on = person.arrived[held] + (rng.random(len(held)) * (TODAY - person.arrived[held])).astype(np.int64)
    old = held[person.old_number[held] != ""]
    number = np.ones(len(held), dtype=np.int64)
    last = 1 + moved.astype(np.int64) + changed.astype(np.int64)
    first_place = np.where(moved, person.past_dwelling[held], person.dwelling[held])
    parts = [Entries(held, first_place, number, last == 1, _arrival(person, held), person.arrived[held])]
    before_move = changed & moved & (changed_on < person.moved[held])
    place = np.where(before_move, first_place, person.dwelling[held])
    turn = np.where(moved & ~before_move, 3, 2)
    reason = chosen(rng, len(held), CHANGES)
    parts.append(Entries(held, place, turn, turn == last, reason, changed_on).at(changed))
    turn = np.where(before_move, 3, 2)
    reason = texts(len(held), "31")
    parts.append(Entries(held, person.dwelling[held], turn, turn == last, reason, person.moved[held]).at(moved))
    entries = Entries(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Entries)))
    whole = _rows(person, dwellings, entries.at(np.lexsort((entries.number, entries.rows))), rng)
    if len(old):
        whole = stacked(whole, _earlier_stay(person, dwellings, old, rng))
    key = person.number[held]
    whole.mention(key, "subject", held)
    heads = person.head[held]
    named = (person.relation[held] != "02") & (heads >= 0)
    whole.mention(key[named], "head", heads[named])
    whole.mention(person.old_number[old], "subject", old)
    whole.plant(
        市区町村コード=CITY_CODE,
        宛名番号="",
        氏名="不明　太郎",
        最新フラグ="1",
        個人履歴番号="1",
        生年月日="1960-01-01",
    )
    whole.plant(
        市区町村コード=CITY_CODE,
        宛名番号="1999999990",
        個人履歴番号="1",
        最新フラグ="1",
        氏名="結　壊子",
        生年月日="昭和ン年",
        続柄コード1="02",
        住民状態="1",
    )
    return whole


def _arrival(person: Population, rows: Ints) -> Texts:
    born = person.arrived[rows] == person.birth[rows]
    return np.where(born, "13", np.where(person.nation[rows] != "", "12", "11")).astype(object)


def _rows(person: Population, dwellings: Dwellings, entries: Entries, rng: np.random.Generator) -> Sheet:
    """One row per entry."""
    rows, latest, on = entries.rows, entries.latest, entries.on
    sheet = Sheet("ledger", len(rows))
    foreign = person.nation[rows] != ""
    sheet["市区町村コード"] = CITY_CODE
    sheet["宛名番号"] = person.number[rows]
    sheet["個人履歴番号"] = plain(entries.number)
    sheet["個人履歴番号_枝番号"] = "0"
    sheet["最新フラグ"] = np.where(latest, "1", "0").astype(object)
    earlier = (person.past_register[rows] >= 0) & (on < person.moved[rows])
    sheet["世帯番号"] = household_numbers(np.where(earlier, person.past_register[rows], person.register[rows]))
    sheet["住民種別"] = np.where(foreign, "2", "1").astype(object)
    gone, dead = latest & (person.state[rows] == GONE), latest & (person.state[rows] == DEAD)
    sheet["住民状態"] = np.where(gone, "2", np.where(dead, "3", "1")).astype(object)
    when = np.where(gone | dead, person.state_day[rows], on)
    sheet["異動年月日"] = written(when, "iso")
    sheet["異動年月日_不詳フラグ"] = "0"
    sheet["異動届出年月日"] = written(np.minimum(when + rng.integers(0, 14, len(rows)), TODAY), "iso")
    sheet["異動事由"] = np.where(gone, "21", np.where(dead, "23", entries.reason)).astype(object)
    _names(sheet, person, rows)
    _kinship(sheet, person, rows)
    _address(sheet, dwellings, entries.place, rng)
    sheet["住民となった年月日"] = written(person.arrived[rows], "iso")
    sheet["住民となった年月日_不詳フラグ"] = "0"
    sheet["住所を定めた年月日"] = written(np.where(person.moved[rows] <= on, person.moved[rows], on), "iso")
    sheet["住所を定めた年月日_不詳フラグ"] = "0"
    sheet["記載の異動年月日"] = written(person.arrived[rows], "iso")
    sheet["記載の事由"] = _arrival(person, rows)
    _elsewhere(sheet, person, rows, gone, rng)
    sheet["除票フラグ"] = np.where(gone | dead, "1", "0").astype(object)
    ages = person.age()[rows]
    sheet["国保資格有無"] = np.where((ages < 75) & (rng.random(len(rows)) < 0.25), "1", "0").astype(object)
    sheet["後期高齢資格有無"] = np.where(ages >= 75, "1", "0").astype(object)
    sheet["介護資格有無"] = np.where(ages >= 65, "1", "0").astype(object)
    sheet["年金資格有無"] = np.where((ages >= 20) & (ages < 60), "1", "0").astype(object)
    small = latest & (ages < 18)
    sheet["児童手当資格区分"] = np.where(small, "2", "").astype(object)
    sheet["統合宛名フラグ"] = "0"
    sheet["他業務参照不可フラグ"] = "0"
    sheet["業務ID"] = "001"
    sheet["削除フラグ"] = "0"
    sheet["操作者ID"] = chosen(rng, len(rows), ("JK0012", "JK0034", "JK0107", "BATCH1"))
    sheet["操作年月日"] = written(when, "iso")
    sheet["操作時刻"] = chosen(rng, len(rows), ("09:12:05", "10:41:33", "13:07:50", "16:55:21", "02:00:00"))
    return sheet


def _names(sheet: Sheet, person: Population, rows: Ints) -> None:
    japanese = person.nation[rows] == ""
    blank = texts(len(rows))
    kana: Texts = person.kana_family[rows] + "　" + person.kana_given[rows]
    sheet["氏名"] = full_name(person, rows)
    for column, values in (
        ("氏_日本人", person.family),
        ("名_日本人", person.given),
        ("氏_日本人_フリガナ", person.kana_family),
        ("名_日本人_フリガナ", person.kana_given),
    ):
        sheet[column] = np.where(japanese, values[rows], blank).astype(object)
    sheet["氏名_フリガナ"] = kana
    sheet["氏名_フリガナ確認状況"] = np.where(japanese, "1", "").astype(object)
    sheet["氏名_外国人ローマ字"] = person.roman[rows]
    sheet["氏名_外国人漢字"] = person.kanji[rows]
    shown = person.former_registered[rows]
    sheet["旧氏"] = np.where(shown, person.former[rows], "").astype(object)
    sheet["旧氏_フリガナ"] = np.where(shown, person.former_kana[rows], "").astype(object)
    sheet["通称"] = person.alias[rows]
    sheet["通称_フリガナ"] = person.alias_kana[rows]
    sheet["性別"] = plain(person.sex[rows])
    sheet["性別表記"] = coded(person.sex[rows], ("", "男", "女"))
    known = person.birth_known[rows]
    sheet["生年月日"] = birth_text(person.birth[rows], known, "iso")
    sheet["生年月日_不詳フラグ"] = np.where(known > 0, "1", "0").astype(object)
    note = texts(len(rows))
    for row in np.flatnonzero(known > 0).tolist():
        note[row] = birth_note(_date(int(person.birth[rows[row]])), int(known[row]))
    sheet["生年月日_不詳表記"] = note


def _date(number: int) -> date:
    return EPOCH + timedelta(days=number)


def _kinship(sheet: Sheet, person: Population, rows: Ints) -> None:
    relation = person.relation[rows]
    parts = [text.split("/") for text in relation.tolist()]
    for place in range(4):
        column = texts(len(rows))
        column[:] = [codes[place] if place < len(codes) else "" for codes in parts]
        sheet[f"続柄コード{place + 1}"] = column
    spoken = texts(len(rows))
    spoken[:] = ["の".join(KIN.get(code, "") for code in codes) for codes in parts]
    sheet["続柄表記"] = spoken
    heads = person.head[rows]
    name = full_name(person, np.maximum(heads, 0))
    sheet["世帯主氏名"] = np.where(heads >= 0, name, "").astype(object)
    sheet["記載順位"] = plain(person.order[rows])


def _address(sheet: Sheet, dwellings: Dwellings, place: Ints, rng: np.random.Generator) -> None:
    town = dwellings.town[place]
    sheet["住所_市区町村コード"] = CITY_CODE
    sheet["住所_町字コード"] = towns().code[town]
    sheet["住所_都道府県"] = PREFECTURE
    sheet["住所_市区郡町村名"] = CITY
    sheet["住所_町字"] = towns().name[town]
    sheet["住所_番地号表記"] = dwellings.lot(place)
    sheet["住所_番地枝番数値"] = padded(dwellings.ban[place], 5) + padded(dwellings.go[place], 5)
    sheet["住所_方書"] = dwellings.house(place)
    post = towns().postcode[town]
    wide = rng.random(len(place)) < 0.08
    post[wide] = [f"{text[:3]}-{text[3:]}".translate(WIDE) for text in post[wide]]
    sheet["住所_郵便番号"] = post
    sheet["地区管理コード1"] = padded(town % 9 + 1, 2)


def _elsewhere(
    sheet: Sheet,
    person: Population,
    rows: Ints,
    gone: Flags,
    rng: np.random.Generator,
) -> None:
    """Address before arrival, in split columns or all in one, and address after departure."""
    size = len(rows)
    came = (person.arrived[rows] > person.birth[rows]) & (person.nation[rows] == "")
    for prefix, which in (("転入前住所_", came), ("転出先住所（確定）_", gone)):
        city = rng.integers(0, len(OTHER_CITIES), size)
        lot = plain(rng.integers(1, 40, size)) + "番" + plain(rng.integers(1, 20, size)) + "号"
        whole = (rng.random(size) < 0.3) & (prefix == "転入前住所_")
        code, prefecture, name, town = (coded(city, tuple(row[part] for row in OTHER_CITIES)) for part in range(4))
        blank = texts(size)
        sheet[f"{prefix}市区町村コード"] = np.where(which, code, blank).astype(object)
        sheet[f"{prefix}都道府県"] = np.where(which & ~whole, prefecture, blank).astype(object)
        sheet[f"{prefix}市区郡町村名"] = np.where(which & ~whole, name, blank).astype(object)
        one_cell = prefecture + name + town + lot
        sheet[f"{prefix}町字"] = np.where(which, np.where(whole, one_cell, town), blank).astype(object)
        sheet[f"{prefix}番地号表記"] = np.where(which & ~whole, lot, blank).astype(object)
    left = np.where(gone, person.state_day[rows], -1)
    sheet["転出届出年月日"] = written(left, "iso")
    sheet["転出予定年月日"] = written(left, "iso")
    sheet["転出年月日（確定）"] = written(left, "iso")


def _earlier_stay(person: Population, dwellings: Dwellings, old: Ints, rng: np.random.Generator) -> Sheet:
    """Return the closed row under the number of an earlier stay (再転入): the register does not join the two."""
    like = person.take(old)
    like.number = like.old_number
    like.state = np.full(len(old), GONE)
    like.state_day = like.arrived - rng.integers(300, 1500, len(old))
    like.arrived = np.maximum(like.state_day - rng.integers(200, 3000, len(old)), like.birth)
    like.moved = np.full(len(old), -1)
    like.register = person.register.max() + 1 + np.arange(len(old))
    like.relation = texts(len(old), "02")
    like.order = np.ones(len(old), dtype=np.int64)
    like.head = np.arange(len(old))
    rows = np.arange(len(old))
    place = dwellings.add_like(rng, len(old))
    ones = np.ones(len(old), dtype=np.int64)
    return _rows(like, dwellings, Entries(rows, place, ones, ones > 0, _arrival(like, rows), like.arrived), rng)


def write_ledger(sheet: Sheet, systems: Path, as_of: str) -> None:
    """``ledger/URE_YYYYMMDD.csv`` in CP932."""
    write_csv(sheet, systems / "ledger" / f"URE_{as_of}.csv", "cp932")
