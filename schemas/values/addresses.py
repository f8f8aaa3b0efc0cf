"""Addresses as delivered and in parts (市区町村コード, 町字, 番地号, 方書)."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Address:
    """One address. ``text`` is the delivered string; the parts are empty where they could not be told apart."""

    text: str
    kind: str = "current"
    """current, past, registered, facility, away."""
    postcode: str = ""
    city_code: str = ""
    town_code: str = ""
    """町字ID, 7 digits, where delivered."""
    town: str = ""
    """町字 as text up to and including 丁目; stored in clear."""
    lot: str = ""
    """番地号, normalised to digits joined by hyphens."""
    building: str = ""
    """方書 (building and room)."""


_KANJI_DIGITS = {"〇": 0, "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_CHOME = re.compile(r"([0-9]{1,2}|[一二三四五六七八九十]{1,3})丁目")
_NUMBERS = re.compile(r"^(?P<numbers>[0-9]+(?:-[0-9]+)*)-?(?P<rest>.*)$")
_PREFECTURE = re.compile(r"^(北海道|東京都|京都府|大阪府|.{2,3}県)")
_POSTCODE = re.compile(r"^\s*〒\s*([0-9]{3})-?([0-9]{4})\s*")
_CITY = re.compile(
    r"^(?:"
    r"(?:四日市|廿日市|野々市|市川|市原|町田|大町|十日町|村上|村山|東村山|武蔵村山|羽村|大村|田村)市"
    r"|(?:余市|高市|東村山|西村山|北村山|田村)郡(?:余市町|[^0-9市区町村]{1,6}[町村])|佐波郡玉村町"
    r"|[^0-9市区町村]{1,6}郡[^0-9市区町村]{1,6}[町村]|[^0-9市区町村]{1,6}市(?:[^0-9市区町村]{1,4}区)?|[^0-9市区町村]{1,4}区)"
)


_INSIDE = "\x1f"
"""Marks a text that begins with the town, so that no prefecture or municipality is looked for."""


@lru_cache(maxsize=65536)
def parse_address(
    text: str,
    *,
    town: str = "",
    lot: str = "",
    building: str = "",
    city_code: str = "",
    town_code: str = "",
    postcode: str = "",
    kind: str = "current",
) -> Address:
    """Read an address delivered in one string, in columns, or in both.

    ``town`` of the result is 町字 with 丁目 in digits and without prefecture and municipality, ``lot`` the numbers of
    番地 and 号 joined by hyphens, ``building`` what follows them. What cannot be told apart stays in ``text`` only.
    """
    code = re.sub(r"\D", "", unicodedata.normalize("NFKC", postcode)) if postcode else ""
    if town or lot:
        whole = text or "".join((town, lot, building and f" {building}"))
        first, second = _fold(town), _fold(lot)
        joint = "-" if first[-1:].isdigit() and second[:1].isdigit() else ""
        town_text, numbers, rest = _split(f"{_INSIDE}{first}{joint}{second}")
        return Address(whole, kind, code, city_code, town_code, town_text, numbers, building or rest)
    folded = _fold(text)
    if written := _POSTCODE.match(folded):
        code = code or written[1] + written[2]
        folded = folded[written.end() :]
    town_text, numbers, rest = _split(folded)
    return Address(text, kind, code, city_code, town_code, town_text, numbers, building or rest)


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text.strip())
    folded = re.sub(r"(?<=[0-9])[‐‑‒–—―−－ー─ｰ﹣](?=[0-9])", "-", folded)
    return re.sub(r"(?<=[0-9])\s*-\s*(?=[0-9])", "-", folded)


def _split(folded: str) -> tuple[str, str, str]:
    """Town, lot and building of a folded address without its municipality."""
    rest = (
        _CITY.sub("", _PREFECTURE.sub("", folded, count=1), count=1) if not folded.startswith(_INSIDE) else folded[1:]
    )
    place = _CHOME.search(rest)
    if place:
        town = rest[: place.start()].strip() + f"{_number(place[1])}丁目"
        tail = rest[place.end() :]
    else:
        digit = re.search(r"[0-9]", rest)
        if digit is None:
            return rest.strip(), "", ""
        town, tail = rest[: digit.start()].strip(), rest[digit.start() :]
    match = _NUMBERS.match(_join_numbers(tail.strip()))
    if match is None:
        return town, "", tail.strip()
    numbers, building = match["numbers"], match["rest"].strip()
    parts = numbers.split("-")
    if not place and town and len(parts) >= 3:
        return f"{town}{int(parts[0])}丁目", "-".join(str(int(part)) for part in parts[1:]), building
    return town, "-".join(str(int(part)) for part in parts), building


def _join_numbers(tail: str) -> str:
    """番地, 番, 号 and の between numbers become hyphens."""
    joined = re.sub(r"(?<=[0-9])\s*(?:番地の|番地|番の|番|の)\s*(?=[0-9])", "-", tail)
    return (
        re.sub(r"(?<=[0-9])(?:番地|番|号)(?![0-9])", " ", joined, count=1) if re.search("[番号]", joined) else joined
    )


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    tens, found, ones = text.rpartition("十")
    if not found:
        return _KANJI_DIGITS.get(text[-1], 0)
    return (_KANJI_DIGITS.get(tens, 0) if tens else 1) * 10 + (_KANJI_DIGITS.get(ones, 0) if ones else 0)
