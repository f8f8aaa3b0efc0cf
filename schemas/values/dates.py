"""Partial dates: a date as far as it is known, with the string it came from."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date that may be partial, unknown or legally impossible (不詳).

    ``value`` is ``YYYY``, ``YYYY-MM``, ``YYYY-MM-DD`` or ``""``; ``quality`` one of day, month, year, unknown,
    noncalendar, era-overflow, range, approx; ``original`` the delivered string (sealed where it is identity).
    """

    value: str
    quality: str
    original: str = ""

    @property
    def year(self) -> int | None:
        """The Gregorian year where known."""
        return int(self.value[:4]) if self.value else None

    @property
    def month(self) -> int | None:
        """The month 1-12 where known."""
        return int(self.value[5:7]) if len(self.value) >= 7 else None


_ERAS = (
    # letter, 7-digit code, names, first year, first day, last day
    ("M", "1", ("明治", "㍾", "明"), 1868, "1868-01-25", "1912-07-30"),
    ("T", "2", ("大正", "㍽", "大"), 1912, "1912-07-30", "1926-12-25"),
    ("S", "3", ("昭和", "㍼", "昭"), 1926, "1926-12-25", "1989-01-07"),
    ("H", "4", ("平成", "㍻", "平"), 1989, "1989-01-08", "2019-04-30"),
    ("R", "5", ("令和", "㋿", "令"), 2019, "2019-05-01", "9999-12-31"),
)
"""The eras of the register. Days on which two eras meet belong to either (住民記録)."""
_ERA_OF = {name: era for era in _ERAS for name in (era[0], era[1], *era[2])}
_APPROXIMATE = ("頃", "ごろ", "推定", "上旬", "中旬", "下旬", "春", "夏", "秋", "冬")
_UNKNOWN = ("", "不詳", "不明", "年月日不詳", "生年月日不詳", "-", "なし", "未詳")
_UNKNOWN_PART = re.compile(r"(月日|(?<![0-9])月|(?<=月)日)(不詳|不明)")
_WRITTEN = re.compile(
    r"(?P<era>明治|大正|昭和|平成|令和|[明大昭平令]|[MTSHR])?\.?(?P<year>元|\d{1,4})(?:年|[-/.])"
    r"(?:(?P<month>\d{1,2})(?:月|[-/.]|$)(?:(?P<day>\d{1,2})日?)?)?(?P<rest>.*)$"
)
_DIGITS = re.compile(r"^(?P<era>[MTSHR])?(?P<digits>\d+)$")
_PLAIN = re.compile(r"([1-9][0-9]{3})[-/]([0-9]{2})[-/]([0-9]{2})")
_PLAIN_ERA = re.compile(r"(明治|大正|昭和|平成|令和)([0-9]{1,2})年([0-9]{1,2})月([0-9]{1,2})日")
"""How most dates come; read without a look at the other ways."""
_TIME = re.compile(r"(?<=\d)[Tt\s]\s*\d{1,2}:\d{2}.*$")
_WEEKDAY = re.compile(r"\([月火水木金土日](?:曜日?)?\)")
_NO_DIGIT_KNOWN = re.compile(r"^\D*(不詳|不明|未詳)\D*$")
_LIKELY_YEARS = range(1800, 2200)
"""Years a six-digit number may begin with; any other is a two-digit year, whose century nobody knows."""


@lru_cache(maxsize=65536)
def parse_date(text: str, *, era: bool = True) -> PartialDate:
    """Read a date as people and systems write it.

    Era names, letters and 7-digit era numbers (``5010101``), 8 and 6 digit Gregorian numbers, separators of any
    kind, full-width digits, 元年, parts written 00 or 不詳. A day no calendar has keeps year and month
    (``noncalendar``); a day outside its era keeps its value (``era-overflow``).

    ``era=False`` refuses 7-digit numbers, for sources that never use them.

    Raises ValueError, without the text, for what is no date at all.
    """
    if plain := _PLAIN.fullmatch(text):
        return _partial("", int(plain[1]), int(plain[2]), int(plain[3]), approximate=False, original=text)
    if plain := _PLAIN_ERA.fullmatch(text):
        return _partial(plain[1], int(plain[2]), int(plain[3]), int(plain[4]), approximate=False, original=text)
    folded = text if text.isascii() and text.isdecimal() else _folded(text)
    if folded in _UNKNOWN or not folded.strip("0-/.") or _NO_DIGIT_KNOWN.match(folded):
        return PartialDate("", "unknown", text)
    if "から" in folded or "~" in folded or "〜" in folded:
        first = parse_date(re.split(r"から|~|〜", folded)[0], era=era)
        return PartialDate(first.value[:7], "range" if first.value else "unknown", text)
    found = _from_digits(folded, era=era) or _from_words(folded)
    if found is None:
        raise ValueError("not a date")
    era_name, year, month, day, approximate = found
    return _partial(era_name, year, month, day, approximate=approximate, original=text)


def _folded(text: str) -> str:
    """Fold width; spaces, the time of day, the weekday and the words of an empty form go."""
    folded = _WEEKDAY.sub("", _TIME.sub("", unicodedata.normalize("NFKC", text).strip())).replace(" ", "")
    return folded.replace("年月日", "") if folded.endswith("年月日") else folded


_Parts = tuple[str, int, int, int, bool]


def _from_digits(folded: str, *, era: bool) -> _Parts | None:
    match = _DIGITS.match(folded)
    if match is None:
        return None
    letter, digits = match["era"] or "", match["digits"]
    if letter and len(digits) == 6:
        return letter, int(digits[:2]), int(digits[2:4]), int(digits[4:]), False
    if letter:
        return None
    match len(digits):
        case 8:
            return "", int(digits[:4]), int(digits[4:6]), int(digits[6:]), False
        case 7 if era and digits[0] in _ERA_OF:
            return digits[0], int(digits[1:3]), int(digits[3:5]), int(digits[5:]), False
        case 6 if int(digits[:4]) in _LIKELY_YEARS:
            return "", int(digits[:4]), int(digits[4:]), 0, False
        case 4:
            return "", int(digits), 0, 0, False
    return None


def _from_words(folded: str) -> _Parts | None:
    upper = _UNKNOWN_PART.sub("", folded.upper())
    approximate = any(word in upper for word in _APPROXIMATE)
    match = _WRITTEN.match(upper)
    if match is None:
        return None
    rest = match["rest"]
    for word in _APPROXIMATE if approximate else ():
        rest = rest.replace(word, "")
    if rest.strip("()の生まれ日"):
        return None
    year = 1 if match["year"] == "元" else int(match["year"])
    if not match["era"] and len(match["year"]) != 4:
        return None
    return match["era"] or "", year, int(match["month"] or 0), int(match["day"] or 0), approximate


def _partial(era: str, year: int, month: int, day: int, *, approximate: bool, original: str) -> PartialDate:
    if era:
        if not year:
            return PartialDate("", "unknown", original)
        year += _ERA_OF[era][3] - 1
    if not 1000 <= year <= 9999:
        if year == 0:
            return PartialDate("", "unknown", original)
        raise ValueError("not a year")
    if month > 12 or day > 31:
        value = f"{year:04}-{month:02}" if 1 <= month <= 12 else f"{year:04}"
        return PartialDate(value, "noncalendar", original)
    if not month:
        return PartialDate(f"{year:04}", "approx" if approximate else "year", original)
    if not day:
        return PartialDate(f"{year:04}-{month:02}", "approx" if approximate else "month", original)
    value = f"{year:04}-{month:02}-{day:02}"
    try:
        date(year, month, day)
    except ValueError:
        return PartialDate(value[:7], "noncalendar", original)
    if era and not _ERA_OF[era][4] <= value <= _ERA_OF[era][5]:
        return PartialDate(value, "era-overflow", original)
    return PartialDate(value, "approx" if approximate else "day", original)


def format_era(value: PartialDate) -> str:
    """Write a date as a Japanese form does (令和8年11月1日); parts that are not known stay out.

    A year alone that two eras share takes the later one.
    """
    if not value.value:
        return "不詳"
    full = (value.value + "-99-99")[:10]
    era = next((era for era in reversed(_ERAS) if era[4] <= full), None)
    parts = value.value.split("-")
    if era is None:
        written = f"{int(parts[0])}年"
    else:
        number = int(parts[0]) - era[3] + 1
        written = f"{era[2][0]}{'元' if number == 1 else number}年"
    for part, unit in zip(parts[1:], "月日", strict=False):
        written += f"{int(part)}{unit}"
    return written
