"""A user signs in in JupyterLab, by the browser of the kernel's machine or by the link in the output."""

from __future__ import annotations

import re
import time
from html import unescape
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect

from ipyauth_magic.display.card import ACCENTS, Card, Link
from ipyauth_magic.display.cards import countdown_html, device_card
from ipyauth_magic.display.claims import token_view
from tests.support.lab import JupyterLab, Notebook
from tests.support.ports import is_free, wait_until_free
from tests.support.scripted_browser import query_of
from tests.support.signing_in_lab import LINK, both_themes, signed_in, token_of, waiting
from tests.support.site import Site
from tests.support.user_browser import Person, UserBrowser

INTERRUPT_DEADLINE = 2.5
"""Seconds; what is promised is 0.5."""

GUIDE = (
    "import sys\n\nsys.modules['anywidget'] = None  # with it, test_widget_lab.py\n"
    "from ipyauth_magic import Auth, ParamsAuth0\n\n"
    'p = ParamsAuth0(dotenv_file="ipyauth-Auth0-demo.env", audience="api/fruit",\n'
    '                scope="read:exotic-fruit write:usual-fruit")\n'
    "a = Auth(params=p)\n"
    "a"
)


def test_a_user_signs_in_and_works_with_the_fruit_api(
    notebook: Notebook, site: Site, tmp_path: Path, artefacts: Path
) -> None:
    """The browser opens by itself; %token tells who and what; the token reads and adds fruits; no secret is saved."""
    user = UserBrowser(tmp_path / "user")
    notebook.run(f"%env BROWSER={user.command}").wait()
    sign_in = notebook.run(site.cell())
    sign_in.wait_for_text("Signed in as alice").wait()
    assert not sign_in.failed()
    assert sign_in.link().count() == 0
    seen = user.sign_in()
    assert (seen.outcome, seen.url, seen.asked_to_close) == ("done", site.redirect_uri, True)
    assert "You are signed in" in seen.text

    claims = notebook.run("%token").wait()
    assert not claims.failed()
    for said in ("Signed in as alice", site.issuer, "api/fruit", "Access token: claims", "ID token: claims, verified"):
        assert said in claims.text()

    get = "requests.get(url, headers={'Authorization': f'Bearer {token}'}).json()['fruits']"
    fruits = notebook.run(f"import requests\n\nurl = '{site.api}/api/fruit'\n{get}").wait()
    assert "lychee" in fruits.text()
    post = "requests.post(url, json={'usual': ['pear'], 'exotic': ['fig']}, auth=auth).json()['fruits_added']"
    added = notebook.run(f"{post}, {get}").wait()
    assert "{'usual': ['pear']}" in added.text()
    assert "'fig'" not in added.text()
    shown = notebook.run("token").wait().text()
    assert re.fullmatch(r"<AccessToken of alice for api/fruit, until .+; hidden: %token shows its claims>", shown)

    both_themes(notebook, artefacts, signed_in=sign_in, token=claims)
    token = token_of(notebook)
    notebook.save()
    saved = notebook.path.read_text()
    assert "Signed in as alice" in saved
    assert not [each for each in (token, *token.split("."), "state=", "nonce=", "<a ") if each in saved]


def test_the_link_signs_in_where_the_kernel_has_no_browser(notebook: Notebook, site: Site, artefacts: Path) -> None:
    """The user clicks it in the output; the tab tells the truth and wipes its address; a card replaces the link."""
    cell = notebook.run(site.cell())
    asked = query_of(waiting(cell))
    cell.wait_for_text("browser was found")
    assert (cell.text().count("Sign in at"), cell.text().count("Waiting for the sign-in")) == (1, 1)
    both_themes(notebook, artefacts, waiting=cell)
    tab = signed_in(notebook, cell)
    cell.wait_for_text("Signed in as alice").wait()
    assert not cell.failed()
    assert cell.link().count() == 0
    assert (cell.text().count("Signed in"), "Sign in" in cell.text(), "Waiting" in cell.text()) == (1, False, False)

    tab.screenshot(path=artefacts / "tab-done.png")
    tab.emulate_media(color_scheme="dark")
    tab.screenshot(path=artefacts / "tab-done-dark.png")
    assert tab.get_by_role("heading").inner_text() == "You are signed in"
    assert tab.url == site.redirect_uri
    assert tab.evaluate("location.hash") == ""

    token = token_of(notebook)
    notebook.save()
    saved = notebook.path.read_text()
    assert not [each for each in (token, asked["state"], asked["nonce"], "state=", LINK) if each in saved]


def test_the_link_keeps_the_focus_while_the_time_runs(notebook: Notebook, local_site: Site) -> None:
    """The countdown changes from second to second, and the link beside it is not touched; the keyboard follows it."""
    cell = notebook.run(local_site.cell())
    waiting(cell)
    cell.wait_for_text("browser was found")  # the last change of its text
    link = cell.link(LINK)
    link.evaluate("link => { window.theLink = link; link.focus(); }")
    times = set()

    def seen() -> int:
        times.update(re.findall(r"(\d+:\d\d) left", cell.text()))
        return len(times)

    cell.wait_until(lambda: seen() >= 3, timeout=30)
    assert notebook.page.evaluate("document.activeElement === window.theLink && window.theLink.isConnected")
    assert link.evaluate("link => link === window.theLink")
    with notebook.context.expect_page() as opened:
        notebook.page.keyboard.press("Enter")
    assert Person(opened.value).sign_in() == "done"
    notebook.page.bring_to_front()
    cell.wait_for_text("Signed in as alice").wait()


def test_an_interrupt_ends_the_wait_and_the_next_try_works(
    notebook: Notebook, local_site: Site, artefacts: Path
) -> None:
    """Lab's button ends it at once, with the address to register, and without a traceback or the link."""
    cell = notebook.run(local_site.cell())
    waiting(cell)
    assert not is_free(local_site.port)
    began = time.monotonic()
    notebook.interrupt()
    cell.wait_until(cell.has_run)
    assert time.monotonic() - began < INTERRUPT_DEADLINE
    cell.wait()
    assert cell.failed()
    free, *hint = cell.text().splitlines()
    assert free == "UsageError: The sign-in was interrupted; the port is free again."
    assert hint[-1].endswith(f" http://127.0.0.1:{local_site.port}/callback/")
    assert cell.link(LINK).count() == 0
    assert wait_until_free(local_site.port)
    cell.screenshot(artefacts / "interrupted.png")

    cell.start()
    waiting(cell)
    signed_in(notebook, cell)
    cell.wait_for_text("Signed in as alice").wait()


@pytest.mark.parametrize("what", ["card", "cell"])
def test_the_end_of_the_kernel_takes_the_link_away(
    what: str, lab: JupyterLab, browser: Browser, local_site: Site
) -> None:
    """Nobody waits any more: no link, no state and no nonce stay on the page or in the notebook."""
    path = lab.write_notebook(f"{what}.ipynb", ["%load_ext ipyauth_magic"])
    (path.parent / "ipyauth-Auth0-demo.env").write_text(local_site.dotenv())
    with lab.notebook(browser, path.name) as notebook:
        notebook.cell(0).start().wait()
        cell = notebook.run(GUIDE if what == "card" else local_site.cell())
        asked = query_of(waiting(cell))
        notebook.shut_down_kernel()
        cell.wait_until(lambda: cell.link(LINK).count() == 0)
        assert wait_until_free(local_site.port)
        assert "Waiting" not in cell.text()
        saved = str(notebook.save())
    assert not [each for each in (asked["state"], asked["nonce"], LINK) if each in saved]


def test_a_refusal_reads_the_same_in_cell_and_tab(notebook: Notebook, site: Site, artefacts: Path) -> None:
    """Who presses Deny gets one line in the cell, which fails, and its sentence in the tab."""
    cell = notebook.run(site.cell(scope="write:exotic-fruit"))
    waiting(cell)
    tab = cell.open_link(LINK)
    tab.set_viewport_size({"width": 900, "height": 600})
    assert Person(tab, "Bob", "Deny").sign_in() == "failed"
    notebook.page.bring_to_front()
    cell.wait()
    assert cell.failed()
    kind, _, sentence = " ".join(cell.text().split()).partition(": ")
    assert kind == "UsageError"
    assert sentence.startswith("The provider refused the sign-in (access_denied")
    assert max(map(len, cell.text().splitlines())) <= 88
    assert tab.get_by_role("heading").inner_text() == "The sign-in failed"
    assert tab.locator("main .message").inner_text() == sentence
    assert tab.url == site.redirect_uri
    assert tab.locator("html[data-closed]").count() == 0
    tab.screenshot(path=artefacts / "tab-failed.png")
    tab.emulate_media(color_scheme="dark")
    tab.screenshot(path=artefacts / "tab-failed-dark.png")
    both_themes(notebook, artefacts, refused=cell)


def test_the_guides_own_example(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """Without anywidget `a` shows a card with a link and does not block; once signed in, the card says so by itself."""
    (notebook.path.parent / "ipyauth-Auth0-demo.env").write_text(local_site.dotenv())
    card = notebook.run(GUIDE).wait()
    link = waiting(card)
    assert notebook.run("20 + 3").wait().text() == "23"
    both_themes(notebook, artefacts, offered=card)
    signed_in(notebook, card)
    card.wait_for_text("Signed in as alice")
    assert "a is ready: requests.get(url, auth=a)." in card.text()
    expect(card.link()).to_have_count(0)
    both_themes(notebook, artefacts, signed_in=card)

    shown = notebook.run("a.access_token").wait().text()
    assert re.fullmatch(r"<AccessToken of alice for api/fruit, until .+; hidden: %token shows its claims>", shown)
    shown = notebook.run("a.show()").wait()
    for name in ("name", "params", "logged_as", "time_to_exp", "expires_at", "scope"):
        assert re.search(rf"^{name} +: \S", shown.text(), re.MULTILINE), shown.text()
    shown.screenshot(artefacts / "show.png")
    url = f"url = '{local_site.api}/api/fruit'"
    get = "requests.get(url, headers={'Authorization': 'Bearer {}'.format(a.access_token)})"
    assert "lychee" in notebook.run(f"import requests\n\n{url}\n{get}.json()").wait().text()

    token = token_of(notebook, "a.access_token")
    notebook.save()
    saved = notebook.path.read_text()
    assert not [each for each in (token, link, query_of(link)["state"], LINK) if each in saved]


def test_a_form_post_leaves_no_token_in_the_browsers_profile(notebook: Notebook, site: Site, tmp_path: Path) -> None:
    """After the browser is closed, its files hold the address that was opened, and no part of the token."""
    user = UserBrowser(tmp_path / "user", profile=tmp_path / "profile")
    notebook.run(f"%env BROWSER={user.command}").wait()
    cell = notebook.run(site.cell("", "response_mode=form_post"))
    state = query_of(waiting(cell))["state"]
    cell.wait_for_text("Signed in as alice").wait()
    seen = user.sign_in()
    assert seen.outcome == "done", user.log()
    assert "You are signed in" in seen.text
    assert seen.url.startswith(site.redirect_uri)
    token = token_of(notebook)
    assert kept(tmp_path / "profile", state), "the search finds nothing at all"
    assert not kept(tmp_path / "profile", token)
    assert not kept(tmp_path / "profile", token.split(".")[2])


def kept(folder: Path, text: str) -> list[Path]:
    """Return the files under *folder* that hold *text*, in either of the ways that Chromium writes text."""
    written = (text.encode(), text.encode("utf-16-le"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(each in path.read_bytes() for each in written)]


def test_tab_completes_parameter_names(notebook: Notebook, artefacts: Path) -> None:
    """In the body of the cell it offers `client_id=`, in Lab's own list; the chosen name is typed."""
    cell = notebook.write("%%auth0\ndomain=tenant.eu.auth0.com\nc")
    notebook.page.keyboard.press("Tab")
    offered = notebook.page.locator(".jp-Completer:not(.lm-mod-hidden) .jp-Completer-match")
    expect(offered.filter(has_text="connection=")).to_have_count(1)
    notebook.screenshot(artefacts / "completion.png", whole_page=False)
    offered.filter(has_text="client_id=").click()
    assert cell.source().splitlines()[-1] == "client_id="
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.press("Delete")
    assert cell.source() == ""


def test_a_notebook_that_nobody_trusts_shows_the_same(lab: JupyterLab, browser: Browser, artefacts: Path) -> None:
    """Opened without its trust, what was saved keeps its styles, links and tables: there was nothing to take out."""
    rows = [("Provider", "https://issuer.test/"), ("Scopes", "read:usual-fruit")]
    link = Link(LINK, "https://issuer.test/authorize")
    bundles = [Card(mood, f"A {mood} card", rows, link, "With a note.").bundle() for mood in ACCENTS]
    bundles.append(device_card("BCDF-GHJK", link.url, link.url, "openid").bundle())
    bundles.append(token_view(Card("good", "Signed in as alice"), [("Access token: claims", rows)], 30, 60))
    bundles.append(Card("good", "Signed in", [("Not granted", "a")], ready="`auth`", warned=["Not granted"]).bundle())
    bundles.append({"text/html": countdown_html(75, 0.25), "text/plain": ""})
    path = lab.write_notebook("untrusted.ipynb", ["a"])
    book = nbformat.read(path, as_version=4)
    book.cells[0].outputs = [nbformat.v4.new_output("display_data", bundle) for bundle in bundles]
    nbformat.write(book, path)
    with lab.notebook(browser, "untrusted.ipynb", size=(1100, 1400)) as notebook:
        cell = notebook.cell(0)
        cell.wait_for_text("Access token: claims")
        assert styles(cell.html()) == [style for bundle in bundles for style in styles(bundle["text/html"])]
        assert cell.link().count() == len(ACCENTS) + 2
        assert cell.locator.get_by_alt_text("QR code of the link").evaluate("image => image.naturalWidth") > 100
        assert cell.locator.get_by_text("Lifetime: 00:00:30 of 00:01:00 left").is_visible()
        cell.screenshot(artefacts / "untrusted.png")


def styles(html: str) -> list[str]:
    """Return the styles in *html*, in order, without what may go: it only helps where it stays."""
    found = [re.sub(r"\s+|;$", "", unescape(style)) for style in re.findall(r'style="([^"]*)"', html)]
    may_go = (
        "overflow-wrap:anywhere|(-webkit-)?user-select:all|text-align:start|(border|padding)-inline(-start|-end)?:[^;]*"
    )
    return [re.sub(rf"(^|;)({may_go})(?=;|$)", "", style).strip(";") for style in found]
