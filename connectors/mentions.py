"""From a row's identity columns to one mention: names, birth, sex, addresses, phones, numbers, free text."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from connectors.cells import Cells, Columns, bounded, folded
from schemas.errors import RecordRejected
from schemas.source import Column, MentionRule
from schemas.values.addresses import Address, parse_address
from schemas.values.dates import PartialDate
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName, split_parts
from schemas.values.phones import normalise_phone
from schemas.vocabulary import MentionRole, Programme

__all__ = ["MentionPlan", "reference"]

Reference = tuple[MentionRole, int]
Condition = Callable[[Cells], bool]
NEAR = 1 << 13
"""Names and addresses a reader remembers: those that come again come soon."""
_REGISTERS = (Programme.REGISTER, Programme.PROTECTION)


def reference(text: str) -> Reference:
    """Read ``child#2`` as a role and a number counted from zero."""
    role, _, number = text.partition("#")
    return MentionRole(role), int(number or 1) - 1


@dataclass(slots=True)
class Person:
    """The identity part of a mention while a row is read."""

    names: tuple[PersonName, ...] = ()
    birth: PartialDate | None = None
    death: PartialDate | None = None
    sex: str = ""
    addresses: tuple[Address, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


@dataclass
class MentionPlan:
    """How one mention is read from the rows of one header."""

    columns: Columns
    ref: str
    when: Condition | None = None
    unless: Condition | None = None
    beside: str = ""
    shares: tuple[str, ...] = ()
    shares_when: Condition | None = None
    _names: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    _addresses: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    _single: dict[str, tuple[int, str]] = field(default_factory=dict)
    _phones: list[int] = field(default_factory=list)
    _emails: list[int] = field(default_factory=list)
    _ids: list[tuple[str, int, int | None]] = field(default_factory=list)
    _notes: list[tuple[str, int]] = field(default_factory=list)
    _name_readers: list[Callable[[Cells], PersonName | None]] = field(default_factory=list)
    _address_readers: list[Callable[[Cells], Address | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.role, self.seq = reference(self.ref)
        definition = self.columns.definition
        self._issuer = definition.issuer
        self._legal = "legal" if definition.programme in _REGISTERS else "as_written"
        self._sex = self.columns.code("sex", "") if "sex" in definition.codes else folded

    def add(self, column: Column) -> None:
        """Take in a column that maps to this mention; one the delivery lacks is left out."""
        position = self.columns.position(column.name)
        if position is None:
            return
        part, _, rest = column.to.partition(".")[2].partition(".")
        match part:
            case "name":
                kind, _, piece = rest.partition(".")
                self._names[kind or "legal"][piece or "full"] = position
            case "address":
                kind, _, piece = rest.partition(".")
                self._addresses[kind or "current"][piece or "text"] = position
            case "phone":
                self._phones.append(position)
            case "email":
                self._emails.append(position)
            case "note":
                self._notes.append((column.name, position))
            case "id":
                kind, _, issuer = rest.partition("@")
                self._ids.append((kind, position, self.columns.position(issuer)))
            case _:
                self._single[f"{part}.{rest}" if rest else part] = (position, column.name)

    def rule(self, rule: MentionRule) -> None:
        """Take in when the mention exists and what it shares."""
        self.when = self.columns.condition(rule.when, otherwise=False)
        self.unless = self.columns.condition(rule.unless, otherwise=False)
        self.shares_when = self.columns.condition(rule.shares_when, otherwise=True)
        self.beside, self.shares = rule.beside, rule.shares

    def compile(self) -> None:
        """Make the readers, once all columns are taken in."""
        written = {"legal": self._legal, "foreign": "as_written"}
        self._name_readers = [_name_reader(written.get(kind, kind), parts) for kind, parts in self._names.items()]
        self._address_readers = [_address_reader(kind, parts) for kind, parts in self._addresses.items()]

    def read(self, cells: Cells, *, primary: bool) -> Person | None:
        """Read the mention; None when the row does not name this person."""
        if (self.when and not self.when(cells)) or (self.unless and self.unless(cells)):
            return None
        names = tuple([name for read in self._name_readers if (name := read(cells)) is not None])
        identifiers = self._read_ids(cells) if self._ids else ()
        if not names:
            if not primary and not identifiers:
                return None
            if primary and self._names:
                raise RecordRejected("name-missing", "name")
        return Person(
            names,
            self._read_birth(cells),
            self._date(cells, "death"),
            self._read_sex(cells),
            tuple([address for read in self._address_readers if (address := read(cells)) is not None]),
            tuple([phone for at in self._phones if cells[at] and (phone := normalise_phone(cells[at]))]),
            tuple([email for at in self._emails if cells[at] and (email := cells[at].strip())]),
            identifiers,
            tuple([(name, text) for name, at in self._notes if cells[at] and (text := cells[at].strip())]),
        )

    def share(self, cells: Cells, person: Person, others: dict[str, Person]) -> None:
        """Complete this mention by what it has in common with the one beside it."""
        other = others.get(self.beside)
        if other is None or not self.shares or (self.shares_when and not self.shares_when(cells)):
            return
        for what in self.shares:
            if what == "address":
                person.addresses = person.addresses or other.addresses[:1]
            elif what == "phone":
                person.phones = person.phones or other.phones
            elif all(number.kind != what for number in person.identifiers):
                person.identifiers += tuple([number for number in other.identifiers if number.kind == what])

    # --- parts --------------------------------------------------------------------------------------------------

    def _read_birth(self, cells: Cells) -> PartialDate | None:
        found = self._date(cells, "birth")
        note = self._single.get("birth.note")
        if note is None or not cells[note[0]] or not (text := cells[note[0]].strip()):
            return found
        if found is None or found.quality != "day":
            return self.columns.date(cells, note[0], note[1])
        return PartialDate(found.value, "approx", text)

    def _date(self, cells: Cells, part: str) -> PartialDate | None:
        at = self._single.get(part)
        return self.columns.date(cells, at[0], at[1]) if at else None

    def _read_sex(self, cells: Cells) -> str:
        at = self._single.get("sex")
        return self._sex(cells[at[0]]) if at and cells[at[0]] else ""

    def _read_ids(self, cells: Cells) -> tuple[Identifier, ...]:
        found: list[Identifier] = []
        for kind, at, issuer in self._ids:
            if not cells[at]:
                continue
            value = folded(cells[at])
            if value.strip("0-"):
                found.append(Identifier(kind, value, folded(cells[issuer]) if issuer is not None else self._issuer))
        return tuple(found)


def _picker(positions: Sequence[int]) -> Callable[[Cells], Any]:
    return itemgetter(*positions)


def _name_reader(kind: str, parts: dict[str, int]) -> Callable[[Cells], PersonName | None]:
    """Compile the reading of one name form; names of one household stand near each other and are remembered."""
    names, pick = tuple(parts), _picker(tuple(parts.values()))
    alone = len(names) == 1
    memory: dict[Any, PersonName | None] = {}

    def read(cells: Cells) -> PersonName | None:
        key = pick(cells)
        try:
            return memory[key]
        except KeyError:
            texts = (key,) if alone else key
            given = {name: text.strip() for name, text in zip(names, texts, strict=True)}
            found = bounded(memory, NEAR)[key] = _read_name(kind, **given)
            return found

    return read


def _read_name(
    kind: str,
    *,
    full: str = "",
    kana: str = "",
    family: str = "",
    given: str = "",
    kana_family: str = "",
    kana_given: str = "",
    **_further: str,
) -> PersonName | None:
    if not (full or kana or family or given):
        return None
    full = full or "　".join(filter(None, (family, given))) or kana
    if not (family or given):
        family, given = split_parts(full)
    if kana and not (kana_family or kana_given):
        kana_family, kana_given = split_parts(kana)
    return PersonName(full, kind, family, given, kana, kana_family, kana_given)


def _address_reader(kind: str, parts: dict[str, int]) -> Callable[[Cells], Address | None]:
    """Compile the reading of one address; those who live together stand near each other and are remembered."""
    names, pick = tuple(parts), _picker(tuple(parts.values()))
    alone = len(names) == 1
    written = {"moved": "past"}.get(kind, kind)
    memory: dict[Any, Address | None] = {}

    def read(cells: Cells) -> Address | None:
        key = pick(cells)
        try:
            return memory[key]
        except KeyError:
            texts = (key,) if alone else key
            given = {name: text.strip() for name, text in zip(names, texts, strict=True)}
            found = bounded(memory, NEAR)[key] = _read_address(written, **given)
            return found

    return read


def _read_address(
    kind: str,
    *,
    text: str = "",
    prefecture: str = "",
    city: str = "",
    town: str = "",
    lot: str = "",
    branch: str = "",
    building: str = "",
    city_code: str = "",
    town_code: str = "",
    postcode: str = "",
    **_further: str,
) -> Address | None:
    if branch:
        lot = f"{lot}-{branch}" if lot else branch
    if not (town or lot or text):
        return None
    whole = text or "".join((_before(prefecture + city, town), town, lot))
    codes = {"city_code": city_code, "town_code": town_code, "postcode": postcode}
    if lot:  # town and number came in columns of their own
        spoken = f"{whole}　{building}" if building and not text else whole
        return parse_address(spoken, town=town, lot=lot, building=building, kind=kind, **codes)
    return parse_address(whole, building=building, kind=kind, **codes)


def _before(before: str, town: str) -> str:
    """Prefecture and city, unless the town column repeats them (an address delivered whole in 町字)."""
    return "" if before and town.startswith(before[:3]) else before


def primary_of(plans: Sequence[MentionPlan]) -> MentionPlan:
    """Name the mention a row is about: the subject, else the recipient, else the first."""
    by_ref = {plan.ref: plan for plan in plans}
    return by_ref.get("subject") or by_ref.get("recipient") or plans[0]
