"""The response comes to the Jupyter server itself, which hands it to the kernel that waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.callback.jupyter_handoff import HandOff
from tests.service.running import running_service
from tests.support.lab import JupyterLab, Notebook
from tests.support.machine import NO_BROWSER
from tests.support.notebook7 import Notebook7
from tests.support.other_kernel import OtherKernel
from tests.support.ports import free_port
from tests.support.signing_in_lab import signed_in, token_of, unfolded, waiting
from tests.support.site import Site
from tests.support.user_browser import STAY_OPEN, Person
from tests.support.web import serving

TOKEN = "what-jupyter-asks-for"
READ = "import requests\n\nrequests.get('{api}/api/fruit', auth=auth).json()['fruits']"


@contextmanager
def site_of(redirect_uri: str) -> Iterator[Site]:
    """Run the local issuer for *redirect_uri*, and an API that takes its tokens."""
    with LocalIssuer(0, [redirect_uri], 900) as issuer, running_service(issuer.issuer) as api:
        yield Site(f"domain={issuer.issuer.rstrip('/')}", issuer.issuer, redirect_uri, api)


@contextmanager
def opened(server: JupyterLab, browser: Browser, kernel: str = "python3") -> Iterator[Notebook]:
    """Open a notebook whose tabs stay, with the extension loaded."""
    server.write_notebook(f"{kernel}.ipynb", [], kernel=kernel)
    with server.notebook(browser, f"{kernel}.ipynb") as notebook:
        notebook.context.add_init_script(STAY_OPEN)
        assert notebook.run("%load_ext ipyauth_magic").wait().text() == ""
        yield notebook
        notebook.save()  # else Lab asks whether it may be closed


def waits(server: JupyterLab) -> list[str]:
    """Return the names of the files by which kernels wait."""
    return [path.name for path in (server.folder / "runtime").glob("ipyauth-waiting-*")]


@pytest.fixture(scope="module", params=[(JupyterLab, "/"), (JupyterLab, "/some/base/"), (Notebook7, "/")])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Run JupyterLab, under a path too, and Notebook 7; each asks for a token."""
    kind, base_url = request.param
    folder = tmp_path_factory.mktemp("server")
    with kind(folder, host="localhost", base_url=base_url, token=TOKEN, extension=True, environ=NO_BROWSER) as server:
        yield server


@pytest.fixture(scope="module")
def site(server: JupyterLab) -> Iterator[Site]:
    """The issuer, whose redirect URI is Jupyter's own."""
    with site_of(f"{server.url}/callback/") as site:
        yield site


@pytest.fixture(scope="module")
def shared(server: JupyterLab, browser: Browser) -> Iterator[Notebook]:
    """One notebook for the tests of a server."""
    with opened(server, browser) as notebook:
        yield notebook


@pytest.fixture
def notebook(shared: Notebook) -> Notebook:
    """Go on in it with a browser that the issuer does not know."""
    for page in shared.context.pages:
        if page != shared.page:
            page.close()
    shared.context.clear_cookies(name="issuer_session")
    shared.page.bring_to_front()
    return shared


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    """Open a page in a browser that Jupyter does not know."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("flow", ["code", "implicit"])
def test_jupyters_own_address_is_the_redirect_uri(
    notebook: Notebook, server: JupyterLab, site: Site, artefacts: Path, flow: str
) -> None:
    """While Jupyter holds its port; the card says why, the API is read, and nothing of it stays anywhere."""
    cell = notebook.run(site.cell(f"--force --flow {flow}"))
    link = waiting(cell)
    assert "the extension in it passes the response to this kernel" in unfolded(cell)
    assert "response_mode=fragment" in link
    assert len(waits(server)) == 1
    cell.screenshot(artefacts / f"{server.module}-{flow}-waiting.png")
    tab = signed_in(notebook, cell)
    assert tab.url == site.redirect_uri
    tab.screenshot(path=artefacts / f"{server.module}-{flow}-tab.png")
    cell.wait_for_text("Signed in as alice").wait()
    assert not cell.failed()
    assert "lychee" in notebook.run(READ.format(api=site.api)).wait().text()
    notebook.screenshot(artefacts / f"{server.module}-{flow}-signed-in.png")
    assert waits(server) == []
    token = token_of(notebook)
    notebook.save()
    written = notebook.path.read_text() + server.log.read_text()
    assert [each for each in (token, token.split(".")[2], "state=", "code=") if each in written] == []
    config = notebook.run("%token --config").wait().text()
    assert "the fragment" in config
    assert "Jupyter serves the redirect URI" in config


def test_a_browser_that_jupyter_does_not_know(
    notebook: Notebook, server: JupyterLab, site: Site, stranger: Page
) -> None:
    """It is asked to log in, nothing is handed over, and the wait goes on for the one that Jupyter knows."""
    cell = notebook.run(site.cell("--force --flow code"))
    link = waiting(cell)
    Person(stranger).sign_in(link, patience=1)
    stranger.wait_for_url(lambda url: url.startswith(f"{server.url}/login?next="))
    posted = stranger.request.post(site.redirect_uri, form={"state": "x", "code": "x"})
    assert posted.status == 403
    assert cell.is_running()
    server.sign_in(stranger)
    stranger.goto(site.redirect_uri)
    assert "Follow the link in the notebook" in stranger.locator("main").inner_text()
    assert cell.is_running()
    signed_in(notebook, cell)
    cell.wait_for_text("Signed in as alice").wait()


def test_a_foreign_page_cannot_hand_over(notebook: Notebook, site: Site) -> None:
    """Also in a browser that Jupyter knows, and with the right state: Jupyter's own check is in the way."""
    cell = notebook.run(site.cell("--force"))
    state = waiting(cell).partition("state=")[2].partition("&")[0]
    with serving() as foreign, notebook.context.expect_page() as opening:
        foreign.answers["/"] = (200, {"Content-Type": "text/html"}, b"<title>foreign</title>")
        notebook.page.evaluate("url => { window.open(url) }", foreign.url)
        page = opening.value
        page.wait_for_load_state()
        with page.expect_navigation() as navigation:
            page.evaluate(
                """([action, state]) => {
                    const form = Object.assign(document.createElement("form"), { method: "POST", action });
                    for (const [name, value] of Object.entries({ state, error: "access_denied" }))
                        form.append(Object.assign(document.createElement("input"), { name, value }));
                    document.body.append(form);
                    form.submit();
                }""",
                [site.redirect_uri, state],
            )
        assert navigation.value.status in (403, 404)  # Jupyter's words for a missing token and a foreign origin
        assert "No notebook of this server" not in navigation.value.text(), "it came past Jupyter's own check"
    notebook.page.bring_to_front()
    assert cell.is_running()
    notebook.interrupt()
    cell.wait()
    assert "interrupted" in cell.text()


def test_a_response_that_nobody_waits_for(notebook: Notebook, site: Site) -> None:
    """The tab says so."""
    with notebook.context.expect_page() as opening:
        notebook.page.evaluate("url => { window.open(url) }", f"{site.redirect_uri}#state=nobodys&code=x")
    page = opening.value
    page.locator("main.failed").wait_for()
    assert "No notebook of this server is waiting for it" in page.locator("main").inner_text()
    assert page.url == site.redirect_uri


def test_a_program_at_the_port_of_a_dead_kernel_gets_nothing(
    notebook: Notebook, server: JupyterLab, site: Site
) -> None:
    """The kernel left its file behind. The tab is not told that the sign-in ended well."""
    response = "state=of-a-dead-kernel&access_token=the-token"
    with serving() as impostor, notebook.context.expect_page() as opening:
        impostor.answers["/handover"] = (200, {}, b'{"outcome": "done", "title": "You are signed in", "message": ""}')
        left = HandOff(int(impostor.url.rpartition(":")[2]))
        published = left.publish("of-a-dead-kernel", server.folder / "runtime")
        notebook.page.evaluate("url => { window.open(url) }", f"{site.redirect_uri}#{response}")
        page = opening.value
        page.locator("main.failed").wait_for()
        published.unpublish()
    assert "did not report how the sign-in ended" in page.locator("main").inner_text()
    assert impostor.asked == ["/handover"]
    got = b"".join([*impostor.bodies, repr(impostor.headers).encode()])
    assert [each for each in (response, "the-token", "of-a-dead-kernel", left.secret) if each.encode() in got] == []
    [sealed] = impostor.bodies
    assert left.opened(sealed, about=b"fragment") == response.encode()


def test_the_wait_ends_with_the_kernel(notebook: Notebook, server: JupyterLab, site: Site) -> None:
    """Interrupted or restarted, it leaves no file behind."""
    cell = notebook.run(site.cell("--force"))
    waiting(cell)
    assert len(waits(server)) == 1
    notebook.interrupt()
    cell.wait()
    assert waits(server) == []


def test_form_post_is_refused_with_the_reason(notebook: Notebook, site: Site) -> None:
    """A sentence, before anything is opened."""
    cell = notebook.run(site.cell("--force", "response_mode=form_post")).wait()
    assert cell.failed()
    assert "SameSite=Lax" in cell.text()
    assert cell.link().count() == 0


def test_a_kernel_of_another_environment(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, artefacts: Path
) -> None:
    """It shares with the server nothing but the runtime folder."""
    kernel = OtherKernel(tmp_path_factory.mktemp("other"))
    port = free_port()
    folder = tmp_path_factory.mktemp("server")
    with (
        JupyterLab(folder, host="localhost", port=port, extension=True, environ=NO_BROWSER) as server,
        site_of(f"http://localhost:{port}/callback/") as site,
    ):
        kernel.register(server.folder / "data")
        with opened(server, browser, kernel.name) as notebook:
            assert not kernel.has("jupyter_server")
            cell = notebook.run(site.cell("--flow code"))
            waiting(cell)
            signed_in(notebook, cell)
            cell.wait_for_text("Signed in as alice").wait()
            cell.screenshot(artefacts / "other-environment.png")


def test_where_the_extension_is_not_there_the_user_pastes(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, artefacts: Path
) -> None:
    """Jupyter says 404 to the redirect; the card has told what to do; what is pasted is in no file."""
    port = free_port()
    folder = tmp_path_factory.mktemp("server")
    with (
        JupyterLab(folder, host="localhost", port=port, extension=False, environ=NO_BROWSER) as server,
        site_of(f"http://localhost:{port}/callback/") as site,
        opened(server, browser) as notebook,
    ):
        cell = notebook.run(site.cell())
        link = waiting(cell)
        assert "ipyauth-magic[jupyter]" in unfolded(cell)
        box = cell.locator.locator("input[type=password]")
        box.wait_for()
        cell.screenshot(artefacts / "paste-waiting.png")
        tab = cell.open_link()
        Person(tab).sign_in(patience=1)
        tab.wait_for_url(
            lambda url: url.startswith(f"{site.redirect_uri.rstrip('/')}#")
        )  # Jupyter takes the slash away
        ended_at = tab.url
        notebook.page.bring_to_front()
        box.fill("https://localhost/nothing")
        box.press("Enter")
        cell.wait_for_text("Copy the whole address")
        box = cell.locator.locator("input[type=password]").last
        cell.screenshot(artefacts / "paste-again.png")
        box.fill(ended_at)
        box.press("Enter")
        cell.wait_for_text("Signed in as alice").wait()
        cell.screenshot(artefacts / "paste-signed-in.png")
        assert "Paste the address" not in cell.text()
        assert "lychee" in notebook.run(READ.format(api=site.api)).wait().text()
        token = token_of(notebook)
        notebook.save()
        history = (folder / "ipython" / "profile_default" / "history.sqlite").read_bytes().decode("latin-1")
        written = notebook.path.read_text() + server.log.read_text() + history
        secrets = (token, token.split(".")[2], ended_at.partition("#")[2][:60], link)
        assert [each for each in secrets if each in written] == []


@pytest.mark.parametrize("kind", [JupyterLab, Notebook7])
def test_the_tab_wins_the_race_against_the_box(
    kind: type[JupyterLab], tmp_path_factory: pytest.TempPathFactory, browser: Browser, artefacts: Path
) -> None:
    """With `--paste` both are waited for; where the browser brings it, the box goes away by itself."""
    folder = tmp_path_factory.mktemp("server")
    with (
        kind(folder, environ=NO_BROWSER) as server,
        site_of(f"http://127.0.0.1:{free_port()}/callback/") as site,
        opened(server, browser) as notebook,
    ):
        for _ in range(2):
            cell = notebook.run(site.cell("--paste --force --flow code"))
            waiting(cell)
            box = cell.locator.locator("input[type=password]")
            box.fill("half of an addr")
            signed_in(notebook, cell)
            cell.wait_for_text("Signed in as alice").wait()
            cell.screenshot(artefacts / f"tab-won-{kind.__name__}.png")
            assert not cell.failed()
            expect(cell.locator.locator("input[type=password]")).to_have_count(0)
            assert "Paste the address" not in cell.text()
            assert notebook.run("1 + 1").wait().text() == "2"
