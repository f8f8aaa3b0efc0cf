"""How records go wrong: letters, readings, dates, addresses as people and older systems write them.

Every rate is per record at ``noise`` 1.0 and is scaled by it; rates are kept in ``data/rates.toml``.
"""

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import numpy as np

from musubi.city.arrays import Flags, Ints, Numbers, Texts
from musubi.city.calendars import EPOCH, era_text, era_year, written
from musubi.city.names import variants
from musubi.city.places import Dwellings, towns
from musubi.city.population import CITY, EXACT, NONCALENDAR, PREFECTURE, TODAY, YEAR_ONLY, Population

DIGITS = "〇一二三四五六七八九"
WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")
KANA_DRIFT = (
    ("オオ", "オー"),
    ("ユウ", "ユー"),
    ("ョウ", "ョー"),
    ("ロウ", "ロー"),
    ("ザキ", "サキ"),
    ("ジマ", "シマ"),
    ("ヅ", "ズ"),
)
VOICED = (
    ("ガ", "カ"),
    ("ダ", "タ"),
    ("ジ", "ヂ"),
    ("ギ", "キ"),
    ("ベ", "ヘ"),
    ("ブ", "フ"),
    ("コウ", "コオ"),
    ("ヨウ", "ヨオ"),
)


@cache
def rates() -> dict[str, dict[str, float]]:
    """Shares and error rates of the city."""
    text = files("musubi.city").joinpath("data", "rates.toml").read_text(encoding="utf-8")
    found: dict[str, dict[str, float]] = tomllib.loads(text)
    return found


@dataclass
class Writing:
    """Some persons as one source writes them; all columns have one entry per record."""

    family: Texts
    given: Texts
    kana_family: Texts
    kana_given: Texts
    birth: Ints
    birth_known: Ints
    dwelling: Ints
    moved: Ints
    """Style of the address, see :func:`address_text`."""
    phone: Texts

    def name(self, separator: str = "　") -> Texts:
        """Full name with a separator."""
        return _joined(self.family, separator, self.given)

    def kana(self, separator: str = "　") -> Texts:
        """Full reading in full-width katakana."""
        return _joined(self.kana_family, separator, self.kana_given)

    def half_kana(self) -> Texts:
        """Full reading in half-width katakana with a half-width space."""
        return half_width(self.kana(" "))

    def birth_text(self, style: str) -> Texts:
        """Date of birth in one notation, with what is unknown or impossible about it."""
        return birth_text(self.birth, self.birth_known, style)


def _joined(first: Texts, separator: str, second: Texts) -> Texts:
    made: Texts = first + np.where((first != "") & (second != ""), separator, "").astype(object) + second
    return made


def write_people(
    person: Population, rows: Ints, rng: np.random.Generator, noise: float, *, stale: bool = True
) -> Writing:
    """Return the persons as somebody wrote them down, with errors at the given noise."""
    rate = {name: min(0.95, value * noise) for name, value in rates()["noise"].items()}
    size = len(rows)
    made = Writing(
        person.family[rows],
        person.given[rows],
        person.kana_family[rows],
        person.kana_given[rows],
        person.birth[rows],
        person.birth_known[rows],
        person.dwelling[rows],
        np.where(rng.random(size) < rate["address_drift"], rng.integers(1, 7, size), 0),
        np.where(person.mobile[rows] != "", person.mobile[rows], person.phone[rows]).astype(object),
    )
    _other_names(made, person, rows, rng.random(size), rate["other_name"])
    _variant_letters(made, rng, rate["variant_letter"])
    _kana_drift(made, rng, rate["kana_drift"])
    swap = rng.random(size) < rate["swapped_name"]
    made.family, made.given = np.where(swap, made.given, made.family), np.where(swap, made.family, made.given)
    made.kana_family, made.kana_given = (
        np.where(swap, made.kana_given, made.kana_family),
        np.where(swap, made.kana_family, made.kana_given),
    )
    _dates(made, rng, rate["date_typo"], rate["first_of_january"])
    past = person.past_dwelling[rows]
    movers = past >= 0
    share = rate["moved_not_updated"] / max(movers.mean() if size else 1.0, rate["moved_not_updated"], 1e-9)
    still = movers & (rng.random(size) < share) & stale
    made.dwelling = np.where(still, past, made.dwelling)
    line = rng.random(size)
    made.phone = np.where(line < 0.25, person.phone[rows], made.phone).astype(object)
    made.phone[rng.random(size) < 0.15] = ""
    return made


def _other_names(made: Writing, person: Population, rows: Ints, draw: Numbers, rate: float) -> None:
    """Former surname (旧氏) or alias (通称) instead of the legal name."""
    maiden = (person.former[rows] != "") & (draw < rate * 2)
    made.family = np.where(maiden, person.former[rows], made.family)
    made.kana_family = np.where(maiden, person.former_kana[rows], made.kana_family)
    alias = (person.alias[rows] != "") & (draw < 0.5)
    for row in np.flatnonzero(alias).tolist():
        made.family[row], made.given[row] = person.alias[rows[row]].split(" ", 1)
        made.kana_family[row], made.kana_given[row] = person.alias_kana[rows[row]].split(" ", 1)


def _variant_letters(made: Writing, rng: np.random.Generator, rate: float) -> None:
    """Another form of a letter (髙 for 高) in as many records as the rate says, where a name has such a letter."""
    table = variants()
    able = _able(tuple(sorted(set(made.family.tolist()))), tuple(sorted(table)))
    can = np.array([name in able for name in made.family.tolist()], dtype=bool)
    share = rate / max(can.mean() if len(can) else 1.0, rate, 1e-9)
    for row in np.flatnonzero(can & (rng.random(len(can)) < share)).tolist():
        name = made.family[row]
        places = [place for place, letter in enumerate(name) if letter in table]
        place = places[int(rng.integers(len(places)))]
        forms = table[name[place]]
        made.family[row] = name[:place] + forms[int(rng.integers(len(forms)))] + name[place + 1 :]


def _able(names: tuple[str, ...], letters: tuple[str, ...]) -> frozenset[str]:
    known = set(letters)
    return frozenset(name for name in names if known & set(name))


def _kana_drift(made: Writing, rng: np.random.Generator, rate: float) -> None:
    """Long vowels and voicing written differently, in surname or given name."""
    for row in np.flatnonzero(rng.random(len(made.family)) < rate).tolist():
        target = made.kana_family if rng.random() < 0.6 else made.kana_given
        swaps = [pair for pair in KANA_DRIFT + VOICED if pair[0] in target[row]]
        if swaps:
            before, after = swaps[int(rng.integers(len(swaps)))]
            target[row] = target[row].replace(before, after, 1)


def _dates(made: Writing, rng: np.random.Generator, typo: float, first: float) -> None:
    """Slips of the era, the year or month and day; 1 January where the day was not known."""
    size = len(made.birth)
    exact = made.birth_known == EXACT
    made.birth = made.birth.copy()
    for row in np.flatnonzero(exact & (rng.random(size) < first)).tolist():
        when = EPOCH + timedelta(days=int(made.birth[row]))
        made.birth[row] = (date(when.year, 1, 1) - EPOCH).days
    for row in np.flatnonzero(exact & (rng.random(size) < typo)).tolist():
        when = EPOCH + timedelta(days=int(made.birth[row]))
        year, month, number = when.year, when.month, when.day
        slip = int(rng.integers(4))
        if slip == 0 and number <= 12:
            month, number = number, month
        elif slip == 1:
            year += 63 if when.year < 1963 else -63 if when.year > 1989 else 1
        else:
            year += -1 if slip == 2 else 1
        changed = (date(year, month, min(number, 28)) - EPOCH).days
        made.birth[row] = changed if 0 < changed < TODAY else made.birth[row] - 365


def birth_text(days: Ints, known: Ints, style: str) -> Texts:
    """Dates of birth in one notation (see calendars) with year-only, impossible and unknown ones."""
    found = written(days, style)
    for row in np.flatnonzero(known != EXACT).tolist():
        found[row] = _odd_birth(EPOCH + timedelta(days=int(days[row])), int(known[row]), style)
    return found


def _odd_birth(when: date, known: int, style: str) -> str:
    name, initial, code, year = era_year(when)
    month, number = (0, 0) if known == YEAR_ONLY else (2, 30) if known == NONCALENDAR else (-1, -1)
    if month < 0:
        return "" if style in {"iso", "compact", "era7"} else "不詳"
    if style == "iso":
        return f"{when.year}-{month:02d}-{number:02d}"
    if style == "compact":
        return f"{when.year}{month:02d}{number:02d}"
    if style == "slash":
        return f"{when.year}/{month}/{number}" if month else f"{when.year}年"
    if style == "era7":
        return f"{code}{year:02d}{month:02d}{number:02d}"
    if style == "era_dots":
        return f"{initial}{year}.{month}.{number}" if month else f"{name}{year}年月日不詳"
    return f"{name}{year}年{month}月{number}日" if month else f"{name}{year}年月日不詳"


def birth_note(when: date, known: int) -> str:
    """生年月日_不詳表記 of the register."""
    if known == YEAR_ONLY:
        name, _, _, year = era_year(when)
        return f"{name}{year}年月日不詳"
    if known == NONCALENDAR:
        return era_text(date(when.year, 2, 1)).replace("2月1日", "2月30日")
    return "" if known == EXACT else "不詳"


@cache
def _town_forms() -> tuple[Texts, Texts, Texts]:
    """Town names as the register writes them, with digits (桜台2丁目) and short before a hyphen (桜台2)."""
    name = towns().name
    digits, short = name.copy(), name.copy()
    for row, text in enumerate(name.tolist()):
        if text.endswith("丁目"):
            number = str(DIGITS.index(text[-3]))
            digits[row], short[row] = f"{text[:-3]}{number}丁目", f"{text[:-3]}{number}"
    return name, digits, short


def address_text(dwellings: Dwellings, rows: Ints, style: Ints, *, building: bool = True) -> Texts:
    """Addresses in one cell; style 0 is the register's own way, 1-6 are those of people.

    1 hyphens · 2 full width · 3 prefecture and full width · 4 番地の · 5 hyphens with the room as last number ·
    6 city left out, building left out where it may be.
    """
    name, digits, short = (form[dwellings.town[rows]] for form in _town_forms())
    lot, hyphened, house = dwellings.lot(rows), dwellings.short_lot(rows), dwellings.house(rows)
    chome = name != digits
    hyphen = short + np.where(chome, "-", "").astype(object) + hyphened
    made: Texts = np.full(len(rows), CITY, dtype=object) + name + lot
    space = np.where(house != "", "　", "").astype(object)
    tail = space + house if building else np.full(len(rows), "", dtype=object)
    made = made + tail
    made[style == 1] = (hyphen + tail)[style == 1]
    wide = style == 2
    made[wide] = [text.translate(WIDE) for text in (digits + hyphened + tail)[wide]]
    full = style == 3
    made[full] = [PREFECTURE + CITY + text.translate(WIDE) for text in (name + lot + tail)[full]]
    banchi = style == 4
    made[banchi] = [
        CITY + town + short_lot.replace("-", "番地の", 1) + ("" if "-" in short_lot else "番地") + end
        for town, short_lot, end in zip(digits[banchi], hyphened[banchi], tail[banchi], strict=True)
    ]
    roomed = style == 5
    rooms = np.where(house != "", "-", "").astype(object) + np.where(
        house != "", dwellings.room[rows].astype(str).astype(object), ""
    )
    made[roomed] = (np.full(len(rows), CITY, dtype=object) + hyphen + (rooms if building else ""))[roomed]
    bare = style == 6
    made[bare] = (name + lot)[bare]
    return made


@cache
def _half_table() -> dict[int, str]:
    wide = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
    wide += "ァィゥェォッャュョー　・"
    half = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝｧｨｩｪｫｯｬｭｮｰ ･"
    table = {ord(first): second for first, second in zip(wide, half, strict=True)}
    for mark, start, base in (
        ("ﾞ", "ガギグゲゴザジズゼゾダヂヅデドバビブベボ", "ｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾊﾋﾌﾍﾎ"),
        ("ﾟ", "パピプペポ", "ﾊﾋﾌﾍﾎ"),
    ):
        table |= {ord(voiced): plain + mark for voiced, plain in zip(start, base, strict=True)}
    table[ord("ヴ")] = "ｳﾞ"
    return table


def half_width(texts: Texts) -> Texts:
    """Katakana in half width (ﾔﾏﾀﾞ)."""
    table = _half_table()
    made = np.empty(len(texts), dtype=object)
    made[:] = [text.translate(table) for text in texts.tolist()]
    return made


def some(rng: np.random.Generator, size: int, share: float) -> Flags:
    """Return true with the given probability."""
    chosen: Flags = rng.random(size) < share
    return chosen
