"""JupyterLab as servers run it: under a path, at a given port, and closed to whoever has not signed in to Jupyter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.lab import JupyterLab
from tests.support.ports import free_port

pytestmark = pytest.mark.harness

PORT = free_port()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Run one JupyterLab that asks for a token."""
    folder = tmp_path_factory.mktemp("lab")
    with JupyterLab(folder, host="localhost", port=PORT, base_url="/some/base/", token="a-secret") as lab:
        yield lab


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    """Open a page in a browser that Jupyter does not know."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_the_owner_works_under_the_path(lab: JupyterLab, browser: Browser) -> None:
    """A notebook opens where the server was told to be, in a browser that has signed in to it."""
    assert lab.url == f"http://localhost:{PORT}/some/base"
    with lab.notebook(browser) as notebook:
        assert notebook.run("1 + 1").wait().text() == "2"
        assert notebook.page.url.startswith(f"{lab.url}/lab/")
        assert notebook.save().cells[0].outputs[0].data["text/plain"] == "2"


def test_a_stranger_is_asked_for_the_token(lab: JupyterLab, stranger: Page) -> None:
    """Without the token a page leads to the login, and what is not a page is refused; with it, both are there."""
    stranger.goto(f"{lab.url}/lab")
    assert stranger.url.startswith(f"{lab.url}/login?next=")
    assert stranger.request.get(f"{lab.url}/api/sessions").status == 403
    lab.sign_in(stranger)
    assert stranger.request.get(f"{lab.url}/api/sessions").ok
    stranger.goto(f"{lab.url}/lab")
    assert "/login" not in stranger.url
