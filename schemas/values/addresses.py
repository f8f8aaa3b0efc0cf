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
_DASH = re.compile(r"(?<=[0-9])[‐‑‒–—―−－ー─ｰ﹣](?=[0-9])")
_SPACED_HYPHEN = re.compile(r"(?<=[0-9])\s*-\s*(?=[0-9])")
_JOINT = re.compile(r"(?<=[0-9])\s*(?:番地の|番地|番の|番|の)\s*(?=[0-9])")
_LAST_MARK = re.compile(r"(?<=[0-9])(?:番地|番|号)(?![0-9])")
_NO_DIGIT = re.compile(r"\D")
_DIGIT = re.compile("[0-9]")
_POSTCODE = re.compile(r"^\s*〒\s*([0-9]{3})-?([0-9]{4})\s*")
_CITY = re.compile(
    r"^(?:"
    r"(?:四日市|廿日市|野々市|市川|市原|町田|大町|十日町|村上|村山|東村山|武蔵村山|羽村|大村|田村)市"
    r"|(?:余市|高市|東村山|西村山|北村山|田村)郡(?:余市町|[^0-9市区町村]{1,6}[町村])|佐波郡玉村町"
    r"|[^0-9市区町村]{1,6}郡[^0-9市区町村]{1,6}[町村]|[^0-9市区町村]{1,6}市(?:[^0-9市区町村]{1,4}区)?|[^0-9市区町村]{1,4}区)"
)


Parts = tuple[str, str, str]
"""Town, lot, building."""
_FIRST_DIGIT = re.compile("[0-9０-９]")
_FIRST_DIGITS = frozenset("0123456789０１２３４５６７８９")
_LONGEST_PREFECTURE = 4
_INSIDE = "\x1f"
"""Marks a text that begins with the town, so that no prefecture or municipality is looked for."""


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
    code = _digits(postcode) if postcode else ""
    if town or lot:
        whole = text or "".join((town, lot, building and f" {building}"))
        town_text, numbers, rest = _of_columns(town, lot)
        return Address(whole, kind, code, city_code, town_code, town_text, numbers, building or rest)
    written, town_text, numbers, rest = _of_text(text)
    return Address(text, kind, code or written, city_code, town_code, town_text, numbers, building or rest)


# --- what is before the first digit and what follows, each remembered: towns and lots are few, addresses many -------


def _of_columns(town: str, lot: str) -> Parts:
    if lot[:1] in _FIRST_DIGITS and (found := _together(_head(town, inside=True), _tail(lot))):
        return found
    first, second = _fold(town), _fold(lot)
    joint = "-" if first[-1:].isdigit() and second[:1].isdigit() else ""
    return _split(f"{_INSIDE}{first}{joint}{second}")


def _of_text(text: str) -> tuple[str, str, str, str]:
    """Postcode, town, lot and building of an address in one string."""
    digit = _FIRST_DIGIT.search(text)
    if digit is not None and "〒" not in text:
        at = digit.start()
        if found := _together(_head(text[:at], inside=False, reached="県" in text[at:]), _tail(text[at:])):
            return ("", *found)
    folded = _fold(text)
    if written := _POSTCODE.match(folded):
        return (written[1] + written[2], *_split(folded[written.end() :]))
    return ("", *_split(folded))


@lru_cache(maxsize=65536)
def _head(text: str, *, inside: bool, reached: bool = False) -> tuple[str, bool] | None:
    """Give the town of what stands before the first digit and whether it ends with its 丁目; None: read the whole.

    ``reached`` says that a 県 follows, to which a few letters before the digit may belong.
    """
    folded = _fold(text)
    if any(letter.isdigit() for letter in folded):
        return None
    if not inside:
        if reached and len(folded) <= _LONGEST_PREFECTURE:
            return None
        folded = _without_city(folded)
    place = _CHOME.search(folded)
    if place is None:
        return folded.strip(), False
    return (_town(folded, place), True) if place.end() == len(folded) else None


@lru_cache(maxsize=65536)
def _tail(text: str) -> tuple[str, tuple[str, ...], str] | None:
    """Give 丁目, numbers and building of what begins with the first digit; None: read the whole."""
    folded = _fold(text)
    chome, place = "", _CHOME.search(folded) if "丁目" in folded else None
    if place is not None:
        if place.start():
            return None
        chome, folded = f"{_number(place[1])}丁目", folded[place.end() :]
    return (chome, *_lot(folded))


def _together(head: tuple[str, bool] | None, tail: tuple[str, tuple[str, ...], str] | None) -> Parts | None:
    if head is None or tail is None:
        return None
    (town, whole), (chome, numbers, building) = head, tail
    if chome:
        return None if whole else (town + chome, "-".join(numbers), building)
    return _with_chome(town, numbers, building, whole=whole)


@lru_cache(maxsize=65536)
def _digits(text: str) -> str:
    return _NO_DIGIT.sub("", unicodedata.normalize("NFKC", text))


def _fold(text: str) -> str:
    folded = text.strip()
    if not folded.isascii():
        folded = _DASH.sub("-", unicodedata.normalize("NFKC", folded))
    spaced = "-" in folded and (" " in folded or not folded.isprintable())
    return _SPACED_HYPHEN.sub("-", folded) if spaced else folded


def _split(folded: str) -> Parts:
    """Town, lot and building of a folded address without its municipality."""
    rest = folded[1:] if folded.startswith(_INSIDE) else _without_city(folded)
    place = _CHOME.search(rest)
    if place:
        return _with_chome(_town(rest, place), *_lot(rest[place.end() :]), whole=True)
    digit = _DIGIT.search(rest)
    if digit is None:
        return rest.strip(), "", ""
    return _with_chome(rest[: digit.start()].strip(), *_lot(rest[digit.start() :]), whole=False)


def _without_city(folded: str) -> str:
    return _CITY.sub("", _PREFECTURE.sub("", folded, count=1), count=1)


def _town(rest: str, place: re.Match[str]) -> str:
    return rest[: place.start()].strip() + f"{_number(place[1])}丁目"


def _lot(tail: str) -> tuple[tuple[str, ...], str]:
    """Give the numbers of a lot and what follows them."""
    tail = tail.strip()
    match = _NUMBERS.match(_join_numbers(tail))
    if match is None:
        return (), tail
    return tuple([str(int(part)) for part in match["numbers"].split("-")]), match["rest"].strip()


def _with_chome(town: str, numbers: tuple[str, ...], building: str, *, whole: bool) -> Parts:
    """Take the first of three numbers for the 丁目 of a town that has none yet."""
    if not whole and town and len(numbers) >= 3:
        return f"{town}{numbers[0]}丁目", "-".join(numbers[1:]), building
    return town, "-".join(numbers), building


def _join_numbers(tail: str) -> str:
    """番地, 番, 号 and の between numbers become hyphens."""
    joined = _JOINT.sub("-", tail) if "番" in tail or "の" in tail else tail
    return _LAST_MARK.sub(" ", joined, count=1) if "番" in joined or "号" in joined else joined


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    tens, found, ones = text.rpartition("十")
    if not found:
        return _KANJI_DIGITS.get(text[-1], 0)
    return (_KANJI_DIGITS.get(tens, 0) if tens else 1) * 10 + (_KANJI_DIGITS.get(ones, 0) if ones else 0)
