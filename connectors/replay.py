"""Replay: the record of a key is the fold of its events, whatever the order they arrived in (異動, 訂正).

Of several versions of one event the newest correction counts; a correction that takes the event back leaves no
trace. The record shows the newest event's identity; its facts are those of all events, a later one of the same
kind and code superseding an earlier one's from its own date on.
"""

from collections.abc import Sequence

from schemas.drafts import FactDraft, MentionDraft, RecordDraft
from schemas.vocabulary import MentionRole

__all__ = ["replay"]

Place = tuple[MentionRole, int]


def replay(events: Sequence[RecordDraft]) -> RecordDraft:
    """Fold the events of one record key; raise ValueError when there are none.

    When every event was taken back the record is deleted.
    """
    if not events:
        msg = "no events to replay"
        raise ValueError(msg)
    latest: dict[str, RecordDraft] = {}
    for event in sorted(events, key=_correction_order):
        latest[event.event[1] if event.event else ""] = event
    standing = sorted((event for event in latest.values() if not event.deleted), key=_event_order)
    if not standing:
        newest = max(events, key=_event_order)
        return newest._replace(event=None, deleted=True)
    mentions: dict[Place, MentionDraft] = {}
    facts: dict[Place, dict[tuple[str, ...], FactDraft]] = {}
    for event in standing:
        for mention in event.mentions:
            place = (mention.role, mention.seq)
            mentions[place] = _completed(mention, mentions.get(place))
            known = facts.setdefault(place, {})
            for fact in mention.facts:
                known[_fact_key(fact)] = fact
    newest = standing[-1]
    folded = tuple(
        mention._replace(facts=tuple(facts[place].values())) for place, mention in sorted(mentions.items())
    )
    cut = sum(event.cut_tokens for event in standing)
    warnings = tuple(dict.fromkeys(warning for event in standing for warning in event.warnings))
    return newest._replace(mentions=folded, event=None, deleted=False, cut_tokens=cut, warnings=warnings)


def _correction_order(event: RecordDraft) -> tuple[str, ...]:
    date, _, corrected = event.event or ("", "", "")
    return (corrected, date, repr(event.mentions), str(event.deleted))


def _event_order(event: RecordDraft) -> tuple[str, ...]:
    date, key, corrected = event.event or ("", "", "")
    return (date, key, corrected, repr(event.mentions))


def _fact_key(fact: FactDraft) -> tuple[str, ...]:
    """Say what makes two facts statements about the same thing: kind, code and where its period begins."""
    return (fact.kind, fact.code, fact.valid_from.value if fact.valid_from else "")


def _completed(mention: MentionDraft, before: MentionDraft | None) -> MentionDraft:
    """Keep of the earlier events what the newer one leaves empty."""
    if before is None:
        return mention
    return mention._replace(
        names=mention.names or before.names,
        birth=mention.birth or before.birth,
        sex=mention.sex or before.sex,
        addresses=mention.addresses or before.addresses,
        phones=mention.phones or before.phones,
        identifiers=mention.identifiers or before.identifiers,
    )
