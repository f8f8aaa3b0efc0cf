"""The unified model: categories, what it refuses, and that every stored fact has a model."""

import inspect
import re
from typing import Annotated

import pytest
from pydantic import ValidationError

import schemas.model as model_package
from schemas.errors import ConfigurationError, RecordRejected
from schemas.model import (
    MODELS,
    Away,
    Consent,
    Enrolment,
    Fact,
    Household,
    Membership,
    Mention,
    Model,
    Origin,
    Person,
    Protection,
    Relationship,
    Scope,
    SourceRecord,
    of,
)
from schemas.model.assembly import SHAPES, meetings, plans, read_consent, read_fact, read_membership, read_mention
from schemas.tables import FACT_COLUMNS
from schemas.values.dates import PartialDate, parse_date
from schemas.values.names import PersonName
from schemas.vocabulary import Category, FactKind, MentionRole, Programme, Purpose, Tier

ORIGIN = Origin(source="care_ledger", agency="kaigo", programme=Programme.ELDERLY, record="r1", as_of="2026-10-31")
KEYS = {"ref": "f1", "person": "p1", "mention": "m1", "origin": ORIGIN}


def every_model() -> list[type[Model]]:
    found, pending = [], [Model]
    while pending:
        for model in pending.pop().__subclasses__():
            pending.append(model)
            if model.__module__.startswith("schemas.model."):
                found.append(model)
    return found


def row(kind: FactKind, **told: object) -> dict[str, object]:
    blank = dict.fromkeys(FACT_COLUMNS, "")
    return blank | {"kind": kind, "category": "assessment", "programme": "integrated", "detail": "{}"} | told


def test_a_field_without_a_category_stops_the_start():
    with pytest.raises(ConfigurationError, match=r"Open\.name: no data category"):

        class Open(Model):
            name: str


def test_a_field_with_two_categories_stops_the_start():
    with pytest.raises(ConfigurationError, match=r"Torn\.name: more than one"):

        class Torn(Model):
            name: Annotated[str, of(Category.IDENTITY), of(Category.NOTES)]


def test_an_inherited_field_that_drops_its_category_stops_the_start():
    with pytest.raises(ConfigurationError, match=r"Loose\.ref: no data category"):

        class Loose(Household):
            ref: str


@pytest.mark.parametrize("model", every_model(), ids=lambda model: model.__name__)
def test_every_field_of_every_model_has_its_category(model):
    assert set(model.categories) == set(model.model_fields)
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["hide_input_in_errors"]


@pytest.mark.parametrize("model", every_model(), ids=lambda model: model.__name__)
def test_every_model_names_its_japanese_term(model):
    documented = inspect.getdoc(model) or ""
    assert model.__name__ == "Graded" or re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", documented), model.__name__


def test_what_is_exported():
    named = {model.__name__ for model in every_model()} | {"Model"}
    assert sorted(model_package.__all__) == sorted(named | {"MODELS", "of"})
    assert all(hasattr(model_package, name) for name in model_package.__all__)
    assert {model.__name__ for model in MODELS} <= named


def test_every_kind_of_stored_fact_has_one_model_and_every_fact_model_is_read():
    assert set(SHAPES) == set(FactKind)
    assert {shape.model for shape in SHAPES.values()} == set(Fact.__subclasses__())
    for kind, shape in SHAPES.items():
        assert {*shape.columns.values(), *shape.detail.values()} <= set(shape.model.model_fields), kind


def test_a_sensitive_row_is_sensitive_whatever_the_field_but_its_place():
    fact = Enrolment(**KEYS, programme=Programme.POVERTY, category=Category.SENSITIVE, scheme="public_assistance")
    assert fact.categories["scheme"] is Category.PARTICIPATION
    assert fact.category_of("scheme") is Category.SENSITIVE
    assert fact.category_of("agency") is Category.SENSITIVE
    assert fact.category_of("places") is Category.ADDRESS


def test_a_mention_in_a_sensitive_source_keeps_identity_but_hides_its_source():
    mention = Mention(ref="m1", role=MentionRole.SUBJECT, category=Category.SENSITIVE, origin=ORIGIN)
    assert mention.category_of("names") is Category.IDENTITY
    assert mention.category_of("origin") is Category.SENSITIVE


def test_where_an_away_member_is_follows_the_address():
    assert Membership.categories["state"] is Category.MEMBERSHIP
    assert Membership.categories["away"] is Category.ADDRESS
    stay = Away(**KEYS, programme=Programme.MEDICAL, category=Category.MEMBERSHIP, reason="hospital")
    assert stay.category_of("reason") is Category.ADDRESS


def test_a_model_is_frozen_and_takes_no_unknown_field():
    membership = Membership(person="p1")
    with pytest.raises(ValidationError):
        membership.state = "away"
    with pytest.raises(ValidationError):
        Membership(person="p1", colour="red")
    with pytest.raises(ValidationError):
        Mention(ref="m1", role="subject", origin=ORIGIN, names=[{"full": "山田太郎", "nick": "タロ"}])


@pytest.mark.parametrize(
    "raw",
    [
        {"ref": "m1", "role": "subject", "origin": {"source": "x"}, "sex": "関口颯太"},
        {"ref": "m1", "role": "subject", "関口颯太": 1},
        {"ref": "m1", "role": "subject", "names": [{"full": "関口颯太", "関口颯太": "関口颯太"}]},
        {"ref": "関口颯太", "role": "関口颯太"},
        "関口颯太",
    ],
)
def test_no_error_carries_a_value_or_an_unknown_key(raw):
    with pytest.raises(RecordRejected) as rejected:
        Mention.read(raw)
    assert rejected.value.__cause__ is None
    assert rejected.value.__suppress_context__
    assert "関口" not in repr(rejected.value) + str(rejected.value)
    assert rejected.value.faults


@pytest.mark.parametrize("text", ["2026-13", "2026-02-30", "20260401", "2026-4-1", "令和8年", "2026-04-01T00:00:00Z"])
def test_a_day_is_a_day(text):
    with pytest.raises(ValidationError):
        Membership(person="p1", valid_from=text)


@pytest.mark.parametrize(
    "text", ["昭和30年2月29日", "5010101", "昭和20年00月00日", "不詳", "S64.1.8", "1955年頃", "2020-02-29"]
)
def test_partial_unknown_and_impossible_births_survive(text):
    birth = parse_date(text)
    mention = Mention(ref="m1", role="subject", origin=ORIGIN, birth=birth)
    assert mention.birth == birth
    assert Mention.model_validate_json(mention.model_dump_json()).birth == birth


@pytest.mark.parametrize(
    "birth",
    [
        PartialDate("1955-02-29", "day"),
        PartialDate("", "day"),
        PartialDate("1955", "unknown"),
        PartialDate("1955", "guess"),
    ],
)
def test_a_birth_that_contradicts_itself_is_refused(birth):
    with pytest.raises(ValidationError):
        Mention(ref="m1", role="subject", origin=ORIGIN, birth=birth)


def test_a_present_member_is_nowhere_else():
    with pytest.raises(ValidationError):
        Membership(person="p1", away="hospital")


def test_a_household_names_a_stay_once_and_may_see_somebody_come_back():
    left, back = Membership(person="p1", valid_from="2020-01-01"), Membership(person="p1", valid_from="2024-01-01")
    assert len(Household(ref="h1", kind="living", members=(left, back)).members) == 2
    with pytest.raises(ValidationError):
        Household(ref="h1", kind="living", members=(left, left))


def test_a_record_has_its_own_mentions_each_in_its_place():
    mention = Mention(ref="m1", role="subject", origin=ORIGIN)
    assert SourceRecord(origin=ORIGIN, mentions=(mention,)).mentions == (mention,)
    elsewhere = mention.model_copy(update={"origin": ORIGIN.model_copy(update={"record": "r2"})})
    for mentions in ((), (mention, mention), (elsewhere,)):
        with pytest.raises(ValidationError):
            SourceRecord(origin=ORIGIN, mentions=mentions)
    with pytest.raises(ValidationError):
        Person(ref="p1", mentions=(mention, mention))


def test_tiers_are_written_by_name():
    scope = Scope(category="identity", tier=Tier.SUMMARY)
    assert scope.model_dump(mode="json") == {"category": "identity", "tier": "summary"}
    assert Scope.model_validate({"category": "identity", "tier": "summary"}) == scope
    with pytest.raises(ValidationError):
        Scope(category="identity", tier="everything")


def test_the_opponent_is_outside_python_called_with():
    order = Protection(ref="o1", person="p1", kind="dv", with_=("p2",))
    assert order.model_dump(mode="json")["with"] == ["p2"]
    assert Protection.model_validate({"ref": "o1", "person": "p1", "kind": "dv", "with": ["p2"]}) == order
    assert set(Protection.categories.values()) == {Category.SENSITIVE}


def test_a_stored_contact_is_read_into_its_fields():
    stored = row(
        FactKind.CONTACT,
        code="phone",
        level="consultation",
        status="school",
        valid_from="2026-04-01",
        agency_id="desk",
        detail='{"two_way": "0", "urgency": "high", "school": "中央小", "days": "3"}',
    )
    contact = read_fact(stored, **KEYS, place_keys={"school"})
    assert (contact.channel, contact.occasion, contact.route) == ("phone", "consultation", "school")
    assert contact.two_way is False
    assert contact.urgency == "high"
    assert contact.places == {"school": "中央小"}
    assert contact.detail == {"days": "3"}
    assert contact.agency == "desk"


def test_what_has_no_field_stays_in_the_detail():
    stay = read_fact(row(FactKind.AWAY, code="hospital", level="long", detail='{"admissions": "2"}'), **KEYS)
    assert stay.detail == {"admissions": "2", "level": "long"}


def test_kinship_is_read_towards_the_other_one():
    kin = read_fact(row(FactKind.KINSHIP, code="20,20", category="membership"), **KEYS, other="p2")
    assert isinstance(kin, Relationship)
    assert (kin.person, kin.relation, kin.other) == ("p1", "20,20", "p2")


def test_a_plan_is_put_together_from_its_steps():
    steps = [
        read_fact(
            row(FactKind.PLAN, code=code, status="active", category=category, detail=detail),
            **{**KEYS, "ref": f"f{number}"},
        )
        for number, (code, category, detail) in enumerate(
            [
                (
                    "respite",
                    "assessment",
                    '{"plan": "P-1", "lead": "desk", "agreed": "yes", "agreed_on": "2026-04-02"}',
                ),
                ("housing", "sensitive", '{"plan": "P-1", "review": "2026-10-01"}'),
                ("next_contact", "assessment", "{}"),
                ("next_contact", "assessment", "{}"),
            ]
        )
    ]
    first, *alone = plans(steps)
    assert (first.mark, first.lead, first.review_on) == ("P-1", "desk", "2026-10-01")
    assert [step.step for step in first.steps] == ["respite", "housing"]
    assert first.category is Category.SENSITIVE
    assert first.steps[0].agreements[0].on == "2026-04-02"
    assert first.steps[0].detail == {}
    assert len(alone) == 2


def meeting_item(code: str, person: str, agency: str = "", day: str = "2026-04-01") -> Fact:
    stored = row(FactKind.MEETING, code=code, agency_id=agency, valid_from=day, detail={"meeting": "M-1"})
    origin = ORIGIN.model_copy(update={"record": f"r-{person}"})
    return read_fact(stored, **{**KEYS, "person": person, "origin": origin})


def test_a_meeting_is_put_together_from_what_records_say():
    items = [
        meeting_item("participant", "p1", "kaigo"),
        meeting_item("support_meeting", "p1", "desk"),
        meeting_item("next_meeting", "p1", day="2026-05-01"),
        meeting_item("support_meeting", "p2", "desk"),
        meeting_item("participant", "p2", "kaigo"),
        meeting_item("participant", "p2", "school"),
    ]
    (meeting,) = meetings(items)
    assert (meeting.kind, meeting.mark, meeting.lead) == ("support_meeting", "M-1", "desk")
    assert (meeting.held_on, meeting.next_on) == ("2026-04-01", "2026-05-01")
    assert meeting.participants == ("kaigo", "school")
    assert meeting.persons == ("p1", "p2")
    assert meetings(items[:1]) == ()


def test_two_bodies_under_one_number_are_two_meetings():
    items = [
        meeting_item("support_meeting", "p1", "desk"),
        meeting_item("participant", "p1", "police"),
        meeting_item("multi_layer_meeting", "p2", "desk"),
        meeting_item("participant", "p2", "kaigo"),
    ]
    statutory, consented = meetings(items)
    assert (statutory.kind, statutory.participants, statutory.persons) == ("support_meeting", ("police",), ("p1",))
    assert (consented.kind, consented.participants, consented.persons) == ("multi_layer_meeting", ("kaigo",), ("p2",))


def test_the_rows_of_one_paper_are_one_consent():
    rows = [
        {
            "decision": "permit",
            "agency_id": agency,
            "category": category,
            "tier": tier,
            "purpose": "consultation",
            "valid_from": "2026-04-01",
            "valid_to": "2027-04-01",
            "given_by": "self",
            "recorded_at": "2026-04-01T03:00:00Z",
        }
        for agency in ("kaigo", "desk")
        for category, tier in (("assessment", 2), ("identity", 3))
    ]
    consent = read_consent(rows, ref="c1", person="p1", reference="同-12")
    assert consent.agencies == ("desk", "kaigo")
    assert consent.scope == (Scope(category="identity", tier=3), Scope(category="assessment", tier=2))
    assert consent.purposes == (Purpose.CONSULTATION,)
    blank = [dict(rows[0], decision="withdraw", agency_id="", category="", tier=0, purpose="")]
    withdrawal = read_consent(blank, ref="c2", person="p1")
    assert withdrawal == Consent(
        ref="c2",
        person="p1",
        decision="withdraw",
        valid_from="2026-04-01",
        valid_to="2027-04-01",
        given_by="self",
        recorded_at="2026-04-01T03:00:00Z",
    )


def test_opened_parts_are_one_mention_and_a_withheld_part_is_empty():
    identity = {
        "names": [{"full": "山田　太郎", "kind": "legal", "kana": "ﾔﾏﾀﾞ ﾀﾛｳ"}],
        "birth": {"value": "1955-02", "quality": "noncalendar", "original": "昭和30年2月29日"},
        "death": None,
        "identifiers": [{"kind": "atena", "value": "000123", "issuer": "132993"}],
    }
    mention = read_mention({"identity": identity}, ref="m1", role=MentionRole.SUBJECT, origin=ORIGIN, sex="1")
    assert mention.names[0] == PersonName("山田　太郎", kana="ﾔﾏﾀﾞ ﾀﾛｳ")
    assert mention.birth == parse_date("昭和30年2月29日")
    assert mention.addresses == ()
    with pytest.raises(RecordRejected):
        read_mention({"identity": {"names": [{"whole": "山田"}]}}, ref="m1", role=MentionRole.SUBJECT, origin=ORIGIN)


def test_a_membership_row_is_read_with_its_evidence():
    stored = {"state": "away", "relation": "20", "evidence": "register+kinship", "valid_from": "", "valid_to": ""}
    assert read_membership(stored, person="p1", away="study").evidence == ("register", "kinship")
