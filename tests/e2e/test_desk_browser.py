"""The journey at the desk clicked in a real Chromium, in both languages, with scripts switched off."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from desk import create_app
from privacy.policy import load_policy
from tests.fakes.desk_town import build_town

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    town = build_town(tmp_path_factory.mktemp("town"))
    app = create_app(workspace=town.workspace, engine=town.engine, keyring=town.keyring, policy=load_policy())
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
    town.engine.dispose()


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


WORDS = {
    "ja": {
        "sign_in": "サインインする",
        "self": "本人",
        "came": "本人・家族が相談に来られた",
        "confirm": "確認して、さがす画面へ",
        "name": "氏名",
        "birth": "生年月日",
        "search": "さがす",
        "open": "世帯を見る",
        "title": "世帯のようす",
        "hospital": "市民病院",
        "proof": "記録と証明を見る",
        "verified": "含まれていることを確かめました",
    },
    "en": {
        "sign_in": "Sign in",
        "self": "The person concerned",
        "came": "The person or family came for advice",
        "confirm": "Confirm and go to search",
        "name": "Name",
        "birth": "Date of birth",
        "search": "Search",
        "open": "Open household",
        "title": "Household overview",
        "hospital": "City Hospital",
        "proof": "See entry and proof",
        "verified": "was verified to be contained",
    },
}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_from_sign_in_to_the_proof_of_the_reading(address: str, browser, language: str, tmp_path: Path) -> None:
    words = WORDS[language]
    locale = {"ja": "ja-JP", "en": "en-GB"}[language]
    context = browser.new_context(locale=locale, java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    def look(name: str) -> None:
        page.screenshot(path=tmp_path / f"{language}-{name}.png", full_page=True)

    page.goto(address)
    look("1-sign-in")
    page.locator("#staff").select_option("desk-1")
    page.locator("#purpose").select_option("consultation")
    page.get_by_role("button", name=words["sign_in"]).click()
    page.get_by_label(words["self"], exact=True).check()
    page.get_by_label(words["came"]).check()
    look("2-statement")
    page.get_by_role("button", name=words["confirm"]).click()
    page.get_by_label(words["name"], exact=True).fill("結城幸子")
    page.get_by_label(words["birth"], exact=True).fill("昭和61年3月5日")
    page.get_by_role("main").get_by_role("button", name=words["search"]).click()
    look("3-found")
    page.get_by_role("link", name=words["open"]).click()
    assert page.get_by_role("heading", level=1).inner_text() == words["title"]
    assert page.get_by_role("heading", name=words["hospital"]).count() == 1
    assert page.locator("html").get_attribute("lang") == language
    look("4-household")
    page.get_by_role("link", name=words["proof"]).click()
    assert words["verified"] in page.get_by_role("status").inner_text()
    assert int(page.locator("#leaf-index").inner_text()) >= 0
    look("5-reading")
    other = {"ja": "English", "en": "日本語"}[language]
    page.get_by_role("button", name=other).click()
    assert page.locator("html").get_attribute("lang") != language
    assert all(url.startswith(address) for url in requests)
    assert not any("%E7%B5%90" in url for url in requests)
    context.close()


def test_nothing_scrolls_sideways_on_a_narrow_screen(address: str, browser) -> None:
    context = browser.new_context(locale="ja-JP", viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(f"{address}/console/sign-in")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()
