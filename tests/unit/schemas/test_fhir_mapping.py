"""Out to FHIR R4 and back: what is written is valid, says what the model says, and reads back the same."""

import json
import traceback
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from schemas.errors import RecordRejected
from schemas.fhir import KINDS, faults, from_fhir, read_mention, render, render_relationship, to_fhir, validated
from schemas.fhir.names import human_names, katakana, person_names
from schemas.model import Agency, Consent, Contact, Household, Membership, Mention, Model, Origin, Person, Scope
from schemas.values.addresses import Address
from schemas.values.dates import PartialDate, parse_date
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName
from schemas.vocabulary import Category, Programme, Purpose, Tier
from tests.unit.schemas import model_strategies as some

ORIGIN = Origin(source="s", agency="kaigo", programme=Programme.ELDERLY, record="r1", as_of="2026-10-31")
PERMIT = Consent(
    ref="c1",
    person="p1",
    decision="permit",
    agencies=("kaigo", "desk"),
    scope=(Scope(category=Category.IDENTITY, tier=Tier.FULL), Scope(category=Category.ASSESSMENT, tier=Tier.SUMMARY)),
    purposes=(Purpose.CONSULTATION, Purpose.OUTREACH),
    valid_from="2026-05-01",
    valid_to="2027-04-01",
    given_by="self",
)
searching = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def mention(**told: object) -> Mention:
    return Mention(ref="m1", role="subject", origin=ORIGIN, **told)


def round_trip(model: Model) -> Model:
    resource = to_fhir(model)
    assert json.loads(resource.model_dump_json()) == render(model)
    return from_fhir(resource)


@searching
@given(some.mentions)
def test_a_mention_comes_back(model):
    assert round_trip(model) == model


@searching
@given(some.households)
def test_a_household_with_its_away_members_comes_back(model):
    assert round_trip(model) == model


@searching
@given(some.enrolments)
def test_an_enrolment_comes_back(model):
    assert round_trip(model) == model


@searching
@given(some.contacts)
def test_a_contact_comes_back(model):
    assert round_trip(model) == model


@searching
@given(some.consents)
def test_a_consent_comes_back(model):
    assert round_trip(model) == model


@searching
@given(some.relationships)
def test_a_relationship_comes_back(model):
    assert round_trip(model) == model


@searching
@given(some.relationships, some.mentions)
def test_a_relationship_that_names_its_person_gives_both_back(relationship, known):
    resource = json.loads(validated(render_relationship(relationship, known)).model_dump_json())
    assert from_fhir(resource) == relationship
    read = read_mention(resource)
    parts = ("names", "birth", "sex", "addresses", "phones", "emails")
    assert [getattr(read, part) for part in parts] == [getattr(known, part) for part in parts]


@searching
@given(some.persons)
def test_a_person_is_one_patient_linked_to_each_mention(model):
    resource = json.loads(to_fhir(model).model_dump_json())
    assert [link["other"]["reference"] for link in resource["link"]] == [
        f"Patient/{one.ref}" for one in model.mentions
    ]
    births = {one.birth.value for one in model.mentions if one.birth}
    assert resource.get("birthDate", "") in births | {""}
    values = {number.value for one in model.mentions for number in one.identifiers}
    assert {one["value"] for one in resource["identifier"][1:]} == values


@searching
@given(some.consents)
def test_no_consent_is_written_wider_than_it_is(model):
    """Whoever goes by FHIR's rules alone, where what is left open means any, learns nothing more."""
    (rule,) = render(model)["provision"]["provision"]
    if rule["type"] == "permit":
        assert model.decision == "permit"
        assert {actor["reference"]["identifier"]["value"] for actor in rule["actor"]} == set(model.agencies)
        assert [label["code"] for label in rule["securityLabel"]] == [scope.category for scope in model.scope]
        assert {purpose["code"] for purpose in rule["purpose"]} == set(model.purposes)
        assert rule["period"]["start"] == model.valid_from
        end = date.fromisoformat(rule["period"]["end"]) + timedelta(days=1)
        assert end.isoformat() == model.valid_to or (not model.valid_to and end.isoformat()[5:] == "04-01")
        denied = {label["code"] for label in rule.get("provision", [{"securityLabel": []}])[0]["securityLabel"]}
        assert denied == set(Category) - {scope.category for scope in model.scope}
    else:
        assert "end" not in rule.get("period", {}) or model.decision == "permit"


@pytest.mark.parametrize("missing", ["agencies", "scope", "purposes", "given_by", "valid_from"])
def test_an_incomplete_consent_is_written_as_a_deny(missing):
    assert render(PERMIT)["provision"]["provision"][0]["type"] == "permit"
    blank = PERMIT.model_copy(update={missing: "" if isinstance(getattr(PERMIT, missing), str) else ()})
    assert render(blank)["provision"]["provision"][0]["type"] == "deny"
    assert round_trip(blank) == blank


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "last"),
    [
        ("2026-05-01", "2027-04-01", "2027-03-31"),
        ("2026-05-01", "", "2027-03-31"),
        ("2027-03-31", "", "2027-03-31"),
        ("2027-04-01", "", "2028-03-31"),
        ("2027-02-01", "2028-03-01", "2028-02-29"),
    ],
)
def test_a_paper_ends_the_day_before_its_end_and_with_the_fiscal_year(valid_from, valid_to, last):
    consent = PERMIT.model_copy(update={"valid_from": valid_from, "valid_to": valid_to})
    assert render(consent)["provision"]["provision"][0]["period"] == {"start": valid_from, "end": last}


def test_a_withdrawal_never_ends_by_itself():
    withdrawal = PERMIT.model_copy(update={"decision": "withdraw"})
    (rule,) = render(withdrawal)["provision"]["provision"]
    assert rule["type"] == "deny"
    assert rule["period"] == {"start": "2026-05-01"}
    assert round_trip(withdrawal) == withdrawal


def test_a_name_is_written_as_jp_core_writes_it():
    known = PersonName("山田　太郎", "legal", "山田", "太郎", "ﾔﾏﾀﾞ ﾀﾛｳ", "ﾔﾏﾀﾞ", "ﾀﾛｳ")
    written, read = human_names([known])
    assert (written["text"], written["family"], written["given"]) == ("山田 太郎", "山田", ["太郎"])
    assert (read["text"], read["family"], read["given"]) == ("ヤマダ タロウ", "ヤマダ", ["タロウ"])
    assert [name["extension"][0]["valueCode"] for name in (written, read)] == ["IDE", "SYL"]


def test_readings_follow_the_form_they_belong_to():
    several = (
        PersonName("李　英姫", "legal", "李", "英姫"),
        PersonName("LEE YOUNGHEE", "roman", kana="リ ヨンヒ"),
        PersonName("木下 英子", "alias", "木下", "英子", "キノシタ エイコ", "キノシタ", "エイコ"),
        PersonName("木村", "former"),
        PersonName("木本", "former", kana="キモト"),
        PersonName("キ", "former", kana="キ"),
        PersonName("英子"),
        PersonName("エイコ", kana="エイコ"),
    )
    assert person_names(human_names(several)) == several


def test_reading_only_names_of_others_stay_reading_only():
    foreign = human_names(
        [PersonName("ヤマダ タロウ", "legal", "ヤマダ", "タロウ", "ヤマダ タロウ", "ヤマダ", "タロウ")]
    )
    assert [name["extension"][0]["valueCode"] for name in foreign] == ["SYL"]
    assert human_names(person_names(foreign)) == foreign


@pytest.mark.parametrize(
    ("text", "kana"), [("ﾔﾏﾀﾞ", "ヤマダ"), ("やまだ", "ヤマダ"), ("ヤマタ゛", "ヤマダ"), ("ゔぇ", "ヴェ")]
)
def test_a_reading_is_full_width_katakana(text, kana):
    assert katakana(text) == kana


def test_gaiji_never_leave_the_site():
    known = mention(names=(PersonName("\ue000田"),), addresses=(Address("結市\uf8ff町"),))
    text = to_fhir(known).model_dump_json()
    assert "〓田" in text
    assert not any("\ue000" <= letter <= "\uf8ff" for letter in text)
    assert from_fhir(to_fhir(known)).names == (PersonName("〓田"),)


def test_an_unknown_birth_says_why_it_is_absent():
    resource = render(mention(birth=parse_date("不詳")))
    assert "birthDate" not in resource
    reasons = [one for one in resource["_birthDate"]["extension"] if one["url"].endswith("data-absent-reason")]
    assert reasons[0]["valueCode"] == "unknown"


def test_an_impossible_birth_keeps_its_year_and_month():
    resource = render(mention(birth=parse_date("昭和30年2月29日")))
    assert resource["birthDate"] == "1955-02"
    assert round_trip(mention(birth=parse_date("昭和30年2月29日"))).birth == PartialDate(
        "1955-02", "noncalendar", "昭和30年2月29日"
    )


def test_an_address_is_written_as_jp_core_writes_it():
    place = Address(
        "〒209-0011 東京都結市富士見台一丁目11番4号", "current", "2090011", "132993", "", "富士見台1丁目", "11-4"
    )
    (written,) = render(mention(addresses=(place,)))["address"]
    assert written["state"] == "東京都"
    assert written["city"] == "結市"
    assert written["line"] == ["富士見台1丁目11-4"]
    assert written["text"] == "東京都結市富士見台一丁目11番4号"
    assert written["postalCode"] == "209-0011"
    assert written["country"] == "JP"


def test_who_is_labelled_pseudonymous_is_not_named():
    def labels(model: Model) -> set[str]:
        return {label["code"] for label in render(model)["meta"]["security"]}

    assert "PSEUDED" in labels(mention(sex="1", birth=PartialDate("1955-02", "month")))
    assert "PSEUDED" not in labels(mention(names=(PersonName("山田"),)))
    assert "PSEUDED" not in labels(mention(birth=parse_date("1955-02-01")))
    assert "PSEUDED" not in labels(mention(identifiers=(Identifier("atena", "1"),)))
    assert {"sensitive", "R"} <= labels(mention(category=Category.SENSITIVE))


def test_a_household_never_says_how_many_it_has():
    household = Household(ref="h1", kind="living", members=(Membership(person="p1"),))
    assert "quantity" not in render(household)
    assert "member" not in render(Household(ref="h1", kind="living"))


def test_individual_numbers_neither_leave_nor_enter():
    out = render(mention(identifiers=(Identifier("my_number", "123456789018"),)))
    assert len(out["identifier"]) == 1
    out["identifier"].append({"system": "urn:musubi:number:132993:My_Number", "value": "123456789018"})
    out["identifier"].append({"system": "urn:oid:1.2.392.200119.6.1", "value": "123456789018"})
    assert from_fhir(out).identifiers == ()


def test_every_kind_of_resource_is_written_by_something():
    made = {
        render(one)["resourceType"]
        for one in (
            mention(),
            Household(ref="h1", kind="living"),
            PERMIT,
            Contact(ref="f", person="p", mention="m", programme="elderly", origin=ORIGIN, channel="visit"),
        )
    }
    assert made | {"RelatedPerson", "Coverage", "EpisodeOfCare"} == set(KINDS)


def test_what_has_no_mapping_is_refused():
    with pytest.raises(RecordRejected, match="fhir-unmapped"):
        render(Agency(id="a", name="b", kind="medical"))
    with pytest.raises(RecordRejected, match="fhir-unmapped"):
        from_fhir({"resourceType": "Observation"})
    with pytest.raises(RecordRejected, match="fhir-unmapped"):
        from_fhir({})


JP_CORE = {
    "resourceType": "Patient",
    "id": "jp-patient-1",
    "meta": {"profile": ["http://jpfhir.jp/fhir/core/StructureDefinition/JP_Patient"]},
    "identifier": [{"system": "urn:oid:1.2.392.100495.20.3.51.11312345670", "value": "00000010"}],
    "active": True,
    "name": [
        {
            "extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": "IDE"}
            ],
            "use": "official",
            "text": "結城 花子",
            "family": "結城",
            "given": ["花子"],
        },
        {
            "extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": "SYL"}
            ],
            "use": "official",
            "text": "ユウキ ハナコ",
            "family": "ユウキ",
            "given": ["ハナコ"],
        },
        {
            "extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": "IDE"}
            ],
            "use": "old",
            "text": "髙﨑花子",
        },
    ],
    "telecom": [{"system": "phone", "value": "0312345678", "use": "home"}],
    "gender": "female",
    "birthDate": "1945-08-23",
    "address": [
        {
            "use": "home",
            "text": "東京都文京区本郷7-3-1",
            "line": ["本郷7-3-1"],
            "city": "文京区",
            "state": "東京都",
            "postalCode": "113-8655",
            "country": "JP",
        }
    ],
}


def test_a_patient_of_jp_core_goes_in_and_out_again():
    read = from_fhir(JP_CORE, ORIGIN)
    assert read.ref == "jp-patient-1"
    assert read.names == (
        PersonName("結城 花子", "legal", "結城", "花子", "ユウキ ハナコ", "ユウキ", "ハナコ"),
        PersonName("髙﨑花子", "former"),
    )
    assert read.identifiers == (Identifier("patient", "00000010", "1312345670"),)
    assert read.birth == PartialDate("1945-08-23", "day", "1945-08-23")
    assert read.addresses[0].lot == "3-1"
    assert (read.sex, read.phones, read.origin) == ("2", ("0312345678",), ORIGIN)
    out = json.loads(to_fhir(read).model_dump_json())
    assert out["name"] == JP_CORE["name"]
    assert out["birthDate"] == JP_CORE["birthDate"]
    assert out["gender"] == JP_CORE["gender"]
    assert out["identifier"][1:] == JP_CORE["identifier"]
    told = {key: out["address"][0][key] for key in ("use", "text", "city", "state", "postalCode", "country")}
    assert told == {key: JP_CORE["address"][0][key] for key in told}
    assert from_fhir(out) == read


def test_a_resource_of_others_needs_to_be_told_where_it_comes_from():
    with pytest.raises(RecordRejected, match="origin-missing"):
        from_fhir(JP_CORE)


def test_a_related_person_and_an_encounter_of_others_are_read():
    related = {
        "resourceType": "RelatedPerson",
        "id": "r7",
        "patient": {"reference": "Patient/p7"},
        "relationship": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]}
        ],
        "name": [{"text": "結城 花子"}],
    }
    relationship = from_fhir(related, ORIGIN)
    assert (relationship.person, relationship.relation, relationship.other) == ("r7", "52", "p7")
    assert read_mention(related, ORIGIN).names == (PersonName("結城 花子", "as_written"),)
    encounter = {
        "resourceType": "Encounter",
        "id": "e7",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
        "subject": {"reference": "https://city.example/fhir/Patient/p7"},
        "period": {"start": "2026-04-01T10:00:00+09:00", "end": "2026-04-01T11:00:00+09:00"},
    }
    contact = from_fhir(encounter, ORIGIN)
    assert (contact.person, contact.channel, contact.valid_from) == ("p7", "home_visit", "2026-04-01")
    assert contact.two_way is None


def test_a_consent_of_others_is_not_taken_for_one_of_ours():
    foreign = render(PERMIT)
    foreign.pop("extension")
    with pytest.raises(RecordRejected, match="not-consent"):
        from_fhir(foreign, ORIGIN)


def test_numbers_of_known_systems_are_taken_and_others_are_not():
    patient = JP_CORE | {
        "identifier": [
            {"system": "urn:musubi:atena", "value": "0001", "period": {"start": "2020-04-01"}},
            {"system": "urn:musubi:number:132993:kaigo", "value": "H000000001"},
            {"system": "http://unknown.example/id", "value": "7"},
            {"value": "8"},
        ]
    }
    assert from_fhir(patient, ORIGIN).identifiers == (
        Identifier("atena", "0001", "", "2020-04-01"),
        Identifier("kaigo", "H000000001", "132993"),
    )


SECRET = "関口颯太"


@pytest.mark.parametrize(
    "raw",
    [
        {"resourceType": "Patient", "birthDate": SECRET},
        {"resourceType": "Patient", SECRET: 1},
        {"resourceType": "Patient", "name": [{"text": SECRET, SECRET: SECRET}]},
        {"resourceType": "Patient", "name": SECRET},
        {"resourceType": "Patient", "gender": SECRET},
        {"resourceType": SECRET},
        {"resourceType": "Patient", "id": "m1", "name": [{"text": SECRET}], "birthDate": "1955-13"},
        {
            "resourceType": "Patient",
            "id": "m1",
            "extension": [
                {"url": "urn:musubi:extension:mention", "extension": [{"url": "seq", "valueString": SECRET}]}
            ],
        },
        {
            "resourceType": "Patient",
            "id": "m1",
            "extension": [
                {"url": "urn:musubi:extension:origin", "extension": [{"url": SECRET, "valueString": SECRET}]}
            ],
        },
        {
            "resourceType": "Group",
            "id": "h1",
            "type": "person",
            "actual": True,
            "member": [
                {
                    "extension": [{"url": "urn:musubi:extension:relation", "valueString": SECRET}],
                    "entity": {"reference": f"Patient/{SECRET}"},
                }
            ],
        },
    ],
)
def test_no_error_of_fhir_carries_a_value(raw):
    with pytest.raises(RecordRejected) as rejected:
        from_fhir(raw, ORIGIN)
    assert SECRET not in repr(rejected.value) + "".join(traceback.format_exception(rejected.value))


def test_bulk_output_is_what_a_single_resource_is():
    known = mention(names=(PersonName("山田"),))
    assert faults(render(known)) == ()
    assert json.loads(validated(render(known)).model_dump_json()) == render(known)


def test_a_person_keeps_the_first_birth_and_every_name():
    first = mention(names=(PersonName("山田 花子"),))
    second = first.model_copy(
        update={"ref": "m2", "names": (PersonName("山田花子"),), "birth": parse_date("1955-02-01"), "sex": "2"}
    )
    third = first.model_copy(update={"ref": "m3", "birth": parse_date("1955-03-01")})
    resource = render(Person(ref="p1", mentions=(first, second, third)))
    assert [name["text"] for name in resource["name"]] == ["山田 花子", "山田花子"]
    assert resource["birthDate"] == "1955-02-01"
    assert resource["gender"] == "female"
