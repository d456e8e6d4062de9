"""The sign-ins that the relying-party tests look at, and the user's browser, which is a script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.refusals import FLOWS, Visit, Visits, all_refused, visiting
from tests.support.scripted_browser import ScriptedBrowser, use_as_browser


@pytest.fixture(scope="module", autouse=True)
def user_browser() -> Iterator[ScriptedBrowser]:
    """The user's browser: what `webbrowser` would start is a script."""
    browser = ScriptedBrowser()
    with pytest.MonkeyPatch.context() as patch:
        use_as_browser(patch, browser.open_in_thread)
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
