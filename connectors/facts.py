"""From a row's coded columns to facts, consents and protection orders of a mention."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from connectors.cells import Columns
from connectors.mentions import reference
from connectors.readings import NEAR, Cells, Reading
from schemas.drafts import ConsentDraft, FactDraft, ProtectionDraft
from schemas.errors import RecordRejected
from schemas.source import Cell, ConsentRule, FactRule, ProtectionRule, Value
from schemas.values.dates import PartialDate
from schemas.vocabulary import Category, Programme, Purpose, StaffRole, Tier

__all__ = ["FactPlan", "consent_plan", "fact_plan", "protection_plan"]

SELF = "self"
_PURPOSES, _ROLES, _CATEGORIES = frozenset(Purpose), frozenset(StaffRole), frozenset(Category)
BAD_CLEARANCE = "unknown-clearance"
UNREAD_LIFTING = "unread-lifting"


@dataclass(frozen=True, slots=True)
class FactPlan:
    """One fact rule over one header."""

    on: str
    other: str
    alone: Reading[tuple[FactDraft, ...]]
    beside: Reading[tuple[FactDraft, ...]]
    """The facts of a row that names the mention they point to, too."""


def fact_plan(columns: Columns, rule: FactRule) -> FactPlan:
    """Compile one fact rule."""
    draw = _Fact(columns, rule)
    needed = columns.position(rule.when.column) if rule.when and "" not in rule.when.equals else None

    def reading(*, other_there: bool) -> Reading[tuple[FactDraft, ...]]:
        read = partial(draw.read, other_there=other_there)
        return columns.reading(draw.positions, read, absent=(), needed=needed)

    return FactPlan(rule.on, rule.other, reading(other_there=False), reading(other_there=True))


class _Fact:
    """One fact rule over one header."""

    def __init__(self, columns: Columns, rule: FactRule) -> None:
        self._columns = columns
        self._rule = rule
        self._programme = Programme(rule.programme or columns.definition.programme)
        self._when = columns.condition(rule.when, otherwise=False)
        self._unless = columns.condition(rule.unless, otherwise=False)
        self._several = (
            "code" if isinstance(rule.code, Cell) else "agency" if isinstance(rule.agency, Cell) else ""
        ) * bool(rule.split)
        self._readers = {
            name: columns.value(getattr(rule, name))[0] for name in ("code", "level", "status", "agency")
        }
        self._split = _several(columns, getattr(rule, self._several), rule.split) if self._several else None
        self._detail = [(name, columns.value(value)[0]) for name, value in rule.detail.items()]
        self._start, self._end = columns.position(rule.start), columns.position(rule.end)
        self._other = reference(rule.other) if rule.other else None
        self.positions = self._seen()

    def read(self, cells: Cells, *, other_there: bool) -> tuple[FactDraft, ...]:
        """Draw the facts of one row."""
        if (self._when and not self._when(cells)) or (self._unless and self._unless(cells)):
            return ()
        rule, columns = self._rule, self._columns
        start = columns.date(cells, self._start, rule.start)
        end = columns.date(cells, self._end, rule.end)
        detail = tuple((name, value) for name, read in self._detail if (value := read(cells)))
        level, status = self._readers["level"](cells), self._readers["status"](cells)
        found: list[FactDraft] = []
        for code in self._values("code", cells):
            if (not code and isinstance(rule.code, Cell)) or code == SELF:
                continue
            category = Category.SENSITIVE if code in rule.sensitive else rule.category
            found += [
                FactDraft(
                    rule.kind,
                    category,
                    self._programme,
                    code,
                    level,
                    status,
                    start,
                    end,
                    agency,
                    self._other if other_there else None,
                    detail,
                )
                for agency in self._values("agency", cells)
                if agency or self._several != "agency"
            ]
        return tuple(dict.fromkeys(found))

    def _values(self, name: str, cells: Cells) -> list[str]:
        return self._split(cells) if self._split and self._several == name else [self._readers[name](cells)]

    def _seen(self) -> tuple[int, ...]:
        rule, columns = self._rule, self._columns
        values: list[Value] = [rule.code, rule.level, rule.status, rule.agency, *rule.detail.values()]
        names = [rule.start, rule.end]
        names += [condition.column for condition in (rule.when, rule.unless) if condition]
        found = {at for value in values for at in columns.value(value)[1]}
        found |= {at for name in names if (at := columns.position(name)) is not None}
        return tuple(sorted(found))


def consent_plan(columns: Columns, rule: ConsentRule) -> Reading[ConsentDraft | None]:
    """Compile one consent rule."""
    decide = columns.value(rule.decision)[0]
    decision_at = columns.position(rule.decision.column) if isinstance(rule.decision, Cell) else None
    given_by, method = columns.value(rule.given_by)[0], columns.value(rule.method)[0]
    agencies = _several(columns, rule.agencies, rule.split)
    scope = _several(columns, rule.scope, rule.split)
    purposes = _several(columns, rule.purposes, rule.split)
    start, end = columns.position(rule.start), columns.position(rule.end)
    reference_at, supersedes_at = columns.position(rule.reference), columns.position(rule.supersedes)

    def read(cells: Cells) -> ConsentDraft | None:
        decision = decide(cells)
        if not decision:
            return None
        return ConsentDraft(
            decision,
            tuple(dict.fromkeys(filter(None, agencies(cells)))),
            _categories(tuple(scope(cells))),
            tuple(purpose for purpose in dict.fromkeys(purposes(cells)) if purpose in _PURPOSES),
            columns.date(cells, start, rule.start),
            columns.date(cells, end, rule.end),
            given_by(cells),
            method(cells),
            cells[reference_at].strip() if reference_at is not None else "",
            cells[supersedes_at].strip() if supersedes_at is not None else "",
        )

    values = (rule.decision, rule.given_by, rule.method, rule.agencies, rule.scope, rule.purposes)
    positions = {at for value in values for at in columns.value(value)[1]}
    positions |= {at for at in (start, end, reference_at, supersedes_at) if at is not None}
    return columns.reading(positions, read, absent=None, needed=decision_at, most=NEAR)


def protection_plan(columns: Columns, rule: ProtectionRule) -> Callable[[Cells], ProtectionDraft]:
    """Compile one protection rule. A row of the protection source always protects: doubt never lifts an order."""
    kind = columns.value(rule.kind)[0]
    lifted = _lifting(columns, rule)
    known = columns.condition(rule.opponent_known, otherwise=False)
    start, end = columns.position(rule.start), columns.position(rule.end)
    at = columns.position(rule.cleared.column) if isinstance(rule.cleared, Cell) else None
    table = columns.definition.codes.get(rule.cleared.codes, {}) if isinstance(rule.cleared, Cell) else {}
    agency_of = columns.code("agency", "")
    parts = columns.parts(rule.split)

    def clearances(text: str) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = []
        for part in parts(text):
            name, _, role = table.get(part, part).replace("：", ":").partition(":")
            agency = agency_of(name)
            if agency and role in _ROLES:
                found.append((agency, role))
            elif part:
                columns.warnings.append(BAD_CLEARANCE)
        return tuple(dict.fromkeys(found))

    def read(cells: Cells) -> ProtectionDraft:
        is_lifted, day = lifted(cells)
        return ProtectionDraft(
            kind(cells) or "other",
            columns.date(cells, start, rule.start),
            columns.date(cells, end, rule.end),
            is_lifted,
            day,
            bool(known and known(cells)),
            clearances(cells[at]) if at is not None and cells[at] else (),
        )

    return read


def _lifting(columns: Columns, rule: ProtectionRule) -> Callable[[Cells], tuple[bool, PartialDate | None]]:
    """Compile whether a person lifted the order, and since when.

    A column compared with values is a flag. Any other holds the day: what is no whole day (なし, 00000000, a month)
    lifts nothing and is told.
    """
    condition = rule.lifted
    at = columns.position(condition.column) if condition else None
    if condition is None or at is None:
        return lambda _cells: (False, None)
    if condition.equals:
        flagged = columns.condition(condition, otherwise=False)
        return lambda cells: (bool(flagged and flagged(cells)), None)
    position, name = at, condition.column

    def read(cells: Cells) -> tuple[bool, PartialDate | None]:
        try:
            day = columns.date(cells, position, name)
            if day is None:  # empty, or the zeros that say "not set"
                return False, None
        except RecordRejected:
            day = None
        if day is None or day.quality != "day":
            columns.warnings.append(UNREAD_LIFTING)
            return False, None
        return True, day

    return read


def _several(columns: Columns, rule: Value, separators: str) -> Callable[[Cells], list[str]]:
    if isinstance(rule, str):
        constants = [rule] if rule else []
        return lambda _cells: constants
    at = columns.position(rule.column)
    if at is None:
        return lambda _cells: []
    read, parts, position = columns.code(rule.codes, rule.column), columns.parts(separators), at
    return lambda cells: [read(part) for part in parts(cells[position])] if cells[position] else []


@lru_cache(4096)
def _categories(scopes: tuple[str, ...]) -> tuple[tuple[Category, Tier], ...]:
    """Read ``category:tier`` parts; the highest tier named for a category counts, unknown ones grant nothing."""
    found: dict[Category, Tier] = {}
    for scope in ",".join(scopes).split(","):
        name, _, tier = scope.partition(":")
        if name in _CATEGORIES and tier.upper() in Tier.__members__:
            category = Category(name)
            found[category] = max(found.get(category, Tier.NONE), Tier[tier.upper()])
    return tuple(found.items())
