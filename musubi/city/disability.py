"""障害福祉: a vendor's database with certificates, service entitlements and consultations."""

import sqlite3
from pathlib import Path

import numpy as np

from musubi.city.arrays import Flags, Ints, as_texts, chosen, generator, padded, plain, texts
from musubi.city.calendars import written
from musubi.city.care import insured_numbers
from musubi.city.cases import (
    DESK,
    JIRITSU,
    Scene,
    case_days,
    companions,
    consents,
    here,
    kin,
    only,
    pick,
    sexes,
)
from musubi.city.noise import Writing, rates
from musubi.city.places import towns
from musubi.city.population import CITY_CODE, RESIDENT, TODAY, Population
from musubi.city.sheets import Sheet, joined_keys

SERVICES = ("居宅介護", "就労継続支援B型", "就労移行支援", "生活介護", "短期入所", "共同生活援助", "計画相談支援")
FIRST_TABLES = ("techo", "jukyusha", "soudan")


def certificate_holders(person: Population, seed: int) -> dict[str, Ints]:
    """Return who holds which certificate: 1 身体, 2 療育, 3 精神."""
    rng = generator(seed, "techo-holders")
    able = here(person)
    residents = int((person.state == RESIDENT).sum())
    age = person.age()
    weights = {
        "1": np.where(age >= 65, 6.0, 1.0),
        "2": np.where(age < 60, 3.0, 0.5),
        "3": np.where(age >= 20, 2.0, 0.1),
    }
    found = {}
    for kind, name in (("1", "physical"), ("2", "intellectual"), ("3", "mental")):
        pool = np.flatnonzero(able)
        size = max(2, int(residents * rates()["techo"][name]))
        share = weights[kind][pool]
        found[kind] = np.sort(rng.choice(pool, size, replace=False, p=share / share.sum()))
    return found


def _identity(sheet: Sheet, scene: Scene, rows: Ints, someone: Writing, *, half: bool) -> None:
    sheet["宛名番号"] = scene.person.number[rows]
    sheet["氏名"] = someone.name()
    sheet["氏名カナ"] = someone.half_kana() if half else someone.kana()
    sheet["生年月日"] = someone.birth_text("era7" if half else "iso")
    sheet["性別"] = plain(scene.person.sex[rows])
    sheet["郵便番号"] = towns().postcode[scene.dwellings.town[someone.dwelling]]
    sheet["住所"] = scene.address(someone, building=False)
    sheet["方書"] = scene.dwellings.house(someone.dwelling)
    sheet["電話番号"] = someone.phone


def _stamps(rng: np.random.Generator, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    days = written(TODAY - 1 - rng.integers(0, 400, size), "iso")
    made: np.ndarray[tuple[int, ...], np.dtype[np.object_]] = days + chosen(rng, size, (" 09:15:00", " 14:40:12"))
    return made


def make_techo(scene: Scene) -> Sheet:
    """Certificates, one row each; a person may hold more than one."""
    person, rng = scene.person, generator(scene.seed, "disability_techo")
    holders = certificate_holders(person, scene.seed)
    rows = np.concatenate(list(holders.values()))
    kind = as_texts([code for code, some in holders.items() for _ in some.tolist()])
    size = len(rows)
    sheet = Sheet("disability_techo", size)
    someone = scene.writing(rows, rng)
    sheet["手帳種別"] = kind
    number = as_texts([f"結第{text}号" for text in padded(10_000 + np.arange(size), 6).tolist()])
    sheet["手帳番号"] = number
    _identity(sheet, scene, rows, someone, half=True)
    sheet["障害種別コード"] = kind
    grade = np.select(
        [kind == "1", kind == "2"],
        [chosen(rng, size, ("1", "2", "3", "4", "5", "6")), chosen(rng, size, ("A", "B"))],
        chosen(rng, size, ("1", "2", "3"), (0.11, 0.59, 0.3)),
    ).astype(object)
    sheet["総合等級コード"] = grade
    sheet["統計部位コード"] = padded(rng.integers(1, 30, size), 2)
    names = {
        "1": ("上肢機能障害", "心臓機能障害", "聴覚障害"),
        "2": ("知的障害",) * 3,
        "3": ("統合失調症", "気分障害", "発達障害"),
    }
    sheet["障害名"] = as_texts([names[code][row % 3] for row, code in enumerate(kind.tolist())])
    sheet["資格状態コード"] = "1"
    first = TODAY - rng.integers(30, 6000, size)
    first = np.maximum(first, person.birth[rows] + 200)
    sheet["初回交付日"] = written(first, "iso")
    sheet["再認定年月日"] = written(np.where(kind == "3", TODAY + rng.integers(1, 720, size), -1), "iso")
    minor = (person.age()[rows] < 18) & (kind == "2")
    parent = np.where(minor, companions(person, rows), -1)
    _guardian(sheet, scene, rows, parent, rng)
    sheet["更新日時"] = _stamps(rng, size)
    key = joined_keys(kind, number)
    sheet.mention(key, "subject", rows)
    sheet.mention(key, "guardian", parent)
    sheet.plant(手帳種別="1", 手帳番号="", 氏名="手帳　番号無", 生年月日="3450101", 更新日時="2026-10-01 09:00:00")
    sheet.plant(
        手帳種別="7", 手帳番号="結第999999号", 氏名="種別　不明", 生年月日="3450101", 更新日時="2026-10-01 09:00:00"
    )
    return sheet


def _guardian(sheet: Sheet, scene: Scene, rows: Ints, parent: Ints, rng: np.random.Generator) -> None:
    has: Flags = parent >= 0
    writing = scene.writing(parent, rng)
    for column, values in (
        ("保護者氏名", writing.name()),
        ("保護者フリガナ", writing.half_kana()),
        ("保護者続柄", kin(scene.person, rows, np.maximum(parent, 0))),
        ("保護者生年月日", writing.birth_text("era7")),
    ):
        sheet[column] = only(has, values)


def make_jukyusha(scene: Scene) -> Sheet:
    """Entitlements to disability services: part of the holders of a certificate."""
    person, rng = scene.person, generator(scene.seed, "disability_jukyusha")
    holders = np.unique(np.concatenate(list(certificate_holders(person, scene.seed).values())))
    holders = holders[(person.age()[holders] >= 18) & (person.age()[holders] < 75)]
    rows = np.sort(rng.permutation(holders)[: max(3, int(len(holders) * 0.5))])
    size = len(rows)
    sheet = Sheet("disability_jukyusha", size)
    someone = scene.writing(rows, rng)
    number = insured_numbers(200_000_000 + np.arange(size))
    sheet["受給者証番号"] = number
    sheet["市町村番号"] = CITY_CODE
    _identity(sheet, scene, rows, someone, half=False)
    sheet["障害種別"] = chosen(rng, size, ("1", "2", "3", "4"), (0.35, 0.3, 0.3, 0.05))
    sheet["障害支援区分"] = chosen(rng, size, ("1", "2", "3", "4", "5", "6", "なし"))
    since = TODAY - rng.integers(10, 700, size)
    for column, days in (("支援区分有効期間開始日", since), ("支給期間開始日", since)):
        sheet[column] = written(days, "iso")
    sheet["支援区分有効期間終了日"] = written(since + 1095, "iso")
    sheet["支給期間終了日"] = written(since + 730, "iso")
    sheet["給付種別"] = chosen(rng, size, ("介護給付", "訓練等給付"))
    sheet["サービス種別"] = chosen(rng, size, SERVICES)
    sheet["支給量"] = chosen(rng, size, ("20時間", "23日", "10日"))
    sheet["利用者負担上限月額"] = chosen(rng, size, ("0", "9300", "37200"), (0.8, 0.15, 0.05))
    other = companions(person, rows)
    named = (other >= 0) & (rng.random(size) < 0.6)
    other = np.where(named, other, -1)
    contact = scene.writing(other, rng)
    for column, values in (
        ("緊急連絡先氏名", contact.name()),
        ("緊急連絡先続柄", kin(person, rows, np.maximum(other, 0))),
        ("緊急連絡先電話番号", contact.phone),
    ):
        sheet[column] = only(named, values)
    sheet["更新日時"] = _stamps(rng, size)
    sheet.mention(number, "subject", rows)
    sheet.mention(number, "emergency_contact", other)
    sheet.plant(
        受給者証番号="9999999967",
        市町村番号=CITY_CODE,
        氏名="",
        生年月日="1970-01-01",
        更新日時="2026-10-01 09:00:00",
    )
    return sheet


def make_soudan(scene: Scene) -> Sheet:
    """Consultations of the core disability centre; only some carry the city's number."""
    person, rng = scene.person, generator(scene.seed, "disability_soudan")
    age = person.age()
    rows = pick(scene, rng, (age >= 6) & (age < 75), "disability_soudan")
    size = len(rows)
    sheet = Sheet("disability_soudan", size)
    when = np.sort(case_days(rng, size))
    someone = scene.writing(rows, rng)
    key = as_texts([f"K{number:07d}" for number in range(1, size + 1)])
    sheet["相談ID"] = key
    sheet["更新連番"] = plain(np.arange(size) + 1)
    sheet["受付日"] = written(when, "iso")
    sheet["相談方法"] = chosen(rng, size, ("1", "2", "3", "9"), (0.35, 0.35, 0.25, 0.05))
    sheet["本人氏名"] = someone.name()
    sheet["本人カナ"] = someone.kana()
    births = someone.birth_text("slash")
    births[rng.random(size) < 0.05] = ""
    sheet["生年月日"] = births
    sheet["性別"] = sexes(person, rows)
    sheet["住所"] = scene.address(someone)
    sheet["電話番号"] = someone.phone
    numbered = rng.random(size) < rates()["numbered"]["disability_soudan"]
    sheet["宛名番号"] = only(numbered, person.number[rows])
    codes = ("01", "02", "03", "07", "09", "10", "12", "13", "16")
    sheet["主訴コード"] = chosen(rng, size, codes)
    sheet["緊急度"] = chosen(rng, size, ("1", "2", "3"), (0.1, 0.4, 0.5))
    sheet["相談内容"] = chosen(
        rng, size, ("福祉サービスの利用について。", "就労について。", "家族との関係について。")
    )
    planned = rng.random(size) < 0.3
    sheet["支援計画有無"] = np.where(planned, "1", "0").astype(object)
    sheet["支援計画開始日"] = written(np.where(planned, when + 20, -1), "iso")
    sheet["支援計画終了日"] = written(np.where(planned, when + 385, -1), "iso")
    sheet["つなぎ先機関"] = chosen(rng, size, ("", "障害福祉課", DESK, JIRITSU), (0.7, 0.2, 0.05, 0.05))
    closed = rng.random(size) < 0.3
    sheet["終結日"] = written(np.where(closed, np.minimum(when + 200, TODAY), -1), "iso")
    sheet["終結理由"] = only(closed, chosen(rng, size, ("解決", "他機関へ引継", "中断")))
    other = companions(person, rows)
    asked = (other >= 0) & (rng.random(size) < 0.4)
    other = np.where(asked, other, -1)
    asking = scene.writing(other, rng)
    for column, values in (
        ("相談者区分", texts(size, "家族")),
        ("相談者氏名", asking.name()),
        ("相談者続柄", kin(person, rows, np.maximum(other, 0))),
        ("相談者電話番号", asking.phone),
    ):
        sheet[column] = only(asked, values)
    consents(sheet, rng, when, key)
    sheet["削除フラグ"] = "0"
    sheet.mention(key, "subject", rows)
    sheet.mention(key, "consulter", other)
    sheet.plant(相談ID="K9999999", 更新連番=str(size + 100), 受付日="2026-10-09", 本人氏名="", 削除フラグ="0")
    return sheet


def write_disability(sheets: dict[str, Sheet], systems: Path) -> None:
    """``disability/shogai.db``: the tables techo, jukyusha and soudan of one SQLite file."""
    path = systems / "disability" / "shogai.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    base = sqlite3.connect(path)
    try:
        for name in FIRST_TABLES:
            sheet = sheets[f"disability_{name}"]
            kinds = {"更新連番": "INTEGER"}
            columns = ", ".join(f'"{column}" {kinds.get(column, "TEXT")}' for column in sheet.header)
            base.execute(f'CREATE TABLE "{name}" ({columns})')
            marks = ", ".join("?" * len(sheet.header))
            rows = [tuple(cell or None for cell in row) for row in sheet.rows()]
            rows += [tuple(cell or None for cell in row) for row in sheet.bad]
            base.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
        base.execute("CREATE TABLE kanri (kijun_bi TEXT)")
        base.execute("INSERT INTO kanri VALUES (?)", (str(written(np.array([TODAY]), "iso")[0]),))
        base.commit()
    finally:
        base.close()
