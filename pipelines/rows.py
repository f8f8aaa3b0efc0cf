"""The shapes that pass between the writer and its workers, and how records and rows are named by keyed tokens."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from connectors.deliveries import Part, RawBatch
from pipelines.standing import Standing
from privacy.tokens import TokenMinter
from schemas.source import SourceDefinition

Row = tuple[Any, ...]
Cells = tuple[str, ...]
Place = tuple[str, int]
"""A mention within its record: role and number."""

IDS_PER_ROW = 64
"""A row that names more people is rejected."""
PART_ROWS = 8192
"""Record ids reserved for every part of a delivery."""
MENTION_IDS = PART_ROWS * 16
"""Mention and version ids reserved for every part."""
KEY_VERSION = 1
"""Version of a mention's data key; it never changes, only its wrapping does."""
TOO_MANY = "too-many-mentions"


RECORD, ROW = "record", "row"
"""Kinds of token: of record keys, of whole rows."""


def record_name(source_id: str, record_key: str, history_no: str = "") -> str:
    """Name a record, or a superseded history row (履歴) of it, as its token is minted."""
    return f"{source_id}/{record_key}#{history_no}" if history_no else f"{source_id}/{record_key}"


def record_token(minter: TokenMinter, source_id: str, record_key: str) -> int:
    """Give the keyed token under which a record is stored."""
    return minter.one(RECORD, record_name(source_id, record_key))


def reference_token(minter: TokenMinter, source_id: str, name: str, number: str) -> str:
    """Write the keyed token that stands in a fact's detail for a number of the source."""
    return f"{minter.one(f'detail.{name}', f'{source_id}/{number}') & UNSIGNED:016x}"


UNSIGNED = (1 << 64) - 1
joined = "\x1f".join
"""Write the cells of a row as one text."""


def row_digest(minter: TokenMinter, fingerprint: str, cells: Cells) -> int:
    """Give the keyed digest of a row, as one reading sees it: equal means unchanged."""
    return row_digests(minter, fingerprint, [joined(cells)])[0]


def row_digests(minter: TokenMinter, fingerprint: str, texts: Iterable[str]) -> tuple[int, ...]:
    """Give the keyed digests of many rows, each written as one text."""
    return minter.each(ROW, [f"{fingerprint}\x1e{text}" for text in texts])


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds of a record: its id and, by place, mention id and wrapped data key."""

    record_id: int
    mentions: dict[Place, tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Context:
    """What all batches of one delivery share."""

    source_id: str
    delivery_id: int
    run_id: str
    as_of: str
    instant: str
    snapshot: bool
    scopes: tuple[str, ...]
    standing: Standing

    def place(self, scope: str) -> tuple[str, str | None]:
        """Where a record seen in this delivery stands."""
        return self.standing.place(self.as_of, scope)


@dataclass(frozen=True, slots=True)
class Task:
    """One batch for a worker: a part of a delivery to read, or rows that were read already."""

    context: Context
    given: Part | RawBatch
    record_base: int
    mention_base: int
    known: dict[int, Known] = field(default_factory=dict)
    """By record token."""
    refused: dict[int, str] = field(default_factory=dict)
    """Lines that are refused whatever they hold, with the fault code (second row of one key)."""
    only: frozenset[int] | None = None
    """Lines to take; None: all."""
    faults: bool = True
    """Whether the part's unreadable rows are sealed, too."""


@dataclass
class Prepared:
    """Rows for the store, by table, in the column order of ``pipelines.writing``."""

    records: list[Row] = field(default_factory=list)
    mentions: list[Row] = field(default_factory=list)
    keys: list[Row] = field(default_factory=list)
    versions: list[Row] = field(default_factory=list)
    identifiers: list[Row] = field(default_factory=list)
    aliases: list[Row] = field(default_factory=list)
    facts: list[Row] = field(default_factory=list)
    consents: list[Row] = field(default_factory=list)
    protections: list[Row] = field(default_factory=list)
    parties: list[Row] = field(default_factory=list)
    clearances: list[Row] = field(default_factory=list)
    quarantine: list[Row] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    """Record ids that are written anew."""
    vanished: list[int] = field(default_factory=list)
    """Mention ids that their record no longer has."""
    delivered: int = 0
    """Data rows of the part, taken or not."""
    accepted: int = 0
    cut: int = 0
    """Rows out of which individual numbers were cut."""
    warnings: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scan:
    """A first look at a part: per row its line, record token, digest and history number; key-less rows left out."""

    lines: "array[int]"
    tokens: "array[int]"
    digests: "array[int]"
    history: list[str]
    """Empty where the source numbers no history without flagging it."""
    keyless: list[int]
    """Lines without a record key."""
    faults: int
    """Rows that could not be read."""

    @property
    def delivered(self) -> int:
        """Data rows of the part."""
        return len(self.lines) + len(self.keyless) + self.faults


def unflagged_history(definition: SourceDefinition) -> bool:
    """Whether history rows carry a number but no flag: then the greatest number is the record."""
    return bool(definition.record.history) and definition.record.latest is None


def comparable(history_no: str) -> str:
    """Write a history number so that texts compare as numbers do."""
    return history_no.zfill(40) if history_no.isdigit() else history_no
