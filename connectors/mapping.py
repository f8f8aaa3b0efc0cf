"""From raw cells to record drafts, as the source's definition says; compiled once per header.

Runs in worker processes over batches. The same cells and definition always give the same draft; ``fingerprint``
changes when the reading changes, so that a record is read anew then.
"""

import hashlib
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, cast

import numpy as np

from connectors.cells import Columns, folded, join_key
from connectors.facts import FactPlan, consent_plan, fact_plan, protection_plan
from connectors.fhir_records import FhirReader
from connectors.mentions import MentionPlan, Person, primary_of, reference
from connectors.readings import Batch, Cells
from connectors.records import RecordPlan
from schemas.drafts import ConsentDraft, FactDraft, MentionDraft, ProtectionDraft, RecordDraft
from schemas.errors import RecordRejected
from schemas.source import SourceDefinition
from schemas.values.identifiers import CUT
from schemas.vocabulary import MentionRole

__all__ = ["VERSION", "Mapper"]

VERSION = "1"
"""Version of the mapping code; raise it when the same cells give another draft."""
GAIJI = "gaiji-unmapped"
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_PRIVATE_FIRST, _PRIVATE_COUNT = np.uint16(0xE000), np.uint16(0x1900)
_MAPPING_FIELDS = {"id", "programme", "issuer", "identity", "record", "column", "mention", "fact", "consent"}
_MAPPING_FIELDS |= {"protection", "codes", "sensitive"}


class Mapper:
    """Maps the rows of one source under one header."""

    def __init__(self, definition: SourceDefinition, header: Sequence[str]) -> None:
        self.definition = definition
        self.header = tuple(header)
        described = definition.model_dump_json(include=_MAPPING_FIELDS) + "\x1f".join(self.header)
        self.fingerprint = f"{VERSION}:{hashlib.sha256(described.encode()).hexdigest()[:16]}"
        self._columns = Columns(definition, self.header)
        self._identity = [self._columns.position(name) for name in definition.identity]
        required = {column.name for column in definition.column if column.required}
        needed = [name for name in definition.identity if name in required] or list(definition.identity)
        self._needed = [self._columns.position(name) for name in needed]
        self._only = self._identity[0] if len(self._identity) == 1 else None
        self._fhir = FhirReader(definition) if definition.format.kind == "fhir" else None
        self._plans = self._mention_plans()
        self._primary = primary_of(self._plans) if self._plans else None
        self._facts = [fact_plan(self._columns, rule) for rule in definition.fact if self._fhir is None]
        self._consents = [(rule.on, consent_plan(self._columns, rule)) for rule in definition.consent]
        self._protections = [(rule.on, protection_plan(self._columns, rule)) for rule in definition.protection]
        self._record = RecordPlan(self._columns)
        self._columnar = not (self._fhir or self._protections or definition.protects or definition.record.event_date)
        """Whether a batch can be read column by column: orders and events are few, and each counts by itself."""

    def record_key(self, cells: Cells) -> str | None:
        """Give a row's record key without mapping it; None when it has none. Takes rows that do not map, too."""
        if self._only is not None and self._only < len(cells):
            return folded(cells[self._only]) or None
        parts = [cells[at] if at is not None and at < len(cells) else "" for at in self._identity]
        needed = [cells[at] if at is not None and at < len(cells) else "" for at in self._needed]
        there = [bool(part) and not part.isspace() for part in needed]
        # An order protects whoever it names, though one of its numbers is missing.
        enough = any(there) if self.definition.protects else all(there)
        return join_key(parts) if enough else None

    def place(self, cells: Cells) -> tuple[str, str, bool] | None:
        """Say which version of which record a row is: record key, history number and whether it is the latest.

        Cheap, without mapping, and equal to what ``map`` gives; None when the row has no record key. Takes rows that
        do not map, too.
        """
        key = self.record_key(cells)
        if key is None:
            return None
        if len(cells) < len(self.header):
            cells = (*cells, *[""] * (len(self.header) - len(cells)))
        return key, self._record.history(cells), self._record.latest(cells)

    def places(self, rows: Sequence[tuple[int, Cells]]) -> list[tuple[str, str, bool] | None]:
        """Say so of many (line, cells) rows."""
        width = len(self.header)
        if not rows or any(len(cells) != width for _, cells in rows):
            return [self.place(cells) for _, cells in rows]
        batch = Batch([cells for _, cells in rows])
        keys, record = self._keys(batch, rows), self._record
        found = zip(keys, record.history.column(batch), record.latest.column(batch), strict=True)
        return [place if place[0] else None for place in found]

    def map(self, cells: Cells, line: int, *, unmarked: bool = False) -> RecordDraft:
        """Map one row; raise RecordRejected with fault code and column when it cannot be taken.

        ``unmarked``: somebody looked already, no number was cut out of the row and no letter is of private use.
        """
        columns = self._columns
        columns.warnings.clear()
        if len(cells) != len(self.header):
            raise RecordRejected("cell-count", "", line)
        key = self.record_key(cells)
        if key is None:
            raise RecordRejected("identity-missing", self.definition.identity[0], line)
        text = "" if unmarked else "\x1f".join(cells)
        cut = text.count(CUT) if CUT in text else 0
        if cut and folded(CUT) in key:
            raise RecordRejected("identity-cut", self.definition.identity[0], line)
        if not text.isascii() and _PRIVATE.search(text):
            columns.warnings.append(GAIJI)
        try:
            mentions = self._fhir.read(cells, columns) if self._fhir else self._mentions(cells)
            scope, deleted, event = self._record.frame(cells)
        except RecordRejected as rejected:
            raise RecordRejected(rejected.code, rejected.field_name, line, rejected.faults) from None
        record = self._record
        return RecordDraft(
            key,
            line,
            mentions,
            scope,
            record.history(cells),
            record.latest(cells),
            deleted,
            event,
            cut,
            tuple(columns.warnings),
        )

    def _mentions(self, cells: Cells) -> tuple[MentionDraft, ...]:
        persons: dict[str, Person] = {}
        for plan in self._plans:
            person = plan.read(cells, primary=plan is self._primary)
            if person is not None:
                persons[plan.ref] = person
        facts: dict[str, list[FactDraft]] = {ref: [] for ref in persons}
        for rule in self._facts:
            if rule.on in facts:
                facts[rule.on] += (rule.beside if rule.other in persons else rule.alone)(cells)
        consents: dict[str, list[ConsentDraft]] = {}
        for on, read_consent in self._consents:
            if on in persons and (consent := read_consent(cells)) is not None:
                consents.setdefault(on, []).append(consent)
        orders: dict[str, ProtectionDraft] = {
            on: read_order(cells) for on, read_order in self._protections if on in persons
        }
        drafts: list[MentionDraft] = []
        for plan in self._plans:
            person = persons.get(plan.ref)
            if person is None:
                continue
            if plan.beside:
                plan.share(cells, person, persons)
            given = tuple(consents.get(plan.ref, ()))
            drafts.append(plan.draft(person, tuple(facts[plan.ref]), given, orders.get(plan.ref)))
        return tuple(drafts)

    def map_all(self, rows: Sequence[tuple[int, Cells]], texts: Sequence[str]) -> list[RecordDraft | RecordRejected]:
        """Map (line, cells) rows, each with its cells joined by U+001F; give drafts or what is wrong, in their order.

        A batch is read column by column; rows in which anything is out of the ordinary are mapped one by one.
        """
        width, marked = len(self.header), _marked(texts)
        found: list[RecordDraft | RecordRejected | None] = [None] * len(rows)
        if rows and self._columnar and all(len(cells) == width for _, cells in rows):
            found = self._read_batch(rows, marked)
        for number, (line, cells) in enumerate(rows):
            if found[number] is None:
                try:
                    found[number] = self.map(cells, line, unmarked=number not in marked)
                except RecordRejected as rejected:
                    found[number] = rejected
        return cast("list[RecordDraft | RecordRejected]", found)

    def _read_batch(
        self, rows: Sequence[tuple[int, Cells]], marked: AbstractSet[int]
    ) -> list[RecordDraft | RecordRejected | None]:
        """Map a batch column by column; None for rows that are odd."""
        batch, record = Batch([cells for _, cells in rows]), self._record
        keys = self._keys(batch, rows)
        batch.odd.update(marked)
        mentions = self._mentions_of(batch)
        columns = (
            record.scope.column(batch),
            record.history.column(batch),
            record.latest.column(batch),
            record.deleted.column(batch),
        )
        odd = batch.odd
        return [
            None if number in odd else RecordDraft(key, line, *parts)
            for number, ((line, _), key, *parts) in enumerate(zip(rows, keys, mentions, *columns, strict=True))
        ]

    def _keys(self, batch: Batch, rows: Sequence[tuple[int, Cells]]) -> Sequence[str]:
        """Give the record keys of a batch; rows without one are odd."""
        if self._only is not None:
            column = batch.columns[self._only]
            together = "".join(column)
            if all(column) and together.isascii() and len(together.split()) == 1:
                return column
        keys = [self.record_key(cells) or "" for _, cells in rows]
        batch.odd.update(row for row, key in enumerate(keys) if not key)
        return keys

    def _mentions_of(self, batch: Batch) -> list[tuple[MentionDraft, ...]]:
        """Read the mentions of every row of a batch."""
        people = {plan.ref: plan.read_all(batch, primary=plan is self._primary) for plan in self._plans}
        facts: dict[str, list[tuple[FactDraft, ...]]] = {}
        for rule in self._facts:
            if rule.on not in people:
                continue
            drawn = _beside(rule, batch, people.get(rule.other))
            before = facts.get(rule.on)
            if any(drawn):
                facts[rule.on] = [a + b for a, b in zip(before, drawn, strict=True)] if before else drawn
        consents: dict[str, list[tuple[ConsentDraft, ...]]] = {}
        for on, read in self._consents:
            given: list[tuple[ConsentDraft, ...]] = [(one,) if one else () for one in read.column(batch)]
            before_given = consents.get(on)
            consents[on] = [a + b for a, b in zip(before_given, given, strict=True)] if before_given else given
        nothing: list[tuple[Any, ...]] = [()] * batch.count
        forms: list[list[MentionDraft | None]] = []
        for plan in self._plans:
            persons = people[plan.ref]
            if not any(persons):
                continue
            if plan.beside in people:
                plan.share_all(batch, persons, people[plan.beside])
            told = zip(persons, facts.get(plan.ref, nothing), consents.get(plan.ref, nothing), strict=True)
            forms.append([plan.draft(person, *parts) if person else None for person, *parts in told])
        return [tuple([one for one in row if one]) for row in zip(*forms, strict=True)] if forms else nothing

    def _mention_plans(self) -> list[MentionPlan]:
        plans: dict[str, MentionPlan] = {}
        for column in self.definition.column:
            ref = column.to.partition(".")[0]
            if ref and self._fhir is None:
                plans.setdefault(ref, MentionPlan(self._columns, ref)).add(column)
        for rule in self.definition.mention:
            if rule.on in plans:
                plans[rule.on].rule(rule)
        for plan in plans.values():
            plan.compile()
        order = list(MentionRole)
        return sorted(plans.values(), key=lambda plan: (order.index(reference(plan.ref)[0]), plan.seq))


def _beside(rule: FactPlan, batch: Batch, others: list[Person | None] | None) -> list[tuple[FactDraft, ...]]:
    """Draw the facts of a rule; they point to the other mention in the rows that have it."""
    if others is None or not any(others):
        return rule.alone.column(batch)
    if all(others):
        return rule.beside.column(batch)
    pairs = zip(rule.alone.column(batch), rule.beside.column(batch), others, strict=True)
    return [beside if other else alone for alone, beside, other in pairs]


def _marked(texts: Sequence[str]) -> AbstractSet[int]:
    """Find the rows with a number cut out or a private-use letter; a batch seldom has any."""
    together = "\n".join(texts)
    units = np.frombuffer(together.encode("utf-16-le", "surrogatepass"), np.uint16)
    if CUT not in together and not ((units - _PRIVATE_FIRST) < _PRIVATE_COUNT).any():
        return frozenset()
    return {row for row, text in enumerate(texts) if CUT in text or _PRIVATE.search(text)}
