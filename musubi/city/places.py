"""Dwellings: invented towns of the city with 町字ID and postcode, houses and flats."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from musubi.city.arrays import Ints, Texts, as_texts, plain
from musubi.city.names import table

BUILDINGS = (
    "コーポ",
    "ハイツ",
    "メゾン",
    "グリーンハイム",
    "サンライズ",
    "パークサイド",
    "第一",
    "第二",
)
BUILDING_ENDS = ("結", "若葉", "さくら", "緑", "泉", "青葉", "富士見", "柳", "松風", "みのり", "やまぶき", "日向")


@dataclass(frozen=True)
class Towns:
    """The towns (町字) of the city."""

    code: Texts
    name: Texts
    kana: Texts
    postcode: Texts
    share: np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@cache
def towns() -> Towns:
    """Return the town table."""
    rows = table("towns.csv")
    weight = np.array([float(row[4]) for row in rows])
    code, name, kana, post = (as_texts([row[column] for row in rows]) for column in range(4))
    return Towns(code, name, kana, post, weight / weight.sum())


@dataclass
class Dwellings:
    """One entry per dwelling; ``go`` 0 means a lot without 号, an empty building a house."""

    town: Ints
    ban: Ints
    go: Ints
    building: Texts
    room: Ints

    def add_like(self, rng: np.random.Generator, size: int) -> Ints:
        """Append as many newly drawn dwellings and returns their numbers."""
        more, _ = make_dwellings(rng, size)
        first = len(self.town)
        self.town = np.concatenate((self.town, more.town))
        self.ban = np.concatenate((self.ban, more.ban))
        self.go = np.concatenate((self.go, more.go))
        self.building = np.concatenate((self.building, more.building))
        self.room = np.concatenate((self.room, more.room))
        return first + np.arange(size)

    def put(self, town: str, ban: int, go: int, building: str, room: int) -> int:
        """Append one dwelling of a family told by name."""
        place = np.flatnonzero(towns().name == town)
        if not len(place):
            msg = f"no such town: {town}"
            raise ValueError(msg)
        self.town = np.append(self.town, place[0])
        self.ban, self.go, self.room = np.append(self.ban, ban), np.append(self.go, go), np.append(self.room, room)
        self.building = np.append(self.building, as_texts([building]))
        return len(self.town) - 1

    def town_name(self, rows: Ints) -> Texts:
        """町字 with 丁目."""
        return towns().name[self.town[rows]]

    def lot(self, rows: Ints) -> Texts:
        """番地号 as the register writes it (３番４号 is written 3番4号 here; widths are the writer's affair)."""
        ban, go = plain(self.ban[rows]), plain(self.go[rows])
        with_go: Texts = ban + "番" + go + "号"
        return np.where(self.go[rows] > 0, with_go, ban + "番地")

    def short_lot(self, rows: Ints) -> Texts:
        """番地号 with hyphens (3-4)."""
        ban, go = plain(self.ban[rows]), plain(self.go[rows])
        return np.where(self.go[rows] > 0, ban + "-" + go, ban)

    def house(self, rows: Ints) -> Texts:
        """方書: building and room, empty for a house."""
        building = self.building[rows]
        return np.where(building != "", building + plain(self.room[rows]) + "号", "").astype(object)


def make_dwellings(rng: np.random.Generator, size: int) -> tuple[Dwellings, Ints]:
    """Draw dwellings: 45 % flats in shared buildings, the rest houses; one number per household."""
    town = rng.choice(len(towns().code), size, p=towns().share)
    ban = rng.integers(1, 40, size) + (rng.random(size) < 0.1) * rng.integers(40, 900, size)
    go = np.where(rng.random(size) < 0.85, rng.integers(1, 28, size), 0)
    flat = rng.random(size) < 0.45
    blocks = max(1, size // 20)
    block_of = rng.integers(0, blocks, size)
    block_town, block_ban, block_go = town[:blocks], ban[:blocks], np.maximum(go[:blocks], 1)
    names = as_texts(
        [
            BUILDINGS[first] + BUILDING_ENDS[second]
            for first, second in zip(
                rng.integers(0, len(BUILDINGS), blocks), rng.integers(0, len(BUILDING_ENDS), blocks), strict=True
            )
        ]
    )
    building = np.where(flat, names[block_of], "").astype(object)
    room = np.where(flat, rng.integers(1, 10, size) * 100 + rng.integers(1, 13, size), 0)
    made = Dwellings(
        np.where(flat, block_town[block_of], town),
        np.where(flat, block_ban[block_of], ban),
        np.where(flat, block_go[block_of], go),
        building,
        room,
    )
    return made, np.arange(size)
