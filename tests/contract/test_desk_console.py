"""The console and the API over a hand-filled query service: forms, sessions, headers, languages, refusals."""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from desk import build_app
from desk.refusals import NotShown, QueryRefused
from desk.views import (
    Agency,
    Basis,
    Card,
    Fact,
    Found,
    HouseholdView,
    Identity,
    Inclusion,
    Member,
    Part,
    Proof,
    Query,
    Reading,
    Results,
    SourceAge,
    Whereabouts,
    Withheld,
)
from privacy.policy import Reader
from schemas.workspace import Directory, Workspace

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
AGENCY = Agency(id="kaigo", name="介護保険課", name_en="Long-term Care Insurance", contact="内線 2101")
PROOF = Proof(act_id="act1", policy="2026-1", generation=3, instant="2026-11-24T05:00:00Z", purpose="consultation")
OWN = (Basis(kind="own_programme", rule="own-1"),)
CARD = Card(
    agency=AGENCY,
    programme="elderly",
    tier="full",
    as_of="2026-11-01",
    facts=(Fact(kind="enrolment", category="participation", programme="elderly", tier="full", code="要介護2"),),
    notes=(("memo", "<script>alert(1)</script>"),),
    bases=OWN,
)
MEMBER = Member(
    ref="P-1",
    identity=Identity(name="結城 <花子>", kana="ユウキ ハナコ", birth="1940-03", sex="2"),
    whereabouts=Whereabouts(),
    asked_for=True,
    cards=(CARD,),
    parts=(Part(category="identity", tier="full", bases=OWN), Part(category="notes", tier="none")),
    withheld=(Withheld(category="notes", tier="none", ways=("consent", "ask_agency")),),
)


class FilledReads:
    """One person known by the name 結城花子; every call is remembered."""

    def __init__(self) -> None:
        self.calls: list[tuple[Reader, object]] = []
        self.statement: tuple[str, ...] = ()

    def find(self, reader: Reader, query: Query, statement: Collection[str] = ()) -> Results:
        self.calls.append((reader, query))
        self.statement = tuple(statement)
        if not query.name:
            raise QueryRefused("too_little")
        found = (
            (
                Found(
                    ref="P-1",
                    opening="P-1",
                    identity=MEMBER.identity,
                    whereabouts=Whereabouts(),
                    matched=("name",),
                    cards=(CARD,),
                ),
            )
            if query.name == "結城花子"
            else ()
        )
        return Results(found=found, proof=PROOF)

    def household(self, reader: Reader, ref: str, statement: Collection[str] = ()) -> HouseholdView:
        self.calls.append((reader, ref))
        if ref != "P-1":
            raise NotShown(ref)
        ages = (SourceAge(source="care_ledger", agency=AGENCY, programme="elderly", as_of="2026-11-01"),)
        return HouseholdView(ref=ref, members=(MEMBER,), ages=ages, proof=PROOF)

    def readings(self, reader: Reader) -> tuple[Reading, ...]:
        return (Reading(act_id="act1", kind="household", recorded_at="2026-11-24T05:00:00Z", body={}, leaf_index=0),)

    def inclusion(self, reader: Reader, act_id: str) -> Inclusion:
        if act_id != "act1":
            raise NotShown(act_id)
        return Inclusion(reading=self.readings(reader)[0], size=1, root="cm9vdA==", verified=True)


class Derive:
    def derive(self, label: str) -> bytes:
        return label.encode().ljust(32, b"\0")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "musubi.toml").write_text('[site]\nname = "結市"\nmunicipality_code = "132993"\n', "utf-8")
    (tmp_path / "agencies.toml").write_text(
        '[[agency]]\nid = "desk"\nname = "福祉まるごと相談窓口"\nname_en = "Integrated desk"\n'
        'kind = "municipal_department"\nintegrated_desk = true\n'
        '[[staff]]\nid = "w1"\nagency = "desk"\nrole = "desk_worker"\n',
        "utf-8",
    )
    return Workspace.open(tmp_path)


@pytest.fixture
def reads() -> FilledReads:
    return FilledReads()


@pytest.fixture
def client(workspace: Workspace, reads: FilledReads) -> TestClient:
    app = build_app(workspace=workspace, reads=reads, keyring=Derive(), clock=lambda: NOW)
    return TestClient(app, raise_server_exceptions=False)


def csrf(client: TestClient, page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(f"/console/{page}").text)
    assert found
    return found[1]


def sign_in(client: TestClient) -> None:
    form = {"csrf": csrf(client, "sign-in"), "staff": "w1", "purpose": "consultation"}
    assert client.post("/console/sign-in", data=form).url.path == "/console/statement"
    form = {"csrf": csrf(client, "statement"), "present": ["self", "family"], "reason": "came"}
    assert client.post("/console/statement", data=form).url.path == "/console/find"


def test_the_journey_from_sign_in_to_household(client: TestClient, reads: FilledReads) -> None:
    assert client.get("/").url.path == "/console/sign-in"
    sign_in(client)
    page = client.post("/console/find", data={"csrf": csrf(client, "find"), "name": " 結城花子 "}).text
    assert "/console/households/P-1" in page
    page = client.get("/console/households/P-1").text
    assert "介護保険課" in page
    assert "act1" in page
    reader, query = reads.calls[0]
    assert isinstance(query, Query)
    assert query.name == "結城花子"
    assert (reader.staff_id, reader.agency_id, reader.purpose) == ("w1", "desk", "consultation")
    assert reader.stated == {"present", "reason"}
    assert reads.statement == ("present:self", "present:family", "reason:came")
    assert reader.instant == NOW


def test_text_of_records_is_escaped(client: TestClient) -> None:
    sign_in(client)
    page = client.get("/console/households/P-1").text
    assert "<script" not in page
    assert "結城 &lt;花子&gt;" in page


@pytest.mark.parametrize("page", ["find", "log", "households/P-1", "log/act1"])
def test_nothing_is_read_without_sign_in_and_statement(client: TestClient, reads: FilledReads, page: str) -> None:
    assert client.get(f"/console/{page}").url.path == "/console/sign-in"
    form = {"csrf": csrf(client, "sign-in"), "staff": "w1", "purpose": "consultation"}
    client.post("/console/sign-in", data=form)
    assert client.get(f"/console/{page}").url.path == "/console/statement"
    assert reads.calls == []


@pytest.mark.parametrize("page", ["sign-in", "statement", "find", "sign-out", "language"])
def test_a_form_without_its_token_is_refused(client: TestClient, reads: FilledReads, page: str) -> None:
    sign_in(client)
    form = {"staff": "w1", "purpose": "consultation", "name": "結城花子", "to": "en", "reason": "came"}
    assert client.post(f"/console/{page}", data=form).status_code == 403
    assert client.post(f"/console/{page}", data={**form, "csrf": "x"}).status_code == 403
    assert reads.calls == []


def test_another_site_cannot_send_a_form(client: TestClient) -> None:
    form = {"csrf": csrf(client, "sign-in"), "staff": "w1", "purpose": "consultation"}
    response = client.post("/console/sign-in", data=form, headers={"sec-fetch-site": "cross-site"})
    assert response.status_code == 403


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(client: TestClient) -> None:
    cookie = client.get("/console/sign-in").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    secure = client.get("https://testserver/console/sign-in", headers={"cookie": ""}).headers["set-cookie"].lower()
    assert "; secure" in secure


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/nothing", "/healthz", "/api/v1/log"])
def test_every_response_carries_the_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "script-src" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_pages_hold_no_inline_style_or_script(client: TestClient) -> None:
    sign_in(client)
    for page in ("find", "households/P-1", "log", "log/act1", "statement"):
        html = client.get(f"/console/{page}").text
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", html)


def test_the_language_switch_keeps_the_place_and_only_own_places(client: TestClient) -> None:
    sign_in(client)
    form = {"csrf": csrf(client, "find"), "to": "en", "back": "/console/households/P-1"}
    response = client.post("/console/language", data=form)
    assert response.url.path == "/console/households/P-1"
    assert '<html lang="en">' in response.text
    assert "Household overview" in response.text
    assert "Long-term Care Insurance" in response.text
    response = client.post("/console/language", data={**form, "back": "//elsewhere.example/"}, follow_redirects=False)
    assert response.headers["location"] == "/console"


def test_too_little_and_nothing_are_told_in_words(client: TestClient) -> None:
    sign_in(client)
    response = client.post("/console/find", data={"csrf": csrf(client, "find"), "phone": "1"})
    assert response.status_code == 422
    assert "手がかりが足りません" in response.text
    response = client.post("/console/find", data={"csrf": csrf(client, "find"), "name": "無 名"})
    assert "見つからないか、表示できる根拠がありません" in response.text


def test_unknown_and_hidden_look_alike(client: TestClient) -> None:
    sign_in(client)
    response = client.get("/console/households/P-9")
    assert response.status_code == 404
    assert "P-9" not in response.text.replace("/console/households/P-9", "")


def test_sign_out_forgets(client: TestClient) -> None:
    sign_in(client)
    client.post("/console/sign-out", data={"csrf": csrf(client, "find")})
    assert client.get("/console/find").url.path == "/console/sign-in"


def token(client: TestClient, **changes: object) -> dict[str, str]:
    body = {"staff": "w1", "purpose": "consultation", "present": ["self"], "reason": "came", **changes}
    response = client.post("/api/v1/session", json=body)
    assert response.status_code == 200, response.text
    return {"Authorization": f"Bearer {response.json()['token']}"}


def test_the_api_answers_the_same_readings(client: TestClient) -> None:
    bearer = token(client)
    found = client.post("/api/v1/persons/search", json={"name": "結城花子"}, headers=bearer).json()
    assert found["found"][0]["ref"] == "P-1"
    assert client.get("/api/v1/households/P-1", headers=bearer).json()["members"][0]["ref"] == "P-1"
    assert client.get("/api/v1/log/act1", headers=bearer).json()["verified"] is True
    missing = client.get("/api/v1/households/P-9", headers=bearer)
    assert (missing.status_code, missing.json()) == (404, {"error": "not_found"})


def test_the_api_refuses_cookies_and_forgeries(client: TestClient) -> None:
    sign_in(client)
    assert client.get("/api/v1/log").status_code == 401
    assert client.get("/api/v1/log", headers={"Authorization": "Bearer x.y"}).status_code == 401


def test_a_malformed_request_is_not_echoed(client: TestClient) -> None:
    response = client.post("/api/v1/persons/search", json={"nmae": "SECRETMARK"}, headers=token(client))
    assert response.status_code == 422
    assert "SECRETMARK" not in response.text
    body = {"staff": "SECRETMARK", "purpose": "consultation", "present": ["self"], "reason": "came"}
    assert "SECRETMARK" not in client.post("/api/v1/session", json=body).text


def test_the_api_describes_itself(client: TestClient) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert {"/api/v1/session", "/api/v1/persons/search", "/api/v1/households/{ref}", "/api/v1/log/{act_id}"} <= set(
        paths
    )
    assert not any(path.startswith("/console") for path in paths)


def test_demo_sign_in_exists_on_demo_workspaces_only(workspace: Workspace, reads: FilledReads) -> None:
    keys = workspace.config.keys.model_copy(update={"unlock": "env:MUSUBI_UNLOCK"})
    real = Workspace(workspace.root, workspace.config.model_copy(update={"keys": keys}), directory(workspace))
    client = TestClient(build_app(workspace=real, reads=reads, keyring=Derive(), clock=lambda: NOW))
    form = {"csrf": csrf(client, "sign-in"), "staff": "w1", "purpose": "consultation"}
    assert client.post("/console/sign-in", data=form).status_code == 403
    body = {"staff": "w1", "purpose": "consultation", "present": ["self"], "reason": "came"}
    assert client.post("/api/v1/session", json=body).status_code == 403


def directory(workspace: Workspace) -> Directory:
    return Directory(agency=tuple(workspace.agencies.values()), staff=tuple(workspace.staff.values()))


def test_a_fault_is_told_in_words_and_names_nothing(
    workspace: Workspace, client: TestClient, reads: FilledReads
) -> None:
    sign_in(client)

    def broken(*_args: object) -> HouseholdView:
        raise RuntimeError("SECRETMARK")

    reads.household = broken
    response = client.get("/console/households/P-1")
    assert response.status_code == 500
    assert "処理中に問題が起きました" in response.text
    assert "SECRETMARK" not in response.text
    assert response.headers["content-security-policy"]
