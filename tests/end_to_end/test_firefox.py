"""Another browser: the callback's pages, those of the local issuer, and JupyterLab with card and widget, in Firefox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.errors import ProviderRefused
from tests.end_to_end.test_sign_in_lab import kept
from tests.support.attempts import Attempt
from tests.support.firefox import Firefox
from tests.support.lab import JupyterLab
from tests.support.machine import NO_BROWSER
from tests.support.offered import arrivals, offered
from tests.support.ports import free_port, wait_until_free
from tests.support.scripted_browser import query_of
from tests.support.site import Site

PORT = free_port()
CALLBACKS = tuple(f"http://{host}:{PORT}/callback/" for host in ("127.0.0.1", "localhost", "[::1]"))


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """Run one Firefox."""
    with Firefox(tmp_path_factory.mktemp("firefox")) as running:
        yield running


@pytest.fixture
def issuer(firefox: Firefox) -> Iterator[LocalIssuer]:
    """A local issuer that asks people who they are and what they allow, and knows nobody yet."""
    with LocalIssuer(port=0, callback_urls=CALLBACKS) as running:
        yield running


@pytest.fixture
def attempt(issuer: LocalIssuer, request: pytest.FixtureRequest) -> Iterator[Attempt]:
    """A sign-in whose link is known."""
    redirect_uri, *mode = request.param
    with offered(issuer, redirect_uri, **dict(mode)) as attempt:
        yield attempt


MODES = {
    "implicit": (),
    "form_post": (("response_mode", "form_post"),),
    "code": (("response_type", "code"),),
}
KERNEL = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
"""Of the notebook that Lab shows."""
EACH = [pytest.param((uri, *mode), id=f"{name}-{uri[7:12]}") for name, mode in MODES.items() for uri in CALLBACKS]


@pytest.mark.parametrize("attempt", EACH, indirect=True)
def test_a_user_signs_in(firefox: Firefox, attempt: Attempt, artefacts: Path) -> None:
    """The tab says so once all is verified, and its address holds nothing of the response."""
    assert attempt.url
    firefox.open(attempt.url)
    firefox.press("Alice")
    firefox.press("Allow")
    assert "You are signed in" in firefox.text("main.done")
    assert attempt.result().logged_as == "alice"
    assert firefox.url.startswith(attempt.redirect_uri)
    assert not {"#", "?"} & set(firefox.url)
    firefox.screenshot(artefacts / "firefox.png")
    assert wait_until_free(PORT)


@pytest.mark.parametrize("attempt", EACH[::4], indirect=True)
def test_a_user_denies(firefox: Firefox, attempt: Attempt, artefacts: Path) -> None:
    """Tab and caller say the same."""
    assert attempt.url
    firefox.open(attempt.url)
    firefox.press("Alice")
    firefox.press("Deny")
    told = firefox.text("main.failed")
    with pytest.raises(ProviderRefused) as refused:
        attempt.result()
    assert str(refused.value) in told
    firefox.screenshot(artefacts / "firefox-denied.png")
    assert wait_until_free(PORT)


@pytest.mark.parametrize("attempt", [EACH[3], EACH[6]], indirect=True)
def test_what_it_keeps(attempt: Attempt, tmp_path: Path) -> None:
    """After the browser is closed, its files hold the address that was opened, and no part of a token."""
    link = attempt.url or ""
    with Firefox(tmp_path) as own:
        own.open(link)
        own.press("Alice")
        own.press("Allow")
        own.text("main.done")
        tokens = attempt.result()
    assert kept(own.profile, query_of(link)["state"]), "the search finds nothing at all"
    for token in (tokens.access_token, tokens.id_token):
        assert not kept(own.profile, token)
        assert not kept(own.profile, token.split(".")[2])


@pytest.mark.parametrize("attempt", [EACH[3]], indirect=True)
def test_what_it_keeps_of_a_refused_form(attempt: Attempt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No part of a token either: the page takes the form's place."""
    arrived = arrivals(monkeypatch)
    with Firefox(tmp_path) as own:
        own.open(str(attempt.url).replace("state=", "state=another"))
        own.press("Alice")
        own.press("Allow")
        assert "another sign-in" in own.text("main.failed")
    assert kept(own.profile, "state=another"), "the search finds nothing at all"
    for token in (arrived[0]["access_token"], arrived[0]["id_token"]):
        assert not kept(own.profile, token)
        assert not kept(own.profile, token.split(".")[2])


def test_in_jupyterlab(firefox: Firefox, issuer: LocalIssuer, tmp_path: Path, artefacts: Path) -> None:
    """The card's link opens a tab, the card is replaced, `%token` shows the claims, and the widget stands there."""
    site = Site(f"domain={issuer.issuer.rstrip('/')}", issuer.issuer, CALLBACKS[0], "")
    with JupyterLab(tmp_path / "lab", environ=NO_BROWSER, options=["--LabApp.expose_app_in_browser=True"]) as lab:
        lab.write_notebook("firefox.ipynb", ["%load_ext ipyauth_magic", site.cell(), "%token", "auth"])
        firefox.open(lab.page_of("firefox.ipynb"))
        firefox.wait_for(f"{KERNEL}?.status === 'idle'")
        firefox.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        firefox.press("Open the sign-in page")
        with firefox.new_tab():
            firefox.press("Alice")
            firefox.press("Allow")
            assert "You are signed in" in firefox.text("main.done")
        assert "Signed in as alice" in firefox.text(".jp-Cell:nth-of-type(2) .jp-OutputArea", timeout=30)
        firefox.screenshot(artefacts / "lab.png")
        assert issuer.issuer in firefox.text(".jp-Cell:nth-of-type(3) .jp-OutputArea")
        assert "alice" in firefox.text(".jp-Cell:nth-of-type(4) .ipyauth")
        firefox.evaluate("document.querySelector('.ipyauth').scrollIntoView()")
        firefox.screenshot(artefacts / "widget.png")
