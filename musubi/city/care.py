"""介護保険: the ledger of the insured, and the monthly change notices in the three-part frame of the 国保連."""

from pathlib import Path

import numpy as np

from musubi.city.arrays import Ints, Texts, chosen, generator, padded, plain, texts
from musubi.city.calendars import written
from musubi.city.cases import Scene, companions, kin, only
from musubi.city.households import CHILD
from musubi.city.ledger import household_numbers
from musubi.city.noise import half_width, rates
from musubi.city.places import towns
from musubi.city.population import CITY_CODE, DEAD, RESIDENT, TODAY, UNREGISTERED, Population
from musubi.city.sheets import Sheet, joined_keys, write_csv

INSURER = CITY_CODE
"""保険者番号; its own check digit happens to agree with the municipality code's."""
AGES = (65, 70, 75, 80, 85, 90)
CERTIFIED = (0.0, 0.028, 0.055, 0.124, 0.264, 0.481, 0.727)
"""Share certified by age band (2020)."""
LEVELS = ("12", "13", "21", "22", "23", "24", "25")
LEVEL_SHARES = (0.14, 0.14, 0.21, 0.17, 0.13, 0.13, 0.08)
SERVICES = ("訪問介護", "通所介護", "訪問看護", "福祉用具貸与", "通所リハビリ", "訪問介護、福祉用具貸与")


def insured_numbers(serials: Ints) -> Texts:
    """Return 被保険者番号 of ten digits whose last is the check digit of weights 1 and 2."""
    total = np.zeros_like(serials)
    rest = serials.copy()
    for place in range(9):
        product = (rest % 10) * (2 if place % 2 == 0 else 1)
        total += product // 10 + product % 10
        rest //= 10
    return padded(serials * 10 + (10 - total % 10) % 10, 10)


def certified(person: Population, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return who holds a care certification today."""
    share = np.array(CERTIFIED)[np.searchsorted(np.array(AGES), person.age(), side="right")]
    found = generator(seed, "certified").random(len(person)) < share
    return found & ~person.planted


def make_care_ledger(scene: Scene) -> Sheet:
    """Everybody aged 65 and over, the certified with their level, care manager and main carer."""
    person, rng = scene.person, generator(scene.seed, "care_ledger")
    living = (person.state == RESIDENT) | ((person.state == UNREGISTERED) & (person.role != CHILD))
    died = (person.state == DEAD) & (person.state_day > TODAY - 400)
    rows = np.flatnonzero((living | died) & (person.age() >= 65) & ~person.planted)
    size = len(rows)
    sheet = Sheet("care_ledger", size)
    someone = scene.writing(rows, rng)
    sheet["介護保険者番号"] = INSURER
    number = insured_numbers(10_000_000 + rows)
    sheet["被保険者番号"] = number
    sheet["宛名番号"] = person.number[rows]
    sheet["被保険者区分コード"] = "1"
    sheet["氏名カナ"] = someone.half_kana()
    sheet["氏名漢字"] = someone.name()
    sheet["生年月日"] = someone.birth_text("era_padded")
    sheet["性別コード"] = plain(person.sex[rows])
    sheet["郵便番号"] = towns().postcode[scene.dwellings.town[someone.dwelling]]
    sheet["住所"] = scene.address(someone, building=False)
    sheet["方書"] = scene.dwellings.house(someone.dwelling)
    sheet["電話番号"] = someone.phone
    sheet["世帯番号"] = household_numbers(person.register[rows])
    sheet["資格取得日"] = written(person.birth[rows] + 23741, "era7")
    gone = person.state[rows] == DEAD
    sheet["資格喪失日"] = written(np.where(gone, person.state_day[rows] + 1, -1), "era7")
    _certification(sheet, scene, rows, rng)
    key = joined_keys(sheet["介護保険者番号"], number)
    sheet.mention(key, "subject", rows)
    _carer(sheet, scene, rows, key, rng)
    sheet.plant(介護保険者番号=INSURER, 被保険者番号="", 氏名カナ="ﾊﾞﾝｺﾞｳ ﾅｼ", 生年月日="昭和20年01月01日")
    sheet.plant(介護保険者番号=INSURER, 被保険者番号="9999999991", 氏名カナ="ﾋﾂﾞｹ ﾌﾒｲ", 生年月日="昭和２Ｘ年")
    sheet.plant(
        介護保険者番号=INSURER,
        被保険者番号="9999999983",
        氏名カナ="ｸﾌﾞﾝ ﾌﾒｲ",
        生年月日="昭和21年03月03日",
        要介護状態区分コード="77",
    )
    return sheet


def _certification(sheet: Sheet, scene: Scene, rows: Ints, rng: np.random.Generator) -> None:
    size = len(rows)
    holds = certified(scene.person, scene.seed)[rows]
    level = chosen(rng, size, LEVELS, LEVEL_SHARES)
    since = TODAY - rng.integers(5, 700, size)
    sheet["要介護認定状況コード"] = only(holds, texts(size, "2"))
    sheet["要介護状態区分コード"] = only(holds, level)
    for column, days in (
        ("要介護認定日", since),
        ("要介護認定有効期間開始日", since),
        ("要介護認定有効期間終了日", since + 730),
    ):
        sheet[column] = written(np.where(holds, days, -1), "era7")
    sheet["障害高齢者自立度"] = only(holds, plain(rng.integers(1, 10, size)))
    sheet["認知症高齢者自立度"] = only(holds, plain(rng.integers(1, 9, size)))
    managed = holds & (rng.random(size) < 0.75)
    sheet["居宅介護支援事業所番号"] = only(managed, padded(1370000000 + rng.integers(0, 60, size) * 10, 10))
    sheet["利用サービス種類"] = only(managed, chosen(rng, size, SERVICES))
    facility = holds & np.isin(level, ("23", "24", "25")) & ~managed & (rng.random(size) < 0.4)
    sheet["入所施設名"] = only(facility, texts(size, "特別養護老人ホーム結の里"))
    sheet["入所年月日"] = written(np.where(facility, since, -1), "era7")


def _carer(sheet: Sheet, scene: Scene, rows: Ints, key: Texts, rng: np.random.Generator) -> None:
    person = scene.person
    other = companions(person, rows)
    named = (other >= 0) & (sheet["要介護状態区分コード"] != "") & (rng.random(len(rows)) < 0.8)
    other = np.where(named, other, -1)
    carer = scene.writing(other, rng)
    for column, values in (
        ("主介護者氏名", carer.name()),
        ("主介護者フリガナ", carer.half_kana()),
        ("主介護者続柄", kin(person, rows, np.maximum(other, 0))),
        ("主介護者生年月日", carer.birth_text("era_padded")),
        ("主介護者電話番号", carer.phone),
        ("同居区分", texts(len(rows), "1")),
    ):
        sheet[column] = only(named, values)
    sheet.mention(key, "carer", other)


def make_care_events(scene: Scene) -> Sheet:
    """Change notices of one month: new certifications, changes, ends, and corrections of earlier notices."""
    person, rng = scene.person, generator(scene.seed, "care_events")
    pool = np.flatnonzero((person.state == RESIDENT) & (person.age() >= 65) & certified(person, scene.seed))
    residents = int((person.state == RESIDENT).sum())
    size = min(len(pool), max(4, int(residents * rates()["cases"]["care_events"])))
    rows = np.sort(rng.permutation(pool)[:size])
    sheet = Sheet("care_events", size)
    when = TODAY - 1 - rng.integers(0, 30, size)
    sheet["交換情報識別番号"] = "5211"
    sheet["異動年月日"] = written(when, "compact")
    sheet["異動区分コード"] = chosen(rng, size, ("1", "2", "3"), (0.3, 0.6, 0.1))
    sheet["異動事由"] = chosen(rng, size, ("01", "02", "99"))
    corrected = rng.random(size) < 0.06
    sheet["訂正年月日"] = written(np.where(corrected, TODAY - 1, -1), "compact")
    sheet["訂正区分コード"] = only(corrected, chosen(rng, size, ("2", "3"), (0.7, 0.3)))
    sheet["証記載保険者番号"] = INSURER
    number = insured_numbers(10_000_000 + rows)
    sheet["被保険者番号"] = number
    sheet["被保険者氏名"] = half_width(person.kana_family[rows] + " " + person.kana_given[rows])
    sheet["生年月日"] = written(np.where(person.birth_known[rows] == 0, person.birth[rows], -1), "compact")
    sheet["性別コード"] = plain(person.sex[rows])
    sheet["資格取得年月日"] = written(person.birth[rows] + 23741, "compact")
    sheet["申請種別コード"] = chosen(rng, size, ("1", "2", "3"))
    sheet["要介護状態区分コード"] = chosen(rng, size, LEVELS, LEVEL_SHARES)
    sheet["認定有効期間開始年月日"] = written(when, "compact")
    sheet["認定有効期間終了年月日"] = written(when + 365, "compact")
    sheet["居宅介護支援事業所番号"] = padded(1370000000 + rng.integers(0, 60, size) * 10, 10)
    sheet["住所地特例対象者区分コード"] = "1"
    sheet["利用者負担割合"] = chosen(rng, size, ("10", "20", "30"), (0.85, 0.1, 0.05))
    kept = ~(corrected & (sheet["訂正区分コード"] == "3"))
    sheet.mention(joined_keys(sheet["証記載保険者番号"], number), "subject", np.where(kept, rows, -1))
    sheet.plant(
        交換情報識別番号="5211",
        異動年月日="",
        証記載保険者番号=INSURER,
        被保険者番号="9999999975",
        被保険者氏名="ｲﾄﾞｳﾋﾞ ﾅｼ",
    )
    return sheet


def write_care(sheet: Sheet, systems: Path, as_of: str) -> None:
    """``care_ledger/KAIGO_YYYYMMDD.csv`` in CP932."""
    write_csv(sheet, systems / "care_ledger" / f"KAIGO_{as_of}.csv", "cp932")


def write_care_events(sheet: Sheet, systems: Path, month: str) -> None:
    """``care_events/IDO_YYYYMM.csv``: control record, data records, end record; CP932, CRLF, running number."""
    path = systems / "care_events" / f"IDO_{month}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [list(row) for row in sheet.rows()]
    rows[len(rows) // 2 : len(rows) // 2] = sheet.bad
    control = ["1", "1", "0", str(len(rows)), "521", CITY_CODE, "0", "13", "5", month, "", ""]
    lines = [",".join(control)]
    for number, row in enumerate(rows):
        cells = [f'"{cell}"' if " " in cell or "," in cell else cell for cell in row]
        lines.append(",".join(["2", str(number + 2), *cells]))
    lines.append(f"3,{len(rows) + 2}")
    path.write_bytes("".join(line + "\r\n" for line in lines).encode("cp932"))
