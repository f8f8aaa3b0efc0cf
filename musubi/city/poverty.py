"""自立相談支援 and 生活保護."""

from pathlib import Path

import numpy as np

from musubi.city.arrays import Ints, as_texts, chosen, generator, padded, plain, texts
from musubi.city.calendars import written
from musubi.city.cases import (
    DESK,
    Scene,
    case_days,
    case_numbers,
    companions,
    consents,
    here,
    kin,
    only,
    pick,
    sexes,
)
from musubi.city.children import children_of
from musubi.city.households import LATE_LONE, LONE_PARENT, SINGLE, SPOUSE
from musubi.city.noise import rates
from musubi.city.places import towns
from musubi.city.population import RESIDENT, TODAY
from musubi.city.sheets import Sheet, joined_keys, write_csv

TOPICS = (
    "病気・健康・障害",
    "住まい",
    "収入・生活費",
    "家賃・ローン",
    "税金・公共料金",
    "債務",
    "仕事探し",
    "仕事上の不安",
    "地域との関係",
    "家族との関係",
    "子育て",
    "介護",
    "ひきこもり・不登校",
    "DV・虐待",
    "食べるものがない",
    "その他",
)
MARKS = ("○", "〇", "◯", "1", "レ")
AIDS = ("生活", "住宅", "教育", "介護", "医療")


def make_jiritsu(scene: Scene) -> Sheet:
    """Intake of the self-reliance support: names by hiragana, era dates, ticked topics, no number."""
    person, rng = scene.person, generator(scene.seed, "jiritsu")
    age = person.age()
    rows = pick(scene, rng, (age >= 18) & (age < 80), "jiritsu", np.where(person.sex == 1, 1.5, 1.0))
    size = len(rows)
    sheet = Sheet("jiritsu", size)
    when = case_days(rng, size)
    key = case_numbers("J", when)
    sheet["ID"] = key
    sheet["受付日"] = written(when, "era")
    someone = scene.writing(rows, rng)
    sheet["氏名"] = someone.name()
    hiragana = str.maketrans({chr(code): chr(code - 0x60) for code in range(ord("ァ"), ord("ヶ"))})
    sheet["ふりがな"] = as_texts([text.translate(hiragana) for text in someone.kana().tolist()])
    sheet["性別"] = sexes(person, rows)
    sheet["生年月日"] = someone.birth_text("era")
    sheet["住所"] = scene.address(someone)
    sheet["電話"] = someone.phone
    sheet["相談経路"] = chosen(
        rng, size, ("本人", "家族", "行政", "関係機関", "民生委員"), (0.5, 0.15, 0.2, 0.1, 0.05)
    )
    mark = chosen(rng, size, MARKS)
    for topic, share in zip(TOPICS, rng.dirichlet(np.full(len(TOPICS), 3.0)) * 3, strict=True):
        sheet[f"相談_{topic}"] = only(rng.random(size) < share, mark)
    sheet["最も困っていること"] = chosen(rng, size, TOPICS)
    sheet["就労状況"] = chosen(rng, size, ("就労中", "無職", "求職中", ""), (0.28, 0.4, 0.25, 0.07))
    sheet["住居形態"] = chosen(rng, size, ("借家", "持家", "公営", ""))
    planned = rng.random(size) < 0.28
    for column, days in (
        ("プラン作成日", when + 14),
        ("プラン期間開始日", when + 15),
        ("プラン期間終了日", when + 380),
    ):
        sheet[column] = written(np.where(planned, days, -1), "iso")
    services = ("就労準備支援", "家計改善支援", "住居確保給付金", "一時生活支援")
    sheet["利用事業"] = only(planned, chosen(rng, size, services))
    sheet["つなぎ先機関"] = chosen(rng, size, ("", "生活福祉課", DESK), (0.75, 0.18, 0.07))
    closed = rng.random(size) < 0.4
    sheet["終結日"] = written(np.where(closed, np.minimum(when + 250, TODAY), -1), "iso")
    sheet["終結理由"] = only(closed, chosen(rng, size, ("就職", "目標達成", "中断", "他機関へ引継")))
    sheet.mention(key, "subject", rows)
    _family(sheet, scene, rows, key, rng)
    consents(sheet, rng, when, key, 0.5)
    sheet.plant(ID="", 受付日="令和8年9月1日", 氏名="番号　無太")
    sheet.plant(ID="J-2026-999999", 受付日="令和8年9月1日", 氏名="誕生　狂一", 生年月日="昭和ろくじゅうに年")
    return sheet


def _family(
    sheet: Sheet,
    scene: Scene,
    rows: Ints,
    key: np.ndarray[tuple[int, ...], np.dtype[np.object_]],
    rng: np.random.Generator,
) -> None:
    """Spouse, one child or the person who came instead, as far as the form was filled in."""
    person = scene.person
    other = companions(person, rows)
    near = (other >= 0) & (np.abs(person.birth[other] - person.birth[rows]) < 6000)
    married = near & ((person.role[other] == SPOUSE) | (person.role[rows] == SPOUSE)) & (rng.random(len(rows)) < 0.6)
    spouse = np.where(married, other, -1)
    writing = scene.writing(spouse, rng)
    for column, values in (
        ("配偶者氏名", writing.name()),
        ("配偶者フリガナ", writing.kana()),
        ("配偶者生年月日", writing.birth_text("era")),
    ):
        sheet[column] = only(married, values)
    sheet.mention(key, "spouse", spouse)
    child = children_of(person, rows, 1)[0]
    child = np.where(rng.random(len(rows)) < 0.5, child, -1)
    writing = scene.writing(child, rng)
    for column, values in (
        ("子氏名", writing.name()),
        ("子フリガナ", writing.kana()),
        ("子生年月日", writing.birth_text("era")),
    ):
        sheet[column] = only(child >= 0, values)
    sheet.mention(key, "child", child)
    came = (other >= 0) & ~near & (rng.random(len(rows)) < 0.3)
    asking = np.where(came, other, -1)
    writing = scene.writing(asking, rng)
    for column, values in (
        ("来談者氏名", writing.name()),
        ("来談者関係", kin(person, rows, np.maximum(other, 0))),
        ("来談者電話", writing.phone),
    ):
        sheet[column] = only(came, values)
    sheet.mention(key, "consulter", asking)


def make_seiho(scene: Scene) -> Sheet:
    """Assistance cases: whole living households, one row per member (ケース番号 and 員番)."""
    person, rng = scene.person, generator(scene.seed, "seiho")
    residents = int((person.state == RESIDENT).sum())
    able = here(person) & (person.state == RESIDENT) & (person.order == 1)
    weight = (
        np.select([person.kind == SINGLE, person.kind == LONE_PARENT, person.kind == LATE_LONE], [5.0, 3.0, 2.0], 0.3)
        * np.where(person.age() >= 65, 1.6, 1.0)
        * scene.hardship
    )
    heads = np.flatnonzero(able)
    order = np.argsort(rng.exponential(1.0, len(heads)) / weight[heads], kind="stable")
    heads = heads[order[: max(3, int(residents * rates()["cases"]["seiho"] / 1.25))]]
    case_of = np.full(int(person.register.max()) + 2, -1)
    case_of[person.register[heads]] = np.arange(len(heads))
    rows = np.flatnonzero((case_of[person.register] >= 0) & (person.register >= 0) & (person.state == RESIDENT))
    size = len(rows)
    sheet = Sheet("seiho", size)
    case = padded(30_000 + case_of[person.register[rows]], 6)
    place = padded(person.order[rows], 2)
    someone = scene.writing(rows, rng)
    sheet["ケース番号"], sheet["員番"] = case, place
    key = joined_keys(case, place)
    sheet["宛名番号"] = only(rng.random(size) < 0.9, person.number[rows])
    sheet["氏名"] = someone.name()
    sheet["氏名カナ"] = someone.half_kana()
    sheet["生年月日"] = someone.birth_text("era7")
    sheet["性別"] = plain(person.sex[rows])
    words = {"02": "世帯主", "11": "夫", "12": "妻", "20": "子", "51": "父", "52": "母"}
    sheet["続柄"] = as_texts([words.get(code, "同居人") for code in person.relation[rows].tolist()])
    head = person.head[rows]
    named = head != rows
    sheet["世帯主氏名"] = only(named, person.family[head] + "　" + person.given[head])
    sheet["郵便番号"] = towns().postcode[scene.dwellings.town[someone.dwelling]]
    sheet["住所"] = scene.address(someone, building=False)
    sheet["方書"] = scene.dwellings.house(someone.dwelling)
    sheet["電話番号"] = someone.phone
    since = (TODAY - rng.integers(20, 4000, len(heads)))[case_of[person.register[rows]]]
    sheet["生活保護開始年月日"] = written(since, "era7")
    kind = np.select(
        [person.age()[head] >= 65, person.kind[rows] == LONE_PARENT], [texts(size, "1"), texts(size, "2")], "5"
    ).astype(object)
    sheet["世帯類型"] = kind
    for aid, share in zip(AIDS, (0.88, 0.85, 0.05, 0.2, 0.83), strict=True):
        sheet[f"扶助フラグ_{aid}"] = np.where(rng.random(size) < share, "1", "0").astype(object)
    sheet.mention(key, "subject", rows)
    sheet.mention(key, "head", np.where(named, head, -1))
    sheet.plant(ケース番号="030001", 員番="", 氏名="員番　無子", 生年月日="3450101")
    sheet.plant(ケース番号="099999", 員番="01", 氏名="", 生年月日="3450101", 続柄="世帯主")
    return sheet


def write_jiritsu(sheet: Sheet, systems: Path, as_of: str) -> None:
    """``jiritsu/JIRITSU_YYYYMMDD.csv``, UTF-8 with byte order mark."""
    write_csv(sheet, systems / "jiritsu" / f"JIRITSU_{as_of}.csv", "utf-8-sig")


def write_seiho(sheet: Sheet, systems: Path, as_of: str) -> None:
    """``seiho/SEIHO_YYYYMMDD.csv`` in CP932."""
    write_csv(sheet, systems / "seiho" / f"SEIHO_{as_of}.csv", "cp932")
