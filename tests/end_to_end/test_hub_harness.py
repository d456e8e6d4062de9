"""The harness that runs a JupyterHub gives each user a server and kernels of their own."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
from playwright.sync_api import Browser

from tests.support.hub import JupyterHub
from tests.support.lab import Notebook
from tests.support.ports import is_free
from tests.support.web import serving

pytestmark = pytest.mark.harness


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterHub]:
    """Run one Hub; when it is closed, nothing of it is left."""
    with JupyterHub(
        tmp_path_factory.mktemp("hub"), environ={"STORY": "fruit"}, extension=False, server_proxy=True
    ) as hub:
        yield hub
        processes = hub.processes()
        assert len(processes) >= 5  # the Hub, its proxy, two servers, their kernels
    assert not [process for process in processes if psutil.pid_exists(process.pid) and process.is_running()]
    assert is_free(hub.port)


@pytest.fixture(scope="module")
def hers(hub: JupyterHub, browser: Browser) -> Iterator[Notebook]:
    """Open a notebook as Alice."""
    with hub.notebook(browser, "alice") as notebook:
        yield notebook


@pytest.fixture(scope="module")
def his(hub: JupyterHub, browser: Browser) -> Iterator[Notebook]:
    """Open a notebook as Bob, in another browser."""
    with hub.notebook(browser, "bob") as notebook:
        yield notebook


WHO = "import os\nfrom jupyter_core.paths import jupyter_runtime_dir\n"


def test_two_users_have_kernels_of_their_own(hub: JupyterHub, hers: Notebook, his: Notebook) -> None:
    """Both work at once; each kernel knows its user, home, runtime folder and prefix."""
    source = WHO + "print(*(os.environ[name] for name in ('JUPYTERHUB_USER', 'HOME', 'JUPYTERHUB_SERVICE_PREFIX')))"
    for user, notebook in (("alice", hers), ("bob", his)):
        assert notebook.page.url.startswith(f"{hub.server(user)}/lab/")
        assert notebook.run(source).wait().text() == f"{user} {hub.home(user)} /user/{user}/"
        assert notebook.run(WHO + "print(jupyter_runtime_dir())").wait().text() == str(hub.runtime(user))
        assert notebook.run("print(os.getcwd(), os.environ['STORY'])").wait().text() == f"{hub.root(user)} fruit"
        assert len(list(hub.runtime(user).glob("jpserver-*.json"))) == 1


def test_one_address_leads_each_user_to_their_own_server(hub: JupyterHub, hers: Notebook, his: Notebook) -> None:
    """`/hub/user-redirect/` keeps path, query and fragment; the Hub writes the query to its log, not the fragment."""
    for user, notebook in (("alice", hers), ("bob", his)):
        page = notebook.context.new_page()
        page.goto(f"{hub.url}/hub/user-redirect/api?who={user}-asks#fragment-of-{user}")
        assert page.url == f"{hub.server(user)}/api?who={user}-asks#fragment-of-{user}"
        page.close()
        log = hub.log.read_text()
        assert f"{user}-asks" in log
        assert f"fragment-of-{user}" not in log


def test_no_user_gets_into_the_server_of_another(hub: JupyterHub, hers: Notebook, browser: Browser) -> None:
    """Bob's server is closed to Alice, and everything to a stranger."""
    assert hers.page.request.get(f"{hub.server('alice')}/api/sessions").ok
    assert hers.page.request.get(f"{hub.server('bob')}/api/sessions").status == 403
    stranger = browser.new_context()
    assert stranger.request.get(f"{hub.server('alice')}/api/sessions").status == 403
    page = stranger.new_page()
    page.goto(f"{hub.server('alice')}/lab")
    assert page.url.startswith(f"{hub.url}/hub/login?next=")
    stranger.close()


def test_what_a_proxied_server_sees(hub: JupyterHub, hers: Notebook) -> None:
    """Behind jupyter-server-proxy on the Hub, Host is the Hub's public one, said also by the Hub's own proxy."""
    page = hers.context.new_page()
    with serving() as web:
        web.answers = {"/callback/?a=1": (200, {"Content-Type": "text/html"}, b"here")}
        port = web.url.rsplit(":", 1)[1]
        page.goto(f"{hub.url}/hub/user-redirect/proxy/{port}/callback/?a=1#b=2")
        assert page.url == f"{hub.server('alice')}/proxy/{port}/callback/?a=1#b=2"
    page.close()
    assert web.asked[0] == "/callback/?a=1"
    headers = web.headers[0]
    assert headers["Host"] == headers["X-Forwarded-Host"] == f"127.0.0.1:{hub.port}"
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["X-Forwarded-Prefix"] == f"/user/alice/proxy/{port}"


def test_a_named_server(hub: JupyterHub, browser: Browser) -> None:
    """Alice may have a second server, under a path of its own."""
    with hub.notebook(browser, "alice", server="second") as notebook:
        assert (
            notebook.run("import os; os.environ['JUPYTERHUB_SERVICE_PREFIX']").wait().text() == "'/user/alice/second/'"
        )
        assert notebook.save().cells[0].outputs
