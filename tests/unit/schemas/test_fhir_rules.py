"""What fhir.resources lets through and our rules do not: each rule broken once, and none broken by what we write."""

import copy
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.errors import RecordRejected
from schemas.fhir import faults, render, validated
from schemas.model import Consent, Household, Membership, Mention, Origin, Scope
from schemas.values.addresses import parse_address
from schemas.values.dates import parse_date
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName
from schemas.vocabulary import Category, Programme, Purpose, Tier

RULES = Path(__file__).parents[3] / "schemas" / "fhir" / "rules.py"
ORIGIN = Origin(source="s", agency="a", programme=Programme.ELDERLY, record="r1")
PATIENT = render(
    Mention(
        ref="m1",
        role="subject",
        origin=ORIGIN,
        names=(PersonName("山田　太郎", "legal", "山田", "太郎", "ヤマダ タロウ", "ヤマダ", "タロウ"),),
        birth=parse_date("1955-02-01"),
        addresses=(parse_address("東京都結市富士見台一丁目11番4号", postcode="2090011"),),
        phones=("0312345678",),
        identifiers=(Identifier("atena", "1", "132993"),),
    )
)
GROUP = render(
    Household(
        ref="h1", kind="living", members=(Membership(person="p1", valid_from="2020-04", valid_to="2021-04-01"),)
    )
)
CONSENT = render(
    Consent(
        ref="c1",
        person="p1",
        decision="permit",
        agencies=("a",),
        scope=(Scope(category=Category.IDENTITY, tier=Tier.FULL),),
        purposes=(Purpose.CONSULTATION,),
        valid_from="2026-05-01",
        given_by="self",
    )
)
BARE = render(Mention(ref="m1", role="subject", origin=ORIGIN))

BROKEN: list[tuple[str, dict, Callable[[dict], object]]] = [
    ("binding", PATIENT, lambda r: r.update(gender="女")),
    ("binding", PATIENT, lambda r: r["name"][0].update(use="legal")),
    ("binding", CONSENT, lambda r: r.update(status="withdrawn")),
    ("binding", CONSENT, lambda r: r["provision"]["provision"][0].update(type="maybe")),
    ("ele-1", PATIENT, lambda r: r.update(telecom=[])),
    ("ele-1", PATIENT, lambda r: r["name"][0].update(family="")),
    ("ext-1", PATIENT, lambda r: r["extension"].append({"url": "urn:x"})),
    ("ext-1", PATIENT, lambda r: r["extension"][0].update(valueString="x")),
    ("per-1", GROUP, lambda r: r["member"][0]["period"].update(end="2019-12-31")),
    ("ppc-1", CONSENT, lambda r: r.pop("policyRule")),
    ("ppc-2", CONSENT, lambda r: r.pop("patient")),
    ("consent-root-type", CONSENT, lambda r: r["provision"].update(type="permit")),
    ("consent-rule-type", CONSENT, lambda r: r["provision"]["provision"][0].pop("type")),
    ("consent-rule-type", CONSENT, lambda r: r["provision"]["provision"][0]["provision"][0].pop("type")),
    ("grp-1", GROUP, lambda r: r.update(actual=False)),
    ("cpt-2", PATIENT, lambda r: r["telecom"][0].pop("system")),
    ("character", PATIENT, lambda r: r["name"][0].update(family="\ue000")),
    ("character", PATIENT, lambda r: r["address"][0].update(text="結市\u0007")),
    ("jp-identifier", PATIENT, lambda r: r.pop("identifier")),
    ("pseudonym-first", PATIENT, lambda r: r["identifier"].pop(0)),
    ("jp-identifier-value", PATIENT, lambda r: r["identifier"][1].pop("value")),
    ("jp-identifier-official", PATIENT, lambda r: r["identifier"][1].update(use="official")),
    ("pseudonymous", BARE, lambda r: r.update(telecom=[{"system": "phone", "value": "0312345678"}])),
    ("pseudonymous", BARE, lambda r: r["identifier"].append({"system": "urn:x", "value": "1"})),
    ("jp-name-form", PATIENT, lambda r: r["name"][0].pop("extension")),
    ("jp-name-form", PATIENT, lambda r: r["name"][0]["extension"][0].update(valueCode="KAN")),
    ("jp-name-text", PATIENT, lambda r: r["name"][0].update(text="山田　太郎")),
    ("jp-name-text", PATIENT, lambda r: r["name"][0].pop("text")),
    ("jp-name-kana", PATIENT, lambda r: r["name"][1].update(text="ﾔﾏﾀﾞ ﾀﾛｳ")),
    ("jp-district", PATIENT, lambda r: r["address"][0].update(district="富士見台")),
    ("jp-postcode", PATIENT, lambda r: r["address"][0].update(postalCode="2090011")),
    ("jp-address-text", PATIENT, lambda r: r["address"][0].update(text="〒209-0011 東京都結市")),
    ("jp-address-line", PATIENT, lambda r: r["address"][0].update(line=["富士見台 1-11-4"])),
    ("group-quantity", GROUP, lambda r: r.update(quantity=3)),
]


@pytest.mark.parametrize("resource", [PATIENT, GROUP, CONSENT, BARE], ids=("patient", "group", "consent", "bare"))
def test_what_we_write_breaks_no_rule(resource):
    assert faults(resource) == ()
    validated(resource)


@pytest.mark.parametrize(("rule", "good", "breaking"), BROKEN, ids=[f"{n}-{one[0]}" for n, one in enumerate(BROKEN)])
def test_each_rule_finds_what_breaks_it(rule, good, breaking):
    resource = copy.deepcopy(good)
    breaking(resource)
    assert rule in {fault.rule for fault in faults(resource)}
    with pytest.raises(RecordRejected):
        validated(resource)


def test_every_rule_is_broken_once():
    rules = set(re.findall(r'yield "([a-z0-9-]+)"', RULES.read_text("utf-8")))
    rules |= set(re.findall(r'\(\s*\("([a-z0-9-]+)", place\)', RULES.read_text("utf-8")))
    assert rules == {rule for rule, _, _ in BROKEN}


def test_the_rules_of_the_house_are_not_asked_of_others():
    foreign = copy.deepcopy(PATIENT)
    foreign["name"][0]["text"] = "山田　太郎"
    foreign["identifier"] = [{"system": "urn:x", "value": "1"}]
    assert faults(foreign, ours=False) == ()
    validated(foreign, ours=False)


def test_a_fault_names_a_place_and_never_a_name_that_could_be_data():
    resource = copy.deepcopy(PATIENT)
    resource["関口颯太"] = {"関口颯太": ""}
    assert [fault.place for fault in faults(resource)] == ["Patient.?.?"]
