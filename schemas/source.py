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
    """The name as the header has it."""
    provenance: Provenance = "assumed"
    """Who says so: an official layout, one town's real file, or nobody."""
    to: str = ""
    """What it maps to; empty: read by rules below only, or not taken at all."""
    synonyms: tuple[str, ...] = ()
    """Other names under which it is delivered."""
    required: bool = False
    """The delivery is held when the header lacks it."""
    drop: str = ""
    """Why its cells are thrown away before anything else sees them (informant, restricted ...)."""


class Cell(Settings):
    """A value read from a column, through a code map where one is named."""

    column: str
    """The column that is read."""
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
    """The column that is looked at."""
    equals: tuple[str, ...] = ()
    """Values; cells are folded by NFKC before they are compared with them. Empty: any content will do."""


class MentionRule(Settings):
    """When a mention exists and what it shares with another of the same row."""

    on: MentionRef
    """The person."""
    when: Condition | None = None
    """There is no such person in the row unless this holds."""
    unless: Condition | None = None
    """There is no such person in the row if this holds."""
    beside: str = ""
    """Another mention of the row that this one is declared to live or belong with."""
    shares: tuple[str, ...] = ()
    """What it takes from that one where it has none of its own: ``address``, ``phone`` or kinds of number."""
    shares_when: Condition | None = None
    """The sharing takes place only if this holds."""


class FactRule(Settings):
    """One coded fact drawn from a row."""

    on: MentionRef = "subject"
    """Whom the fact is about."""
    kind: FactKind
    """What it is about."""
    category: Category
    """Decides who may see it. A fact in the wrong category is shown to the wrong people."""
    programme: Programme | None = None
    """Where it is another one than the source's."""
    code: Value = ""
    """The unified code; an empty one gives no fact."""
    level: Value = ""
    """Level or grade."""
    status: Value = ""
    """State of a procedure."""
    start: str = ""
    """Column of the first day."""
    end: str = ""
    """Column of the last day."""
    agency: Value = ""
    """The agency that acts in it, by name or id."""
    other: str = ""
    """For kinship: the mention this one is related to."""
    when: Condition | None = None
    """There is no fact unless this holds."""
    unless: Condition | None = None
    """There is no fact if this holds."""
    split: str = ""
    """Characters that separate several codes in one cell; one fact each."""
    sensitive: tuple[str, ...] = ()
    """Codes whose fact is of category ``sensitive`` whatever ``category`` says."""
    detail: dict[str, Value] = Field(default_factory=dict)
    """Further coded values by name; never free text, and numbers of the source under ``plan`` and ``meeting`` only,
    where they become tokens."""


class ConsentRule(Settings):
    """A consent as the source carries it (同意); an incomplete one grants nothing."""

    on: MentionRef = "subject"
    """Whose consent it is; it never covers another person of the row."""
    decision: Value
    """permit, refuse or withdraw after its code map; an empty cell is no consent."""
    agencies: Value = ""
    """Who may receive; without it the consent grants nothing."""
    scope: Value = ""
    """Parts map to ``category:tier``."""
    purposes: Value = ""
    """What for."""
    start: str = ""
    """Column of the day it was given; without it the consent grants nothing."""
    end: str = ""
    """Column of its last day; the following day it is over."""
    given_by: Value = ""
    """The person or the representative."""
    method: Value = ""
    """In writing, by mouth."""
    reference: str = ""
    """Column of the form's number."""
    supersedes: str = ""
    """Column of the refusal or withdrawal it names; sharing comes back only so."""
    split: str = "、,;／/"
    """Characters that separate several values in one cell."""


class ProtectionRule(Settings):
    """An address-protection order (支援措置)."""

    on: MentionRef = "subject"
    """The protected person."""
    kind: Value
    """Kind of the order; empty means other and protects all the same."""
    start: str = ""
    """Column of its first day."""
    end: str = ""
    """Column of its last day; the order protects beyond it until it is lifted."""
    lifted: Condition | None = None
    """A person lifted it; nothing else ends it. Without values the column holds the day it was lifted: only a whole
    day lifts, not before it has come."""
    opponent_known: Condition | None = None
    """If this does not hold, she is hidden from every co-member's side."""
    cleared: Value = ""
    """Parts map to ``agency:role``."""
    split: str = "、,;"
    """Characters that separate several clearances in one cell."""


class RecordRule(Settings):
    """Which row is which version of which record."""

    history: tuple[str, ...] = ()
    """Columns of history and branch number; the greatest one is the record."""
    latest: Condition | None = None
    """Absent: every row is current."""
    deleted: Condition | None = None
    """The row says that its record is deleted; its influence on links ends."""
    scope: Value = ""
    """The part of the source a row belongs to (office, scheme, period); absence counts within it only."""
    event_date: str = ""
    """Day of the event; a row without it is refused (event-date)."""
    event_key: tuple[str, ...] = ()
    """Columns that tell one event from another of the same record and day."""
    correction: str = ""
    """Day of the correction (訂正); the newest version of an event counts."""


class Format(Settings):
    """How bytes become rows."""

    kind: Literal["csv", "tsv", "kokuho", "xlsx", "json", "ndjson", "fhir", "table"] = "csv"
    """table for databases, kokuho for the three-part frame of 国保連, fhir for resources."""
    encodings: tuple[str, ...] = ("utf-8-sig", "cp932")
    """Tried in this order, strictly; never guessed."""
    header: bool = True
    """False: cells are named by the column list's order."""
    header_row: Annotated[int, Field(ge=1)] = 1
    """First line on which the header may stand; title rows above it are found and skipped by themselves."""
    sheet: str = ""
    """Sheet of a workbook; empty: the first that has the columns."""
    rows: str = ""
    """For JSON: dotted path of the list of records."""
    gaiji: dict[str, str] = Field(default_factory=dict)
    """Site's own characters: private-use code point as hexadecimal (``E000``) to the character meant."""


class Files(Settings):
    """Files in a drop folder; they are read, remembered by hash, never moved or deleted."""

    kind: Literal["files"] = "files"
    """Files in a drop folder."""
    path: str
    """The drop folder, from the workspace directory. A folder that is not there is a source that does not answer."""
    pattern: str = "*"
    """Which names are deliveries of this source."""
    as_of: str = r"(?P<date>\d{8}|\d{6})"
    """Regular expression over the name; its group ``date`` is the delivery's as-of."""
    as_of_control: bool = False
    """Take the as-of from the control record (国保連 処理対象年月) instead."""
    quiet_seconds: Annotated[float, Field(ge=0)] = 0.0
    """A file whose size or time changed within this span is left for the next run."""


class Sql(Settings):
    """A query against any database SQLAlchemy can reach; read only, streamed."""

    kind: Literal["sql"] = "sql"
    """A database."""
    url: str
    """``env:NAME`` reads the URL from the environment; a relative SQLite path starts at the workspace directory."""
    query: str
    """One SELECT; its column names are the header. Give it an ORDER BY, so that two readings are alike."""
    as_of_query: str = ""
    """A query that gives one value, the day the extract stands for (YYYYMMDD); the source is refused without it."""
    cursor: str = ""
    """Column that only grows; the query must hold ``:cursor``."""
    attempts: Annotated[int, Field(ge=1)] = 4
    """How often a cut connection is taken up within one run."""


class Fhir(Settings):
    """A FHIR R4 source: a Bulk Data directory of NDJSON, or a server searched over HTTP."""

    kind: Literal["fhir"] = "fhir"
    """FHIR R4 resources."""
    path: str = ""
    """Folder of bulk exports, one folder per export; give either this or url."""
    pattern: str = "*"
    """Which folders are exports."""
    url: str = ""
    """Base address of a server."""
    as_of: str = r"(?P<date>\d{8})"
    """Regular expression over the export folder's name; its group date is the as-of. A server says its own time."""
    resources: tuple[str, ...] = ("Patient", "RelatedPerson", "Encounter")
    """Types that are read; Patient is needed, the others refer to it."""
    page: Annotated[int, Field(ge=1)] = 200
    """Resources per page asked for."""
    attempts: Annotated[int, Field(ge=1)] = 4
    """How often a passing failure (HTTP 408, 429, 5xx, time-out) is tried again within one run."""
    timeout: float = 30.0
    """Seconds to wait for one answer."""
    token: str = ""
    """``env:NAME`` of a bearer token."""


class Legal(Settings):
    """On what footing the source is held and linked; a source without it is refused."""

    controller: str
    """Who is responsible for the source (保有部署)."""
    purpose: str
    """What it was collected for."""
    holding: str
    """Article on which it is held."""
    linking: str
    """Article on which it may be linked with the others."""
    file_register: Annotated[str, Field(alias="register")]
    """個人情報ファイル簿 number."""
    population: Literal["all", "cases"] = "all"
    """cases: rows of households without an open case stay sealed and unpublished."""


class SourceGuards(Settings):
    """What stops a delivery before any of it is applied."""

    number_values: Annotated[int, Field(ge=1)] = 20
    """Fewer twelve-digit values than this never make a column one of 個人番号."""
    number_share: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Share of twelve-digit values that pass the 個人番号 check from which a column is one."""
    changed_columns: Literal["hold", "warn"] = "hold"
    """What happens when mapped columns are missing while unknown ones stand there: most likely a rename."""


class SourceDefinition(Settings):
    """Everything Musubi knows of one source system."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    """The source, in every message and in every record it gives. Never change it: another id is another source."""
    preset: str = ""
    """Start from this preset of connectors/presets/; this file extends or replaces its tables."""
    title: str = ""
    """Name of the source in Japanese, for lists."""
    title_en: str = ""
    """The same in English."""
    spec: str = ""
    """Where the column names come from."""
    agency: str
    """The agency of agencies.toml that delivers. Its staff see these records as their own programme."""
    programme: Programme
    """The field of welfare; decides under which heading the facts are shown and which legal bases reach them."""
    sensitive: bool = False
    """Mere participation is sensitive (生活保護 ...)."""
    carries_address: bool = True
    """Its changes of address, phone and school wait unpublished while the protection feed is older."""
    protects: bool = False
    """It is the protection feed (支援措置): applied first in every run, and every row protects somebody."""
    mode: Mode = "snapshot"
    """snapshot: what a delivery does not name is closed. delta: absence says nothing. events: records are rebuilt
    from 異動 and 訂正."""
    cadence: str = "daily"
    """How often it should deliver; an older one is reported as late."""
    scopes: tuple[str, ...] = ()
    """What a snapshot is authoritative for, values of ``record.scope``; empty: the whole source."""
    issuer: str = ""
    """Issuer of the source's numbers; empty: the municipality code."""
    identity: Annotated[tuple[str, ...], Field(min_length=1)]
    """Columns that identify a record."""
    transport: Annotated[Files | Sql | Fhir, Field(discriminator="kind")]
    """Where the deliveries lie; kind says which of the three tables below holds."""
    format: Format = Format()
    """How a delivery reads."""
    legal: Legal
    """Without it the source is refused."""
    record: RecordRule = RecordRule()
    """Which row is which version of which record."""
    guards: SourceGuards = SourceGuards()
    """What holds a delivery before any of it is applied."""
    column: tuple[Column, ...] = ()
    """The columns; what is not listed is never read."""
    rename: dict[str, str] = Field(default_factory=dict)
    """The site's own header names to the preset's column names."""
    mention: tuple[MentionRule, ...] = ()
    """When a person of a row exists and what is shared within the row."""
    fact: tuple[FactRule, ...] = ()
    """The coded facts of a row."""
    consent: tuple[ConsentRule, ...] = ()
    """Consents the source carries."""
    protection: tuple[ProtectionRule, ...] = ()
    """Protection orders the source carries."""
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
