"""A source system as one TOML file: where its deliveries lie, how they read, what each column means.

A site's file may start from a preset (``preset = "care_ledger"``), whose tables it extends or replaces. The model
is the single source for validation and documentation; unknown keys are errors. Column targets (``to``) are
``mention.part``: the mention is a role with an optional number (``child#2``), the part is one of

========================================  ======================================================================
``name`` ``name.former`` ``.alias``       a name form; ``name.KIND.family|given|kana|kana_family|kana_given``
``birth`` ``death``                       a date in any notation; ``birth.note`` takes the official 不詳表記
``sex``                                   through the code map ``sex``
``address`` ``address.past`` ...          free text; ``address.KIND.postcode|city_code|town_code|prefecture|city|
                                          town|lot|branch|building``
``phone`` ``email``                       one each per column
``id.KIND``                               a number of that kind; ``id.KIND@COLUMN`` takes its issuer from a column
``note``                                  free text, sealed under category ``notes`` with the column's name
========================================  ======================================================================
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.vocabulary import Category, FactKind, Programme
from schemas.workspace import Settings

Provenance = Literal["official", "municipal_sample", "assumed"]
Mode = Literal["snapshot", "delta", "events"]
MENTION = r"^(subject|recipient|child|head|spouse|member|consulter|carer|emergency_contact|guarantor|guardian|opponent|co_protected)(#[1-9])?$"  # noqa: E501 - one pattern
MentionRef = Annotated[str, Field(pattern=MENTION)]


class Column(Settings):
    """One column of the source under its official (or assumed) name."""

    name: str
    provenance: Provenance = "assumed"
    to: str = ""
    """What it maps to; empty: read by rules below only, or not taken at all."""
    synonyms: tuple[str, ...] = ()
    required: bool = False
    """The delivery is held when the header lacks it."""
    drop: str = ""
    """Why its cells are thrown away before anything else sees them (informant, restricted ...)."""


class Cell(Settings):
    """A value read from a column, through a code map where one is named."""

    column: str
    codes: str = ""
    """Name of a code map, or ``agency``, ``date``, ``number``, ``plain_code`` which are built in."""
    more: tuple[str, ...] = ()
    """Further columns of a chained code (続柄コード1..4), joined by commas."""


BUILT_IN_CODES = ("agency", "date", "number", "plain_code")
"""Readings that need no table: agencies by name or id, ISO dates, digits, short codes of letters and digits."""

Value = str | Cell
"""A constant, or a cell."""


class Condition(Settings):
    """Holds when the column is not empty and, where values are given, is one of them."""

    column: str
    equals: tuple[str, ...] = ()


class MentionRule(Settings):
    """When a mention exists and what it shares with another of the same row."""

    on: MentionRef
    when: Condition | None = None
    unless: Condition | None = None
    beside: str = ""
    """Another mention of the row that this one is declared to live or belong with."""
    shares: tuple[str, ...] = ()
    """What it takes from that one where it has none of its own: ``address``, ``phone`` or kinds of number."""
    shares_when: Condition | None = None


class FactRule(Settings):
    """One coded fact drawn from a row."""

    on: MentionRef = "subject"
    kind: FactKind
    category: Category
    programme: Programme | None = None
    code: Value = ""
    level: Value = ""
    status: Value = ""
    start: str = ""
    """Column of the first day."""
    end: str = ""
    """Column of the last day."""
    agency: Value = ""
    other: str = ""
    """For kinship: the mention this one is related to."""
    when: Condition | None = None
    unless: Condition | None = None
    split: str = ""
    """Characters that separate several codes in one cell; one fact each."""
    sensitive: tuple[str, ...] = ()
    """Codes whose fact is of category ``sensitive`` whatever ``category`` says."""
    detail: dict[str, Value] = Field(default_factory=dict)


class ConsentRule(Settings):
    """A consent as the source carries it (同意); an incomplete one grants nothing."""

    on: MentionRef = "subject"
    decision: Value
    agencies: Value = ""
    scope: Value = ""
    """Parts map to ``category:tier``."""
    purposes: Value = ""
    start: str = ""
    end: str = ""
    given_by: Value = ""
    method: Value = ""
    reference: str = ""
    supersedes: str = ""
    split: str = "、,;／/"


class ProtectionRule(Settings):
    """An address-protection order (支援措置)."""

    on: MentionRef = "subject"
    kind: Value
    start: str = ""
    end: str = ""
    lifted: Condition | None = None
    opponent_known: Condition | None = None
    cleared: Value = ""
    """Parts map to ``agency:role``."""
    split: str = "、,;"


class RecordRule(Settings):
    """Which row is which version of which record."""

    history: tuple[str, ...] = ()
    latest: Condition | None = None
    """Absent: every row is current."""
    deleted: Condition | None = None
    scope: Value = ""
    event_date: str = ""
    event_key: tuple[str, ...] = ()
    correction: str = ""


class Format(Settings):
    """How bytes become rows."""

    kind: Literal["csv", "tsv", "kokuho", "xlsx", "json", "ndjson", "fhir", "table"] = "csv"
    encodings: tuple[str, ...] = ("utf-8-sig", "cp932")
    """Tried in this order, strictly; never guessed."""
    header: bool = True
    """False: cells are named by the column list's order."""
    header_row: Annotated[int, Field(ge=1)] = 1
    sheet: str = ""
    rows: str = ""
    """For JSON: dotted path of the list of records."""
    gaiji: dict[str, str] = Field(default_factory=dict)
    """Site's own characters: private-use code point as hexadecimal (``E000``) to the character meant."""


class Files(Settings):
    """Files in a drop folder; they are read, remembered by hash, never moved or deleted."""

    kind: Literal["files"] = "files"
    path: str
    pattern: str = "*"
    as_of: str = r"(?P<date>\d{8}|\d{6})"
    """Regular expression over the name; its group ``date`` is the delivery's as-of."""
    as_of_control: bool = False
    """Take the as-of from the control record (国保連 処理対象年月) instead."""
    quiet_seconds: Annotated[float, Field(ge=0)] = 0.0
    """A file whose size or time changed within this span is left for the next run."""


class Sql(Settings):
    """A query against any database SQLAlchemy can reach; read only, streamed."""

    kind: Literal["sql"] = "sql"
    url: str
    """``env:NAME`` reads the URL from the environment; a relative SQLite path is relative to the systems root."""
    query: str
    as_of_query: str = ""
    """One value: the day the extract stands for. Required for snapshots."""
    cursor: str = ""
    """Column that only grows; the query must hold ``:cursor``."""
    attempts: Annotated[int, Field(ge=1)] = 4


class Fhir(Settings):
    """A FHIR R4 source: a Bulk Data directory of NDJSON, or a server searched over HTTP."""

    kind: Literal["fhir"] = "fhir"
    path: str = ""
    pattern: str = "*"
    url: str = ""
    as_of: str = r"(?P<date>\d{8})"
    resources: tuple[str, ...] = ("Patient", "RelatedPerson", "Encounter")
    page: Annotated[int, Field(ge=1)] = 200
    attempts: Annotated[int, Field(ge=1)] = 4
    timeout: float = 30.0
    token: str = ""
    """``env:NAME`` of a bearer token."""


class Legal(Settings):
    """On what footing the source is held and linked; a source without it is refused."""

    controller: str
    purpose: str
    holding: str
    linking: str
    file_register: Annotated[str, Field(alias="register")]
    """個人情報ファイル簿 number."""
    population: Literal["all", "cases"] = "all"


class SourceGuards(Settings):
    """What stops a delivery before any of it is applied."""

    number_values: Annotated[int, Field(ge=1)] = 20
    number_share: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Share of twelve-digit values that pass the 個人番号 check from which a column is one."""
    changed_columns: Literal["hold", "warn"] = "hold"
    """What happens when mapped columns are missing while unknown ones stand there: most likely a rename."""


class SourceDefinition(Settings):
    """Everything Musubi knows of one source system."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    preset: str = ""
    title: str = ""
    title_en: str = ""
    spec: str = ""
    """Where the column names come from."""
    agency: str
    programme: Programme
    sensitive: bool = False
    """Mere participation is sensitive (生活保護 ...)."""
    carries_address: bool = True
    protects: bool = False
    mode: Mode = "snapshot"
    cadence: str = "daily"
    scopes: tuple[str, ...] = ()
    """What a snapshot is authoritative for, values of ``record.scope``; empty: the whole source."""
    issuer: str = ""
    """Issuer of the source's numbers; empty: the municipality code."""
    identity: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns that identify a record."""
    transport: Annotated[Files | Sql | Fhir, Field(discriminator="kind")]
    format: Format = Format()
    legal: Legal
    record: RecordRule = RecordRule()
    guards: SourceGuards = SourceGuards()
    column: tuple[Column, ...] = ()
    rename: dict[str, str] = Field(default_factory=dict)
    """The site's own header names to the preset's column names."""
    mention: tuple[MentionRule, ...] = ()
    fact: tuple[FactRule, ...] = ()
    consent: tuple[ConsentRule, ...] = ()
    protection: tuple[ProtectionRule, ...] = ()
    codes: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Code maps: delivered value to unified code; ``*`` takes what is not listed, else the row is refused."""

    @model_validator(mode="after")
    def _names_known_columns(self) -> Self:
        known = {column.name for column in self.column}
        if self.format.kind == "fhir":
            return self
        if len(known) != len(self.column):
            msg = "column: a name appears twice"
            raise ValueError(msg)
        for where, names in self._column_references():
            for name in names:
                if name and name not in known:
                    msg = f"{where}: no column {name}"
                    raise ValueError(msg)
        for where, name in self._code_references():
            if name and name not in self.codes:
                msg = f"{where}: no table codes.{name}"
                raise ValueError(msg)
        return self

    def _column_references(self) -> list[tuple[str, list[str]]]:
        record = self.record
        found = [("identity", list(self.identity)), ("record.history", list(record.history))]
        found.append(("record", [record.event_date, *record.event_key, record.correction]))
        conditions = [record.latest, record.deleted]
        for mention in self.mention:
            conditions += [mention.when, mention.unless, mention.shares_when]
        for fact in self.fact:
            conditions += [fact.when, fact.unless]
            found.append(("fact", [fact.start, fact.end]))
        found += [("consent", [rule.start, rule.end, rule.reference, rule.supersedes]) for rule in self.consent]
        for order in self.protection:
            conditions += [order.lifted, order.opponent_known]
            found.append(("protection", [order.start, order.end]))
        found.append(("condition", [condition.column for condition in conditions if condition]))
        found.append(("value", [name for cell in self._cells() for name in (cell.column, *cell.more)]))
        return found

    def _code_references(self) -> list[tuple[str, str]]:
        return [("codes", cell.codes) for cell in self._cells() if cell.codes not in BUILT_IN_CODES]

    def _cells(self) -> list[Cell]:
        values: list[Value] = [self.record.scope]
        for fact in self.fact:
            values += [fact.code, fact.level, fact.status, fact.agency, *fact.detail.values()]
        for consent in self.consent:
            values += [consent.decision, consent.agencies, consent.scope, consent.purposes]
            values += [consent.given_by, consent.method]
        for order in self.protection:
            values += [order.kind, order.cleared]
        return [value for value in values if isinstance(value, Cell)]

    @property
    def column_names(self) -> tuple[str, ...]:
        """The official column names in the source's order."""
        return tuple(column.name for column in self.column)
