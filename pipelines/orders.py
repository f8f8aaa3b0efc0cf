"""What a record decides about sharing, as rows: consents (同意) and protection orders (支援措置)."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from pipelines.rows import Context, Place, Prepared, Row
from privacy.tokens import TokenMinter
from schemas.drafts import ConsentDraft, ProtectionDraft, RecordDraft
from schemas.values.dates import PartialDate

PARTS = {"opponent": "against", "co_protected": "with"}
"""Roles beside the protected person in a record of the protection feed, and their part in the order."""


class Orders:
    """Writes the consents and orders of the records of one batch."""

    def __init__(self, minter: TokenMinter, context: Context, out: Prepared) -> None:
        self._minter = minter
        self._context = context
        self._out = out

    def add(self, draft: RecordDraft, record_id: int, ids: Mapping[Place, int]) -> None:
        """Add those of one record; ``ids``: its mentions by place."""
        out = self._out
        for mention in draft.mentions:
            if not mention.consents and mention.protection is None:
                continue
            role = str(mention.role)
            mention_id = ids[role, mention.seq]
            for number, consent in enumerate(mention.consents):
                place = f"{role}/{mention.seq}/{number}"
                reference = consent.reference or f"{self._context.source_id}/{draft.record_key}/{place}"
                out.consents += self._consent_rows(consent, record_id, mention_id, reference)
            if mention.protection is not None:
                self._order(mention.protection, draft, record_id, mention_id, ids)

    def stand(self, draft: RecordDraft) -> bool:
        """Whether the record holds an order nobody lifted: the source's delete flag does not end it (j410, j440)."""
        return any(mention.protection and not self._lifted(mention.protection) for mention in draft.mentions)

    def _order(
        self,
        order: ProtectionDraft,
        draft: RecordDraft,
        record_id: int,
        mention_id: int,
        ids: Mapping[Place, int],
    ) -> None:
        out = self._out
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
            part = PARTS.get(str(other.role))
            if part:
                out.parties.append((protection_id, ids[str(other.role), other.seq], part))
        out.clearances += [(protection_id, agency, role) for agency, role in dict.fromkeys(order.cleared)]

    def _lifted(self, order: ProtectionDraft) -> bool:
        """Whether a person has lifted the order by the day this delivery stands for."""
        return order.lifted and (order.lifted_on is None or order.lifted_on.value <= self._context.as_of[:10])

    def _consent_rows(self, consent: ConsentDraft, record_id: int, mention_id: int, reference: str) -> Iterator[Row]:
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


def _value(found: PartialDate | None) -> str:
    return found.value if found else ""


def _day_after(end: PartialDate | None) -> str:
    """Give the day a paper's last day is followed by: validity is half-open (valid until 31 March ends 1 April)."""
    if end is None or not end.value:
        return ""
    value = end.value
    if len(value) == 10:
        return (date.fromisoformat(value) + timedelta(days=1)).isoformat()
    year, month = int(value[:4]), int(value[5:7] or 12)
    return f"{year + month // 12:04}-{month % 12 + 1:02}-01"
