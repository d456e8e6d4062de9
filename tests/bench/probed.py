"""A process of its own for one library that is probed: it signs in once, and tells what happens, a JSON object a line.

`opened` is the link that a browser was to open, `ended` how the sign-in ended. It stays until its standard input ends,
so that what it still holds can be looked at.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import webbrowser
from collections.abc import Callable
from typing import Any

from tests.support.scripted_browser import link_behind

from .contenders import CLIENT_ID, HTTPS

SCOPES = ["openid", "profile", "read:usual-fruit"]
WAIT = 20
"""Seconds for which each waits, where it can be told."""


class ReturnedError(Exception):
    """The library raised nothing, and returned an error."""


def ours(provider: str, port: int) -> tuple[str, list[object]]:
    """`Auth.sign_in()` with the implicit flow, at `localhost`, so that both families are asked for."""
    from ipyauth_magic import Auth, ParamsAuth0

    redirect_uri = f"http://localhost:{port}/callback/"
    params = ParamsAuth0(domain=provider, client_id=CLIENT_ID, redirect_uri=redirect_uri, audience="api/fruit")
    auth = Auth(params).sign_in(timeout=WAIT)
    return str(auth.access_token), [auth, auth.access_token]


def requests_auth(provider: str, port: int) -> tuple[str, list[object]]:
    """requests-auth's implicit grant."""
    import requests
    from requests_auth import OAuth2Implicit

    auth = OAuth2Implicit(
        f"{provider}/authorize",
        redirect_uri_port=port,
        timeout=WAIT,
        client_id=CLIENT_ID,
        response_type="token id_token",
        scope=" ".join(SCOPES),
        nonce="probe",
    )
    prepared = auth(requests.Request("GET", "http://127.0.0.1/fruit").prepare())
    return prepared.headers["Authorization"].removeprefix("Bearer "), [auth, prepared.headers]


def google(provider: str, port: int) -> tuple[str, list[object]]:
    """google-auth-oauthlib's `run_local_server`."""
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"
    from google_auth_oauthlib.flow import InstalledAppFlow

    addresses = {"auth_uri": f"{provider}/authorize", "token_uri": f"{provider}/token"}
    config = {"installed": {"client_id": CLIENT_ID, "client_secret": "none", **addresses}}
    credentials = InstalledAppFlow.from_client_config(config, SCOPES).run_local_server(port=port, timeout_seconds=WAIT)
    return credentials.token, [credentials]


def msal(provider: str, port: int) -> tuple[str, list[object]]:
    """Msal's `acquire_token_interactive`."""
    import msal

    client = msal.PublicClientApplication(CLIENT_ID, oidc_authority=f"{HTTPS}/tenant", http_client=_mapped(provider))
    result = client.acquire_token_interactive(["read:usual-fruit"], port=port, timeout=WAIT)
    if "error" in result:
        raise ReturnedError(result["error"])
    return result["access_token"], [result]


def azure(provider: str, port: int) -> tuple[str, list[object]]:
    """azure-identity's `InteractiveBrowserCredential`."""
    from azure.core.pipeline.transport import RequestsTransport
    from azure.identity import InteractiveBrowserCredential

    credential = InteractiveBrowserCredential(
        client_id=CLIENT_ID,
        tenant_id="tenant",
        authority=HTTPS,
        disable_instance_discovery=True,
        redirect_uri=f"http://localhost:{port}",
        timeout=WAIT,
        transport=RequestsTransport(session=_mapped(provider), session_owner=False),
    )
    token = credential.get_token("read:usual-fruit")
    return token.token, [credential, token]


def databricks(provider: str, port: int) -> tuple[str, list[object]]:
    """databricks-sdk's `launch_external_browser`."""
    from databricks.sdk.oauth import OAuthClient, OidcEndpoints

    endpoints = OidcEndpoints(f"{provider}/authorize", f"{provider}/token")
    client = OAuthClient(endpoints, f"http://localhost:{port}", CLIENT_ID, SCOPES)
    credentials = client.initiate_consent().launch_external_browser()
    return credentials.token().access_token, [credentials, credentials.token()]


MAKERS: dict[str, Callable[[str, int], tuple[str, list[object]]]] = {
    "ipyauth-magic": ours,
    "requests-auth": requests_auth,
    "google-auth-oauthlib": google,
    "msal": msal,
    "azure-identity": azure,
    "databricks-sdk": databricks,
}
"""The probed libraries, by distribution. Each gives the token, and the objects that a user has then."""


def _mapped(provider: str) -> Any:
    """Return a session that goes to the real address: Microsoft's libraries take no http authority."""
    import requests

    class Mapped(requests.Session):
        def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
            there = url.strip().replace(HTTPS, provider).replace("/v2.0/", "/")
            return super().request(method, there, *args, **kwargs)

    return Mapped()


class ToldBrowser(webbrowser.BaseBrowser):
    """Opens nothing, and tells the link."""

    def __init__(self, tell: Callable[..., None]) -> None:
        super().__init__("told")
        self._tell = tell

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        """Tell *url*, or the link that it leads to."""
        self._tell(opened=link_behind(url))
        return True


def main(name: str, provider: str, port: int) -> None:
    """Sign in once, and tell."""
    events = os.fdopen(os.dup(1), "w")
    for number in (1, 2):  # what a library prints is no event
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)

    def tell(**event: Any) -> None:
        print(json.dumps(event), file=events, flush=True)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.pop("BROWSER", None)
    webbrowser.register("told", None, ToldBrowser(tell), preferred=True)
    try:
        token, held = MAKERS[name](provider, port)
        shown = [type(each).__name__ for each in held if token in repr(each)]
        tell(ended="a token", token=token, shown=shown)
    except BaseException as error:  # however a library ends it
        tell(ended=type(error).__name__, message=str(error))
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
