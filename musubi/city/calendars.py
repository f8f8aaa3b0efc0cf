"""Days as the city's systems write them: one lookup array per notation, indexed by days since 1900-01-01."""

from datetime import date, timedelta
from functools import cache

import numpy as np

from musubi.city.arrays import Ints, Texts

EPOCH = date(1900, 1, 1)
LAST = 50_000
"""Length of the arrays: they reach 2036."""
ERAS = (
    (date(2019, 5, 1), "令和", "R", "5"),
    (date(1989, 1, 8), "平成", "H", "4"),
    (date(1926, 12, 25), "昭和", "S", "3"),
    (date(1912, 7, 30), "大正", "T", "2"),
    (date(1868, 10, 23), "明治", "M", "1"),
)
"""First day, name, initial and one-digit code of each era, newest first."""


def day(text: str) -> int:
    """Days since 1900-01-01 of an ISO date."""
    return (date.fromisoformat(text) - EPOCH).days


def era_year(when: date) -> tuple[str, str, str, int]:
    """Name, initial, code and year of the era a day lies in."""
    for first, name, initial, code in ERAS:
        if when >= first:
            return name, initial, code, when.year - first.year + 1
    return "明治", "M", "1", when.year - 1867


def era_text(when: date) -> str:
    """Return a day in full era notation (令和元年5月1日)."""
    name, _, _, year = era_year(when)
    return f"{name}{'元' if year == 1 else year}年{when.month}月{when.day}日"


def _notation(style: str, when: date) -> str:
    name, initial, code, year = era_year(when)
    if style == "iso":
        return when.isoformat()
    if style == "compact":
        return f"{when:%Y%m%d}"
    if style == "month":
        return f"{when:%Y%m}"
    if style == "slash":
        return f"{when.year}/{when.month}/{when.day}"
    if style == "era":
        return f"{name}{'元' if year == 1 else year}年{when.month}月{when.day}日"
    if style == "era_padded":
        return f"{name}{year:02d}年{when.month:02d}月{when.day:02d}日"
    if style == "era_dots":
        return f"{initial}{year}.{when.month}.{when.day}"
    if style == "era7":
        return f"{code}{year:02d}{when.month:02d}{when.day:02d}"
    msg = f"no such notation: {style}"
    raise ValueError(msg)


@cache
def notation(style: str) -> Texts:
    """All days in one notation: iso, compact, month, slash, era, era_padded, era_dots or era7."""
    days = np.empty(LAST, dtype=object)
    for number in range(LAST):
        days[number] = _notation(style, EPOCH + timedelta(days=number))
    return days


def written(days: Ints, style: str) -> Texts:
    """Days in a notation; a negative day is an empty cell."""
    texts: Texts = notation(style)[np.maximum(days, 0)]
    texts[days < 0] = ""
    return texts
