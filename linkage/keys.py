"""The comparable strings of a mention, by kind, before they become keyed tokens.

Tokens are compared for equality only, so a graded comparison needs several kinds of one field: a name exact,
folded and loose, its family and given parts, a birth date whole and with each one part left out. Runs over batches
in worker processes; every folding is cached.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter

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
from schemas.tables import BIRTH_TOKENS, NAME_TOKENS, PHONE_TOKENS, PLACE_TOKENS, TOKEN_COLUMNS
from schemas.values.addresses import Address, parse_address
from schemas.values.dates import PartialDate, parse_date
from schemas.values.names import PersonName

HOUSEHOLD_KIND = "setai"
"""Identifier kind of the register household (世帯番号); it becomes the token ``household_no``."""

_INEXACT = frozenset(("range", "approx"))
NEAR = 1 << 13
"""Names and addresses whose strings are remembered: those that come again come soon."""
_GIVEN_ALONE = 2
"""Letters up to which a name without separator is a given name alone, as forms write those of children; one letter
more where the reading, too, has no separator and no more letters than the name."""
_NO_NAME, _NO_BIRTH, _NO_PLACE, _NO_PHONE = (
    ("",) * len(group) for group in (NAME_TOKENS, BIRTH_TOKENS, PLACE_TOKENS, PHONE_TOKENS)
)

Strings = tuple[str, ...]
"""One normalised string per kind of a group; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Normalised strings of a batch of mentions. Identity in clear: lives in memory for one batch only."""

    tokens: dict[str, Strings]
    """Kind (a member of ``TOKEN_COLUMNS``) → one string per mention; empty where it is not known."""
    aliases: list[tuple[int, str, str]] = field(default_factory=list)
    """(mention, kind, string): former names, further phones, past addresses."""
    identifiers: list[tuple[int, str, str, str, str, str]] = field(default_factory=list)
    """(mention, kind, issuer, value, valid from, valid to)."""


def mention_keys(mentions: Sequence[MentionDraft]) -> Keys:
    """Return everything by which these mentions can be linked and found; they are numbered in their order."""
    rows: list[Strings] = []
    keys = Keys({})
    for number, mention in enumerate(mentions):
        more: list[tuple[str, str]] = []
        names, addresses, phones = mention.names, mention.addresses, mention.phones
        name = _name_strings(_name_parts(names[0])) if names else _NO_NAME
        if len(names) > 1:
            further = [_name_strings(_name_parts(_completed(other, names[0]))) for other in names[1:]]
            name = _joined(NAME_TOKENS, name, further, more)
        birth = mention.birth
        days = _date_strings(birth.value) if birth is not None and birth.quality not in _INEXACT else _NO_BIRTH
        place = _address_strings(_address_parts(addresses[0])) if addresses else _NO_PLACE
        if len(addresses) > 1:
            further = [_address_strings(_address_parts(other)) for other in addresses[1:]]
            place = _joined(PLACE_TOKENS, place, further, more)
        phone: Strings = (folded_phone(phones[0]),) if phones else _NO_PHONE
        if len(phones) > 1:
            phone = _joined(PHONE_TOKENS, phone, [(folded_phone(other),) for other in phones[1:]], more)
        household = _numbers(number, mention, keys) if mention.identifiers else ""
        rows.append((*name, *days, *place, *phone, household))
        if more:
            keys.aliases.extend((number, kind, string) for kind, string in dict.fromkeys(more))
    columns = zip(*rows, strict=True) if rows else ((),) * len(TOKEN_COLUMNS)
    keys.tokens.update(zip(TOKEN_COLUMNS, columns, strict=True))
    return keys


def _numbers(number: int, mention: MentionDraft, keys: Keys) -> str:
    """Take in the numbers of a mention; give that of its register household."""
    household = ""
    for found in mention.identifiers:
        value = folded_number(found.value)
        if found.kind == HOUSEHOLD_KIND:
            household = household or f"{found.issuer}/{value}"
        elif value.strip("0"):
            keys.identifiers.append((number, found.kind, found.issuer, value, found.valid_from, found.valid_to))
    return household


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
    strings = _name_strings(_name_parts(PersonName(full=name, kana=kana)), asked=True) if name or kana else _NO_NAME
    tokens = dict(zip(NAME_TOKENS, strings, strict=True))
    day = parse_date(birth) if isinstance(birth, str) else birth
    if day is not None and day.quality not in _INEXACT:
        tokens |= zip(BIRTH_TOKENS, _date_strings(day.value), strict=True)
    if isinstance(address, str):
        address = parse_address(address)
    if address is not None:
        tokens |= zip(PLACE_TOKENS, _address_strings(_address_parts(address)), strict=True)
    tokens["phone"] = folded_phone(phone)
    return {kind: string for kind, string in tokens.items() if string}


def _joined(
    kinds: Strings, first: Strings, further: Iterable[Strings], aliases: list[tuple[str, str]]
) -> tuple[str, ...]:
    """Complete the first form by what it lacks; what the others say otherwise becomes aliases."""
    found = list(first)
    for strings in further:
        for at, string in enumerate(strings):
            if not found[at]:
                found[at] = string
            elif string and string != found[at]:
                aliases.append((kinds[at], string))
    return tuple(found)


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


_name_parts = attrgetter("full", "family", "given", "kana", "kana_family", "kana_given")
_address_parts = attrgetter("town", "lot", "building")


@lru_cache(NEAR)
def _name_strings(parts: tuple[str, str, str, str, str, str], *, asked: bool = False) -> Strings:
    """Fold one name in every way it is compared."""
    full, family, given, kana, kana_family, kana_given = parts
    family, given = _parts(full, family, given)
    kana_family, kana_given = _parts(kana, kana_family, kana_given)
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
    given_alone = written(given) if given else None
    exact, folded = reading_whole(kana, kana_family, kana_given) if kana else ("", "")
    return (
        *((whole.exact, whole.folded, whole.loose, bag_of(whole.loose)) if full else ("", "", "", "")),
        written(family).folded if family else "",
        given_alone.folded if given_alone and not given_alone.kana else "",
        exact,
        folded,  # of the whole: sources and queries that do not split must meet it
        reading(kana_family)[1] if kana_family else "",
        reading(kana_given or given)[1] if kana_given or (given_alone and given_alone.kana) else "",
        folded[:1],
    )


def _is_given_alone(written: str, kana: str) -> bool:
    letters = len(exact_name(written))
    kana = kana or (written if is_kana(written) else "")
    if letters <= _GIVEN_ALONE:
        return letters > 0
    return letters == _GIVEN_ALONE + 1 and 0 < len(kana) <= letters


@lru_cache(1 << 16)
def _date_strings(value: str) -> Strings:
    if len(value) == 10:
        return value, value[:7], value[5:], value[:4] + value[7:]
    return ("", value[:7], "", "") if len(value) >= 7 else _NO_BIRTH


@lru_cache(NEAR)
def _address_strings(parts: tuple[str, str, str]) -> Strings:
    town, lot, room = folded_town(parts[0]), folded_lot(parts[1]), ""
    if not town or not lot:
        return _NO_PLACE
    if parts[2]:
        room = room_of(parts[2])
    if not room and lot.count("-") > 1:
        # 1-2-305: the third number of a lot is a room
        lot, _, room = lot.rpartition("-")
    place = f"{town}-{lot}"
    return place, f"{place}/{room}" if room else place
