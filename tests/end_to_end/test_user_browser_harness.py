"""The program in front of the browser signs in as a person would, at both providers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from tests.support.http_server import QuietHandler, QuietServer, running
from tests.support.provider import OidcProvider
from tests.support.user_browser import UserBrowser

pytestmark = pytest.mark.harness

CALLBACK = """<!doctype html><title>callback</title><main class="waiting"></main><script>
const response = new URLSearchParams(location.hash.slice(1));
document.querySelector("main").className = response.has("access_token") ? "done" : "failed";
document.querySelector("main").textContent = [...response.keys()].join(" ") + " " + response.get("error");
if (response.has("access_token")) window.close();
</script>"""


class Callback(QuietHandler):
    """A page that names what came in the fragment, and no values."""

    def do_GET(self) -> None:
        """Answer with the page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(CALLBACK.encode())


@pytest.fixture(scope="module")
def redirect_uri() -> Iterator[str]:
    """Serve the callback page."""
    with running(QuietServer(Callback)) as server:
        yield f"http://127.0.0.1:{server.port}/callback/"


@pytest.fixture(scope="module", params=["local issuer", "oidc-provider"])
def issuer(request: pytest.FixtureRequest, redirect_uri: str) -> Iterator[str]:
    """Run one provider after the other."""
    if request.param == "local issuer":
        with LocalIssuer(0, [redirect_uri]) as local:
            yield local.issuer
    else:
        with OidcProvider([redirect_uri]) as provider:
            yield provider.issuer


def authorization_url(issuer: str, redirect_uri: str) -> str:
    """Return an authorization request of the implicit flow."""
    metadata = requests.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", timeout=30).json()
    parameters = {
        "client_id": "ipyauth-demo",
        "redirect_uri": redirect_uri,
        "response_type": "id_token token",
        "scope": "openid profile read:usual-fruit",
        "audience": "api/fruit",
        "state": "state-of-this-test",
        "nonce": "nonce-of-this-test",
    }
    return f"{metadata['authorization_endpoint']}?{urlencode(parameters)}"


def open_url(user: UserBrowser, url: str) -> None:
    """Open *url* as a kernel does: by `webbrowser`, with BROWSER in its environment, in a process of its own."""
    code = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, url], env={**os.environ, "BROWSER": user.command}, check=True)


def test_alice_allows(issuer: str, redirect_uri: str, tmp_path: Path) -> None:
    """Opened through BROWSER, the program signs in and allows; the page's last word and picture are left behind."""
    user = UserBrowser(tmp_path / "user")
    open_url(user, authorization_url(issuer, redirect_uri))
    seen = user.sign_in()
    assert seen.outcome == "done", user.log()
    assert seen.asked_to_close
    assert {"access_token", "id_token", "state"} <= set(seen.text.split())
    assert seen.screenshot.read_bytes().startswith(b"\x89PNG")
    assert "state-of-this-test" not in user.log()


def test_bob_denies(issuer: str, redirect_uri: str, tmp_path: Path) -> None:
    """Someone who does not allow it brings an error to the callback."""
    user = UserBrowser(tmp_path / "user", person="Bob", decision="Deny")
    open_url(user, authorization_url(issuer, redirect_uri))
    seen = user.sign_in()
    assert seen.outcome == "failed", user.log()
    assert "access_denied" in seen.text
