"""What jupyter-server-proxy makes of a request: the facts that a listener behind `/proxy/PORT/` must live with.

Measured with jupyter-server-proxy 4.6 and Chromium. Host and Origin are those of the browser's address bar, so they
are not the target's own. The path has lost `{base_url}proxy/PORT`; with `/proxy/absolute/PORT/` it has lost nothing. A
foreign page can make whoever has signed in to Jupyter post to the target: the proxy asks for no XSRF token.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page

from tests.support.lab import JupyterLab
from tests.support.web import Web, serving

pytestmark = pytest.mark.harness

PAGE = b'<!doctype html><title>target</title><link rel="icon" href="data:,">here'
HTML = (200, {"Content-Type": "text/html"}, PAGE)
POST = "async () => (await fetch(location.pathname, {method: 'POST', body: 'a=1'})).status"
FOREIGN_POST = """(url) => {
    const form = document.createElement("form");
    [form.method, form.action] = ["POST", url];
    document.body.append(form);
    form.submit();
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Run one JupyterLab with the proxy, under a path, which asks for a token."""
    folder = tmp_path_factory.mktemp("lab")
    with JupyterLab(folder, base_url="/some/base/", token="a-secret", server_proxy=True) as lab:
        yield lab


@pytest.fixture
def target() -> Iterator[Web]:
    """Give a server on loopback that notes what it is asked."""
    with serving() as web:
        yield web


@pytest.fixture
def page(lab: JupyterLab, browser: Browser) -> Iterator[Page]:
    """Open a page in a browser that has signed in to Jupyter."""
    context = browser.new_context()
    page = context.new_page()
    lab.sign_in(page)
    yield page
    context.close()


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    """Open a page in a browser that Jupyter does not know."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def address(lab: JupyterLab, target: Web, proxy: str = "proxy") -> str:
    """Return where the browser finds the callback of *target*."""
    return f"{lab.url}/{proxy}/{urlsplit(target.url).port}/callback/"


@pytest.mark.parametrize("proxy", ["proxy", "proxy/absolute"])
def test_what_the_target_sees(lab: JupyterLab, target: Web, page: Page, proxy: str) -> None:
    """GET, then a POST of the page to its own address: Host and Origin are the browser's, the path is cut or whole."""
    url = address(lab, target, proxy)
    prefix = urlsplit(url).path.removesuffix("/callback/")
    path = "/callback/" if proxy == "proxy" else f"{prefix}/callback/"
    target.answers = {path: HTML, f"{path}?a=1": HTML}
    page.goto(f"{url}?a=1#b=2")
    assert page.url == f"{url}?a=1#b=2"
    assert page.evaluate(POST) == 200
    assert target.asked == [f"{path}?a=1", path]
    got, posted = target.headers
    assert [got["Host"], posted["Host"]] == [f"127.0.0.1:{lab.port}"] * 2
    assert "Origin" not in got
    assert posted["Origin"] == f"http://127.0.0.1:{lab.port}"
    assert posted["Referer"] == f"{url}?a=1"
    assert got["Sec-Fetch-Mode"] == "navigate"
    assert [posted["Sec-Fetch-Site"], posted["Sec-Fetch-Mode"]] == ["same-origin", "cors"]
    for headers in (got, posted):
        assert headers.get("X-Forwarded-Prefix") == (prefix if proxy == "proxy" else None)
        assert headers.get("X-Forwarded-Context") == headers.get("X-Forwarded-Prefix")
        assert not {"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "Forwarded"} & headers.keys()
        assert f"username-127-0-0-1-{lab.port}=" in headers["Cookie"]  # the browser's login goes to the target


def test_a_stranger_does_not_reach_the_target(lab: JupyterLab, target: Web, stranger: Page) -> None:
    """Whoever has not signed in to Jupyter is led to the login, or refused."""
    stranger.goto(f"{address(lab, target)}?a=1#b=2")
    assert stranger.url.startswith(f"{lab.url}/login?next=")
    assert stranger.request.post(address(lab, target), data="a=1").status == 403
    assert target.asked == []


def test_a_foreign_page_reaches_the_target_with_its_own_origin(lab: JupyterLab, target: Web, page: Page) -> None:
    """The proxy asks for no XSRF token: the target must look at Origin, which is passed on as it is."""
    target.answers = {"/callback/": HTML, "/foreign": HTML}
    with serving() as foreign:
        foreign.answers = {"/": HTML}
        page.goto(foreign.url)
        with page.expect_navigation():
            page.evaluate(FOREIGN_POST, address(lab, target))
        assert target.asked == ["/callback/"]
        assert target.headers[0]["Host"] == f"127.0.0.1:{lab.port}"
        assert target.headers[0]["Origin"] == foreign.url
        assert target.headers[0]["Sec-Fetch-Site"] == "same-site"  # a port makes no other site


def test_without_the_option_there_is_no_proxy(tmp_path: Path, target: Web) -> None:
    """Where it is switched off, the address is nothing."""
    with JupyterLab(tmp_path / "lab") as lab, requests.Session() as session:
        session.trust_env = False
        assert session.get(address(lab, target), timeout=30).status_code == 404
    assert target.asked == []
