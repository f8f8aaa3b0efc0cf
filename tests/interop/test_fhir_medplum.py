"""What Musubi writes, judged by somebody else: Medplum's FHIR R4 validator (npm, see package.json)."""

import copy
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.fhir import render, render_relationship
from schemas.model import Consent, Household, Membership, Scope
from schemas.vocabulary import Category, Purpose, Tier
from tests.unit.schemas import model_strategies as some

HERE = Path(__file__).parent
NODE = shutil.which("node")


@pytest.fixture(scope="module")
def judge():
    """Ask the validator for the faults of one resource."""
    if NODE is None:
        pytest.skip("Node is not installed")
    if not (HERE / "node_modules" / "@medplum" / "core").exists():
        pytest.skip("the peer is not installed: npm install in tests/interop")
    with subprocess.Popen(
        [NODE, HERE / "judge.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:

        def ask(resource: dict) -> list[str]:
            peer.stdin.write(json.dumps(resource) + "\n")
            peer.stdin.flush()
            return json.loads(peer.stdout.readline())

        yield ask
        peer.stdin.close()


CONSENT = Consent(
    ref="c1",
    person="p1",
    decision="permit",
    agencies=("kaigo",),
    scope=(Scope(category=Category.IDENTITY, tier=Tier.FULL),),
    purposes=(Purpose.CONSULTATION,),
    valid_from="2026-05-01",
    given_by="self",
)
HOUSEHOLD = Household(ref="h1", kind="living", members=(Membership(person="p1", state="away", away="hospital"),))


@pytest.mark.parametrize(
    ("model", "fault", "breaking"),
    [
        (CONSENT, "ppc-1", lambda r: r.pop("policyRule")),
        (CONSENT, "Missing required property @ Consent.scope", lambda r: r.pop("scope")),
        (HOUSEHOLD, "grp-1", lambda r: r.update(actual=False)),
        (HOUSEHOLD, "Missing required property @ Group.member", lambda r: r["member"][0].pop("entity")),
        (HOUSEHOLD, "zokugara", lambda r: r["member"][0].update(zokugara="20")),
    ],
)
def test_the_judge_finds_what_is_wrong(judge, model, fault, breaking):
    resource = copy.deepcopy(render(model))
    assert judge(resource) == []
    breaking(resource)
    assert fault in " ".join(judge(resource))


WRITTEN = st.one_of(
    *(
        strategy.map(render)
        for strategy in (
            some.mentions,
            some.persons,
            some.households,
            some.enrolments,
            some.contacts,
            some.consents,
            some.relationships,
        )
    ),
    st.tuples(some.relationships, some.mentions).map(lambda pair: render_relationship(*pair)),
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(resource=WRITTEN)
def test_whatever_we_write_is_valid_to_the_judge(judge, resource):
    assert judge(resource) == []
