"""児童扶養手当: single parents, the recipient and up to five children in one row."""

from pathlib import Path

import numpy as np

from musubi.city.arrays import Flags, Ints, Texts, chosen, generator, padded, plain, texts
from musubi.city.calendars import written
from musubi.city.cases import Scene, here, only
from musubi.city.households import CHILD, HEAD, LONE_PARENT
from musubi.city.ledger import household_numbers
from musubi.city.noise import Writing, rates
from musubi.city.places import towns
from musubi.city.population import RESIDENT, TODAY, Population
from musubi.city.sheets import Sheet, numbered, write_csv

MOST = 5


def children_of(person: Population, parents: Ints, most: int, *, under: int = 18) -> Ints:
    """Return the children in each parent's living household, one line per place, -1 where there are no more."""
    found = np.full((most, len(parents)), -1)
    count = np.zeros(len(parents), dtype=np.int64)
    age = person.age()
    for step in range(1, 7):
        other = parents + step
        inside = other < len(person)
        other = np.where(inside, other, 0)
        own = inside & (person.living[other] == person.living[parents]) & (person.role[other] == CHILD)
        own &= (age[other] < under) & (person.state[other] == RESIDENT) & (count < most)
        places = np.flatnonzero(own)
        found[count[places], places] = other[places]
        count += own
    return found


def make_child_allowance(scene: Scene) -> Sheet:
    """Recipients of the allowance; their children are written with given names only where the form is old."""
    person, rng = scene.person, generator(scene.seed, "child_allowance")
    residents = int((person.state == RESIDENT).sum())
    able = here(person) & (person.kind == LONE_PARENT) & (person.role == HEAD) & (person.age() < 62)
    pool = np.flatnonzero(able)
    pool = pool[children_of(person, pool, 1)[0] >= 0]
    rows = np.sort(rng.permutation(pool)[: max(3, int(residents * rates()["cases"]["child_allowance"]))])
    size = len(rows)
    sheet = Sheet("child_allowance", size)
    someone = scene.writing(rows, rng)
    key = padded(700_000 + np.arange(size), 7)
    sheet["証書番号"] = key
    sheet["宛名番号"] = person.number[rows]
    sheet["世帯番号"] = household_numbers(person.register[rows])
    sheet["受給者氏名"] = someone.name()
    sheet["受給者フリガナ"] = someone.kana()
    sheet["受給者生年月日"] = someone.birth_text("iso")
    sheet["受給者性別"] = plain(person.sex[rows])
    sheet["郵便番号"] = towns().postcode[scene.dwellings.town[someone.dwelling]]
    sheet["住所"] = scene.address(someone, building=False)
    sheet["方書"] = scene.dwellings.house(someone.dwelling)
    sheet["電話番号"] = someone.phone
    sheet["支給区分"] = chosen(rng, size, ("1", "2", "3"), (0.55, 0.35, 0.1))
    sheet["支給事由"] = chosen(rng, size, ("離婚", "未婚", "死別"), (0.8, 0.15, 0.05))
    sheet["認定年月日"] = written(TODAY - rng.integers(30, 2500, size), "iso")
    sheet.mention(key, "recipient", rows)
    short = rng.random(size) < 0.15
    with_number = rng.random(size) < 0.8
    for number, child in enumerate(children_of(person, rows, MOST), 1):
        _child(sheet, scene, number, child, short=short, with_number=with_number, writing=scene.writing(child, rng))
        sheet.mention(key, numbered("child", number), child)
    sheet.plant(証書番号="", 受給者氏名="証書　番号無", 受給者生年月日="1990-01-01")
    sheet.plant(証書番号="0799999", 受給者氏名="", 受給者生年月日="1990-01-01", 児童1_氏名="名前　子")
    return sheet


def _child(
    sheet: Sheet, scene: Scene, number: int, child: Ints, *, short: Flags, with_number: Flags, writing: Writing
) -> None:
    has = child >= 0
    name: Texts = np.where(short, writing.given, writing.name()).astype(object)
    kana: Texts = np.where(short, writing.kana_given, writing.kana()).astype(object)
    numbers = np.where(with_number, scene.person.number[np.maximum(child, 0)], "").astype(object)
    for column, values in (
        ("宛名番号", numbers),
        ("氏名", name),
        ("フリガナ", kana),
        ("生年月日", writing.birth_text("iso")),
        ("性別", plain(scene.person.sex[np.maximum(child, 0)])),
        ("続柄", texts(sheet.size, "子")),
    ):
        sheet[f"児童{number}_{column}"] = only(has, values)


def write_child_allowance(sheet: Sheet, systems: Path, as_of: str) -> None:
    """``child_allowance/JIFU_YYYYMMDD.csv``, UTF-8 with byte order mark."""
    write_csv(sheet, systems / "child_allowance" / f"JIFU_{as_of}.csv", "utf-8-sig")
