"""A token crosses no network without TLS, unless the user allows it (RFC 6750, 5.3)."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Iterator

import httpx
import pytest
import requests

from ipyauth_magic import Auth, IpyauthError
from ipyauth_magic.errors import InsecureApi
from ipyauth_magic.protocol.urls import is_clear_text
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.web import Web, serving

ELSEWHERE = "http://api.example.com/fruit"


@pytest.fixture
def auth(make_auth: Callable[..., Auth], user_browser: ScriptedBrowser) -> Auth:
    """A signed-in Auth."""
    return make_auth().sign_in()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A proxy that the environment names for plain http: whatever is sent to another machine arrives there."""
    with serving() as running:
        running.answers[ELSEWHERE] = (200, {}, b"{}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", running.url)
        yield running


async def get_async(auth: httpx.Auth, url: str) -> httpx.Response:
    """Ask for *url* from asynchronous code."""
    async with httpx.AsyncClient(auth=auth) as client:
        return await client.get(url)


WAYS: dict[str, Callable[[Auth], object]] = {
    "auth=": lambda auth: requests.get(ELSEWHERE, auth=auth, timeout=30),
    "session": lambda auth: auth.session(ELSEWHERE),
    "session without base URL": lambda auth: auth.session().get(ELSEWHERE),
    "httpx": lambda auth: httpx.get(ELSEWHERE, auth=auth.httpx()),
    "async httpx": lambda auth: asyncio.run(get_async(auth.httpx(), ELSEWHERE)),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_token_over_plain_http(way: str, auth: Auth, proxy: Web) -> None:
    """One error, before anything is sent; it says how to allow it, and holds no token."""
    with pytest.raises(InsecureApi, match=r"http://api\.example\.com,.*without_tls=True") as caught:
        WAYS[way](auth)
    assert proxy.asked == []
    assert caught.value.origin == "http://api.example.com"
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), IpyauthError)
    assert str(auth.access_token) not in str(caught.value)


ALLOWED: dict[str, Callable[[Auth], object]] = {
    "session": lambda auth: auth.session(ELSEWHERE, without_tls=True).get("/fruit"),
    "session without base URL": lambda auth: auth.session(without_tls=True).get(ELSEWHERE),
    "httpx": lambda auth: httpx.get(ELSEWHERE, auth=auth.httpx(without_tls=True)),
    "async httpx": lambda auth: asyncio.run(get_async(auth.httpx(without_tls=True), ELSEWHERE)),
}


@pytest.mark.parametrize("way", ALLOWED)
def test_the_user_may_allow_it(way: str, auth: Auth, proxy: Web) -> None:
    """By the same keyword as for a Dask cluster."""
    ALLOWED[way](auth)
    assert proxy.headers[0]["Authorization"] == f"Bearer {auth.access_token}"


def test_an_origin_that_was_refused_is_not_that_of_the_session(auth: Auth, proxy: Web) -> None:
    """The next request of the session has the token, where it may go."""
    with serving() as api, auth.session() as session:
        with pytest.raises(InsecureApi):
            session.get(ELSEWHERE)
        session.get(api.url)
        assert "Authorization" in api.headers[0]


def test_a_request_without_the_token_goes_anywhere(auth: Auth, proxy: Web) -> None:
    """A session asks other origins, and with a password of the user's, without the token."""
    with serving() as api, auth.session(api.url) as session:
        assert session.get(ELSEWHERE).status_code == 200
        assert session.get(ELSEWHERE, auth=("user", "password")).status_code == 200
    assert [header.get("Authorization", "")[:5] for header in proxy.headers] == ["", "Basic"]


def test_a_session_reaches_this_machine_without_a_proxy(auth: Auth, proxy: Web) -> None:
    """Also by a redirect; what leads away from this machine goes through the proxy."""
    with serving() as api, auth.session(api.url) as session:
        api.answers |= {"/": (302, {"Location": "/fruit"}, b""), "/fruit": (302, {"Location": ELSEWHERE}, b"")}
        assert session.get("/").status_code == 200
    assert api.asked == ["/", "/fruit"]
    assert all("Authorization" in headers for headers in api.headers)
    assert proxy.asked == [ELSEWHERE]
    assert "Authorization" not in proxy.headers[0]


@pytest.mark.parametrize(
    ("url", "is_clear"),
    [
        ("https://api.example.com/", False),
        ("http://api.example.com/", True),
        ("HTTP://api.example.com/", True),
        ("ws://api.example.com/", True),
        ("http://10.0.0.1/", True),
        ("http://localhost:5000/", False),
        ("http://LOCALHOST/", False),
        ("http://127.0.0.1/", False),
        ("http://127.8.9.1/", False),
        ("http://[::1]:5000/", False),
        ("http://[::ffff:10.0.0.1]/", True),
        ("http://localhost.example.com/", True),
        ("http://127.0.0.1.example.com/", True),
        ("http://127.0.0.1@example.com/", True),
        ("http://0.0.0.0/", True),
        ("http://[::1/", True),
        ("http+unix://%2Frun%2Fapi.sock/", False),
    ],
)
def test_what_is_clear_text(url: str, is_clear: bool) -> None:
    """Plain http to any host but this machine's own addresses."""
    assert is_clear_text(url) == is_clear


@pytest.mark.parametrize(
    ("base_url", "path", "asked"),
    [
        ("/v1/", "items", "/v1/items"),
        ("/v1", "items", "/items"),
        ("/v1/", "/items", "/items"),
        ("/v1/", "../items", "/items"),
        ("", "items", "/items"),
        ("/v1", "?page=2", "/v1?page=2"),
    ],
)
def test_a_relative_path_is_resolved_as_in_a_browser(base_url: str, path: str, asked: str, auth: Auth) -> None:
    """RFC 3986, 5.2: the slash at the end of the base URL decides."""
    with serving() as api, auth.session(f"{api.url}{base_url}") as session:
        session.get(path)
    assert api.asked == [asked]
