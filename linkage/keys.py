"""The comparable strings of a mention, by kind, before they become keyed tokens.

Tokens are compared for equality only, so a graded comparison needs several kinds of one field: a name exact,
folded and loose, its family and given parts, a birth date whole and with each one part left out. Runs once per
mention in worker processes; every folding is cached.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from linkage.normalise import (
    bag_of,
    exact_name,
    folded_lot,
    folded_number,
    folded_phone,
    folded_town,
    is_kana,
    reading,
    reading_whole,
    room_of,
    written,
    written_whole,
)
from schemas.drafts import MentionDraft
from schemas.values.addresses import Address, parse_address
from schemas.values.dates import PartialDate, parse_date
from schemas.values.names import PersonName

HOUSEHOLD_KIND = "setai"
"""Identifier kind of the register household (世帯番号); it becomes the token ``household_no``."""

_INEXACT = frozenset(("range", "approx"))
_GIVEN_ALONE = 2
"""Letters up to which a name without separator is a given name alone, as forms write those of children; one letter
more where the reading, too, has no separator and no more letters than the name."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Normalised strings of one mention. Identity in clear: lives in memory for one batch only."""

    tokens: dict[str, str]
    """Kind (a member of ``TOKEN_COLUMNS``) → string; a kind that is not known is absent."""
    aliases: list[tuple[str, str]] = field(default_factory=list)
    """Further (kind, string) pairs: former names, further phones, past addresses."""
    identifiers: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    """(kind, issuer, value, valid from, valid to)."""


def mention_keys(mention: MentionDraft) -> Keys:
    """Return everything by which this mention can be linked and found."""
    tokens: dict[str, str] = {}
    aliases: list[tuple[str, str]] = []
    names = mention.names
    if names:
        tokens = _name_keys(names[0])
        if len(names) > 1:
            _add(tokens, aliases, [_name_keys(_completed(name, names[0])) for name in names[1:]])
    _birth_keys(tokens, mention.birth)
    if mention.addresses:
        tokens.update(_address_keys(mention.addresses[0]))
        if len(mention.addresses) > 1:
            _add(tokens, aliases, [_address_keys(address) for address in mention.addresses[1:]])
    if mention.phones:
        _add(tokens, aliases, [{"phone": folded} for phone in mention.phones if (folded := folded_phone(phone))])
    identifiers = []
    for number in mention.identifiers:
        value = folded_number(number.value)
        if number.kind == HOUSEHOLD_KIND:
            tokens.setdefault("household_no", f"{number.issuer}/{value}")
        elif value.strip("0"):
            identifiers.append((number.kind, number.issuer, value, number.valid_from, number.valid_to))
    return Keys(tokens, aliases, identifiers)


def query_keys(
    *,
    name: str = "",
    kana: str = "",
    birth: PartialDate | str | None = None,
    address: Address | str | None = None,
    phone: str = "",
) -> dict[str, str]:
    """Return the strings to search for, by kind; the caller mints tokens of them.

    A birth date or address may be as typed; a date that cannot be read raises ValueError.
    """
    tokens = _name_keys(PersonName(full=name, kana=kana), asked=True) if name or kana else {}
    _birth_keys(tokens, parse_date(birth) if isinstance(birth, str) else birth)
    if isinstance(address, str):
        address = parse_address(address)
    if address is not None:
        tokens.update(_address_keys(address))
    if folded := folded_phone(phone):
        tokens["phone"] = folded
    return tokens


def _add(tokens: dict[str, str], aliases: list[tuple[str, str]], further: list[dict[str, str]]) -> None:
    for keys in further:
        for item in keys.items():
            known = tokens.setdefault(*item)
            if known != item[1] and item not in aliases:
                aliases.append(item)


def _parts(full: str, family: str, given: str) -> tuple[str, str]:
    """Split on a delivered separator only; nothing is guessed."""
    if family or given:
        return family, given
    parts = full.split()
    return (parts[0], "".join(parts[1:])) if len(parts) > 1 else ("", "")


def _completed(name: PersonName, legal: PersonName) -> PersonName:
    """Give a former family name (旧氏) the given name of the legal one."""
    if name.kind != "former" or name.given:
        return name
    _, given = _parts(legal.full, legal.family, legal.given)
    _, kana_given = _parts(legal.kana, legal.kana_family, legal.kana_given)
    family, own = _parts(name.full, name.family, "")
    if own or not given or exact_name(name.full).endswith(exact_name(given)):
        return name
    kana = name.kana_family or name.kana
    return PersonName(
        full=f"{name.full} {given}",
        kind=name.kind,
        family=family or name.full,
        given=given,
        kana=f"{kana} {kana_given}" if kana and kana_given else "",
        kana_family=kana,
        kana_given=kana_given if kana else "",
    )


def _name_keys(name: PersonName, *, asked: bool = False) -> dict[str, str]:
    keys: dict[str, str] = {}
    full, kana = name.full, name.kana
    family, given = _parts(full, name.family, name.given)
    kana_family, kana_given = _parts(kana, name.kana_family, name.kana_given)
    full = full or family + given
    kana = kana or kana_family + kana_given
    if not asked and not family and not kana_family and _is_given_alone(full or kana, kana):
        given, kana_given = full, kana
        full, kana = "", ""
    if full and (whole := written_whole(full, family, given)).kana:
        # A name in kana alone is a reading: a source that knows no kanji must not contradict one that does.
        if not kana:
            kana, kana_family, kana_given = full, family, given
        full = family = given = ""
    if full:
        keys["name_exact"] = whole.exact
        keys["name_folded"] = whole.folded
        keys["name_loose"] = whole.loose
        keys["name_bag"] = bag_of(whole.loose)
    if family:
        keys["family_folded"] = written(family).folded
    given_alone = written(given) if given else None
    if given_alone and not given_alone.kana:
        keys["given_folded"] = given_alone.folded
    if kana:
        exact, folded = reading_whole(kana, kana_family, kana_given)
        keys["kana_exact"] = exact
        keys["kana_full"] = folded  # of the whole: sources and queries that do not split must meet it
        keys["kana_initial"] = folded[:1]
    if kana_family:
        keys["kana_family"] = reading(kana_family)[1]
    if kana_given or (given_alone and given_alone.kana):
        keys["kana_given"] = reading(kana_given or given)[1]
    return keys if all(keys.values()) else {kind: value for kind, value in keys.items() if value}


def _is_given_alone(written: str, kana: str) -> bool:
    letters = len(exact_name(written))
    kana = kana or (written if is_kana(written) else "")
    if letters <= _GIVEN_ALONE:
        return letters > 0
    return letters == _GIVEN_ALONE + 1 and 0 < len(kana) <= letters


def _birth_keys(keys: dict[str, str], birth: PartialDate | None) -> None:
    if birth is not None and birth.quality not in _INEXACT:
        keys.update(_date_keys(birth.value))


@lru_cache(1 << 16)
def _date_keys(value: str) -> tuple[tuple[str, str], ...]:
    if len(value) == 10:
        whole, month_day, year_day = value, value[5:], value[:4] + value[7:]
        return ("birth_ym", value[:7]), ("birth_date", whole), ("birth_md", month_day), ("birth_yd", year_day)
    return (("birth_ym", value[:7]),) if len(value) >= 7 else ()


def _address_keys(address: Address) -> dict[str, str]:
    town, lot = folded_town(address.town), folded_lot(address.lot)
    if not town or not lot:
        return {}
    room = room_of(address.building) if address.building else ""
    if not room and lot.count("-") > 1:
        # 1-2-305: the third number of a lot is a room
        lot, _, room = lot.rpartition("-")
    place = f"{town}-{lot}"
    return {"town_lot": place, "dwelling": f"{place}/{room}" if room else place}
