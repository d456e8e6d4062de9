"""The sign-ins that the relying-party tests look at, and the user's browser, which is a script."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator

import pytest

from tests.conformance.refusals import FLOWS, Visit, Visits, all_refused, visiting
from tests.support.scripted_browser import ScriptedBrowser


@pytest.fixture(scope="module", autouse=True)
def user_browser() -> Iterator[ScriptedBrowser]:
    """The user's browser: what `webbrowser` would start is a script."""
    browser = ScriptedBrowser()
    program = webbrowser.GenericBrowser("scripted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "open", lambda url, new=0: bool(browser.open_in_thread(url)))
        patch.setattr(webbrowser, "get", lambda using=None: program)
        for name in ("BROWSER", "HTTPS_PROXY"):
            patch.delenv(name, raising=False)
        yield browser
        browser.join()


@pytest.fixture(scope="module")
def refused(user_browser: ScriptedBrowser) -> Iterator[Visits]:
    """Every sign-in and renewal that must be refused, over and watched."""
    with all_refused() as visits:
        yield visits


@pytest.fixture(params=FLOWS)
def flow(request: pytest.FixtureRequest) -> str:
    """One flow after the other."""
    named: str = request.param
    return named


@pytest.fixture
def visit(flow: str) -> Iterator[Visit]:
    """A visit to an issuer that does nothing wrong yet."""
    with visiting(flow) as begun:
        yield begun
