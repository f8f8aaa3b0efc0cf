"""From a row's identity columns to one mention: names, birth, sex, addresses, phones, numbers, free text."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import TypeVar

from connectors.cells import Columns, folded
from connectors.readings import NEAR, Batch, Cells, Reading
from schemas.drafts import ConsentDraft, FactDraft, MentionDraft, ProtectionDraft
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
Whole = TypeVar("Whole")
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
    when: Reading[bool] | None = None
    unless: Reading[bool] | None = None
    beside: str = ""
    shares: tuple[str, ...] = ()
    shares_when: Reading[bool] | None = None
    _parts: dict[str, dict[str, dict[str, int]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )
    _names: list[Reading[PersonName | None]] = field(default_factory=list)
    _addresses: list[Reading[Address | None]] = field(default_factory=list)
    _phones: list[Reading[str | None]] = field(default_factory=list)
    _emails: list[Reading[str | None]] = field(default_factory=list)
    _ids: list[Reading[Identifier | None]] = field(default_factory=list)
    _notes: list[Reading[tuple[str, str] | None]] = field(default_factory=list)
    _days: dict[str, Reading[PartialDate | None]] = field(default_factory=dict)
    _note_at: int | None = None
    """Where the birth date is written in words."""
    _sex: Reading[str] | None = None

    def __post_init__(self) -> None:
        self.role, self.seq = reference(self.ref)
        definition = self.columns.definition
        self._issuer = definition.issuer
        self._legal = "legal" if definition.programme in _REGISTERS else "as_written"

    def add(self, column: Column) -> None:
        """Take in a column that maps to this mention; one the delivery lacks is left out."""
        name, columns, position = column.name, self.columns, self.columns.position(column.name)
        if position is None:
            return
        part, _, rest = column.to.partition(".")[2].partition(".")
        match part, rest:
            case "name", _:
                kind, _, piece = rest.partition(".")
                self._parts["name"][kind or "legal"][piece or "full"] = position
            case "address", _:
                kind, _, piece = rest.partition(".")
                self._parts["address"][kind or "current"][piece or "text"] = position
            case "phone", _:
                self._phones.append(columns.text(position, lambda text: normalise_phone(text) or None, absent=None))
            case "email", _:
                self._emails.append(columns.text(position, lambda text: text.strip() or None, absent=None))
            case "note", _:
                name = column.name
                read = columns.text(
                    position, lambda text: (name, kept) if (kept := text.strip()) else None, absent=None
                )
                self._notes.append(read)
            case "id", _:
                self._ids.append(self._number(rest, position))
            case "birth", "note":
                self._note_at = position
                self._days["note"] = self._day(position, name)
            case "birth" | "death", "":
                self._days[part] = self._day(position, name)
            case "sex", "":
                read_sex = columns.code("sex", "") if "sex" in columns.definition.codes else folded
                self._sex = columns.text(position, read_sex, absent="")

    def _day(self, position: int, name: str) -> Reading[PartialDate | None]:
        columns = self.columns
        return columns.reading((position,), lambda cells: columns.date(cells, position, name), absent=None)

    def _number(self, rest: str, position: int) -> Reading[Identifier | None]:
        kind, _, column = rest.partition("@")
        issuer, common = self.columns.position(column), self._issuer

        def read(cells: Cells) -> Identifier | None:
            value = folded(cells[position])
            if not value.strip("0-"):
                return None
            return Identifier(kind, value, folded(cells[issuer]) if issuer is not None else common)

        positions = (position,) if issuer is None else (position, issuer)
        return self.columns.reading(positions, read, absent=None, needed=position, most=NEAR)

    def rule(self, rule: MentionRule) -> None:
        """Take in when the mention exists and what it shares."""
        self.when = self.columns.condition(rule.when, otherwise=False)
        self.unless = self.columns.condition(rule.unless, otherwise=False)
        self.shares_when = self.columns.condition(rule.shares_when, otherwise=True)
        self.beside, self.shares = rule.beside, rule.shares

    def compile(self) -> None:
        """Make the readings of names and addresses, once all columns are taken in."""
        written = {"legal": self._legal, "foreign": "as_written"}
        self._names = [
            self._whole(_read_name, written.get(kind, kind), parts) for kind, parts in self._parts["name"].items()
        ]
        spoken = {"moved": "past"}
        self._addresses = [
            self._whole(_read_address, spoken.get(kind, kind), parts)
            for kind, parts in self._parts["address"].items()
        ]

    def _whole(self, make: Callable[..., Whole | None], kind: str, parts: dict[str, int]) -> Reading[Whole | None]:
        """Compile what is read from several columns; people of one household stand near each other."""

        def read(cells: Cells) -> Whole | None:
            return make(kind, **{part: cells[at].strip() for part, at in parts.items()})

        return self.columns.reading(parts.values(), read, absent=None, most=NEAR)

    def read(self, cells: Cells, *, primary: bool) -> Person | None:
        """Read the mention; None when the row does not name this person."""
        if (self.when and not self.when(cells)) or (self.unless and self.unless(cells)):
            return None
        names = _found(self._names, cells)
        identifiers = _found(self._ids, cells)
        if not names:
            if not primary and not identifiers:
                return None
            if primary and self._names and not (identifiers and self.columns.definition.protects):
                raise RecordRejected("name-missing", "name")
        return Person(
            names,
            self._read_birth(cells),
            self._days["death"](cells) if "death" in self._days else None,
            self._sex(cells) if self._sex else "",
            _found(self._addresses, cells),
            _found(self._phones, cells),
            _found(self._emails, cells),
            identifiers,
            _found(self._notes, cells),
        )

    def read_all(self, batch: Batch, *, primary: bool) -> list[Person | None]:
        """Read the mention of every row of a batch, odd rows apart."""
        there = [True] * batch.count
        if self.when:
            there = self.when.column(batch)
        if self.unless:
            there = [one and not other for one, other in zip(there, self.unless.column(batch), strict=True)]
        names, identifiers = _all_found(self._names, batch), _all_found(self._ids, batch)
        if not primary:
            there = [
                one and bool(name or number) for one, name, number in zip(there, names, identifiers, strict=True)
            ]
        elif self._names and not all(names):
            batch.odd.update(row for row, name in enumerate(names) if there[row] and not name)
        if not any(there):
            return [None] * batch.count
        if self._note_at is not None:
            batch.odd.update(batch.filled(self._note_at))
        columns = (
            names,
            self._days["birth"].column(batch) if "birth" in self._days else repeat(None),
            self._days["death"].column(batch) if "death" in self._days else repeat(None),
            self._sex.column(batch) if self._sex else repeat(""),
            _all_found(self._addresses, batch),
            _all_found(self._phones, batch),
            _all_found(self._emails, batch),
            identifiers,
            _all_found(self._notes, batch),
        )
        return [Person(*parts) if one else None for one, *parts in zip(there, *columns, strict=False)]

    def draft(
        self,
        person: Person,
        facts: tuple[FactDraft, ...],
        consents: tuple[ConsentDraft, ...],
        protection: ProtectionDraft | None = None,
    ) -> MentionDraft:
        """Put the mention together."""
        return MentionDraft(
            self.role,
            self.seq,
            person.names,
            person.birth,
            person.death,
            person.sex,
            person.addresses,
            person.phones,
            person.emails,
            person.identifiers,
            facts,
            person.notes,
            consents,
            protection,
        )

    def share(self, cells: Cells, person: Person, others: dict[str, Person]) -> None:
        """Complete this mention by what it has in common with the one beside it."""
        other = others.get(self.beside)
        if other is not None and self.shares and (self.shares_when is None or self.shares_when(cells)):
            self._take(person, other)

    def share_all(self, batch: Batch, people: list[Person | None], beside: list[Person | None]) -> None:
        """Do so for a batch."""
        if not self.shares:
            return
        shared = self.shares_when.column(batch) if self.shares_when else repeat(True)
        for person, other, so in zip(people, beside, shared, strict=False):
            if so and person is not None and other is not None:
                self._take(person, other)

    def _take(self, person: Person, other: Person) -> None:
        for what in self.shares:
            if what == "address":
                person.addresses = person.addresses or other.addresses[:1]
            elif what == "phone":
                person.phones = person.phones or other.phones
            elif all(number.kind != what for number in person.identifiers):
                person.identifiers += tuple([number for number in other.identifiers if number.kind == what])

    def _read_birth(self, cells: Cells) -> PartialDate | None:
        found = self._days["birth"](cells) if "birth" in self._days else None
        at = self._note_at
        if at is None or not (text := cells[at].strip()):
            return found
        if found is None or found.quality != "day":
            return self._days["note"](cells)
        return PartialDate(found.value, "approx", text)


def _found(readings: list[Reading[Whole | None]], cells: Cells) -> tuple[Whole, ...]:
    return tuple([found for read in readings if (found := read(cells)) is not None])


def _all_found(readings: list[Reading[Whole | None]], batch: Batch) -> list[tuple[Whole, ...]]:
    """Give what each row of a batch has of several forms."""
    columns = [column for read in readings if any(column := read.column(batch))]
    if not columns:
        return [()] * batch.count
    if len(columns) == 1:
        return [(one,) if one is not None else () for one in columns[0]]
    return [tuple([one for one in row if one is not None]) for row in zip(*columns, strict=True)]


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
