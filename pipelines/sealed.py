"""Drafts as rows: a mention's identity sealed under its own key, its tokens beside it, its facts in clear."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from linkage.keys import Keys, mention_keys
from pipelines.rows import KEY_VERSION, Cells, Context, Known, Place, Prepared, Row
from privacy.keyring import Keyring
from privacy.sealing import Sealer, new_data_key
from privacy.tokens import TokenMinter
from schemas.drafts import ConsentDraft, MentionDraft, ProtectionDraft, RecordDraft
from schemas.tables import TOKEN_COLUMNS
from schemas.values.dates import PartialDate


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
