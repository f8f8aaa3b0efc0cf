"""From letters as written to letters that can be compared (正規化).

Three strengths of a name: *exact* (width, spaces and variation selectors ignored), *folded* (variant and old
kanji are one letter), *loose* (distinct letters that people confuse). A reading has two: *exact* (one script,
one width) and *folded*, the register's search rule: voicing, small kana, long vowels and ウ after an オ-row
kana are ignored. Folding is for keys; what was delivered is kept beside it.

``VERSION`` names the rules; changing any of them, or the table, changes every token of a workspace.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from io import StringIO
from typing import NamedTuple

from linkage.model import model_text

VERSION = "1"
_CACHE = 1 << 17

_DASHES = "-‐‑‒–—―−－ーｰ~〜～"
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_IGNORED = re.compile(r"[\s・.,'’`=＝()\[\]" + "\u3099\u309a" + "]+")
_KANA_ONLY = re.compile("[ぁ-ゖァ-ヺー゛゜]+")
_HIRAGANA = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
_OLD_KANA = str.maketrans({"ヰ": "イ", "ヱ": "エ", "ヲ": "オ", "ヂ": "ジ", "ヅ": "ズ"})
_SMALL = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")
_VU = re.compile("ヴ([ァィェォ]?)")
_VU_ROW = {"": "ブ", "ァ": "バ", "ィ": "ビ", "ェ": "ベ", "ォ": "ボ"}
_O_ROW = "オコソトノホモヨロ"
_LONG_O = re.compile(f"(?<=[{_O_ROW}])[ウオー]+")
_LONG = re.compile("ー+")
_LENGTHENS = frozenset(("", *"ウゥオォーァィェ"))
"""With these a given name may change how the end of the family name is read."""
_DIGITS = re.compile(r"[^0-9]+")
_KANJI_DIGITS = {letter: value for value, letter in enumerate("〇一二三四五六七八九")}
_CHOME = re.compile("([〇一二三四五六七八九十]+)(?=丁目)")
_LOT_MARKS = re.compile("丁目|番地の|番地|番|号|の|ノ|之")
_HYPHENS = re.compile("-+")
_LAST_NUMBER = re.compile(r"([0-9]+)[^0-9]*$")


def _through(letter: str, tables: Iterable[Mapping[int, str | int]]) -> str:
    for table in tables:
        letter = letter.translate(table)
    return letter


def _variants(strength: str) -> dict[int, str]:
    rows = csv.DictReader(StringIO(model_text("kanji_variants.csv")))
    return {ord(row["variant"]): row["base"] for row in rows if row["strength"] == strength}


_SAME = _variants("same")
_LOOSE = _variants("loose")
_LOOSEN_STEPS = (_LOOSE, _HIRAGANA, _OLD_KANA, _SMALL)
_LOOSEN = {code: _through(chr(code), _LOOSEN_STEPS) for table in _LOOSEN_STEPS for code in table}
"""All steps from a folded to a loose name in one."""
_EXACT_KANA = _OLD_KANA | {ord(dash): "ー" for dash in _DASHES}


def _compose(text: str) -> str:
    """NFKC, with a spacing voicing mark joined to its kana and variation selectors gone."""
    if "゛" in text or "゜" in text:
        text = text.replace("゛", "\u3099").replace("゜", "\u309a")
    return _SELECTORS.sub("", unicodedata.normalize("NFKC", text))


class Written(NamedTuple):
    """A written name, or a part of one, in the strengths it is compared in."""

    exact: str
    same: str
    """With variant and old kanji as one letter."""
    loose: str
    kana: bool
    """Whether the exact form is kana alone."""
    same_kana: bool

    @property
    def folded(self) -> str:
        """The name with variants as one letter; kana alone in one script."""
        return self.same.translate(_HIRAGANA) if self.same_kana else self.same


@lru_cache(_CACHE)
def written(text: str) -> Written:
    """Fold a written name in every strength at once."""
    exact = _IGNORED.sub("", _compose(text)).upper()
    same = exact.translate(_SAME)
    return Written(
        exact,
        same,
        same.translate(_LOOSEN),
        _KANA_ONLY.fullmatch(exact) is not None,
        _KANA_ONLY.fullmatch(same) is not None,
    )


def written_whole(full: str, family: str, given: str) -> Written:
    """Fold a whole name; where it is its parts with a space between, by them, which many names share."""
    if not _is_joined(full, family, given):
        return written(full)
    one, other = written(family), written(given)
    if not (one.exact and other.exact):
        return written(full)
    return Written(
        one.exact + other.exact,
        one.same + other.same,
        one.loose + other.loose,
        one.kana and other.kana,
        one.same_kana and other.same_kana,
    )


def _is_joined(full: str, family: str, given: str) -> bool:
    return bool(family and given) and full in (f"{family}　{given}", f"{family} {given}")


def exact_name(text: str) -> str:
    """Return a written name without differences of width, case, spacing and variation selector."""
    return written(text).exact


def folded_name(text: str) -> str:
    """Return a written name with variant and old kanji as one letter (髙橋 → 高橋, 渡邊 → 渡辺)."""
    return written(text).folded


def loose_name(text: str) -> str:
    """Return a written name with confusable letters as one (斉藤 → 斎藤); for search, never alone a match."""
    return written(text).loose


def bag_of(letters: str) -> str:
    """Return letters in sorted order: those of a name are equal when family and given name were exchanged."""
    return "".join(sorted(letters))


@lru_cache(_CACHE)
def reading(text: str) -> tuple[str, str]:
    """Fold a reading, or a part of one, exact and as the register searches for it."""
    kana = _IGNORED.sub("", _compose(text)).translate(_HIRAGANA).translate(_EXACT_KANA).upper()
    return kana, _searched(kana)


def reading_whole(kana: str, family: str, given: str) -> tuple[str, str]:
    """Fold a whole reading; by its parts where no letter of the one changes how the other is read."""
    if not _is_joined(kana, family, given):
        return reading(kana)
    one, other = reading(family), reading(given)
    if not one[0] or other[0][:1] in _LENGTHENS:
        return reading(kana)
    return one[0] + other[0], one[1] + other[1]


def exact_kana(text: str) -> str:
    """Return a reading in full-width katakana without spaces; voicing and long vowels kept."""
    return reading(text)[0]


def folded_kana(text: str) -> str:
    """Return the reading as the register searches for it: サトー = サトウ = さとう, ナカジマ = ナカシマ."""
    return reading(text)[1]


def _searched(kana: str) -> str:
    if "ヴ" in kana:
        kana = _VU.sub(lambda found: _VU_ROW[found.group(1)], kana)
    voiced = unicodedata.normalize("NFD", kana)
    plain = voiced.replace("\u3099", "").replace("\u309a", "").translate(_SMALL)
    return _LONG.sub("", _LONG_O.sub("", plain))


def is_kana(text: str) -> bool:
    """Tell whether a name is written in kana alone."""
    return written(text).kana


def _arabic(found: re.Match[str]) -> str:
    text = found.group(1)
    if "十" not in text:
        return "".join(str(_KANJI_DIGITS[letter]) for letter in text)
    tens, _, ones = text.partition("十")
    return str((_KANJI_DIGITS[tens] if tens else 1) * 10 + (_KANJI_DIGITS[ones] if ones else 0))


@lru_cache(_CACHE)
def folded_town(text: str) -> str:
    """Return a town (町字) with 丁目 in digits, variant letters folded and 大字/字 dropped."""
    town = _IGNORED.sub("", _compose(text)).translate(_SAME).translate(_LOOSE)
    town = _CHOME.sub(_arabic, town.translate(_HIRAGANA).translate(_SMALL))
    return town.removeprefix("大字").removeprefix("字").replace("丁目", "-").rstrip("-")


@lru_cache(_CACHE)
def folded_lot(text: str) -> str:
    """Return a lot number (番地号) as digits joined by hyphens: 二番地の３ and 2-3 meet."""
    lot = _IGNORED.sub("", _compose(text))
    lot = _LOT_MARKS.sub("-", "".join("-" if letter in _DASHES else letter for letter in lot))
    return _HYPHENS.sub("-", lot).strip("-")


@lru_cache(_CACHE)
def room_of(text: str) -> str:
    """Return the room of a building line (方書): its last number, else the folded line itself."""
    line = _IGNORED.sub("", _compose(text))
    number = _LAST_NUMBER.search(line)
    return number.group(1).lstrip("0") if number else loose_name(line)


@lru_cache(_CACHE)
def folded_phone(text: str) -> str:
    """Return a telephone number as national digits; empty when there are too few to be one."""
    digits = _DIGITS.sub("", unicodedata.normalize("NFKC", text))
    if digits.startswith("81") and len(digits) >= 11:
        digits = "0" + digits[2:]
    return digits if len(digits) >= 9 else ""


def folded_number(text: str) -> str:
    """Return an identifier without width, case, spacing and hyphen differences; leading zeros go.

    The standard delivers one number padded to fifteen places here and unpadded there.
    """
    if text.isdecimal() and text.isascii():
        return text.lstrip("0") or text
    number = _IGNORED.sub("", unicodedata.normalize("NFKC", text)).upper().replace("-", "")
    return number.lstrip("0") or number
