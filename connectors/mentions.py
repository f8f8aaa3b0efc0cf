"""From a row's identity columns to one mention: names, birth, sex, addresses, phones, numbers, free text."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from connectors.cells import Cells, Columns, bounded, folded
from schemas.errors import RecordRejected
from schemas.source import Column, MentionRule
from schemas.values.addresses import Address, parse_address
from schemas.values.dates import PartialDate
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName, split_name
from schemas.values.phones import normalise_phone
from schemas.vocabulary import MentionRole, Programme

__all__ = ["MentionPlan", "reference"]

Reference = tuple[MentionRole, int]
_REGISTERS = (Programme.REGISTER, Programme.PROTECTION)


def reference(text: str) -> Reference:
    """Read ``child#2`` as a role and a number counted from zero."""
    role, _, number = text.partition("#")
    return MentionRole(role), int(number or 1) - 1


@dataclass
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
    when: Callable[[Cells], bool] | None = None
    unless: Callable[[Cells], bool] | None = None
    beside: str = ""
    shares: tuple[str, ...] = ()
    shares_when: Callable[[Cells], bool] | None = None
    _names: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    _addresses: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    _single: dict[str, tuple[int, str]] = field(default_factory=dict)
    _phones: list[int] = field(default_factory=list)
    _emails: list[int] = field(default_factory=list)
    _ids: list[tuple[str, int, int | None]] = field(default_factory=list)
    _notes: list[tuple[str, int]] = field(default_factory=list)
    _places: dict[tuple[str, ...], Address | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.role, self.seq = reference(self.ref)
        definition = self.columns.definition
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

    def read(self, cells: Cells, *, primary: bool) -> Person | None:
        """Read the mention; None when the row does not name this person."""
        if (self.when and not self.when(cells)) or (self.unless and self.unless(cells)):
            return None
        names = self._read_names(cells)
        identifiers = self._read_ids(cells)
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
            self._read_addresses(cells) if self._addresses else (),
            tuple(phone for at in self._phones if cells[at] and (phone := normalise_phone(cells[at]))),
            tuple(cells[at].strip() for at in self._emails if cells[at].strip()),
            identifiers,
            tuple((name, text) for name, at in self._notes if (text := cells[at].strip())),
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
                person.identifiers += tuple(number for number in other.identifiers if number.kind == what)

    # --- parts --------------------------------------------------------------------------------------------------

    def _read_names(self, cells: Cells) -> tuple[PersonName, ...]:
        found: list[PersonName] = []
        for kind, parts in self._names.items():
            name = self._name(cells, kind, parts)
            if name is not None:
                found.append(name)
        return tuple(found)

    def _name(self, cells: Cells, kind: str, parts: dict[str, int]) -> PersonName | None:
        def part(name: str) -> str:
            at = parts.get(name)
            return cells[at].strip() if at is not None else ""

        full, kana = part("full"), part("kana")
        family, given = part("family"), part("given")
        kana_family, kana_given = part("kana_family"), part("kana_given")
        if not (full or kana or family or given):
            return None
        full = full or "　".join(filter(None, (family, given))) or kana
        if not (family or given):
            split = split_name(full)
            family, given = split.family, split.given
        if kana and not (kana_family or kana_given):
            split = split_name(kana)
            kana_family, kana_given = split.family, split.given
        written = {"legal": self._legal, "foreign": "as_written"}.get(kind, kind)
        return PersonName(full, written, family, given, kana, kana_family, kana_given)

    def _read_birth(self, cells: Cells) -> PartialDate | None:
        found = self._date(cells, "birth")
        note = self._single.get("birth.note")
        if note is None or not (text := cells[note[0]].strip()):
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
        default = self.columns.definition.issuer
        found: list[Identifier] = []
        for kind, at, issuer in self._ids:
            value = folded(cells[at])
            if value.strip("0-"):
                found.append(Identifier(kind, value, folded(cells[issuer]) if issuer is not None else default))
        return tuple(found)

    def _read_addresses(self, cells: Cells) -> tuple[Address, ...]:
        found = [self._address(cells, kind, parts) for kind, parts in self._addresses.items()]
        return tuple(address for address in found if address is not None)

    def _address(self, cells: Cells, kind: str, parts: dict[str, int]) -> Address | None:
        key = (kind, *(cells[at] for at in parts.values()))
        try:
            return self._places[key]
        except KeyError:
            pass
        given = {name: cells[at].strip() for name, at in parts.items()}
        address = _read_address(kind, given)
        bounded(self._places)[key] = address
        return address


def _read_address(kind: str, given: dict[str, str]) -> Address | None:
    town, lot, text = given.get("town", ""), given.get("lot", ""), given.get("text", "")
    if branch := given.get("branch", ""):
        lot = f"{lot}-{branch}" if lot else branch
    building = given.get("building", "")
    if not (town or lot or text):
        return None
    before = given.get("prefecture", "") + given.get("city", "")
    whole = text or "".join((_before(before, town), town, lot))
    codes = {name: given.get(name, "") for name in ("city_code", "town_code", "postcode")}
    written = {"moved": "past"}.get(kind, kind)
    if lot:  # town and number came in columns of their own
        spoken = f"{whole}　{building}" if building and not text else whole
        return parse_address(spoken, town=town, lot=lot, building=building, kind=written, **codes)
    return parse_address(whole, building=building, kind=written, **codes)


def _before(before: str, town: str) -> str:
    """Prefecture and city, unless the town column repeats them (an address delivered whole in 町字)."""
    return "" if before and town.startswith(before[:3]) else before


def primary_of(plans: Sequence[MentionPlan]) -> MentionPlan:
    """Name the mention a row is about: the subject, else the recipient, else the first."""
    by_ref = {plan.ref: plan for plan in plans}
    return by_ref.get("subject") or by_ref.get("recipient") or plans[0]
