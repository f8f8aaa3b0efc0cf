"""支援措置: who is under address protection, with whom, and against whom."""

from pathlib import Path

import numpy as np

from musubi.city.arrays import Ints, Texts, as_texts, chosen, generator
from musubi.city.calendars import written
from musubi.city.cases import Scene
from musubi.city.households import CHILD, HEAD, LONE_PARENT, SINGLE
from musubi.city.ledger import full_name, household_numbers
from musubi.city.noise import address_text, birth_text
from musubi.city.population import RESIDENT, TODAY, Population
from musubi.city.sheets import Sheet, joined_keys, numbered, write_csv

ORDERS = 0.0006
"""Orders per resident, with at least two in any city (assumed)."""


def protected_people(person: Population, seed: int) -> tuple[Ints, Ints]:
    """Mothers under protection and, -1 where nobody knows, the man they are protected from."""
    rng = generator(seed, "protected")
    mothers = (person.kind == LONE_PARENT) & (person.role == HEAD) & (person.sex == 2)
    mothers &= (person.state == RESIDENT) & (person.nation == "") & ~person.planted
    men = (person.kind == SINGLE) & (person.sex == 1) & (person.state == RESIDENT) & (person.age() < 62)
    men &= (person.nation == "") & ~person.planted
    size = max(2, int((person.state == RESIDENT).sum() * ORDERS))
    picked = np.sort(rng.permutation(np.flatnonzero(mothers))[:size])
    against = rng.permutation(np.flatnonzero(men))[: len(picked)]
    known = np.where(rng.random(len(against)) < 0.7, against, -1)
    return picked[: len(against)], known


def make_protection(scene: Scene) -> Sheet:
    """One row per order; children of the household are protected with her."""
    person, dwellings, rng = scene.person, scene.dwellings, generator(scene.seed, "protection")
    rows, against = protected_people(person, scene.seed)
    sheet = Sheet("protection", len(rows))
    sheet["宛名番号"] = person.number[rows]
    sheet["支援措置番号"] = as_texts(
        [f"S20{number // 100 + 22}-{number % 100 + 100:04d}" for number in range(len(rows))]
    )
    sheet["世帯番号"] = household_numbers(person.register[rows])
    sheet["氏名"] = full_name(person, rows)
    sheet["氏名_フリガナ"] = person.kana_family[rows] + "　" + person.kana_given[rows]
    sheet["性別"] = "2"
    sheet["生年月日"] = birth_text(person.birth[rows], person.birth_known[rows], "iso")
    sheet["現住所"] = address_text(dwellings, person.dwelling[rows], np.zeros(len(rows), dtype=np.int64))
    sheet["電話番号"] = person.mobile[rows]
    ended = rng.random(len(rows)) < 0.1
    sheet["支援措置区分"] = np.where(ended, "3", "1").astype(object)
    sheet["支援措置事由"] = chosen(rng, len(rows), ("DV", "ストーカー", "児童虐待", "その他"), (0.7, 0.15, 0.1, 0.05))
    began = TODAY - rng.integers(30, 900, len(rows))
    sheet["支援措置開始年月日"] = written(began, "iso")
    sheet["支援措置終了年月日"] = written(began + 364, "iso")
    sheet["解除年月日"] = written(np.where(ended, np.minimum(began + 380, TODAY), -1), "iso")
    key = joined_keys(sheet["宛名番号"], sheet["支援措置番号"])
    sheet.mention(key, "subject", rows)
    _children(sheet, person, rows, key)
    known = against >= 0
    other = np.maximum(against, 0)
    sheet["加害者判明区分"] = np.where(known, "1", "2").astype(object)
    for column, values in (
        ("加害者_宛名番号", person.number[other]),
        ("加害者_氏名", full_name(person, other)),
        ("加害者_フリガナ", person.kana_family[other] + "　" + person.kana_given[other]),
        ("加害者_生年月日", birth_text(person.birth[other], person.birth_known[other], "iso")),
    ):
        sheet[column] = np.where(known, values, "").astype(object)
    sheet.mention(key, "opponent", against)
    sheet["閲覧可能機関"] = chosen(
        rng, len(rows), ("shimin:agency_worker", "shimin:agency_worker、kodomo:agency_worker")
    )
    return sheet


def _children(sheet: Sheet, person: Population, rows: Ints, key: Texts) -> None:
    children = np.full((3, len(rows)), -1)
    for row, mother in enumerate(rows.tolist()):
        near = np.arange(mother + 1, min(mother + 4, len(person)))
        own = near[(person.living[near] == person.living[mother]) & (person.role[near] == CHILD)]
        children[: len(own), row] = own
    for number in range(3):
        has = children[number] >= 0
        child = np.maximum(children[number], 0)
        prefix = f"併支援対象者{number + 1}_"
        for column, values in (
            ("宛名番号", person.number[child]),
            ("氏名", full_name(person, child)),
            ("フリガナ", person.kana_family[child] + "　" + person.kana_given[child]),
            ("生年月日", birth_text(person.birth[child], person.birth_known[child], "iso")),
        ):
            sheet[prefix + column] = np.where(has, values, "").astype(object)
        sheet.mention(key, numbered("co_protected", number + 1), children[number])


def write_protection(sheet: Sheet, systems: Path, as_of: str) -> None:
    """``protection/SHIEN_YYYYMMDD.csv`` in CP932."""
    write_csv(sheet, systems / "protection" / f"SHIEN_{as_of}.csv", "cp932")
