"""福祉まるごと相談窓口: intake, assessment, plan and meeting of the integrated desk."""

from pathlib import Path

import numpy as np

from musubi.city.arrays import Ints, Texts, as_texts, chosen, generator, padded, plain
from musubi.city.calendars import written
from musubi.city.cases import (
    DESK,
    HOUKATSU,
    JIRITSU,
    KIKAN,
    SANKA,
    Scene,
    case_days,
    case_numbers,
    companions,
    consents,
    kin,
    only,
    pick,
    sexes,
)
from musubi.city.children import children_of
from musubi.city.population import TODAY
from musubi.city.sheets import Sheet, joined_keys, numbered, write_csv

NEEDS = (
    "病気・健康・障害、収入・生活費",
    "介護、家族との関係",
    "子育て、収入・生活費",
    "ひきこもり・不登校",
    "住まい、債務",
    "介護負担、子育て",
    "孤立",
    "障害の疑い、仕事探し",
)
WISHES = ("自宅で暮らしたい", "働きたい", "家族と暮らしたい", "休みたい", "話を聞いてほしい")
STEPS = ("相談支援", "参加支援", "アウトリーチ", "就労準備支援", "居場所", "医療連携", "学習支援")
STEMS = {"desk_intake": "UKETSUKE", "desk_assessment": "ASSESS", "desk_plan": "PLAN", "desk_meeting": "KAIGI"}


def desk_people(scene: Scene) -> tuple[Ints, Ints, Texts]:
    """Return the desk's clients, the day each came, and the number of the household's case."""
    rng = generator(scene.seed, "desk")
    rows = pick(scene, rng, scene.person.age() >= 16, "desk_intake")
    days = case_days(rng, len(rows), 600)
    return rows, days, padded(500_000 + scene.person.living[rows], 7)


def make_desk_intake(scene: Scene) -> Sheet:
    """Intake forms with up to four members of the household."""
    person, rng = scene.person, generator(scene.seed, "desk_intake")
    rows, when, case = desk_people(scene)
    size = len(rows)
    sheet = Sheet("desk_intake", size)
    key = case_numbers("U", when)
    sheet["受付番号"], sheet["世帯ケース番号"] = key, case
    sheet["受付日"] = written(when, "iso")
    sheet["相談経路"] = chosen(rng, size, ("本人", "家族", "病院", "学校", "関係機関", "民生委員"))
    sheet["相談方法"] = chosen(rng, size, ("来所", "電話", "訪問"))
    someone = scene.writing(rows, rng)
    sheet["本人氏名"], sheet["本人フリガナ"] = someone.name(), someone.kana()
    sheet["本人生年月日"] = someone.birth_text("iso")
    sheet["本人性別"] = sexes(person, rows)
    sheet["本人住所"] = scene.address(someone)
    sheet["本人電話番号"] = someone.phone
    sheet["相談区分"] = chosen(rng, size, NEEDS)
    sheet["緊急度"] = chosen(rng, size, ("高", "中", "低"), (0.15, 0.5, 0.35))
    sheet["関係機関"] = chosen(rng, size, ("", HOUKATSU, JIRITSU, f"{HOUKATSU}、{KIKAN}"), (0.5, 0.2, 0.2, 0.1))
    sheet["担当機関"] = DESK
    sheet["次回予定日"] = written(np.where(rng.random(size) < 0.5, np.minimum(when + 21, TODAY + 30), -1), "iso")
    sheet.mention(key, "subject", rows)
    others = np.vstack((companions(person, rows), children_of(person, rows, 3)))
    others[1:][others[1:] == others[0]] = -1
    for number, other in enumerate(others, 1):
        shown = (other >= 0) & (rng.random(size) < 0.8)
        member = np.where(shown, other, -1)
        writing = scene.writing(member, rng)
        for column, values in (
            ("氏名", writing.name()),
            ("フリガナ", writing.kana()),
            ("続柄", kin(person, rows, np.maximum(other, 0))),
            ("生年月日", writing.birth_text("iso")),
            ("同居別居", as_texts(["同居"] * size)),
        ):
            sheet[f"世帯員{number}_{column}"] = only(shown, values)
        sheet.mention(key, numbered("member", number), member)
    consents(sheet, rng, when, key, 0.6)
    sheet.plant(受付番号="", 受付日="2026-10-01", 本人氏名="番号　無子")
    sheet.plant(受付番号="U-2026-999999", 受付日="2026-10-01", 本人氏名="", 相談区分="介護")
    return sheet


def _subject(sheet: Sheet, scene: Scene, rows: Ints, rng: np.random.Generator) -> None:
    someone = scene.writing(rows, rng)
    sheet["対象者氏名"], sheet["対象者フリガナ"] = someone.name(), someone.kana()
    sheet["対象者生年月日"] = someone.birth_text("iso")
    sheet["対象者住所"] = scene.address(someone)


def make_desk_assessment(scene: Scene) -> Sheet:
    """Assessments of most of the desk's clients."""
    rng = generator(scene.seed, "desk_assessment")
    rows, came, case = desk_people(scene)
    kept = rng.random(len(rows)) < 0.7
    rows, when, case = rows[kept], np.minimum(came[kept] + 10, TODAY - 1), case[kept]
    size = len(rows)
    sheet = Sheet("desk_assessment", size)
    key = case_numbers("A", when)
    sheet["アセスメント番号"], sheet["世帯ケース番号"] = key, case
    sheet["実施日"] = written(when, "iso")
    _subject(sheet, scene, rows, rng)
    sheet["課題区分"] = chosen(rng, size, NEEDS)
    sheet["希望区分"] = chosen(rng, size, WISHES)
    sheet["本人の希望"] = chosen(rng, size, ("今の家で暮らし続けたい。", "少し休みたい。", "働けるようになりたい。"))
    sheet["実施機関"] = DESK
    sheet.mention(key, "subject", rows)
    sheet.plant(アセスメント番号="A-2026-999999", 実施日="未定", 対象者氏名="日付　未定", 課題区分="介護")
    return sheet


def make_desk_plan(scene: Scene) -> Sheet:
    """Plans, one to three steps each."""
    rng = generator(scene.seed, "desk_plan")
    rows, came, case = desk_people(scene)
    kept = rng.random(len(rows)) < 0.5
    steps = rng.integers(1, 4, int(kept.sum()))
    number = (
        np.concatenate([np.arange(1, count + 1) for count in steps]) if len(steps) else np.zeros(0, dtype=np.int64)
    )
    repeat = np.repeat(np.flatnonzero(kept), steps)
    plan = np.repeat(np.arange(len(steps)), steps)
    rows, when, case = rows[repeat], np.minimum(came[repeat] + 25, TODAY - 1), case[repeat]
    size = len(rows)
    sheet = Sheet("desk_plan", size)
    sheet["プラン番号"] = as_texts([f"P-{text}" for text in padded(plan + 1, 6).tolist()])
    sheet["項番"] = plain(number)
    sheet["世帯ケース番号"] = case
    sheet["作成日"] = written(when, "iso")
    _subject(sheet, scene, rows, rng)
    sheet["支援区分"] = chosen(rng, size, STEPS)
    sheet["支援機関"] = chosen(rng, size, (DESK, HOUKATSU, JIRITSU, SANKA, KIKAN))
    sheet["主担当機関"] = DESK
    off = rng.random(size) < 0.15
    sheet["制度外利用"] = np.where(off, "1", "0").astype(object)
    sheet["資源番号"] = only(off, chosen(rng, size, ("R0002", "R0004", "R0007")))
    sheet["開始日"] = written(when + 5, "iso")
    sheet["終了日"] = written(when + 180, "iso")
    sheet["状況"] = chosen(rng, size, ("予定", "実施中", "完了", "中止"), (0.2, 0.5, 0.25, 0.05))
    sheet["本人同意"] = chosen(rng, size, ("有", ""), (0.8, 0.2))
    sheet["見直し予定日"] = written(when + 90, "iso")
    sheet.mention(joined_keys(sheet["プラン番号"], sheet["項番"]), "subject", rows)
    sheet.plant(プラン番号="P-999999", 項番="", 作成日="2026-10-01", 対象者氏名="項番　無子")
    return sheet


def make_desk_meeting(scene: Scene) -> Sheet:
    """Meetings (支援会議, 重層的支援会議), one row per person discussed."""
    rng = generator(scene.seed, "desk_meeting")
    rows, came, case = desk_people(scene)
    kept = rng.random(len(rows)) < 0.3
    rows, when, case = rows[kept], np.minimum(came[kept] + 40, TODAY - 1), case[kept]
    size = len(rows)
    sheet = Sheet("desk_meeting", size)
    sheet["会議番号"] = as_texts([f"K-{text}" for text in padded(1 + np.arange(size) // 3, 5).tolist()])
    sheet["対象者番号"] = plain(1 + np.arange(size) % 3)
    sheet["世帯ケース番号"] = case
    sheet["会議種別"] = chosen(rng, size, ("支援会議", "重層的支援会議"), (0.3, 0.7))
    sheet["開催日"] = written(when, "iso")
    sheet["次回開催日"] = written(when + 60, "iso")
    _subject(sheet, scene, rows, rng)
    sheet["参加機関"] = chosen(rng, size, (f"{DESK}、{HOUKATSU}", f"{DESK}、{JIRITSU}、{SANKA}", f"{DESK}、{KIKAN}"))
    sheet["主担当機関"] = DESK
    sheet.mention(joined_keys(sheet["会議番号"], sheet["対象者番号"]), "subject", rows)
    sheet.plant(会議番号="K-99999", 対象者番号="", 会議種別="支援会議", 開催日="2026-10-01", 対象者氏名="番号　無")
    return sheet


def write_desk(sheet: Sheet, systems: Path, as_of: str) -> None:
    """``desk_*/STEM_YYYYMMDD.csv``, UTF-8 with byte order mark."""
    write_csv(sheet, systems / sheet.source / f"{STEMS[sheet.source]}_{as_of}.csv", "utf-8-sig")
