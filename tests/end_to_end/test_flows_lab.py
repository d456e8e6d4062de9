"""The flows that give tokens which stay valid, as a user of JupyterLab meets them: code and device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from fruit_service.issuer.server import LocalIssuer
from tests.service.running import running_service
from tests.support.lab import Cell, Notebook
from tests.support.scripted_browser import query_of
from tests.support.signing_in_lab import both_themes, signed_in, token_of, waiting
from tests.support.site import Site
from tests.support.user_browser import Person

LIFETIME = 4
"""Seconds: a test waits for the end of such a token."""

UNTIL_THE_END = (
    "import datetime, time\n\nended = auth.expires_at\n"
    "while datetime.datetime.now(datetime.UTC) <= ended:\n    time.sleep(0.1)"
)


@pytest.fixture
def brief(redirect_uri: str) -> Iterator[LocalIssuer]:
    """The local issuer; its tokens end soon, and a device may ask each second."""
    with LocalIssuer(0, [redirect_uri], LIFETIME) as issuer:
        issuer.switches.device_interval = 1
        yield issuer


@pytest.fixture
def brief_site(brief: LocalIssuer, redirect_uri: str) -> Iterator[Site]:
    """It with a fruit API that takes no token a second longer than it lasts."""
    with running_service(brief.issuer, leeway=0) as api:
        yield Site(f"domain={brief.issuer.rstrip('/')}", brief.issuer, redirect_uri, api)


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A browser of another device: it shares nothing with that of the notebook."""
    context = browser.new_context(viewport={"width": 420, "height": 720})
    yield context.new_page()
    context.close()


def fruits(notebook: Notebook, site: Site) -> str:
    """Ask the API for fruits, by `auth`, and return what the cell shows."""
    get = f"requests.get('{site.api}/api/fruit', auth=auth)"
    return notebook.run(f"import requests\n\n{get}.json()['fruits']").wait().text()


def saved(notebook: Notebook) -> str:
    """Save the notebook and return all that its file holds."""
    notebook.save()
    return notebook.path.read_text()


def user_code_of(cell: Cell) -> str:
    """Wait until *cell* shows a code for another device, and return it."""
    cell.wait_for_text(re.compile(r"[A-Z]{4}-[A-Z]{4}"))
    found = re.search(r"\b[A-Z]{4}-[A-Z]{4}\b", cell.text())
    assert found
    return found.group()


def test_a_code_signs_in(notebook: Notebook, site: Site, artefacts: Path) -> None:
    """At both providers: no token passes the browser, its address is wiped, and nothing of it is saved."""
    cell = notebook.run(site.cell("--flow code", "prompt=consent"))  # one of the two wants it for a refresh token
    asked = query_of(waiting(cell))
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert "offline_access" in asked["scope"].split()
    tab = signed_in(notebook, cell)
    cell.wait_for_text("Signed in as alice").wait()
    assert not cell.failed()
    assert "then renewed automatically" in cell.text()
    assert tab.url == site.redirect_uri
    assert "lychee" in fruits(notebook, site)

    claims = notebook.run("%token").wait()
    config = notebook.run("%token --config").wait()
    assert "ID token: claims, verified" in claims.text()
    assert "code, with a refresh token" in config.text()
    assert "comes in the query" in config.text()
    both_themes(notebook, artefacts, signed_in=cell, token=claims, config=config)
    token = token_of(notebook)
    written = saved(notebook)
    secrets = (token, token.split(".")[2], asked["state"], asked["nonce"], asked["code_challenge"], "code=", "state=")
    assert [each for each in secrets if each in written] == []


def test_a_notebook_goes_on_when_its_token_has_ended(notebook: Notebook, brief: LocalIssuer, brief_site: Site) -> None:
    """The next calls renew it without a second sign-in; `%token` shows the new one; the one in the variable is old."""
    cell = notebook.run(brief_site.cell("--flow code"))
    waiting(cell)
    signed_in(notebook, cell)
    cell.wait_for_text("Signed in as alice").wait()
    first = token_of(notebook)
    for _ in range(2):
        notebook.run(UNTIL_THE_END).wait()
        assert "lychee" in fruits(notebook, brief_site)
    assert brief.switches.token_requests["refresh_token"] >= 2
    assert brief.switches.token_requests["authorization_code"] == 1
    assert token_of(notebook, "auth.access_token") != first
    assert notebook.run("(token == auth.access_token)").wait().text() == "False"
    assert "renewed" in notebook.run("%token").wait().text()
    notebook.run("%token --renew").wait()
    assert brief.switches.requests["/authorize"] == 1


def test_a_person_enters_the_code_on_another_device(
    notebook: Notebook, brief: LocalIssuer, brief_site: Site, phone: Page, artefacts: Path
) -> None:
    """The card shows code, link and QR code while it waits, and none of them when it is done; nor does the file."""
    cell = notebook.run(brief_site.cell("--flow device"))
    user_code = user_code_of(cell)
    config = notebook.write("%token --config")
    assert brief_site.redirect_uri not in cell.text()
    assert cell.link("Open with the code filled in").get_attribute("href") == (
        f"{brief_site.issuer}activate?user_code={user_code}"
    )
    assert cell.link(f"{brief_site.issuer}activate").count() == 1
    image = cell.locator.get_by_alt_text("QR code of the link")
    assert image.evaluate("image => image.complete && image.naturalWidth > 100")
    both_themes(notebook, artefacts, waiting=cell)
    cell.locator.get_by_text(user_code, exact=True).click()
    assert notebook.page.evaluate("getSelection().toString().trim()") == user_code

    phone.goto(f"{brief_site.issuer}activate")
    phone.get_by_label("Code").fill(user_code)
    phone.get_by_role("button", name="Continue").click()
    assert Person(phone).sign_in() == "done"
    cell.wait_for_text("Signed in as alice").wait()
    assert not cell.failed()
    assert (cell.link().count(), image.count()) == (0, 0)
    both_themes(notebook, artefacts, signed_in=cell)

    config.start().wait()
    assert "device, with a refresh token" in config.text()
    assert "No response comes to this machine" in config.text()
    assert brief_site.redirect_uri not in config.text()
    notebook.run(UNTIL_THE_END).wait()
    assert "lychee" in fruits(notebook, brief_site)
    assert brief.switches.requests["/oauth/device/code"] == 1
    token = token_of(notebook, "auth.access_token")
    written = saved(notebook)
    secrets = (
        token,
        token.split(".")[2],
        user_code,
        "user_code",
        "activate",
        "image/png",
        "iVBORw0KGgo",
    )
    assert [each for each in secrets if each in written] == []


def test_a_person_denies_the_device(notebook: Notebook, brief_site: Site, phone: Page, artefacts: Path) -> None:
    """The cell fails in one line, and shows the code no longer."""
    cell = notebook.run(brief_site.cell("--flow device"))
    user_code = user_code_of(cell)
    assert Person(phone, "Bob", "Deny").sign_in(cell.link("Open with").get_attribute("href")) == "failed"
    cell.wait()
    assert cell.failed()
    assert cell.text().startswith("UsageError: The provider refused the sign-in (access_denied")
    assert user_code not in saved(notebook)
    cell.screenshot(artefacts / "denied.png")


def test_a_device_signs_in_at_an_independent_provider(
    notebook: Notebook, oidc_site: Site, phone: Page, artefacts: Path
) -> None:
    """Its own pages ask for the code, the user and the consent; the card's link has the code filled in."""
    cell = notebook.run(oidc_site.cell("--flow device"))
    user_code = user_code_of(cell)
    assert Person(phone).sign_in(cell.link("Open with the code filled in").get_attribute("href")) == "done"
    cell.wait_for_text("Signed in as alice").wait()
    assert not cell.failed()
    assert "lychee" in fruits(notebook, oidc_site)
    cell.screenshot(artefacts / "signed_in.png")
    token = token_of(notebook)
    written = saved(notebook)
    assert [each for each in (user_code, token) if each in written] == []
