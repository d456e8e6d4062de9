"""A front end typesets nothing that came from outside: what a provider's text has between dollar signs stays text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.lab import JupyterLab, Notebook
from tests.support.machine import NO_BROWSER
from tests.support.notebook7 import Notebook7

LINK = r"\color{red}\href{https://evil.test/}{\text{Sign in again}}"
TEX = rf"${LINK}$ and $${LINK}$$ and \({LINK}\) and \[{LINK}\] and \begin{{equation}}x^2\end{{equation}}"
CONTROL = "from IPython.display import HTML\n\nHTML('<p>$x^2$</p>')"

SIGNED_IN = f"""
import base64, json, sys, time
from dataclasses import replace

from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.display.card import Card
from ipyauth_magic.display.panel import NotebookPanel, show
from ipyauth_magic.display.view import card_of
from ipyauth_magic.errors import ProviderRefused
from ipyauth_magic.flows.authenticator import SESSION
from ipyauth_magic.flows.sign_in import Progress, State
from ipyauth_magic.protocol.tokens import AccessToken
from tests.support.stored import token_set

TEX = {TEX!r}
jwt = "e30." + base64.urlsafe_b64encode(json.dumps({{"iss": TEX, TEX: [TEX]}}).encode()).decode().rstrip("=") + ".x"
audience = "$x^2$ and $$y_1$$ and \\\\(z\\\\)"  # braces around a word would be a placeholder
auth = Auth(ParamsAuth0(domain="x.eu.auth0.com", client_id="c", audience=audience, login_hint=TEX), flow="code")
claims = {{"sub": TEX, "nickname": "alice " + TEX, TEX: TEX}}
authenticator_of(auth).source.save(replace(token_set(), access_token=AccessToken(jwt), scope=TEX, claims=claims))
SESSION.remember(authenticator_of(auth))
refusal = ProviderRefused("access_denied", TEX)
"""
CELLS = {
    "%token": "alice",
    "foreign = jwt.replace('.x', '.y')\n%token foreign": "not verified",
    "%token --list": "Sign-ins of this session",
    "%token --config": "audience",
    "auth": "Signed in as alice",
    "show(card_of(authenticator_of(auth)).bundle())": "Signed in as alice",
    "show(Card('bad', 'Not signed in', note=str(refusal)).bundle())": "refused",
    "panel = NotebookPanel()\npanel._refuse(TEX)\nends_at = time.monotonic() + 60\n"
    "panel.tick(Progress(State.WAITING, TEX, url='https://x.test/authorize', ends_at=ends_at))": "Waiting",
    "print('said on stderr:', TEX, file=sys.stderr)": "said on stderr",
    "raise refusal": "refused",
}
"""Cells by a word of what each shows."""


@pytest.fixture(scope="module", params=[JupyterLab, Notebook7])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """One front end after the other."""
    with request.param(tmp_path_factory.mktemp("front-end"), environ=NO_BROWSER) as running:
        yield running


@pytest.fixture(scope="module")
def opened(lab: JupyterLab, browser: Browser) -> Iterator[Notebook]:
    """A notebook of this front end."""
    with lab.notebook(browser) as notebook:
        yield notebook
        notebook.save()


def formulas(page: Page) -> list[str]:
    """Return what the front end has typeset, and links of cards to where only the provider's text leads."""
    # Lab makes a link of each address in the text of a stream and of an error, which shows where it leads.
    links = ".jp-RenderedHTML a[href*='evil.test'], .ipyauth a[href*='evil.test']"
    shown: list[str] = page.locator(f"mjx-container, .MathJax, .katex, {links}").all_inner_texts()
    return shown


def test_a_providers_text_is_not_typeset(
    notebook: Notebook, lab: JupyterLab, browser: Browser, artefacts: Path
) -> None:
    """In cards, tables, the countdown, the widget and errors, as they come, and in an untrusted notebook."""
    assert notebook.run(SIGNED_IN).wait().text() == ""
    for source, word in CELLS.items():
        cell = notebook.run(source).wait().wait_for_text(word)
        if "href" not in cell.text():
            raise AssertionError(f"{source} does not show the provider's text: {cell.text()}")
    notebook.run(CONTROL).wait()
    expect(notebook.page.locator("mjx-container")).to_have_count(1, timeout=60_000)
    assert len(formulas(notebook.page)) == 1, formulas(notebook.page)
    notebook.screenshot(artefacts / f"{lab.module}.png")

    book = notebook.save()
    book.metadata["changed"] = "by somebody"  # the signature was for what it held before
    nbformat.write(book, lab.root / "untrusted.ipynb")
    with lab.notebook(browser, "untrusted.ipynb") as untrusted:
        expect(untrusted.page.locator("mjx-container")).to_have_count(1, timeout=60_000)
        assert len(formulas(untrusted.page)) == 1, formulas(untrusted.page)
        assert "href" in untrusted.text()
