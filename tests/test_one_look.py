"""The pages of callback, local issuer and fruit service look alike, in light and dark, on a phone too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, Route

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.callback import pages
from tests.service.oauth_requests import ask_for_codes
from tests.service.running import running_service
from tests.support.chromium import chromium

ROOT = Path(__file__).parents[1]
SHEETS = ("ipyauth_magic/callback/pages/style.css", "fruit_service/pages/style.css")
CONTRAST = (ROOT / "tests" / "support" / "contrast.js").read_text(encoding="utf-8")
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OUTCOMES = {
    "relay": pages.RELAY,
    "done": pages.DONE,
    "failed": pages.failed("The provider refused the sign-in: access_denied. Run the cell again."),
    "refused": pages.refused(404, "Nothing is served here."),
}
MARKS = {"done": "✓", "failed": "✕", "waiting": "…"}


def test_both_packages_have_one_look() -> None:
    """The style sheets begin with the same lines, up to the one that says so."""
    first, second = ((ROOT / name).read_text(encoding="utf-8").partition("/* So far the look. */") for name in SHEETS)
    assert first[1] == second[1] != ""
    assert first[0] == second[0]


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    """An issuer whose pages are to be answered."""
    with LocalIssuer(port=0) as running:
        yield running


@pytest.fixture(scope="module")
def fruit(issuer: LocalIssuer) -> Iterator[str]:
    """The address of a fruit service."""
    with running_service(issuer.issuer) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all tests of this file."""
    with chromium() as running:
        yield running


def check(page: Page, artefacts: Path, name: str) -> None:
    """Look at *page* in light and dark, wide and narrow: it fits, and its text can be read."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 760})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.screenshot(path=artefacts / f"{name}-{scheme}-{width}.png", full_page=True)
        found = page.locator("body").evaluate(CONTRAST)
        assert found["ratio"] >= 4.5, found
    check_mark(page)


def check_mark(page: Page) -> None:
    """Where the colour of the edge says how it stands, a mark does too."""
    mood = page.locator("main").get_attribute("class") or ""
    mark = page.evaluate("getComputedStyle(document.querySelector('h1'), '::before').content").strip('"')
    assert mark == MARKS.get(mood, "none")
    assert page.locator(".app").inner_text()


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_page_of_the_callback(browser: Browser, artefacts: Path, name: str) -> None:
    """Each outcome; a word that is longer than a phone is wide is broken."""
    page = browser.new_page()
    page.set_content(pages.page(OUTCOMES[name]).decode())
    check(page, artefacts, name)
    assert page.get_by_text("You can close this tab.").is_visible() == (name == "done")
    page.close()


@pytest.mark.parametrize("script", ["outcome.js", "relay.js"])
def test_the_last_page_promises_what_the_tab_does(browser: Browser, script: str) -> None:
    """A tab that a script has opened closes itself. One that has shown other pages cannot, and says so."""
    context = browser.new_context()

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(body=json.dumps(asdict(pages.DONE)), content_type="application/json")
        else:
            outcome = pages.DONE if script == "outcome.js" else pages.RELAY
            route.fulfill(body=pages.page(outcome, script).decode(), content_type="text/html")

    context.route("**/*", answer)
    first = context.new_page()
    for path in ("other", "callback/#code=x&state=y"):
        first.goto(f"http://127.0.0.1:1/{path}")
    first.get_by_text("You can close this tab.").wait_for()
    with first.expect_popup() as opened:
        first.evaluate("void window.open('/callback/#code=x&state=y')")
    opened.value.get_by_text("This tab closes by itself.").wait_for()
    opened.value.wait_for_event("close")
    context.close()


def test_the_pages_of_the_issuer(browser: Browser, issuer: LocalIssuer, artefacts: Path) -> None:
    """From the start page to the last one of a device, and those that say what went wrong."""
    page = browser.new_context().new_page()
    codes = ask_for_codes(issuer).json()
    authorize = f"{issuer.issuer}authorize?response_type=code"
    for name, url in (
        ("index", issuer.issuer),
        ("nothing", f"{issuer.issuer}nothing"),
        ("wrong-method", f"{issuer.issuer}oauth/token"),
        ("unknown-client", f"{authorize}&client_id=wrong"),
        ("mismatch", f"{authorize}&client_id={issuer.client_id}&redirect_uri=https://{'long' * 20}.test/"),
        ("code", codes["verification_uri"]),
        ("wrong-code", f"{codes['verification_uri']}?user_code=XXXX-XXXX"),
        ("confirm", codes["verification_uri_complete"]),
    ):
        page.goto(url)
        check(page, artefacts, name)
    for button, name in (("Confirm", "who"), ("Alice", "allow"), ("Allow", "connected")):
        page.get_by_role("button", name=button, exact=True).click()
        check(page, artefacts, name)
    page.goto(f"{issuer.issuer}oidc/logout")
    check(page, artefacts, "sign-out")
    page.get_by_role("button", name="Sign out").click()
    check(page, artefacts, "signed-out")
    page.context.close()


def test_the_pages_of_the_fruit_service(browser: Browser, fruit: str, artefacts: Path) -> None:
    """The start page, and one for an address that is not there."""
    page = browser.new_page()
    for name, path in (("fruit", ""), ("fruit-nothing", "nothing")):
        page.goto(f"{fruit.rstrip('/')}/{path}")
        check(page, artefacts, name)
    page.close()


def test_what_the_keyboard_is_at_has_a_ring(browser: Browser, issuer: LocalIssuer) -> None:
    """Three pixels wide, around buttons, links and fields."""
    page = browser.new_page()
    page.goto(ask_for_codes(issuer).json()["verification_uri"])
    page.keyboard.press("Tab")
    ring = page.evaluate(
        "(({ outlineStyle, outlineWidth }) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
    )
    assert ring == ["solid", "3px"]
    page.close()


def test_the_fruit_page_teaches_the_line_that_works(fruit: str, issuer: LocalIssuer) -> None:
    """With the local issuer's client, and without a token in a variable."""
    text = requests.get(fruit, timeout=5).text
    assert f"<code>%%login\nissuer={issuer.issuer}\nclient_id=ipyauth-demo\naudience=api/fruit\n" in text
    assert "requests.get(fruit, auth=auth)" in text
    assert "Bearer" not in text


def test_an_unknown_client_is_told_the_known_one(issuer: LocalIssuer) -> None:
    """As a wrong callback URL is told the allowed ones; what was sent is escaped."""
    text = requests.get(f"{issuer.issuer}authorize?client_id=<b>", timeout=5).text
    assert "no client with the client_id" in text
    assert "&lt;b&gt;" in text
    assert "<code>ipyauth-demo</code>" in text
    assert '<code class="command">client_id=ipyauth-demo</code>' in text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "nothing", 404), ("PUT", "", 405)])
def test_people_get_a_page_and_programs_what_they_read(
    fruit: str, issuer: LocalIssuer, method: str, path: str, status: int
) -> None:
    """A browser names HTML in Accept. The status and its headers are the same."""
    for address, kind in ((fruit, "application/json"), (issuer.issuer, "text/plain")):
        url = f"{address.rstrip('/')}/{path}"
        page = requests.request(method, url, headers=HTML, timeout=5)
        plain = requests.request(method, url, timeout=5)
        assert (page.status_code, plain.status_code) == (status, status)
        assert page.headers.get("Allow") == plain.headers.get("Allow")
        assert re.search('<main class="failed">', page.text)
        assert page.headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert plain.headers["Content-Type"].startswith(kind)
