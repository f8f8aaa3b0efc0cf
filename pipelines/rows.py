"""From raw cells to the rows of the store: mapped, keyed, sealed. Runs in worker processes, needs no database.

A worker is given everything it must know: key material (in memory only), the definitions, id ranges reserved for its
batch, and what the store already holds of the records it maps, so that a mention keeps its id and its data key.
"""

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from connectors.deliveries import Part, RawBatch, read_part
from connectors.mapping import Mapper
from linkage.keys import Keys, mention_keys
from pipelines.standing import Standing
from privacy.keyring import Keyring
from privacy.sealing import Sealer, new_data_key
from privacy.tokens import TokenMinter
from schemas.drafts import ConsentDraft, MentionDraft, ProtectionDraft, RecordDraft
from schemas.errors import RecordRejected
from schemas.source import SourceDefinition
from schemas.tables import TOKEN_COLUMNS
from schemas.values.dates import PartialDate

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


def row_text(fingerprint: str, cells: Cells) -> str:
    """Write a row as one reading sees it."""
    return fingerprint + "\x1e" + "\x1f".join(cells)


def row_digest(minter: TokenMinter, fingerprint: str, cells: Cells) -> int:
    """Give the keyed digest of a row: equal means unchanged."""
    return minter.one(ROW, row_text(fingerprint, cells))


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


class Preparer:
    """Maps, keys and seals the rows of configured sources; one per process."""

    def __init__(self, keyring: Keyring, definitions: dict[str, SourceDefinition]) -> None:
        self.keyring = keyring
        self.minter = TokenMinter(keyring)
        self._definitions = definitions
        self._mappers: dict[tuple[str, Cells], Mapper] = {}

    def mapper(self, source_id: str, header: Cells) -> Mapper:
        """Give the compiled mapper of a header."""
        found = self._mappers.get((source_id, header))
        if found is None:
            found = self._mappers[source_id, header] = Mapper(self._definitions[source_id], header)
        return found

    def is_event_source(self, source_id: str) -> bool:
        """Tell whether a source delivers events."""
        return self._definitions[source_id].mode == "events"

    def scan(self, source_id: str, given: Part | RawBatch) -> Scan:
        """Look at a part without mapping it."""
        batch = self.read(source_id, given)
        mapper = self.mapper(source_id, batch.header)
        one = self.minter.one
        unflagged = unflagged_history(mapper.definition)
        found = Scan(array("q"), array("q"), array("q"), [], [], len(batch.faults))
        for line, cells in batch.rows:
            place = mapper.place(cells)
            if place is None:
                found.keyless.append(line)
                continue
            key, history, latest = place
            current = latest or unflagged
            found.lines.append(line)
            found.tokens.append(one(RECORD, record_name(source_id, key, "" if current else history)))
            found.digests.append(row_digest(self.minter, mapper.fingerprint, cells))
            if unflagged:
                found.history.append(comparable(history))
        return found

    def prepare(self, task: Task) -> Prepared:
        """Make the store's rows of a part; what cannot be mapped is sealed for quarantine."""
        out = Prepared()
        context = task.context
        batch = self.read(context.source_id, task.given)
        if len(batch.rows) > PART_ROWS:
            raise ValueError("a part holds more rows than ids were reserved for")
        mapper = self.mapper(context.source_id, batch.header)
        builder = _Builder(self.keyring, self.minter, context, out, task.record_base, task.mention_base)
        unflagged = unflagged_history(mapper.definition)
        out.delivered = len(batch.rows) + len(batch.faults)
        for fault in batch.faults if task.faults else ():
            builder.refuse(batch.header, fault.cells, fault.line, fault.code)
        for line, cells in batch.rows:
            if task.only is not None and line not in task.only:
                continue
            if line in task.refused:
                builder.refuse(batch.header, cells, line, task.refused[line], mapper.definition.identity[0])
                continue
            try:
                draft = mapper.map(cells, line)
            except RecordRejected as rejected:
                builder.refuse(batch.header, cells, line, rejected.code, rejected.field_name)
                continue
            if len(draft.mentions) > IDS_PER_ROW:
                builder.refuse(batch.header, cells, line, TOO_MANY)
                continue
            digest = row_digest(self.minter, mapper.fingerprint, cells)
            history = not (draft.latest or unflagged)
            name = record_name(context.source_id, draft.record_key, draft.history_no if history else "")
            token = self.minter.one(RECORD, name)
            builder.add(draft, token, digest, task.known.get(token), history=history)
        return out

    def read(self, source_id: str, given: Part | RawBatch) -> RawBatch:
        """Read a part of a delivery, unless it was read already."""
        return given if isinstance(given, RawBatch) else read_part(self._definitions[source_id], given)

    def rebuild(self, task: Task, drafts: Iterable[tuple[RecordDraft, int, str]]) -> Prepared:
        """Make the store's rows of replayed records: (draft, digest, newest as-of) each."""
        out = Prepared()
        builder = _Builder(self.keyring, self.minter, task.context, out, task.record_base, task.mention_base)
        for draft, digest, as_of in drafts:
            token = record_token(self.minter, task.context.source_id, draft.record_key)
            builder.add(draft, token, digest, task.known.get(token), history=False, as_of=as_of)
        return out


def unflagged_history(definition: SourceDefinition) -> bool:
    """Whether history rows carry a number but no flag: then the greatest number is the record."""
    return bool(definition.record.history) and definition.record.latest is None


def comparable(history_no: str) -> str:
    """Write a history number so that texts compare as numbers do."""
    return history_no.zfill(40) if history_no.isdigit() else history_no


class _Builder:
    def __init__(
        self,
        keyring: Keyring,
        minter: TokenMinter,
        context: Context,
        out: Prepared,
        record_base: int,
        mention_base: int,
    ) -> None:
        self._keyring = keyring
        self._minter = minter
        self._kinds = [(kind, minter.of_kind(kind)) for kind in TOKEN_COLUMNS]
        self._context = context
        self._out = out
        self._next_record = record_base
        self._next_mention = mention_base

    def refuse(self, header: Cells, cells: Sequence[str], line: int, code: str, field_name: str = "") -> None:
        """Seal a row for quarantine."""
        self._out.quarantine.append(
            sealed_row(self._keyring, self._minter, self._context, header, cells, line, code, field_name)
        )

    def add(
        self, draft: RecordDraft, token: int, digest: int, known: Known | None, *, history: bool, as_of: str = ""
    ) -> None:
        """Add one record with its mentions."""
        out, context = self._out, self._context
        if known is None:
            record_id = self._next_record
            self._next_record += 1
        else:
            record_id = known.record_id
            out.replaced.append(record_id)
        stands, closed = (as_of, None) if as_of else context.place(draft.scope)
        out.records.append(
            (
                record_id,
                context.source_id,
                token,
                draft.scope,
                stands,
                draft.history_no,
                int(history),
                digest,
                closed,
                int(draft.deleted and not self._stands(draft)),
                context.delivery_id,
                draft.line,
            )
        )
        held = known.mentions if known else {}
        ids: dict[Place, int] = {}
        for mention in draft.mentions:
            place = (mention.role.value, mention.seq)
            if place in held:
                ids[place] = held[place][0]
            else:
                ids[place] = self._next_mention
                self._next_mention += 1
        out.vanished += [mention_id for place, (mention_id, _) in held.items() if place not in ids]
        for mention in draft.mentions:
            place = (mention.role.value, mention.seq)
            self._mention(draft, mention, token, record_id, ids[place], held.get(place))
        self._facts(draft, record_id, ids)
        self._orders(draft, record_id, ids)
        out.accepted += 1
        out.cut += bool(draft.cut_tokens)
        for warning in draft.warnings:
            out.warnings[warning] = out.warnings.get(warning, 0) + 1

    def _mention(
        self,
        draft: RecordDraft,
        mention: MentionDraft,
        token: int,
        record_id: int,
        mention_id: int,
        held: tuple[int, bytes] | None,
    ) -> None:
        out, source_id = self._out, self._context.source_id
        if held is None:
            data_key = new_data_key()
            wrapped, version = self._keyring.wrap(data_key)
            out.keys.append((mention_id, wrapped, version))
        else:
            data_key = self._keyring.unwrap(held[1])
        version_id = self._next_mention
        self._next_mention += 1
        role = mention.role.value
        out.mentions.append((mention_id, record_id, role, mention.seq, version_id))
        place = f"{source_id}/{token}/{role}/{mention.seq}"
        sealer = Sealer(data_key, table="mention_version", row=place, key_version=KEY_VERSION)
        keys = mention_keys(mention)
        birth = mention.birth
        address = mention.addresses[0] if mention.addresses else None
        out.versions.append(
            (
                version_id,
                mention_id,
                source_id,
                birth.year if birth else None,
                birth.month if birth else None,
                mention.sex,
                address.town if address else "",
                int(mention.death is not None),
                KEY_VERSION,
                sealer.seal("identity", _dumped(_identity(draft, mention))),
                sealer.seal("address", _dumped(_places(mention)))
                if mention.addresses or mention.phones or mention.emails
                else None,
                sealer.seal("notes", _dumped(dict(mention.notes))) if mention.notes else None,
                *self._tokens(keys),
            )
        )
        of_kind = self._minter.of_kind
        for kind, issuer, value, valid_from, valid_to in keys.identifiers:
            token_of = of_kind(kind)[f"{issuer}/{value}"]
            out.identifiers.append((version_id, kind, issuer, token_of, valid_from, valid_to))
        for kind, value in keys.aliases:
            out.aliases.append((version_id, kind, of_kind(kind)[value]))

    def _tokens(self, keys: Keys) -> list[int | None]:
        found = keys.tokens
        return [tokens[found[kind]] if kind in found else None for kind, tokens in self._kinds]

    def _facts(self, draft: RecordDraft, record_id: int, ids: dict[Place, int]) -> None:
        out = self._out
        number = 0
        for mention in draft.mentions:
            mention_id = ids[mention.role.value, mention.seq]
            for fact in mention.facts:
                other = ids.get((fact.other[0].value, fact.other[1])) if fact.other else None
                out.facts.append(
                    (
                        record_id,
                        mention_id,
                        number,
                        fact.kind.value,
                        fact.category.value,
                        fact.programme.value,
                        fact.code,
                        fact.level,
                        fact.status,
                        _value(fact.valid_from),
                        _value(fact.valid_to),
                        fact.agency_id,
                        other,
                        _detail(fact.detail),
                    )
                )
                number += 1

    def _orders(self, draft: RecordDraft, record_id: int, ids: dict[Place, int]) -> None:
        out = self._out
        for mention in draft.mentions:
            mention_id = ids[mention.role.value, mention.seq]
            for number, consent in enumerate(mention.consents):
                place = f"{mention.role.value}/{mention.seq}/{number}"
                reference = consent.reference or f"{self._context.source_id}/{draft.record_key}/{place}"
                out.consents += self._consent_rows(consent, record_id, mention_id, reference)
            if mention.protection is None:
                continue
            order = mention.protection
            protection_id = mention_id  # one order per mention
            out.protections.append(
                (
                    protection_id,
                    record_id,
                    mention_id,
                    order.kind,
                    _value(order.valid_from),
                    _value(order.valid_to),
                    int(self._lifted(order)),
                    int(order.opponent_known),
                )
            )
            for other in draft.mentions:
                part = PARTS.get(other.role.value)
                if part:
                    out.parties.append((protection_id, ids[other.role.value, other.seq], part))
            out.clearances += [(protection_id, agency, role) for agency, role in dict.fromkeys(order.cleared)]

    def _lifted(self, order: ProtectionDraft) -> bool:
        """Whether a person has lifted the order by the day this delivery stands for."""
        return order.lifted and (order.lifted_on is None or order.lifted_on.value <= self._context.as_of[:10])

    def _stands(self, draft: RecordDraft) -> bool:
        """Whether the record holds an order nobody lifted: the source's delete flag does not end it (j410, j440)."""
        return any(mention.protection and not self._lifted(mention.protection) for mention in draft.mentions)

    def _consent_rows(
        self, consent: ConsentDraft, record_id: int, mention_id: int, reference: str
    ) -> Iterable[tuple[Any, ...]]:
        one = self._minter.one
        token = one("consent", reference)
        named = one("consent", consent.supersedes) if consent.supersedes else None
        start, end = _value(consent.valid_from), _day_after(consent.valid_to)
        for agency in consent.agencies or ("",):
            for category, tier in consent.categories or (("", 0),):
                for purpose in consent.purposes or ("",):
                    yield (
                        record_id,
                        mention_id,
                        token,
                        consent.decision,
                        agency,
                        str(category),
                        int(tier),
                        purpose,
                        start,
                        end,
                        consent.given_by,
                        named,
                        self._context.instant,
                    )


PARTS = {"opponent": "against", "co_protected": "with"}
"""Roles beside the protected person in a record of the protection feed, and their part in the order."""


def sealed_row(
    keyring: Keyring,
    minter: TokenMinter,
    context: Context,
    header: Cells,
    cells: Sequence[str],
    line: int,
    code: str,
    field_name: str,
) -> Row:
    """Seal a refused row under a key of its own (quarantine columns, without the id)."""
    token = minter.one("quarantine", f"{context.source_id}\x1e" + "\x1f".join((*header, "", *cells)))
    data_key = new_data_key()
    wrapped, _ = keyring.wrap(data_key)
    sealer = Sealer(data_key, table="quarantine", row=f"{context.source_id}/{token}", key_version=KEY_VERSION)
    sealed = sealer.seal("row", _dumped({"header": list(header), "cells": list(cells)}))
    return (
        context.source_id,
        context.delivery_id,
        line,
        code,
        field_name,
        token,
        "waiting",
        wrapped,
        sealed,
        context.run_id,
    )


def _dumped(value: object) -> bytes:
    """Write JSON; what UTF-8 cannot hold (a lone surrogate out of a broken source) takes the slow way."""
    try:
        return to_json(value)
    except ValueError:
        return json.dumps(value).encode()


def _identity(draft: RecordDraft, mention: MentionDraft) -> dict[str, Any]:
    return {
        "names": [
            {
                "full": name.full,
                "kind": name.kind,
                "family": name.family,
                "given": name.given,
                "kana": name.kana,
                "kana_family": name.kana_family,
                "kana_given": name.kana_given,
            }
            for name in mention.names
        ],
        "birth": _date(mention.birth),
        "death": _date(mention.death),
        "identifiers": [
            {"kind": number.kind, "issuer": number.issuer, "value": number.value} for number in mention.identifiers
        ],
        "record_key": draft.record_key,
    }


def _places(mention: MentionDraft) -> dict[str, Any]:
    return {
        "addresses": [
            {
                "text": address.text,
                "kind": address.kind,
                "postcode": address.postcode,
                "city_code": address.city_code,
                "town_code": address.town_code,
                "town": address.town,
                "lot": address.lot,
                "building": address.building,
            }
            for address in mention.addresses
        ],
        "phones": list(mention.phones),
        "emails": list(mention.emails),
    }


def _date(found: PartialDate | None) -> dict[str, str] | None:
    return {"value": found.value, "quality": found.quality, "original": found.original} if found else None


def _value(found: PartialDate | None) -> str:
    return found.value if found else ""


@lru_cache(4096)
def _detail(detail: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(dict(detail), ensure_ascii=False, sort_keys=True) if detail else "{}"


def _day_after(end: PartialDate | None) -> str:
    """Give the day a paper's last day is followed by: validity is half-open (valid until 31 March ends 1 April)."""
    if end is None or not end.value:
        return ""
    value = end.value
    if len(value) == 10:
        return (date.fromisoformat(value) + timedelta(days=1)).isoformat()
    year, month = int(value[:4]), int(value[5:7] or 12)
    return f"{year + month // 12:04}-{month % 12 + 1:02}-01"
