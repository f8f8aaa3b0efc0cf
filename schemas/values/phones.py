"""Telephone numbers as people write them, to digits alone."""

import re
import unicodedata
from functools import lru_cache

_EXTENSION = re.compile(r"\(?(内線|内|ext\.?|EXT\.?)\s*\d+\)?")
_PLAIN = re.compile(r"0[0-9]*(?:-[0-9]+)*")
"""How most numbers come; read without a look for anything else."""
_NO_DIGIT = re.compile(r"\D")
_LEAST_DIGITS = 9
_MOST_DIGITS = 11


@lru_cache(maxsize=65536)
def normalise_phone(text: str) -> str:
    """Give the digits of a Japanese number with its leading zero; empty where there is no whole number.

    Extensions (内線) and words around it are left out, +81 becomes 0; a number without its area code is no number.
    """
    if _PLAIN.fullmatch(text):
        digits = text.replace("-", "")
        return digits if _LEAST_DIGITS < len(digits) <= _MOST_DIGITS else ""
    folded = _EXTENSION.sub("", unicodedata.normalize("NFKC", text))
    international = folded.strip().startswith("+81")
    digits = _NO_DIGIT.sub("", folded)
    if international:
        digits = "0" + digits[2:].lstrip("0")
    if not digits.startswith("0") or not _LEAST_DIGITS < len(digits) <= _MOST_DIGITS:
        return ""
    return digits
