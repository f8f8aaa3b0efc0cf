"""Everything the demo city's systems deliver fits the model; what of it FHIR has a place for is valid there."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from musubi.city import make_city
from schemas.drafts import ConsentDraft, FactDraft, MentionDraft, RecordDraft
from schemas.fhir import faults, from_fhir, render, validated
from schemas.model import (
    Consent,
    Fact,
    Household,
    Membership,
    Mention,
    Model,
    Origin,
    Person,
    Relationship,
    SourceRecord,
)
from schemas.model.assembly import SHAPES, meetings, plans, read_consent, read_fact, read_mention
from schemas.sealed_parts import read_part, written_identity, written_notes, written_whereabouts
from schemas.vocabulary import FactKind, MentionRole, Programme
from tests.contract.test_city_sources import PRESETS, read

PLACES = ("provider", "office", "school", "hospital", "place", "facility", "nursery")
SAMPLE = 100
"""Every so-manieth resource is built by fhir.resources too, which is slow."""
MAPPED = {FactKind.ENROLMENT, FactKind.CONTACT}


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[RecordDraft]]:
    directory = tmp_path_factory.mktemp("city")
    make_city(directory, people=900, seed=5)
    return {source: read(directory, source)[0] for source in sorted(PRESETS)}


def origin_of(source: str, draft: RecordDraft) -> Origin:
    return Origin(
        source=source, agency="desk", programme=Programme.INTEGRATED, record=f"r{draft.line}", as_of="2026-10-31"
    )


def as_mention(source: str, draft: RecordDraft, mention: MentionDraft) -> Mention:
    written = {
        "identity": written_identity(mention, draft.record_key),
        "address": written_whereabouts(mention),
        "notes": written_notes(mention),
    }
    parts = {part: read_part(part, content) for part, content in written.items()}
    return read_mention(
        parts,
        ref=f"m{draft.line}-{mention.role.value.replace('_', '-')}-{mention.seq}",
        role=mention.role,
        seq=mention.seq,
        sex=mention.sex,
        origin=origin_of(source, draft),
    )


def as_fact(source: str, draft: RecordDraft, fact: FactDraft, number: int) -> Fact:
    row = {
        "kind": fact.kind.value,
        "category": fact.category.value,
        "programme": fact.programme.value,
        "code": fact.code,
        "level": fact.level,
        "status": fact.status,
        "valid_from": fact.valid_from.value if fact.valid_from else "",
        "valid_to": fact.valid_to.value if fact.valid_to else "",
        "agency_id": fact.agency_id,
        "detail": json.dumps(dict(fact.detail), ensure_ascii=False),
    }
    return read_fact(
        row,
        ref=f"f{draft.line}-{number}",
        person=f"p{draft.line}",
        mention=f"m{draft.line}",
        other=f"p{draft.line}-other" if fact.other else None,
        origin=origin_of(source, draft),
        place_keys=PLACES,
    )


def as_consent(source: str, draft: RecordDraft, consent: ConsentDraft) -> Consent:
    rows = [
        {
            "decision": consent.decision,
            "agency_id": agency,
            "category": category,
            "tier": tier,
            "purpose": purpose,
            "valid_from": consent.valid_from.value if consent.valid_from else "",
            "valid_to": consent.valid_to.value if consent.valid_to else "",
            "given_by": consent.given_by,
            "recorded_at": "2026-11-01T00:00:00Z",
        }
        for agency in consent.agencies or ("",)
        for category, tier in consent.categories or (("", 0),)
        for purpose in consent.purposes or ("",)
    ]
    return read_consent(rows, ref=f"c{draft.line}", person=f"p{draft.line}", origin=origin_of(source, draft))


def all_facts(delivered: dict[str, list[RecordDraft]]) -> Iterator[Fact]:
    for source, drafts in delivered.items():
        for draft in drafts:
            told = [fact for mention in draft.mentions for fact in mention.facts]
            yield from (as_fact(source, draft, fact, number) for number, fact in enumerate(told))


def written(models: Iterator[Model]) -> Counter[str]:
    """Write every model to FHIR; a sample is built by fhir.resources and read back."""
    kinds: Counter[str] = Counter()
    for number, model in enumerate(models):
        resource = render(model)
        assert faults(resource) == (), model
        if number % SAMPLE == 0:
            validated(resource)
            known = model.model_copy(update={"notes": ()}) if isinstance(model, Mention) else model
            assert from_fhir(resource) == known
        kinds[resource["resourceType"]] += 1
    return kinds


def test_every_delivered_row_is_a_source_record_of_the_model(delivered):
    rows = 0
    for source, drafts in delivered.items():
        for draft in drafts:
            mentions = tuple(as_mention(source, draft, mention) for mention in draft.mentions)
            if mentions:
                SourceRecord(origin=origin_of(source, draft), key=draft.record_key, mentions=mentions)
                rows += 1
    assert rows > 2000


def test_every_mention_is_a_patient(delivered):
    mentions = (
        as_mention(source, draft, mention)
        for source, drafts in delivered.items()
        for draft in drafts
        for mention in draft.mentions
    )
    assert written(mentions)["Patient"] > 3000


def test_every_fact_is_read_into_its_model_and_nothing_of_it_is_lost(delivered):
    seen: Counter[type[Fact]] = Counter()
    for source, drafts in delivered.items():
        for draft in drafts:
            for mention in draft.mentions:
                for number, stored in enumerate(mention.facts):
                    fact = as_fact(source, draft, stored, number)
                    told = json.dumps(fact.model_dump(mode="json"), ensure_ascii=False)
                    for text in (stored.code, stored.level, stored.status, stored.agency_id):
                        assert text in told
                    seen[type(fact)] += 1
    delivered_kinds = {shape.model for kind, shape in SHAPES.items() if kind is not FactKind.WISH}
    assert delivered_kinds <= set(seen)


def test_every_enrolment_contact_and_kinship_is_a_resource(delivered):
    mapped = tuple(SHAPES[kind].model for kind in MAPPED)
    facts = (
        fact
        for fact in all_facts(delivered)
        if isinstance(fact, mapped) or (isinstance(fact, Relationship) and fact.other)
    )
    kinds = written(facts)
    assert set(kinds) == {"Coverage", "EpisodeOfCare", "Encounter", "RelatedPerson"}


def test_every_consent_is_a_consent(delivered):
    consents = (
        as_consent(source, draft, consent)
        for source, drafts in delivered.items()
        for draft in drafts
        for mention in draft.mentions
        for consent in mention.consents
    )
    assert written(consents)["Consent"] > 20


def test_plans_and_meetings_are_put_together(delivered):
    facts = list(all_facts(delivered))
    steps = [fact for fact in facts if isinstance(fact, SHAPES[FactKind.PLAN].model)]
    assert sum(len(plan.steps) for plan in plans(steps)) == len(steps)
    items = [fact for fact in facts if isinstance(fact, SHAPES[FactKind.MEETING].model)]
    held = {
        (item.meeting, item.item) for item in items if item.item.endswith("_meeting") and item.item != "next_meeting"
    }
    assert len(meetings(items)) == len(held)


def test_a_ledger_household_is_a_group_of_its_people(delivered):
    drafts = [draft for draft in delivered["ledger"] if draft.latest][:50]
    people = [
        Person(ref=f"p{draft.line}", mentions=(as_mention("ledger", draft, draft.mentions[0]),)) for draft in drafts
    ]
    household = Household(ref="h1", kind="register", members=tuple(Membership(person=one.ref) for one in people))
    group = validated(render(household))
    assert from_fhir(group) == household
    for one in people[::10]:
        assert validated(render(one)).get_resource_type() == "Patient"
    assert people[0].mentions[0].role is MentionRole.SUBJECT
