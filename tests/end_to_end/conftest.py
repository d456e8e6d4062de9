"""The two providers, each with a fruit API that takes its tokens; a JupyterLab and a notebook in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from fruit_service.issuer.server import LocalIssuer
from tests.service.running import running_service
from tests.support.chromium import chromium
from tests.support.lab import JupyterLab, Notebook
from tests.support.machine import NO_BROWSER
from tests.support.ports import free_port
from tests.support.provider import OidcProvider
from tests.support.provider_browser import ProviderBrowser, ProviderVisitor
from tests.support.scripted_browser import use_as_browser
from tests.support.site import Site
from tests.support.user_browser import STAY_OPEN

LIFETIME = 900
"""Seconds of an access token: no test comes near it, however slow the machine is."""


@pytest.fixture(scope="module")
def redirect_uri() -> str:
    """A redirect URI whose port was free a moment ago."""
    return f"http://127.0.0.1:{free_port()}/callback/"


@pytest.fixture(scope="module")
def local_site(redirect_uri: str) -> Iterator[Site]:
    """The local issuer, which asks people who they are and what they allow."""
    with LocalIssuer(0, [redirect_uri], LIFETIME) as local, running_service(local.issuer) as api:
        yield Site(f"domain={local.issuer.rstrip('/')}", local.issuer, redirect_uri, api)


@pytest.fixture(scope="module")
def prompt_site(redirect_uri: str) -> Iterator[Site]:
    """A local issuer where Alice has allowed everything, for browsers without eyes."""
    with LocalIssuer(0, [redirect_uri], LIFETIME, auto_approve="alice") as local:
        yield Site(f"domain={local.issuer.rstrip('/')}", local.issuer, redirect_uri, "")


@pytest.fixture(scope="module")
def oidc_site(redirect_uri: str) -> Iterator[Site]:
    """The provider that nobody here wrote."""
    with OidcProvider([redirect_uri], lifetime=LIFETIME) as provider, running_service(provider.issuer) as api:
        yield Site(f"issuer={provider.issuer}", provider.issuer, redirect_uri, api)


@pytest.fixture(params=["local issuer", "oidc-provider"])
def site(request: pytest.FixtureRequest) -> Site:
    """One provider after the other."""
    found: Site = request.getfixturevalue("local_site" if request.param == "local issuer" else "oidc_site")
    return found


@pytest.fixture
def alice(redirect_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderBrowser]:
    """Let Alice use the user's browser, to sign in at the independent provider."""
    browser = ProviderBrowser(ProviderVisitor("alice", redirect_uri))
    use_as_browser(monkeypatch, browser.open_in_thread)
    yield browser
    browser.join()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Run one JupyterLab on a machine without any browser."""
    with JupyterLab(tmp_path_factory.mktemp("lab"), environ=NO_BROWSER) as lab:
        yield lab


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run one Chromium, the user's own."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(lab: JupyterLab, browser: Browser) -> Iterator[Notebook]:
    """Open one notebook for these tests; tabs that it opens stay, to be looked at."""
    with lab.notebook(browser) as notebook:
        notebook.context.add_init_script(STAY_OPEN)
        yield notebook
        notebook.save()  # else Lab asks whether it may be closed


@pytest.fixture
def notebook(opened: Notebook) -> Notebook:
    """Go on in the notebook with a new kernel, the extension loaded, and a browser that knows nobody."""
    for page in opened.context.pages:
        if page != opened.page:
            page.close()
    opened.context.clear_cookies(domain="localhost")
    opened.page.bring_to_front()
    opened.restart_kernel()
    assert opened.run("%load_ext ipyauth_magic").wait().text() == ""
    return opened
