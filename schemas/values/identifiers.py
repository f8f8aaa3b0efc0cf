"""Numbers that name a person or case, each within its issuer."""

import re
import unicodedata
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
_TWELVE = re.compile(r"(?<![0-9０-９])[0-9０-９](?:[-‐‑–—―−－ー・ \u3000]?[0-9０-９]){11}(?![0-9０-９])")
_DIGIT = re.compile(r"\D")


def individual_number_ok(digits: str) -> bool:
    """Whether twelve digits pass the check of an individual number (個人番号; 番号法施行令, 総務省令第85号 第5条)."""
    if len(digits) != 12 or not (digits.isascii() and digits.isdigit()):
        return False
    total = sum(int(digits[10 - n]) * (n + 2 if n < 6 else n - 4) for n in range(11))
    rest = total % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest)


def cut_individual_numbers(text: str) -> tuple[str, int]:
    """Cut every run of twelve digits that passes the check out of a text; return the text and how many."""
    if len(text) < 12 or not _TWELVE.search(text):
        return text, 0
    count = 0

    def cut(match: re.Match[str]) -> str:
        nonlocal count
        digits = _DIGIT.sub("", unicodedata.normalize("NFKC", match[0]))
        if not individual_number_ok(digits):
            return match[0]
        count += 1
        return CUT

    return _TWELVE.sub(cut, text), count


def municipality_code_ok(code: str) -> bool:
    """Whether a six-digit code passes the check of 全国地方公共団体コード."""
    if len(code) != 6 or not code.isdigit():
        return False
    total = sum(int(digit) * weight for digit, weight in zip(code[:5], (6, 5, 4, 3, 2), strict=True))
    return int(code[5]) == (11 - total % 11) % 10


def insurer_number_ok(number: str) -> bool:
    """Whether an insurer number (保険者番号; 6 digits, or 8 zero-filled) passes its check."""
    digits = number[2:] if len(number) == 8 and number.startswith("00") else number
    if len(digits) not in (6, 8) or not digits.isdigit():
        return False
    total = 0
    for place, digit in enumerate(reversed(digits[:-1])):
        product = int(digit) * (2 if place % 2 == 0 else 1)
        total += product // 10 + product % 10
    return int(digits[-1]) == (10 - total % 10) % 10
