"""Drafts as rows: a mention's identity sealed under its own key, its tokens beside it, its facts in clear."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

from linkage.keys import mention_keys
from pipelines.orders import Orders
from pipelines.rows import KEY_VERSION, Cells, Context, Known, Place, Prepared, Row, reference_token
from privacy.keyring import Keyring
from privacy.sealing import Sealer, new_data_key, new_data_keys
from privacy.tokens import TokenMinter
from schemas.drafts import FactDraft, MentionDraft, RecordDraft
from schemas.sealed_parts import as_json, written_identity, written_notes, written_whereabouts
from schemas.tables import TOKEN_COLUMNS
from schemas.values.dates import PartialDate
from schemas.vocabulary import REFERENCES


class Taken(NamedTuple):
    """A draft to be stored, and as what."""

    draft: RecordDraft
    token: int
    digest: int
    history: bool = False
    """A superseded history row."""
    as_of: str = ""
    """Since when it stands; empty: where its delivery puts it."""


class _Place(NamedTuple):
    """Where a mention is stored."""

    version_id: int
    """Of a new mention its id, too."""
    mention_id: int
    record_id: int
    role: str
    seq: int
    token: int
    record_key: str
    wrapped: bytes | None
    """The data key of a mention that is known."""


class Builder:
    """Turns drafts into the rows of one batch: ids given, identity sealed under each mention's key, tokens minted."""

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
        self._context = context
        self._out = out
        self._next_record = record_base
        self._next_mention = mention_base
        self._orders = Orders(minter, context, out)
        self._heads: dict[int, tuple[FactDraft, Row, str]] = {}

    def refuse(self, header: Cells, cells: Sequence[str], line: int, code: str, field_name: str = "") -> None:
        """Seal a row for quarantine."""
        self._out.quarantine.append(
            sealed_row(self._keyring, self._minter, self._context, header, cells, line, code, field_name)
        )

    def add(self, taken: Iterable[Taken], known: Mapping[int, Known]) -> None:
        """Add records with their mentions; ``known``: what the store holds, by token."""
        out = self._out
        mentions: list[MentionDraft] = []
        places: list[_Place] = []
        for one in taken:
            draft, stored = one.draft, known.get(one.token)
            record_id = self._record(one, stored)
            mentions += draft.mentions
            placed = self._places(one, record_id, stored)
            places += placed
            ids = {(place.role, place.seq): place.mention_id for place in placed}
            if stored is not None:
                out.vanished += [number for place, (number, _) in stored.mentions.items() if place not in ids]
            self._facts(draft, record_id, ids)
            self._orders.add(draft, record_id, ids)
            out.accepted += 1
            out.cut += bool(draft.cut_tokens)
            for warning in draft.warnings:
                out.warnings[warning] = out.warnings.get(warning, 0) + 1
        if places:
            out.mentions += [
                (place.mention_id, place.record_id, place.role, place.seq, place.version_id) for place in places
            ]
            self._versions(mentions, places)

    def _record(self, one: Taken, stored: Known | None) -> int:
        """Add the row of a record; give its id."""
        draft, context, out = one.draft, self._context, self._out
        if stored is None:
            record_id = self._next_record
            self._next_record += 1
        else:
            record_id = stored.record_id
            out.replaced.append(record_id)
        stands, closed = (one.as_of, None) if one.as_of else context.place(draft.scope)
        out.records.append(
            (
                record_id,
                context.source_id,
                one.token,
                draft.scope,
                stands,
                draft.history_no,
                int(one.history),
                one.digest,
                closed,
                int(draft.deleted and not self._orders.stand(draft)),
                context.delivery_id,
                draft.line,
            )
        )
        return record_id

    def _places(self, one: Taken, record_id: int, stored: Known | None) -> list[_Place]:
        first, draft = self._next_mention, one.draft
        self._next_mention += len(draft.mentions)
        held = stored.mentions if stored else {}
        found: list[_Place] = []
        for number, mention in enumerate(draft.mentions, first):
            role, seq = str(mention.role), mention.seq
            mention_id, wrapped = held.get((role, seq), (number, None))
            found.append(_Place(number, mention_id, record_id, role, seq, one.token, draft.record_key, wrapped))
        return found

    def _versions(self, mentions: list[MentionDraft], places: list[_Place]) -> None:
        """Add a version of every mention: sealed parts, what stands in clear, tokens."""
        out, source_id, count = self._out, self._context.source_id, len(places)
        versions, ids, *_ = zip(*places, strict=True)
        births = [_year_month(mention.birth.value) if mention.birth else _NO_BIRTH for mention in mentions]
        years, months = zip(*births, strict=True)
        keys = mention_keys(mentions)
        mint = self._minter.mint
        out.versions += zip(
            versions,
            ids,
            repeat(source_id, count),
            years,
            months,
            [mention.sex for mention in mentions],
            [mention.addresses[0].town if mention.addresses else "" for mention in mentions],
            [int(mention.death is not None) for mention in mentions],
            repeat(KEY_VERSION, count),
            *self._sealed(mentions, places),
            *[mint(kind, keys.tokens[kind]) for kind in TOKEN_COLUMNS],
            strict=True,
        )
        for kind, aliases in _by_kind(keys.aliases).items():
            tokens = mint(kind, [string for _, string in aliases])
            out.aliases += [
                (versions[number], kind, token) for (number, _), token in zip(aliases, tokens, strict=True)
            ]
        for kind, numbers in _by_kind(keys.identifiers).items():
            tokens = mint(kind, [f"{issuer}/{value}" for _, issuer, value, _, _ in numbers])
            out.identifiers += dict.fromkeys(
                (versions[number], kind, issuer, token, valid_from, valid_to)
                for (number, issuer, _, valid_from, valid_to), token in zip(numbers, tokens, strict=True)
            )

    def _sealed(
        self, mentions: list[MentionDraft], places: list[_Place]
    ) -> tuple[list[bytes], list[bytes | None], list[bytes | None]]:
        """Seal identity, address and notes of every mention under its own data key; new keys are kept wrapped."""
        out, source_id, keyring = self._out, self._context.source_id, self._keyring
        fresh = iter(new_data_keys(sum(place.wrapped is None for place in places)))
        identities: list[bytes] = []
        addresses: list[bytes | None] = []
        notes: list[bytes | None] = []
        for mention, place in zip(mentions, places, strict=True):
            if place.wrapped is None:
                data_key = next(fresh)
                out.keys.append((place.mention_id, *keyring.wrap(data_key)))
            else:
                data_key = keyring.unwrap(place.wrapped)
            row = f"{source_id}/{place.token}/{place.role}/{place.seq}"
            seal = Sealer(data_key, table="mention_version", row=row, key_version=KEY_VERSION).seal
            identities.append(seal("identity", written_identity(mention, place.record_key)))
            somewhere = mention.addresses or mention.phones or mention.emails
            addresses.append(seal("address", written_whereabouts(mention)) if somewhere else None)
            notes.append(seal("notes", written_notes(mention)) if mention.notes else None)
        return identities, addresses, notes

    def _facts(self, draft: RecordDraft, record_id: int, ids: dict[Place, int]) -> None:
        facts, heads = self._out.facts, self._heads
        number = 0
        for mention in draft.mentions:
            mention_id = ids[str(mention.role), mention.seq]
            for fact in mention.facts:
                known, head, detail = heads.get(id(fact), _NO_FACT)  # mapping gives the same facts again and again
                if known is not fact:
                    head, detail = _fact_head(fact), self._detail(fact.detail)
                    heads[id(fact)] = fact, head, detail
                other = ids.get((str(fact.other[0]), fact.other[1])) if fact.other else None
                facts.append((record_id, mention_id, number, *head, other, detail))
                number += 1

    def _detail(self, detail: tuple[tuple[str, str], ...]) -> str:
        """Write a detail; a number of the source stands there as its token."""
        told = dict(detail)
        for name in REFERENCES & told.keys():
            told[name] = reference_token(self._minter, self._context.source_id, name, told[name])
        return json.dumps(told, ensure_ascii=False, sort_keys=True) if told else "{}"


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
    sealed = sealer.seal("row", as_json({"header": header, "cells": cells}))
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


_NO_BIRTH: tuple[int | None, int | None] = (None, None)
_NO_FACT: tuple[FactDraft | None, Row, str] = (None, (), "")


def _by_kind(found: list[tuple[Any, ...]]) -> dict[str, list[tuple[Any, ...]]]:
    """Sort what begins with the number of a mention and a kind by kind."""
    kinds: dict[str, list[tuple[Any, ...]]] = {}
    for number, kind, *rest in found:
        kinds.setdefault(kind, []).append((number, *rest))
    return kinds


@lru_cache(1 << 16)
def _year_month(value: str) -> tuple[int | None, int | None]:
    found = PartialDate(value, "")
    return found.year, found.month


def _fact_head(fact: FactDraft) -> Row:
    return (
        str(fact.kind),
        str(fact.category),
        str(fact.programme),
        fact.code,
        fact.level,
        fact.status,
        fact.valid_from.value if fact.valid_from else "",
        fact.valid_to.value if fact.valid_to else "",
        fact.agency_id,
    )
