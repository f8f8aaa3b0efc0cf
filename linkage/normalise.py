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
from functools import lru_cache
from io import StringIO

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
_DIGITS = re.compile(r"[^0-9]+")
_KANJI_DIGITS = {letter: value for value, letter in enumerate("〇一二三四五六七八九")}
_CHOME = re.compile("([〇一二三四五六七八九十]+)(?=丁目)")
_LOT_MARKS = re.compile("丁目|番地の|番地|番|号|の|ノ|之")
_HYPHENS = re.compile("-+")
_LAST_NUMBER = re.compile(r"([0-9]+)[^0-9]*$")


def _variants(strength: str) -> dict[int, str]:
    rows = csv.DictReader(StringIO(model_text("kanji_variants.csv")))
    return {ord(row["variant"]): row["base"] for row in rows if row["strength"] == strength}


_SAME = _variants("same")
_LOOSE = _variants("loose")


def _compose(text: str) -> str:
    """NFKC, with a spacing voicing mark joined to its kana and variation selectors gone."""
    if "゛" in text or "゜" in text:
        text = text.replace("゛", "\u3099").replace("゜", "\u309a")
    return _SELECTORS.sub("", unicodedata.normalize("NFKC", text))


@lru_cache(_CACHE)
def exact_name(text: str) -> str:
    """Return a written name without differences of width, case, spacing and variation selector."""
    return _IGNORED.sub("", _compose(text)).upper()


@lru_cache(_CACHE)
def folded_name(text: str) -> str:
    """Return a written name with variant and old kanji as one letter (髙橋 → 高橋, 渡邊 → 渡辺)."""
    name = exact_name(text).translate(_SAME)
    return name.translate(_HIRAGANA) if _KANA_ONLY.fullmatch(name) else name


@lru_cache(_CACHE)
def loose_name(text: str) -> str:
    """Return a written name with confusable letters as one (斉藤 → 斎藤); for search, never alone a match."""
    return folded_name(text).translate(_LOOSE).translate(_HIRAGANA).translate(_OLD_KANA).translate(_SMALL)


@lru_cache(_CACHE)
def bag_of_name(text: str) -> str:
    """Return the letters of a name in sorted order: equal when family and given name were exchanged."""
    return "".join(sorted(loose_name(text)))


@lru_cache(_CACHE)
def exact_kana(text: str) -> str:
    """Return a reading in full-width katakana without spaces; voicing and long vowels kept."""
    kana = _IGNORED.sub("", _compose(text)).translate(_HIRAGANA).translate(_OLD_KANA)
    return "".join("ー" if letter in _DASHES else letter for letter in kana).upper()


@lru_cache(_CACHE)
def folded_kana(text: str) -> str:
    """Return the reading as the register searches for it: サトー = サトウ = さとう, ナカジマ = ナカシマ."""
    kana = _VU.sub(lambda found: _VU_ROW[found.group(1)], exact_kana(text))
    voiced = unicodedata.normalize("NFD", kana)
    plain = voiced.replace("\u3099", "").replace("\u309a", "").translate(_SMALL)
    return _LONG.sub("", _LONG_O.sub("", plain))


def is_kana(text: str) -> bool:
    """Tell whether a name is written in kana alone."""
    return bool(_KANA_ONLY.fullmatch(exact_name(text)))


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


@lru_cache(_CACHE)
def folded_number(text: str) -> str:
    """Return an identifier without width, case, spacing and hyphen differences; leading zeros go.

    The standard delivers one number padded to fifteen places here and unpadded there.
    """
    number = _IGNORED.sub("", unicodedata.normalize("NFKC", text)).upper().replace("-", "")
    return number.lstrip("0") or number
