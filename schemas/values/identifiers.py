"""Numbers that name a person or case, each within its issuer."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identifier:
    """One number: kind (atena, setai, kaigo, juku, techo, case ...), issuer code, value, validity ISO dates."""

    kind: str
    value: str
    issuer: str = ""
    valid_from: str = ""
    valid_to: str = ""


CUT = "［番号削除］"
"""What stands where an individual number was cut out."""
_JOINT = r"[-‐‑‒–—―−－ーｰ・ \t\u00a0\u3000.．]"
"""What may stand between the digits of one number."""
_RUN = re.compile(rf"[0-9０-９](?:{_JOINT}{{0,3}}[0-9０-９]){{11,}}")
_TWELVE_ALONE = re.compile(rf"(?:{_JOINT}*[0-9０-９]){{12}}{_JOINT}*")
_GROUP = re.compile(r"[0-9０-９]+")
_WEAK_JOINT = re.compile(r"[.．]")
"""A joint that dates have too: across it only groups of four or eight make a number."""


def individual_number_ok(digits: str) -> bool:
    """Whether twelve digits pass the check of an individual number (個人番号; 番号法施行令, 総務省令第85号 第5条)."""
    if len(digits) != 12 or not (digits.isascii() and digits.isdigit()):
        return False
    total = sum(int(digits[10 - n]) * (n + 2 if n < 6 else n - 4) for n in range(11))
    rest = total % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest)


def twelve_digits(text: str) -> str:
    """Give the digits of a text that is nothing but twelve of them, in any width and grouping; else nothing."""
    if len(text) < 12 or not _TWELVE_ALONE.fullmatch(text):
        return ""
    return "".join(_GROUP.findall(unicodedata.normalize("NFKC", text)))


def cut_individual_numbers(text: str) -> tuple[str, int]:
    """Cut whatever twelve digits pass the check out of a text; return the text and in how many places it was cut.

    Whole groups of digits are tried from every group on, so that a telephone number or a date before the number
    does not hide it; where two readings overlap, both are cut.
    """
    if len(text) < 12:
        return text, 0
    places: list[tuple[int, int]] = []
    for run in _RUN.finditer(text):
        for start, end in _passing(text, run):
            if places and start < places[-1][1]:
                places[-1] = (places[-1][0], end)
            else:
                places.append((start, end))
    for start, end in reversed(places):
        text = text[:start] + CUT + text[end:]
    return text, len(places)


def _passing(text: str, run: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Give the start and end of every twelve digits in a run that could be an individual number."""
    groups = [group.span() for group in _GROUP.finditer(text, *run.span())]
    for first, (start, _) in enumerate(groups):
        length = 0
        for last in range(first, len(groups)):
            length += groups[last][1] - groups[last][0]
            if length >= 12:
                break
        if length != 12:
            continue
        taken = groups[first : last + 1]
        end = taken[-1][1]
        if _WEAK_JOINT.search(text, start, end) and any((stop - begin) % 4 for begin, stop in taken):
            continue
        digits = "".join(text[begin:stop] for begin, stop in taken)
        if individual_number_ok(unicodedata.normalize("NFKC", digits)):
            yield start, end


def municipality_code_ok(code: str) -> bool:
    """Whether a six-digit code passes the check of 全国地方公共団体コード."""
    if len(code) != 6 or not code.isdecimal():
        return False
    total = sum(int(digit) * weight for digit, weight in zip(code[:5], (6, 5, 4, 3, 2), strict=True))
    return int(code[5]) == (11 - total % 11) % 10


def insurer_number_ok(number: str) -> bool:
    """Whether an insurer number (保険者番号; 6 digits, or 8 zero-filled) passes its check."""
    digits = number[2:] if len(number) == 8 and number.startswith("00") else number
    if len(digits) not in (6, 8) or not digits.isdecimal():
        return False
    total = 0
    for place, digit in enumerate(reversed(digits[:-1])):
        product = int(digit) * (2 if place % 2 == 0 else 1)
        total += product // 10 + product % 10
    return int(digits[-1]) == (10 - total % 10) % 10
