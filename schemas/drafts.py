"""What a connector makes of one delivered row: a record draft with its mentions, before anything is sealed.

Drafts are plain values that live in memory for one batch only. They are never stored, logged or pickled to
disk. The shapes follow the unified model: a row is one source record with 1..n mentions, each in a role.
"""

from typing import NamedTuple

from schemas.values.addresses import Address
from schemas.values.dates import PartialDate
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName
from schemas.vocabulary import Category, FactKind, MentionRole, Programme, Tier


class FactDraft(NamedTuple):
    """One coded fact about a mention.

    ``detail`` holds codes and counts only, never free text or names; numbers of the source stand there under
    ``vocabulary.REFERENCES`` alone, which are stored as tokens.
    """

    kind: FactKind
    category: Category
    programme: Programme
    code: str = ""
    level: str = ""
    status: str = ""
    valid_from: PartialDate | None = None
    valid_to: PartialDate | None = None
    agency_id: str = ""
    """The agency that acts in this fact; empty means the source's own agency."""
    other: tuple[MentionRole, int] | None = None
    """For kinship (続柄): the mention of the same record this one is related to."""
    detail: tuple[tuple[str, str], ...] = ()


class ConsentDraft(NamedTuple):
    """A consent, refusal or withdrawal as a source carries it (同意). Incomplete ones grant nothing."""

    decision: str
    """``permit``, ``refuse`` or ``withdraw``."""
    agencies: tuple[str, ...] = ()
    categories: tuple[tuple[Category, Tier], ...] = ()
    purposes: tuple[str, ...] = ()
    valid_from: PartialDate | None = None
    valid_to: PartialDate | None = None
    given_by: str = ""
    """``self`` (本人), ``representative`` (法定代理人), ``guardian`` (後見人)."""
    method: str = ""
    reference: str = ""
    """Number of the paper form or recording; sealed."""
    supersedes: str = ""
    """Reference of the refusal or withdrawal that this consent names and lifts."""


class ProtectionDraft(NamedTuple):
    """An address-protection order (支援措置) on the mention that carries it."""

    kind: str
    valid_from: PartialDate | None = None
    valid_to: PartialDate | None = None
    """The nominal end; protection outlives it until a person lifts it."""
    lifted: bool = False
    """A person lifted it."""
    lifted_on: PartialDate | None = None
    """Since when, where the source states a day; before that day it stands."""
    opponent_known: bool = False
    cleared: tuple[tuple[str, str], ...] = ()
    """(agency id, staff role) pairs that the protecting authority lists."""


class MentionDraft(NamedTuple):
    """One person as one record mentions him or her."""

    role: MentionRole
    seq: int = 0
    names: tuple[PersonName, ...] = ()
    """The first is the display name; former names (旧氏), aliases (通称) and roman forms follow."""
    birth: PartialDate | None = None
    death: PartialDate | None = None
    sex: str = ""
    """``1`` male, ``2`` female, ``""`` not stated (住民基本台帳 性別)."""
    addresses: tuple[Address, ...] = ()
    """The first is the current one; past ones follow."""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    facts: tuple[FactDraft, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    """(field name, free text) pairs; category ``notes`` without exception."""
    consents: tuple[ConsentDraft, ...] = ()
    protection: ProtectionDraft | None = None


class RecordDraft(NamedTuple):
    """One delivered row as the unified model sees it."""

    record_key: str
    line: int
    mentions: tuple[MentionDraft, ...]
    scope: str = ""
    """Authority scope value (office, scheme, period) the row belongs to."""
    history_no: str = ""
    """Row history number (履歴番号); compared numerically where numeric."""
    latest: bool = True
    """False for a superseded history row (最新フラグ = 0)."""
    deleted: bool = False
    """The source's own delete flag (削除フラグ)."""
    event: tuple[str, str, str] | None = None
    """For event sources: (event date ISO, event key, correction date ISO); the record is rebuilt by replay."""
    cut_tokens: int = 0
    """How many individual numbers (個人番号) were cut out of this row."""
    warnings: tuple[str, ...] = ()
