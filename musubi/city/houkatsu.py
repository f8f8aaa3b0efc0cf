"""地域包括支援センター: a sheet people type into, with no number and every habit of writing."""

import re
from datetime import datetime
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

from musubi.city.arrays import as_texts, chosen, generator, plain, texts
from musubi.city.calendars import written
from musubi.city.cases import (
    DESK,
    JIRITSU,
    Scene,
    case_days,
    companions,
    consents,
    kin,
    only,
    pick,
    sexes,
)
from musubi.city.population import TODAY
from musubi.city.sheets import Sheet, joined_keys

NEEDS = ("介護", "認知症", "介護疲れ", "病気・健康・障害", "経済的困窮", "孤立", "見守り", "家族関係")
COURSES = (
    "要介護認定の申請を案内。",
    "訪問し生活状況を確認。配食を紹介。",
    "家族が疲れている様子。ショートステイの説明。",
    "物忘れが進んでいる。受診を勧める。",
    "電話で近況を確認。変わりなし。",
)


def make_houkatsu(scene: Scene) -> Sheet:
    """Consultations about old people, from the sheet the centre's staff keep."""
    person, rng = scene.person, generator(scene.seed, "houkatsu")
    age = person.age()
    rows = pick(scene, rng, age >= 60, "houkatsu", np.where(age >= 80, 3.0, 1.0))
    size = len(rows)
    sheet = Sheet("houkatsu", size)
    when = case_days(rng, size)
    someone = scene.writing(rows, rng)
    sheet["受付日"] = written(when, "iso")
    sheet["受付番号"] = plain(np.arange(size) + 1)
    sheet["相談経路"] = chosen(rng, size, ("本人", "家族", "民生委員", "ケアマネ", "病院", "近隣"))
    habit = rng.integers(0, 4, size)
    names = np.select([habit == 0, habit == 1], [someone.name(""), someone.name(" ")], someone.name()).astype(object)
    sheet["氏名"] = names
    kana = np.where(habit == 2, someone.half_kana(), someone.kana()).astype(object)
    kana[rng.random(size) < 0.1] = ""
    sheet["フリガナ"] = kana
    births = np.select(
        [habit == 0, habit == 1, habit == 2],
        [someone.birth_text("era"), someone.birth_text("era_dots"), someone.birth_text("slash")],
        someone.birth_text("iso"),
    ).astype(object)
    sheet["生年月日"] = births
    sheet["性別"] = sexes(person, rows)
    sheet["住所"] = scene.address(someone)
    sheet["電話番号"] = someone.phone
    sheet["主訴区分"] = chosen(rng, size, NEEDS)
    sheet["緊急度"] = chosen(rng, size, ("高", "中", "低", ""), (0.1, 0.3, 0.4, 0.2))
    sheet["要介護度"] = chosen(rng, size, ("", "未申請", "申請中", "要支援1", "要介護1", "要介護2"))
    sheet["対応方法"] = chosen(rng, size, ("来所", "電話", "訪問", "不在票"), (0.3, 0.35, 0.3, 0.05))
    sheet["対応経過"] = chosen(rng, size, COURSES)
    sheet["担当職員"] = chosen(rng, size, ("山根", "小松", "大森", "石井"))
    follow = when + rng.integers(14, 120, size)
    sheet["次回予定日"] = written(np.where(rng.random(size) < 0.4, follow, -1), "iso")
    sheet["つなぎ先機関"] = chosen(rng, size, ("", "介護保険課", DESK, JIRITSU), (0.7, 0.2, 0.07, 0.03))
    closed = rng.random(size) < 0.3
    sheet["終結日"] = written(np.where(closed, np.minimum(follow, TODAY), -1), "iso")
    sheet["終結理由"] = only(closed, chosen(rng, size, ("解決", "他機関へ引継", "中断")))
    key = joined_keys(sheet["受付日"], names, births)
    consents(sheet, rng, when, as_texts([f"HK{number:06d}" for number in range(size)]), 0.3)
    sheet.mention(key, "subject", rows)
    other = companions(person, rows)
    asked = (other >= 0) & (rng.random(size) < 0.5)
    asking = scene.writing(other, rng)
    relation = kin(person, rows, np.maximum(other, 0))
    for column, values in (
        ("相談者氏名", asking.name()),
        ("相談者フリガナ", asking.kana()),
        ("相談者続柄", relation),
        ("相談者電話番号", asking.phone),
    ):
        sheet[column] = only(asked, values)
    sheet.mention(key, "consulter", np.where(asked, other, -1))
    told = (other >= 0) & ~asked & (rng.random(size) < 0.4)
    for column, values in (
        ("同居家族氏名", asking.name()),
        ("同居家族フリガナ", asking.kana()),
        ("同居家族続柄", relation),
    ):
        sheet[column] = only(told, values)
    sheet.mention(key, "member", np.where(told, other, -1))
    sheet["世帯構成"] = only(told, texts(size, "同居家族あり"))
    sheet.plant(受付日="2026-10-05", 氏名="", 生年月日="昭和11年2月3日", 主訴区分="介護")
    sheet.plant(受付日="先週の火曜", 氏名="受付　日無", 生年月日="昭和12年2月3日", 主訴区分="介護")
    return sheet


def write_houkatsu(sheet: Sheet, systems: Path, as_of: str) -> None:
    """``houkatsu/SOUDAN_YYYYMMDD.xlsx``; every third day of reception is a real date, the others are text."""
    from openpyxl import Workbook

    path = systems / "houkatsu" / f"SOUDAN_{as_of}.xlsx"
    path.parent.mkdir(parents=True, exist_ok=True)
    book = Workbook(write_only=True)
    page = book.create_sheet("相談受付簿")
    page.append(sheet.header)
    place = sheet.header.index("受付日")
    rows = [list(row) for row in sheet.rows()]
    rows[len(rows) // 2 : len(rows) // 2] = [list(row) for row in sheet.bad]
    for number, row in enumerate(rows):
        cells: list[str | datetime | None] = [cell or None for cell in row]
        if number % 3 == 0 and len(row[place]) == 10:
            cells[place] = datetime.fromisoformat(row[place])
        page.append(cells)
    buffer = BytesIO()
    book.save(buffer)
    path.write_bytes(_timeless(buffer))


def _timeless(saved: BytesIO) -> bytes:
    """Return the workbook without the instant it was saved at, so that one seed makes one file."""
    made = BytesIO()
    with ZipFile(saved) as before, ZipFile(made, "w", ZIP_DEFLATED) as after:
        for name in before.namelist():
            content = before.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-11-01T00:00:00Z", content)
            after.writestr(ZipInfo(name, (2026, 11, 1, 0, 0, 0)), content, ZIP_DEFLATED)
    return made.getvalue()
