"""What all case files share: who turns up in them, who accompanies them, what they consent to."""

from dataclasses import dataclass

import numpy as np

from musubi.city.arrays import Flags, Ints, Numbers, Texts, as_texts, chosen, generator, texts
from musubi.city.calendars import written
from musubi.city.noise import Writing, address_text, rates, write_people
from musubi.city.places import Dwellings
from musubi.city.population import RESIDENT, TODAY, UNREGISTERED, Population
from musubi.city.sheets import Sheet

NEEDS = (
    "病気・健康・障害",
    "住まい",
    "収入・生活費",
    "家族との関係",
    "子育て",
    "介護",
    "ひきこもり・不登校",
    "仕事探し",
)
DESK = "福祉まるごと相談窓口"
HOUKATSU = "地域包括支援センター"
KIKAN = "基幹相談支援センター"
JIRITSU = "自立相談支援機関"
SANKA = "参加支援センター"
FISCAL_END = "2027-04-01"
"""First day after the fiscal year a paper of 2026 speaks of."""


@dataclass(frozen=True)
class Scene:
    """What every writer is given."""

    person: Population
    dwellings: Dwellings
    hardship: Numbers
    """How likely each person's household is to turn up at an agency."""
    seed: int
    noise: float

    def writing(self, rows: Ints, rng: np.random.Generator) -> Writing:
        """Return the persons as a source writes them; -1 gives somebody whose cells the caller leaves out."""
        return write_people(self.person, np.maximum(rows, 0), rng, self.noise)

    def address(self, writing: Writing, *, building: bool = True) -> Texts:
        """Return their addresses in one cell each."""
        return address_text(self.dwellings, writing.dwelling, writing.moved, building=building)


def hardship(person: Population, seed: int) -> Numbers:
    """Return how likely each person's household is to turn up at an agency; a few turn up at many."""
    rng = generator(seed, "hardship")
    homes = int(person.living.max()) + 1
    weight = np.where(rng.random(homes) < 0.12, 14.0, 1.0)
    found: Numbers = weight[person.living]
    return found


def here(person: Population) -> Flags:
    """Return who lives in the city today, registered or not, families told by name left out."""
    found: Flags = ((person.state == RESIDENT) | (person.state == UNREGISTERED)) & ~person.planted
    return found


def pick(scene: Scene, rng: np.random.Generator, able: Flags, source: str, favour: Numbers | None = None) -> Ints:
    """Draw the persons of a case file at its rate per resident, by hardship and favour, each once."""
    person = scene.person
    weight = scene.hardship if favour is None else scene.hardship * favour
    pool = np.flatnonzero(able & here(person))
    residents = int((person.state == RESIDENT).sum())
    size = min(len(pool), max(3, int(residents * rates()["cases"][source])))
    share = weight[pool] / weight[pool].sum()
    order = np.argsort(rng.exponential(1.0, len(pool)) / share, kind="stable")
    return pool[order[:size]]


def case_numbers(prefix: str, days: Ints) -> Texts:
    """Return case numbers by year and running number (MSW-2026-005417)."""
    years = written(days, "month")
    return as_texts([f"{prefix}-{text[:4]}-{row + 5000:06d}" for row, text in enumerate(years.tolist())])


def case_days(rng: np.random.Generator, size: int, back: int = 900) -> Ints:
    """Return days on which cases were opened, newest most often."""
    return TODAY - 1 - (rng.random(size) ** 1.5 * back).astype(np.int64)


def companions(person: Population, rows: Ints) -> Ints:
    """Return somebody of age in the same living household, -1 where there is none."""
    found = np.full(len(rows), -1)
    adult = person.age() >= 18
    for step in (1, -1, 2, -2, 3, -3):
        other = rows + step
        inside = (other >= 0) & (other < len(person))
        other = np.where(inside, other, 0)
        fits = inside & (person.living[other] == person.living[rows]) & adult[other] & (found < 0)
        fits &= (person.state[other] == RESIDENT) & (other != rows)
        found = np.where(fits, other, found)
    return found


def kin(person: Population, rows: Ints, others: Ints) -> Texts:
    """Return what ``others`` are to ``rows``, in a word."""
    younger = person.birth[others] - person.birth[rows]
    woman = person.sex[others] == 2
    near = np.abs(younger) < 6000
    words = np.where(
        near,
        np.where(woman, "妻", "夫"),
        np.where(younger > 0, np.where(woman, "長女", "長男"), np.where(woman, "母", "父")),
    ).astype(object)
    words[near & (person.sex[others] == person.sex[rows])] = "同居人"
    return words


def sexes(person: Population, rows: Ints) -> Texts:
    """Return 男 or 女."""
    return np.where(person.sex[rows] == 1, "男", "女").astype(object)


def only(which: Flags, values: Texts) -> Texts:
    """Return the values where ``which`` holds, empty cells elsewhere."""
    return np.where(which, values, "").astype(object)


def consents(sheet: Sheet, rng: np.random.Generator, when: Ints, key: Texts, share: float = 0.35) -> None:
    """Fill the consent columns: most give none, some sign for the desk, a few refuse."""
    size = sheet.size
    draw = rng.random(size)
    signed, refused = draw < share, draw > 0.97
    sheet["同意有無"] = np.where(signed, "有", np.where(refused, "無", "")).astype(object)
    stated = signed | refused
    sheet["同意先機関"] = only(stated, chosen(rng, size, (DESK, f"{DESK}、{HOUKATSU}", f"{DESK}、{JIRITSU}")))
    parts = (
        "氏名等、住所・連絡先、世帯、利用状況",
        "氏名等、住所・連絡先、世帯、利用状況、支援内容",
        "氏名等、利用状況",
    )
    sheet["同意項目"] = only(stated, chosen(rng, size, parts))
    sheet["同意目的"] = only(stated, texts(size, "相談支援、支援調整"))
    sheet["同意日"] = only(stated, written(when, "iso"))
    sheet["同意期限"] = only(signed, texts(size, FISCAL_END))
    sheet["同意者"] = only(stated, texts(size, "本人"))
    sheet["同意書番号"] = only(stated, as_texts([f"D-{text}" for text in key.tolist()]))
