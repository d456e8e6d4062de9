"""On a JupyterHub one redirect URI serves all users: each kernel gets the token of its own user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from fruit_service.issuer.server import LocalIssuer
from tests.service.running import running_service
from tests.support.hub import JupyterHub
from tests.support.lab import Cell, Notebook
from tests.support.ports import free_port
from tests.support.signing_in_lab import token_of, unfolded, waiting
from tests.support.site import Site
from tests.support.user_browser import STAY_OPEN, Person

PROXIED_PORT = free_port()
READ = "import requests\n\nrequests.get('{api}/api/fruit', auth=auth).json()['fruits']"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterHub]:
    """Run one Hub whose users' servers have our extension, and jupyter-server-proxy."""
    with JupyterHub(tmp_path_factory.mktemp("hub"), extension=True, server_proxy=True) as hub:
        yield hub


@pytest.fixture(scope="module")
def site(hub: JupyterHub) -> Iterator[Site]:
    """The issuer, which knows the redirect URI of the whole Hub, and a few more."""
    redirect_uri = f"{hub.url}/hub/user-redirect/callback/"
    proxied = f"{hub.server('alice')}/proxy/{PROXIED_PORT}/callback/"
    named = f"{hub.server('alice', 'second')}/callback/"
    with (
        LocalIssuer(0, [redirect_uri, proxied, named], 900) as issuer,
        running_service(issuer.issuer) as api,
    ):
        yield Site(f"domain={issuer.issuer.rstrip('/')}", issuer.issuer, redirect_uri, api)


@pytest.fixture(scope="module")
def hers(hub: JupyterHub, browser: Browser) -> Iterator[Notebook]:
    """Open a notebook as Alice."""
    with hub.notebook(browser, "alice") as notebook:
        yield ready(notebook)


@pytest.fixture(scope="module")
def his(hub: JupyterHub, browser: Browser) -> Iterator[Notebook]:
    """Open a notebook as Bob, in another browser."""
    with hub.notebook(browser, "bob") as notebook:
        yield ready(notebook)


def ready(notebook: Notebook) -> Notebook:
    """Load the extension; tabs stay open."""
    notebook.context.add_init_script(STAY_OPEN)
    assert notebook.run("%load_ext ipyauth_magic").wait().text() == ""
    return notebook


def sign_in(notebook: Notebook, cell: Cell, name: str) -> str:
    """Follow the link as *name*, and return the address at which the tab ended."""
    tab = cell.open_link()
    assert Person(tab, name).sign_in() == "done", tab.locator("body").inner_text()
    ended_at = tab.url
    tab.close()
    notebook.page.bring_to_front()
    cell.wait_for_text(f"Signed in as {name.lower()}").wait()
    return ended_at


@pytest.mark.parametrize("flow", ["code", "implicit"])
def test_two_users_sign_in_at_once(
    hub: JupyterHub, site: Site, hers: Notebook, his: Notebook, artefacts: Path, flow: str
) -> None:
    """Through the one redirect URI, each with their own token; the Hub's log has neither code nor token."""
    cells = {name: notebook.run(site.cell(f"--force --flow {flow}")) for name, notebook in users(hers, his)}
    links = {name: waiting(cell) for name, cell in cells.items()}
    assert all("JupyterHub leads your browser" in unfolded(cell) for cell in cells.values())
    assert all("response_mode=fragment" in link for link in links.values())
    for name, notebook in reversed(users(hers, his)):
        assert sign_in(notebook, cells[name], name) == f"{hub.server(name.lower())}/callback/"
    log = hub.log.read_text()
    for name, notebook in users(hers, his):
        cells[name].screenshot(artefacts / f"{name.lower()}-{flow}.png")
        assert notebook.run("print(auth.claims['nickname'])").wait().text() == name.lower()
        assert "lychee" in notebook.run(READ.format(api=site.api)).wait().text()
        assert list(hub.runtime(name.lower()).glob("ipyauth-waiting-*")) == []
        token = token_of(notebook)
        state = links[name].partition("state=")[2].partition("&")[0]
        notebook.save()
        written = log + notebook.path.read_text()
        assert [each for each in (token, token.split(".")[2], state) if each in written] == []
    assert "user-redirect/callback/" in log
    assert re.search(r"callback/\?|callback%2F%3F", log) is None, "a query of ours"
    hers.screenshot(artefacts / f"hub-{flow}.png")


def users(hers: Notebook, his: Notebook) -> list[tuple[str, Notebook]]:
    """Return who they are, with their notebooks."""
    return [("Alice", hers), ("Bob", his)]


def test_nobody_takes_the_response_of_another(site: Site, hers: Notebook, his: Notebook) -> None:
    """What Bob's browser brings for Alice's sign-in reaches no kernel of hers: he has his own runtime folder."""
    cell = hers.run(site.cell("--force --flow code"))
    link = waiting(cell)
    tab = his.context.new_page()
    tab.goto(link)
    assert Person(tab, "Bob").sign_in() == "failed"
    assert "No notebook of this server is waiting for it" in tab.locator("main").inner_text()
    tab.close()
    assert cell.is_running()
    hers.page.bring_to_front()
    sign_in(hers, cell, "Alice")


def test_the_users_own_server_has_to_let_them_in_anew(hub: JupyterHub, site: Site, hers: Notebook) -> None:
    """Its cookie gone, the Hub logs the user in on the way, and the fragment survives."""
    cell = hers.run(site.cell("--force --flow code"))
    waiting(cell)
    hers.context.clear_cookies(path="/user/alice/")
    tab = cell.open_link()
    assert Person(tab, "Alice").sign_in() == "done", tab.locator("body").inner_text()
    cell.wait_for_text("Signed in as alice").wait()
    tab.close()


def test_a_browser_that_is_logged_out_on_the_way(hub: JupyterHub, site: Site, hers: Notebook) -> None:
    """Without its cookie the page says that Jupyter refused the response. The same link works again."""
    cell = hers.run(site.cell("--force --flow code"))
    waiting(cell)

    def log_out(route: Route) -> None:
        if route.request.method == "POST":
            hers.context.clear_cookies(path="/user/alice/")
        route.continue_()

    hers.context.route("**/user/alice/callback/", log_out)
    tab = cell.open_link()
    assert Person(tab, "Alice").sign_in() == "failed"
    assert "Jupyter refused the response" in tab.locator("main").inner_text()
    tab.close()
    hers.context.unroute("**/user/alice/callback/")
    assert cell.is_running()
    hers.page.bring_to_front()
    sign_in(hers, cell, "Alice")


def test_behind_jupyter_server_proxy(hub: JupyterHub, site: Site, hers: Notebook, artefacts: Path) -> None:
    """The kernel listens at the port in the redirect URI; no extension has a part in it."""
    proxied = Site(site.provider, site.issuer, f"{hub.server('alice')}/proxy/{PROXIED_PORT}/callback/", site.api)
    cell = hers.run(proxied.cell("--force --flow code"))
    waiting(cell)
    assert f"forwards the redirect URI to port {PROXIED_PORT}" in unfolded(cell)
    cell.screenshot(artefacts / "proxy-waiting.png")
    assert sign_in(hers, cell, "Alice") == proxied.redirect_uri
    assert "lychee" in hers.run(READ.format(api=site.api)).wait().text()
    assert hers.run("%token --config").wait().text().count("jupyter-server-proxy") == 1


def test_a_redirect_uri_of_the_users_machine(site: Site, hers: Notebook, artefacts: Path) -> None:
    """The browser does not find the kernel there: the card says what would serve, and asks for the address."""
    lost = Site(site.provider, site.issuer, f"http://127.0.0.1:{free_port()}/callback/", site.api)
    cell = hers.run(lost.cell("--force --flow code"))
    waiting(cell)
    assert "runs on a JupyterHub" in unfolded(cell)
    assert "/hub/user-redirect/callback/" in cell.text()
    cell.locator.locator("input[type=password]").wait_for()
    cell.screenshot(artefacts / "wrong-redirect-uri.png")
    hers.interrupt()
    cell.wait()
    assert "The sign-in was interrupted; the port is free again." in cell.text()
    expect(cell.locator.locator("input[type=password]")).to_have_count(0)


def test_a_named_server(hub: JupyterHub, site: Site, browser: Browser) -> None:
    """By its own address."""
    named = Site(site.provider, site.issuer, f"{hub.server('alice', 'second')}/callback/", site.api)
    with hub.notebook(browser, "alice", server="second") as notebook:
        cell = ready(notebook).run(named.cell("--force --flow code"))
        waiting(cell)
        assert sign_in(notebook, cell, "Alice") == named.redirect_uri
