"""The contenders: ours, three other libraries, and a minimal Bottle on waitress.

Each maker imports the modules that it needs, so that a fresh process pays for them in its first sign-in, as a user's
would. So nothing here imports such a module at the top.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.support.ports import free_port

CLIENT_ID = "bench"
HTTPS = "https://stub.test"
"""The authority for msal, which takes no http. Its HTTP client puts the real address in place of this one."""
SCOPE = "openid profile read:usual-fruit"


@dataclass(frozen=True)
class Contender:
    """One way to sign in.

    Attributes:
        sign_in: signs in anew, and returns the moment (`perf_counter`) at which the caller had the token.
        again: gets the same token once more.
        relay: how its callback page hands a fragment on.
    """

    sign_in: Callable[[], float]
    again: Callable[[], object]
    relay: str = "post"


def our_cell(provider: str, shell: Any) -> Contender:
    """`%%auth0` in a shell, until `token` is bound; without a card."""
    run = _our_cell(f"domain={provider}", shell)
    return Contender(lambda: run("--force -q"), lambda: run("-q"))


def our_cell_with_domain(provider: str, shell: Any) -> Contender:
    """`%%auth0` as a person runs it, with its card; the provider is named by `domain`."""
    run = _our_cell(f"domain={provider}", shell)
    return Contender(lambda: run("--force"), lambda: run(""))


def our_cell_with_issuer(provider: str, shell: Any) -> Contender:
    """`%%auth0` as a person runs it, with its card; the endpoints of `issuer` stand in a document to be fetched."""
    run = _our_cell(f"issuer={provider}/", shell)
    return Contender(lambda: run("--force"), lambda: run(""))


def _our_cell(named_by: str, shell: Any) -> Callable[[str], float]:
    """Load the extension; return a function that runs the cell with options, and returns the moment of the binding."""
    shell.run_line_magic("load_ext", "ipyauth_magic")
    # The redirect URI's port stays the same, as it does for a user.
    parameters = f"{named_by}\nclient_id={CLIENT_ID}\nredirect_uri={_redirect_uri()}\naudience=api/fruit\n"
    bound_at = 0.0
    push = shell.push

    def timed_push(variables: dict[str, Any], interactive: bool = True) -> None:
        nonlocal bound_at
        push(variables, interactive=interactive)
        if "token" in variables:
            bound_at = time.perf_counter()

    shell.push = timed_push

    def run(line: str) -> float:
        shell.run_cell(f"%%auth0 {line}\n{parameters}").raise_error()
        return bound_at

    return run


def our_auth(provider: str, shell: Any) -> Contender:
    """`Auth.sign_in(force=True)`, and its `access_token`."""
    from ipyauth_magic import Auth, ParamsAuth0

    auth = Auth(ParamsAuth0(domain=provider, client_id=CLIENT_ID, redirect_uri=_redirect_uri(), audience="api/fruit"))

    def sign_in() -> float:
        assert auth.sign_in(force=True).access_token
        return time.perf_counter()

    return Contender(sign_in, lambda: auth.access_token)


def requests_auth(provider: str, shell: Any) -> Contender:
    """requests-auth's implicit grant, asked for the same tokens; it validates nothing."""
    import requests
    from requests_auth import OAuth2, OAuth2Implicit

    auth = OAuth2Implicit(
        f"{provider}/authorize",
        redirect_uri_domain="127.0.0.1",
        redirect_uri_port=free_port(),
        client_id=CLIENT_ID,
        response_type="token id_token",
        scope=SCOPE,
        nonce="bench",
        audience="api/fruit",
    )
    request = requests.Request("GET", "http://127.0.0.1/fruit").prepare()

    def sign_in() -> float:
        OAuth2.token_cache.clear()
        auth(request)
        return time.perf_counter()

    return Contender(sign_in, lambda: auth(request), relay="query")


def requests_auth_cell(provider: str, shell: Any) -> Contender:
    """requests-auth, called from a cell: what running a cell costs, ours pays too."""
    called = requests_auth(provider, shell)
    shell.user_ns["sign_in"] = called.sign_in

    def run() -> float:
        shell.run_cell("token_at = sign_in()").raise_error()
        return float(shell.user_ns["token_at"])

    return Contender(run, called.again, relay="query")


def google(provider: str, shell: Any) -> Contender:
    """google-auth-oauthlib's `run_local_server`: the authorization code grant."""
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"
    from google_auth_oauthlib.flow import InstalledAppFlow

    addresses = {"auth_uri": f"{provider}/authorize", "token_uri": f"{provider}/token"}
    config = {"installed": {"client_id": CLIENT_ID, "client_secret": "none", **addresses}}
    flow = None

    def sign_in() -> float:
        nonlocal flow
        flow = InstalledAppFlow.from_client_config(config, SCOPE.split())
        # Any port: it cannot take one again that it has just used.
        assert flow.run_local_server(host="127.0.0.1", port=0, timeout_seconds=10).token
        return time.perf_counter()

    return Contender(sign_in, lambda: flow and flow.credentials.token)


def msal(provider: str, shell: Any) -> Contender:
    """Msal's `acquire_token_interactive`, with its generic OpenID authority."""
    import msal
    import requests

    class Mapped(requests.Session):
        """Goes to the real address: msal takes no http authority."""

        def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
            return super().request(method, url.strip().replace(HTTPS, provider), *args, **kwargs)

    client = msal.PublicClientApplication(CLIENT_ID, oidc_authority=f"{HTTPS}/tenant", http_client=Mapped())
    port = free_port()
    scopes = ["read:usual-fruit"]

    def sign_in() -> float:
        result = client.acquire_token_interactive(scopes, port=port, timeout=10)
        assert result["access_token"], result
        return time.perf_counter()

    return Contender(sign_in, lambda: client.acquire_token_silent(scopes, client.get_accounts()[0]))


def bottle_on_waitress(provider: str, shell: Any) -> Contender:
    """The least that a listener of Bottle on waitress can do: one page, one response, nothing checked, nothing shown.

    As ours, it opens the browser once the port is held, and makes the server meanwhile.
    """
    import logging
    import socket
    import webbrowser

    import bottle
    from waitress import wasyncore
    from waitress.server import create_server

    logging.getLogger("waitress").addHandler(logging.NullHandler())  # else its warnings stand amidst the table
    port = free_port()
    query = {
        "response_type": "token id_token",
        "client_id": CLIENT_ID,
        "redirect_uri": f"http://127.0.0.1:{port}/callback/",
        "scope": SCOPE,
        "state": "bench",
        "nonce": "bench",
    }
    url = f"{provider}/authorize?{urlencode(query)}"
    app = bottle.Bottle()
    arrived = threading.Event()
    last: threading.Thread | None = None
    token = ""

    @app.get("/callback/")
    def relay() -> str:
        return "<!doctype html>"

    @app.post("/callback/")
    def take() -> str:
        nonlocal token
        token = dict(parse_qsl(bottle.request.body.read().decode()))["access_token"]
        arrived.set()
        return "done"

    def sign_in() -> float:
        nonlocal last
        if last:
            last.join()
        arrived.clear()
        ended = threading.Event()
        bound = socket.create_server(("127.0.0.1", port))
        webbrowser.open(url)
        sockets: dict[int, Any] = {}
        server = create_server(app, map=sockets, sockets=[bound], threads=1)

        def serve() -> None:
            while not ended.is_set():
                wasyncore.loop(timeout=1, use_poll=True, map=sockets, count=1)
            server.task_dispatcher.shutdown()
            wasyncore.close_all(sockets)

        last = threading.Thread(target=serve, daemon=True)
        last.start()
        arrived.wait()
        got = time.perf_counter()
        threading.Timer(0.01, lambda: (ended.set(), server.pull_trigger())).start()  # once the tab has its answer
        return got

    return Contender(sign_in, lambda: token)


def _redirect_uri() -> str:
    return f"http://127.0.0.1:{free_port()}/callback/"


MAKERS = {
    "%%auth0 --force -q": our_cell,
    "Auth.sign_in(force=True)": our_auth,
    "Bottle on waitress, bare": bottle_on_waitress,
    "requests-auth, from a cell": requests_auth_cell,
    "requests-auth": requests_auth,
    "google-auth-oauthlib": google,
    "msal": msal,
    "%%auth0, domain=": our_cell_with_domain,
    "%%auth0, issuer=": our_cell_with_issuer,
}
"""Each contender by the name that the table shows."""

CELL, AUTH, FLOOR, REQUESTS_AUTH_CELL, REQUESTS_AUTH, GOOGLE, MSAL, BY_DOMAIN, BY_ISSUER = MAKERS
OURS = (CELL, AUTH)
PEERS = {
    REQUESTS_AUTH_CELL: "requests_auth",
    REQUESTS_AUTH: "requests_auth",
    GOOGLE: "google_auth_oauthlib",
    MSAL: "msal",
}
"""The other libraries' contenders, with the module that each needs."""

LIKE = {CELL: REQUESTS_AUTH_CELL}
"""What a contender is measured against; requests-auth, called, where nothing is said."""
