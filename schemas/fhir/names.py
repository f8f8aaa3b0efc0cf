"""Names: PersonName and JP_HumanName.

JP Core writes the form in characters (IDE), in kana (SYL) and in Latin letters (ABC) as HumanNames of their own. A
reading follows the form it belongs to. Parts are separated by one half-width space, kana is full-width katakana; what
was delivered otherwise stands beside it, so that reading gives back what was written.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.fhir.elements import Json, delivered, extension, filled, hl7_value, original_of, value_of
from schemas.fhir.terms import hl7, table
from schemas.values.names import PersonName

IDEOGRAPHIC, SYLLABIC, ALPHABETIC = "IDE", "SYL", "ABC"
_TO_KATAKANA = {code: code + 0x60 for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}
_TO_COMBINING = str.maketrans("゛゜", "\u3099\u309a")


def katakana(text: str) -> str:
    """Write a reading in full-width katakana."""
    folded = unicodedata.normalize("NFKC", text.translate(_TO_COMBINING)).translate(_TO_KATAKANA)
    return unicodedata.normalize("NFKC", folded)


def spaced(text: str) -> str:
    """Separate by single half-width spaces."""
    return " ".join(text.split())


def human_names(names: Iterable[PersonName]) -> list[Json]:
    """Write names; ``person_names`` is the inverse."""
    written: list[Json] = []
    unread: set[str] = set()
    for name in names:
        use = table("name_use").get(name.kind, "")
        kana = (name.kana, name.kana_family, name.kana_given)
        if name.kana and kana == (name.full, name.family, name.given) and name.kind != "roman":
            alone = extension("kana-alone", "Boolean", value=use in unread or None)
            written.append(_human_name(SYLLABIC, use, *kana, alone))
            continue
        form = ALPHABETIC if name.kind == "roman" else IDEOGRAPHIC
        written.append(_human_name(form, use, name.full, name.family, name.given))
        if name.kana:
            written.append(_human_name(SYLLABIC, use, *kana))
        else:
            unread.add(use)
    return [name for name in written if "text" in name]


def _human_name(form: str, use: str, full: str, family: str, given: str, more: Iterable[Json] = ()) -> Json:
    fold = katakana if form == SYLLABIC else str
    first, second = delivered("family", fold(family), family), delivered("given", fold(given), given)
    split = "family" in first and "given" in second
    text = spaced(f"{first['family']} {second['given']}" if split else fold(full))
    name: Json = {"extension": [{"url": hl7("representation"), "valueCode": form}, *more]}
    name |= filled({"use": use}) | delivered("text", text, full) | first
    for key, value in second.items():
        name[key] = [value]
    return name


def person_names(names: Iterable[Mapping[str, Any]]) -> tuple[PersonName, ...]:
    """Read names, each form with the reading that follows it."""
    found: list[PersonName] = []
    open_at: dict[str, int] = {}
    for name in names:
        use = str(name.get("use", ""))
        form = hl7_value(name, "representation") or IDEOGRAPHIC
        family, given = original_of(name, "family"), _given(name)
        full = original_of(name, "text") or " ".join(filter(None, (family, given)))
        if not full:
            continue
        kind = "roman" if form == ALPHABETIC else table("name_kind").get(use, "as_written")
        if form != SYLLABIC:
            open_at[use] = len(found)
            found.append(PersonName(full, kind, family, given))
        elif use in open_at and not value_of(name, "kana-alone"):
            at = open_at.pop(use)
            one = found[at]
            found[at] = PersonName(one.full, one.kind, one.family, one.given, full, family, given)
        else:
            found.append(PersonName(full, kind, family, given, full, family, given))
    return tuple(found)


def _given(name: Mapping[str, Any]) -> str:
    values, beside = name.get("given", ()), name.get("_given", ())
    paired = [(value or "", beside[n] if n < len(beside) else None) for n, value in enumerate(values)]
    return " ".join(filter(None, (original_of({"given": value, "_given": more}, "given") for value, more in paired)))
