"""httpx, httpx2 and async: the token is sent, renewed and tried once more, and no event loop ever stands still."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
import requests
from IPython.core.interactiveshell import InteractiveShell

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.errors import InsecureApi, NotSignedIn, SignInCancelled
from tests.magic.test_renewal import age_tokens, end_tokens
from tests.support.auths import is_good, sign_in_of
from tests.support.ports import wait_until_free
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.web import Web, serving

LIBRARIES = (httpx, httpx2)
REFUSED = (401, {"WWW-Authenticate": 'Bearer realm="fruit", error="invalid_token"'}, b"{}")


@pytest.fixture
def api() -> Iterator[Web]:
    """A server that plays the API."""
    with serving() as running:
        running.answers["/"] = (200, {}, b"{}")
        yield running


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.__name__)
def library(request: pytest.FixtureRequest) -> Any:
    """Return httpx or httpx2."""
    return request.param


def test_it_sends_the_token(make_auth: Callable[..., Auth], api: Web, library: Any) -> None:
    """A token of the sign-in; before any, an error and no request."""
    auth = make_auth()
    with library.Client(auth=auth.httpx(), trust_env=False) as client:
        with pytest.raises(NotSignedIn):
            client.get(api.url + "/")
        assert api.asked == []
        auth.sign_in()
        response = client.get(api.url + "/")
    assert response.request.headers["Authorization"] == f"Bearer {auth.access_token}"
    assert str(auth.access_token) not in repr(response.request.headers)


def test_it_tries_once_more(own_issuer: LocalIssuer, make_auth: Callable[..., Auth], api: Web, library: Any) -> None:
    """After `invalid_token`, with a new token; not with a body that is gone."""
    own_issuer.switches.access_token_lifetime = 60
    auth = make_auth().sign_in()
    api.answers["/"] = REFUSED
    with library.Client(auth=auth.httpx(), trust_env=False) as client:
        assert client.get(api.url + "/").status_code == 401
        assert api.asked == ["/", "/"]
        assert client.request("GET", api.url + "/", content=iter([b"x"])).status_code == 401
    assert api.asked == ["/", "/", "/"]
    assert own_issuer.switches.token_requests["refresh_token"] == 1


@pytest.mark.parametrize("why", ["it has ended", "the API refuses it"])
def test_a_renewal_does_not_stop_the_event_loop(
    own_issuer: LocalIssuer, make_auth: Callable[..., Auth], api: Web, library: Any, why: str
) -> None:
    """While the provider takes its time, the loop turns."""
    own_issuer.switches.access_token_lifetime = 60
    auth = make_auth().sign_in()
    if why == "it has ended":
        end_tokens(auth)
    else:
        age_tokens(auth)
        api.answers["/"] = REFUSED
    turns = 0
    turns_at_refresh = []

    def slow(path: str) -> None:
        if path == "/oauth/token":
            turns_at_refresh.append(turns)
            deadline = time.monotonic() + 10
            while turns < turns_at_refresh[0] + 20 and time.monotonic() < deadline:
                time.sleep(0.005)

    own_issuer.switches.watch = slow

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    async def main() -> int:
        turning = asyncio.create_task(turn())
        async with library.AsyncClient(auth=auth.httpx(), trust_env=False) as client:
            response = await client.get(api.url + "/", timeout=20)
        turning.cancel()
        return response.status_code

    assert asyncio.run(main()) == api.answers["/"][0]
    assert own_issuer.switches.token_requests["refresh_token"] == 1
    assert turns >= turns_at_refresh[0] + 20


WITH_AUTH_ITSELF: dict[str, Callable[[Any, str], Any]] = {
    **{
        f"{each.__name__}.get": lambda auth, url, each=each: each.get(url, auth=auth, trust_env=False)
        for each in LIBRARIES
    },
    **{
        f"{each.__name__}.AsyncClient": lambda auth, url, each=each: asyncio.run(asked(each, auth, url))
        for each in LIBRARIES
    },
    "requests.get": lambda auth, url: requests.get(url, auth=auth, timeout=20),
}
"""Ways to ask for a URL with an auth object."""


async def asked(library: Any, auth: Any, url: str) -> Any:
    """Return the answer to a request from asynchronous code."""
    async with library.AsyncClient(auth=auth, trust_env=False) as client:
        return await client.get(url)


@pytest.mark.parametrize("way", WITH_AUTH_ITSELF)
@pytest.mark.parametrize("adapter", ["auth", "auth.httpx()"])
def test_each_auth_object_works_everywhere(make_auth: Callable[..., Auth], api: Web, way: str, adapter: str) -> None:
    """`auth` in httpx, and `auth.httpx()` in requests, are mistakes that cost nothing. No plain http."""
    auth = make_auth().sign_in()
    given = auth if adapter == "auth" else auth.httpx()
    response = WITH_AUTH_ITSELF[way](given, f"{api.url}/")
    assert response.status_code == 200
    assert api.headers[-1]["Authorization"] == f"Bearer {auth.access_token}"
    assert str(auth.access_token) not in repr(response.request.headers)
    with pytest.raises(InsecureApi):
        WITH_AUTH_ITSELF[way](given, "http://api.example.com/")


@pytest.mark.parametrize("wrong", ["https://api.example.com/", 5, object()], ids=["URL", "number", "object"])
def test_what_is_no_request_is_refused(make_auth: Callable[..., Auth], wrong: object) -> None:
    """By a sentence that says what is taken, before anything is sent."""
    with pytest.raises(TypeError, match="not a request of requests, httpx or httpx2"):
        make_auth().sign_in()(wrong)


@pytest.mark.parametrize("absent", LIBRARIES, ids=lambda library: library.__name__)
def test_one_of_the_two_is_enough(
    monkeypatch: pytest.MonkeyPatch, make_auth: Callable[..., Auth], api: Web, absent: Any
) -> None:
    """The other one need not be installed."""
    auth = make_auth().sign_in()
    monkeypatch.setitem(sys.modules, absent.__name__, None)
    [present] = [each for each in LIBRARIES if each is not absent]
    assert present.get(f"{api.url}/", auth=auth.httpx(), trust_env=False).status_code == 200


def test_signing_in_from_async_code(make_auth: Callable[..., Auth]) -> None:
    """`await auth.sign_in_async()` gives the `Auth` itself."""
    auth = make_auth()
    assert asyncio.run(auth.sign_in_async()) is auth
    assert is_good(auth)


async def waiting(auth: Auth) -> asyncio.Task[Auth]:
    """Sign in in the background, and come back once the link is known."""
    task = asyncio.create_task(auth.sign_in_async(timeout=60))
    while (sign_in := authenticator_of(auth).sign_in) is None or sign_in.progress.url is None:
        await asyncio.sleep(0.01)
    return task


def test_cancelling_the_task_ends_the_sign_in(
    own_issuer: LocalIssuer, make_auth: Callable[..., Auth], no_browser: None
) -> None:
    """The port is free again, and no thread waits."""
    auth = make_auth()

    async def main() -> None:
        task = await waiting(auth)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert isinstance(sign_in_of(auth).progress.error, SignInCancelled)
    assert wait_until_free(int(own_issuer.callback_urls[0].split(":")[2].split("/")[0]))


def test_unloading_ends_one_that_goes_on_in_the_background(
    own_issuer: LocalIssuer, make_auth: Callable[..., Auth], no_browser: None, shell: InteractiveShell
) -> None:
    """The task hears of it, and the port is free."""
    auth = make_auth()

    async def main() -> None:
        task = await waiting(auth)
        shell.run_line_magic("unload_ext", "ipyauth_magic")
        with pytest.raises(SignInCancelled, match="was unloaded"):
            await task

    asyncio.run(main())
    assert wait_until_free(int(own_issuer.callback_urls[0].split(":")[2].split("/")[0]))


def test_httpx2_under_the_name_of_httpx(
    monkeypatch: pytest.MonkeyPatch, make_auth: Callable[..., Auth], api: Web
) -> None:
    """As `httpx2.alias_httpx()` has it, for a library that knows the old name only."""
    auth = make_auth().sign_in()
    monkeypatch.setitem(sys.modules, "httpx", httpx2)
    assert httpx2.get(f"{api.url}/", auth=auth.httpx(), trust_env=False).status_code == 200


def test_without_both_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, params: Callable[..., ParamsAuth0], user_browser: ScriptedBrowser
) -> None:
    """The import is made where it is used."""
    for each in LIBRARIES:
        monkeypatch.setitem(sys.modules, each.__name__, None)
    with pytest.raises(ImportError, match=r"ipyauth-magic\[httpx\]"):
        Auth(params()).httpx()
