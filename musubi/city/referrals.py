"""Where stories begin: the hospital's social workers and the schools."""

from pathlib import Path

import numpy as np

from musubi.city.arrays import as_texts, chosen, generator, plain, texts
from musubi.city.calendars import written
from musubi.city.cases import (
    DESK,
    HOUKATSU,
    NEEDS,
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
from musubi.city.households import CHILD
from musubi.city.population import TODAY
from musubi.city.sheets import Sheet, write_csv

GRADES = ("小1", "小2", "小3", "小4", "小5", "小6", "中1", "中2", "中3", "高1", "高2", "高3")


def make_hospital(scene: Scene) -> Sheet:
    """Referrals of hospital patients; patients carry no number of the city."""
    person, rng = scene.person, generator(scene.seed, "hospital")
    age = person.age()
    rows = pick(scene, rng, age >= 18, "hospital", np.where(age >= 65, 4.0, 1.0))
    size = len(rows)
    sheet = Sheet("hospital", size)
    written_as = scene.writing(rows, rng)
    when = case_days(rng, size)
    key = case_numbers("MSW", when)
    sheet["連絡票番号"] = key
    sheet["連絡日"] = written(when, "iso")
    sheet["患者番号"] = plain(rng.integers(1, 10**8, size))
    sheet["患者氏名"] = written_as.name()
    sheet["患者フリガナ"] = written_as.kana()
    sheet["患者生年月日"] = written_as.birth_text("iso")
    sheet["患者性別"] = sexes(person, rows)
    sheet["患者住所"] = scene.address(written_as)
    sheet["患者電話番号"] = written_as.phone
    stayed = rng.random(size) < 0.7
    sheet["入院日"] = written(np.where(stayed, when - rng.integers(1, 40, size), -1), "iso")
    left = when + rng.integers(0, 60, size)
    sheet["退院日"] = written(np.where(stayed & (left <= TODAY), left, -1), "iso")
    sheet["入退院回数"] = np.where(stayed, plain(rng.integers(1, 5, size)), "").astype(object)
    sheet["主訴区分"] = chosen(rng, size, NEEDS)
    sheet["連絡内容"] = chosen(
        rng, size, ("退院後の生活に不安。", "介護の申請を考えている。", "家族の疲れが見える。", "")
    )
    sheet["連絡先機関"] = chosen(rng, size, ("", HOUKATSU, DESK), (0.5, 0.35, 0.15))
    other = companions(person, rows)
    named = (other >= 0) & (rng.random(size) < 0.6)
    other = np.where(named, other, -1)
    carer = scene.writing(other, rng)
    for column, values in (
        ("介護者氏名", carer.name()),
        ("介護者フリガナ", carer.kana()),
        ("介護者続柄", kin(person, rows, np.maximum(other, 0))),
        ("介護者電話番号", carer.phone),
        ("介護者同居", texts(size, "同居")),
    ):
        sheet[column] = only(named, values)
    consents(sheet, rng, when, key)
    sheet.mention(key, "subject", rows)
    sheet.mention(key, "carer", other)
    sheet.plant(連絡票番号="", 連絡日="2026-10-01", 患者氏名="番号　無夫")
    sheet.plant(連絡票番号="MSW-2026-9999", 連絡日="2026-10-02", 患者氏名="", 患者生年月日="1950-01-01")
    sheet.plant(連絡票番号="MSW-2026-9998", 連絡日="2026-10-03", 患者氏名="日付　狂子", 患者生年月日="五十年ごろか")
    return sheet


def make_school(scene: Scene) -> Sheet:
    """Absence reports about pupils, written by schools in era dates."""
    person, rng = scene.person, generator(scene.seed, "school")
    age = person.age()
    rows = pick(scene, rng, (age >= 7) & (age < 18) & (person.role == CHILD), "school")
    size = len(rows)
    sheet = Sheet("school", size)
    pupil = scene.writing(rows, rng)
    when = case_days(rng, size, 300)
    key = case_numbers("KS", when)
    sheet["連絡票番号"] = key
    sheet["連絡日"] = written(when, "iso")
    grade = np.clip(((TODAY - 214 - person.birth[rows]) / 365.25).astype(np.int64) - 6, 0, 11)
    sheet["学年"] = as_texts([GRADES[number] for number in grade.tolist()])
    loose = rng.random(size) < 0.3
    sheet["児童生徒氏名"] = np.where(loose, pupil.name(""), pupil.name()).astype(object)
    sheet["児童生徒フリガナ"] = np.where(loose, pupil.kana(""), pupil.kana()).astype(object)
    sheet["生年月日"] = pupil.birth_text("era")
    sheet["性別"] = sexes(person, rows)
    sheet["住所"] = scene.address(pupil)
    parent = companions(person, rows)
    guardian = scene.writing(parent, rng)
    for column, values in (
        ("保護者氏名", np.where(loose, guardian.name(""), guardian.name())),
        ("保護者フリガナ", np.where(loose, guardian.kana(""), guardian.kana())),
        ("保護者続柄", kin(person, rows, np.maximum(parent, 0))),
        ("保護者電話番号", guardian.phone),
    ):
        sheet[column] = only(parent >= 0, values)
    sheet["欠席開始日"] = written(when - rng.integers(10, 120, size), "iso")
    sheet["欠席日数"] = plain(rng.integers(5, 90, size))
    reasons = ("不登校", "病気", "家庭の事情", "家族の世話", "その他")
    sheet["欠席理由区分"] = chosen(rng, size, reasons, (0.55, 0.2, 0.1, 0.05, 0.1))
    sheet.mention(key, "subject", rows)
    sheet.mention(key, "guardian", parent)
    sheet.plant(連絡票番号="KS-2026-9999", 連絡日="いつか", 児童生徒氏名="日付　無", 生年月日="平成はちねん")
    return sheet


def write_referrals(sheet: Sheet, systems: Path, as_of: str) -> None:
    """``hospital/MSW_YYYYMMDD.csv`` or ``school/KESSEKI_YYYYMMDD.csv``, UTF-8 with byte order mark."""
    stem = {"hospital": "MSW", "school": "KESSEKI"}[sheet.source]
    write_csv(sheet, systems / sheet.source / f"{stem}_{as_of}.csv", "utf-8-sig")
