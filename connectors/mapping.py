"""From raw cells to record drafts, as the source's definition says; compiled once per header.

Runs in worker processes over batches. The same cells and definition always give the same draft; ``fingerprint``
changes when the reading changes, so that a record is read anew then.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from connectors.cells import Cells, Columns, folded, join_key
from connectors.facts import consent_plan, fact_plan, protection_plan
from connectors.fhir_records import FhirReader
from connectors.mentions import MentionPlan, Person, primary_of, reference
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
        self._facts = [
            (rule.on, rule.other, fact_plan(self._columns, rule)) for rule in definition.fact if self._fhir is None
        ]
        self._consents = [(rule.on, consent_plan(self._columns, rule)) for rule in definition.consent]
        self._protections = [(rule.on, protection_plan(self._columns, rule)) for rule in definition.protection]
        self._record = _RecordPlan(self._columns)

    def record_key(self, cells: Cells) -> str | None:
        """Give a row's record key without mapping it; None when it has none. Takes rows that do not map, too."""
        if self._only is not None and self._only < len(cells):
            return folded(cells[self._only]) or None
        parts = [cells[at] if at is not None and at < len(cells) else "" for at in self._identity]
        needed = [cells[at] if at is not None and at < len(cells) else "" for at in self._needed]
        return join_key(parts) if all(part and not part.isspace() for part in needed) else None

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

    def map(self, cells: Cells, line: int) -> RecordDraft:
        """Map one row; raise RecordRejected with fault code and column when it cannot be taken."""
        columns = self._columns
        columns.warnings.clear()
        if len(cells) != len(self.header):
            raise RecordRejected("cell-count", "", line)
        key = self.record_key(cells)
        if key is None:
            raise RecordRejected("identity-missing", self.definition.identity[0], line)
        text = "\x1f".join(cells)
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
        for on, other, read in self._facts:
            if on in facts:
                facts[on] += read(cells, other in persons)
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
            drafts.append(
                MentionDraft(
                    plan.role,
                    plan.seq,
                    person.names,
                    person.birth,
                    person.death,
                    person.sex,
                    person.addresses,
                    person.phones,
                    person.emails,
                    person.identifiers,
                    tuple(facts[plan.ref]),
                    person.notes,
                    tuple(consents.get(plan.ref, ())),
                    orders.get(plan.ref),
                )
            )
        return tuple(drafts)

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


class _RecordPlan:
    """Reads the frame of a row: history, scope, deletion and event."""

    def __init__(self, columns: Columns) -> None:
        rule = columns.definition.record
        self._columns = columns
        self._rule = rule
        self._history = [at for name in rule.history if (at := columns.position(name)) is not None]
        self.latest: Callable[[Cells], bool] = columns.condition(rule.latest, otherwise=True) or (lambda _cells: True)
        self._deleted = columns.condition(rule.deleted, otherwise=False)
        self._scope = columns.value(rule.scope)[0]
        self._event = [columns.position(name) for name in rule.event_key] if rule.event_date else []

    def history(self, cells: Cells) -> str:
        """Join a row's history and branch number so that they compare as one; empty where the source has none."""
        return _history_text(tuple([cells[at] for at in self._history])) if self._history else ""

    def frame(self, cells: Cells) -> tuple[str, bool, tuple[str, str, str] | None]:
        """Read a row's scope, whether it is deleted, and its event."""
        deleted = self._deleted(cells) if self._deleted else False
        return self._scope(cells), deleted, self._read_event(cells) if self._rule.event_date else None

    def _read_event(self, cells: Cells) -> tuple[str, str, str]:
        columns, rule = self._columns, self._rule
        when = columns.date(cells, columns.position(rule.event_date), rule.event_date)
        if when is None or len(when.value) != 10:
            raise RecordRejected("event-date", rule.event_date)
        corrected = columns.date(cells, columns.position(rule.correction), rule.correction)
        key = join_key([cells[at] for at in self._event if at is not None])
        return when.value, key, corrected.value if corrected else ""


@lru_cache(maxsize=4096)
def _history_text(parts: tuple[str, ...]) -> str:
    """Join history and branch number so that they compare as one number."""
    plain = [folded(part) for part in parts]
    if plain and all(part.isdigit() or not part for part in plain) and plain[0]:
        return plain[0] + "".join((part or "0").zfill(4) for part in plain[1:])
    return "-".join(plain)
