"""Sign-ins without an ID token, and tokens without a known end: plain OAuth 2.0, and devices (RFC 6749, RFC 8628)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from IPython.core.interactiveshell import InteractiveShell

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.errors import InvalidResponse, ProviderError, ProviderRefused, SignInNeeded
from ipyauth_magic.flows import clock, device
from ipyauth_magic.flows.authorization import authorization_request, awaited
from ipyauth_magic.flows.last_users import LAST_USERS
from ipyauth_magic.protocol.flow import Grant
from ipyauth_magic.protocol.metadata import ProviderMetadata
from ipyauth_magic.protocol.pkce import code_challenge
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.provider.provider import Provider
from tests.magic.test_magics import run
from tests.support.attempts import Attempt
from tests.support.auths import card_of, is_good, source_of, tokens_of
from tests.support.scripted_browser import ScriptedBrowser, query_of
from tests.support.web import Web, serving

DISCOVERY = "/.well-known/openid-configuration"
TOKENS = "/oauth/token"
OPAQUE = {"access_token": "opaque-1", "token_type": "Bearer", "scope": "read:usual-fruit"}
"""A token response of plain OAuth 2.0 (RFC 6749, 5.1), without a lifetime."""

ALICE = {"sub": "7", "name": "Alice", "email": "alice@x.test", "picture": "https://x.test/a.png"}


@pytest.fixture
def plain(own_issuer: LocalIssuer) -> Callable[..., ParamsAuth0]:
    """Return a maker of parameters that ask the local issuer for no ID token."""

    def make(**changes: Any) -> ParamsAuth0:
        values = {"issuer": own_issuer.issuer, "client_id": own_issuer.client_id, "default_scope": ""}
        values |= {"redirect_uri": own_issuer.callback_urls[0], "scope": "read:usual-fruit", "response_type": "code"}
        return ParamsAuth0(**(values | changes))

    return make


MakePlain = Callable[..., ParamsAuth0]


def signed_in(issuer: LocalIssuer, auth: Auth, **response: Any) -> Auth:
    """Sign in with *auth*, whose token response is `OPAQUE` with changes."""
    issuer.switches.answer(TOKENS, 200, {name: value for name, value in (OPAQUE | response).items() if value})
    return auth.sign_in()


def test_code_without_openid(plain: MakePlain, own_issuer: LocalIssuer, user_browser: ScriptedBrowser) -> None:
    """No nonce is sent, no claims come, and the userinfo endpoint names the user."""
    own_issuer.switches.answer("/userinfo", 200, ALICE)
    auth = signed_in(own_issuer, Auth(plain(), renewable=False))
    asked = query_of(link(plain()))
    assert "nonce" not in asked
    assert asked["code_challenge_method"] == "S256"
    assert auth.access_token == "opaque-1"
    assert auth.id_token is None
    assert auth.claims == {}
    assert auth.logged_as == "Alice"
    assert auth.scope == "read:usual-fruit"
    assert tokens_of(auth).userinfo == {name: ALICE[name] for name in ("sub", "name", "email")}


def link(params: ParamsAuth0) -> str:
    """Return the link of a sign-in that is not followed."""
    attempt = Attempt(params, 30)
    try:
        attempt.wait_for_url(10)
        return str(attempt.url)
    finally:
        attempt.stop("the test has seen enough")
        attempt.join()


@pytest.mark.parametrize("status", [404, 401, 500])
def test_a_user_whom_nothing_names(
    status: int, plain: MakePlain, own_issuer: LocalIssuer, user_browser: ScriptedBrowser
) -> None:
    """The token is good all the same; a card of another user is not claimed."""
    LAST_USERS.forget()
    own_issuer.switches.answer("/userinfo", status)
    auth = signed_in(own_issuer, Auth(plain(), renewable=False))
    assert auth.logged_as == "unknown"
    assert card_of(auth).title == "Signed in as unknown"
    assert not [row for row in card_of(auth).rows if row[0] in ("Account", "Last time")]
    assert auth() == "opaque-1"


def test_plain_oauth_needs_no_keys(plain: MakePlain, own_issuer: LocalIssuer, user_browser: ScriptedBrowser) -> None:
    """RFC 8414, 2: `jwks_uri` is optional. With the scope `openid` it is missed before a browser opens."""
    document = requests.get(own_issuer.issuer.rstrip("/") + DISCOVERY, timeout=10).json()
    own_issuer.switches.answer(DISCOVERY, 200, document | {"jwks_uri": None}, times=9)
    assert signed_in(own_issuer, Auth(plain(), renewable=False)).access_token == "opaque-1"
    opened = len(user_browser.opened)
    with pytest.raises(ProviderError, match="no jwks_uri.*leave `default_scope` empty"):
        Auth(plain(default_scope="openid"), renewable=False).sign_in()
    assert len(user_browser.opened) == opened


@pytest.mark.parametrize("flow", ["code", "device"])
def test_a_provider_with_secrets_only_is_told_before_a_browser_opens(
    flow: str, plain: MakePlain, own_issuer: LocalIssuer
) -> None:
    """Its metadata lists no algorithm without a secret."""
    document = requests.get(own_issuer.issuer.rstrip("/") + DISCOVERY, timeout=10).json()
    own_issuer.switches.answer(DISCOVERY, 200, document | {"id_token_signing_alg_values_supported": ["HS256"]}, times=9)
    attempt = Attempt(plain(default_scope="openid"), 30, flow=flow)
    with pytest.raises(ProviderError, match="signs ID tokens with HS256 only"):
        attempt.result()
    attempt.join()
    assert attempt.url is None


def test_tokens_without_id_token_and_end_are_shown(
    plain: MakePlain, own_issuer: LocalIssuer, user_browser: ScriptedBrowser, shell: InteractiveShell
) -> None:
    """By the card, `show`, `%token`, its `--json` and `--list`: what is not known is called so."""
    own_issuer.switches.answer("/userinfo", 200, ALICE)
    auth = shell.user_ns["auth"] = signed_in(own_issuer, Auth(plain(), renewable=False))
    assert auth.expires_at is None
    assert auth.time_to_exp == "unknown"
    assert ("Expires", "not known: the token works until an API refuses it") in card_of(auth).rows
    auth.show()
    _, _, _, [shown] = run(shell, "%token auth")
    text = shown.data["text/plain"]
    assert "User: from the userinfo endpoint" in text
    assert "There is no ID token" in " ".join(text.split())
    assert "Lifetime" not in text
    result, _, _, _ = run(shell, "%token auth --json")
    assert result.result == {
        **dict.fromkeys(("header", "claims", "id_claims", "expires_at", "expires_in")),
        "scope": "read:usual-fruit",
    }
    _, _, _, [listed] = run(shell, "%token --list")
    assert re.search(r"read:usual-fruit +unknown +none$", listed.data["text/plain"], re.MULTILINE)


@pytest.mark.parametrize(
    ("access_token", "said"),
    [("opaque-1", "none: the access token is opaque"), ("e30.e30.c2ln", "none was asked for")],
)
def test_the_card_calls_only_an_opaque_token_opaque(
    access_token: str, said: str, plain: MakePlain, own_issuer: LocalIssuer, user_browser: ScriptedBrowser
) -> None:
    """A JWT may come without an audience that was asked for."""
    auth = signed_in(own_issuer, Auth(plain(), renewable=False), access_token=access_token)
    assert ("API", said) in card_of(auth).rows


def test_a_token_without_an_end_is_good_until_an_api_refuses_it(
    plain: MakePlain,
    own_issuer: LocalIssuer,
    user_browser: ScriptedBrowser,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The next sign-in asks the user then, also one that finds the token in the store."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    auth = signed_in(own_issuer, Auth(plain(), renewable=False, store="file"))
    equal = Auth(plain(), renewable=False, store="file").sign_in()  # opens no browser
    assert equal.access_token == "opaque-1"
    in_ten_years = clock.utc_now() + timedelta(days=3650)
    monkeypatch.setattr(clock, "utc_now", lambda: in_ten_years)
    assert is_good(auth)
    with pytest.raises(SignInNeeded):
        source_of(auth).renew_refused("opaque-1")
    assert not is_good(auth)
    assert not source_of(auth).adopt()
    with pytest.raises(SignInNeeded):
        auth()
    assert not source_of(Auth(plain(), renewable=False, store="file")).adopt()


def test_a_renewal_needs_no_id_token(plain: MakePlain, own_issuer: LocalIssuer, user_browser: ScriptedBrowser) -> None:
    """The user stays the one whom the userinfo endpoint named."""
    own_issuer.switches.answer("/userinfo", 200, ALICE)
    auth = signed_in(own_issuer, Auth(plain()), refresh_token="r1")
    own_issuer.switches.answer(TOKENS, 200, OPAQUE | {"access_token": "opaque-2", "id_token": "never.looked.at"})
    auth.renew()
    assert (auth.access_token, auth.id_token, auth.logged_as) == ("opaque-2", None, "Alice")
    own_issuer.switches.answer("/userinfo", 200, {"sub": "8"})
    with pytest.raises(InvalidResponse, match="are not used"):
        auth.userinfo()


# By device


@pytest.fixture
def web() -> Iterator[Web]:
    """A server that plays a provider."""
    with serving() as running:
        yield running


def publish(web: Web, path: str, document: object, status: int = 200) -> None:
    """Let *web* answer *path* with JSON."""
    web.answers[path] = (status, {"Content-Type": "application/json"}, json.dumps(document).encode())


@pytest.fixture
def by_device(web: Web) -> Callable[..., TokenSet]:
    """Return what signs in by device at *web*, whose answer to the poll is given; no time passes."""
    endpoints = {"device_authorization_endpoint": "device", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}
    endpoints |= {"authorization_endpoint": "authorize", "jwks_uri": "keys"}
    publish(web, DISCOVERY, {"issuer": web.url} | {name: f"{web.url}/{path}" for name, path in endpoints.items()})
    publish(web, "/keys", {"keys": []})
    code = {"device_code": "d", "user_code": "BCDF", "verification_uri": f"{web.url}/activate", "expires_in": 60}
    publish(web, "/device", code)

    def sign_in(answer: object, status: int = 200, **changes: str) -> TokenSet:
        params = ParamsAuth0(**({"issuer": web.url, "client_id": "c", "scope": "a"} | changes))
        grant, provider = Grant.of("code", "device"), Provider.of(web.url)
        publish(web, "/token", answer, status)
        polled = device.poll(device.begin(params, grant, provider), params, provider, clock.utc_now)
        assert isinstance(polled, device.Granted)
        return device.tokens(polled, params, grant, provider, clock.utc_now)

    return sign_in


def test_the_device_flow_has_pkce(web: Web, by_device: Callable[..., TokenSet]) -> None:
    """RFC 7636: the challenge goes with the first request, and its verifier with each poll."""
    by_device(OPAQUE)
    first, poll = (parse_qs(body.decode()) for body in web.bodies[:2])
    assert first["code_challenge_method"] == ["S256"]
    assert first["code_challenge"] == [code_challenge(poll["code_verifier"][0])]


@pytest.mark.parametrize("default_scope", ["openid profile", ""])
def test_a_device_without_id_token(default_scope: str, web: Web, by_device: Callable[..., TokenSet]) -> None:
    """RFC 8628 promises none. Who it is comes from the userinfo endpoint, or is not known."""
    unknown = by_device(OPAQUE, default_scope=default_scope)
    assert (unknown.access_token, unknown.logged_as, unknown.claims) == ("opaque-1", "unknown", {})
    publish(web, "/userinfo", ALICE)
    assert by_device(OPAQUE, default_scope=default_scope).logged_as == "Alice"


@pytest.mark.parametrize("asked", [{"max_age": "60"}, {"acr_values": "urn:mfa"}, {"organization": "org_a"}])
def test_what_only_an_id_token_proves(asked: dict[str, str], by_device: Callable[..., TokenSet]) -> None:
    """A sign-in that was to be a certain one does not pass without it."""
    with pytest.raises(InvalidResponse) as caught:
        by_device(OPAQUE, **asked)
    assert caught.value.check == "id_token"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"ok": False, "error": "invalid_code"}, "invalid_code"),
        (OPAQUE | {"error": "access_denied"}, "access_denied"),
        ({"error": {"message": "no"}}, "unspecified"),
    ],
    ids=str,
)
def test_an_error_is_one_with_any_status(answer: object, error: str, by_device: Callable[..., TokenSet]) -> None:
    """Some providers send errors with 200; a token beside one is not taken."""
    with pytest.raises(ProviderRefused) as caught:
        by_device(answer)
    assert caught.value.error == error


def test_a_poll_goes_on_with_any_status(web: Web, by_device: Callable[..., TokenSet]) -> None:
    """RFC 8628, 3.5: the code counts."""
    publish(web, "/token", {"error": "authorization_pending"})
    params = ParamsAuth0(issuer=web.url, client_id="c")
    first = device.begin(params, Grant.of("code", "device"), Provider.of(web.url))
    assert isinstance(device.poll(first, params, Provider.of(web.url), clock.utc_now), device.Polling)


# Where a code may come


@pytest.mark.parametrize(
    ("response_type", "mode", "listed", "may_come"),
    [
        ("code", "query", ("query",), True),
        ("code", "fragment", (), True),
        ("code", "form_post", (), True),
        ("code", "fragment", ("fragment", "query"), False),
        ("token id_token", "fragment", (), False),
    ],
)
def test_a_code_in_the_query(response_type: str, mode: str, listed: tuple[str, ...], may_come: bool) -> None:
    """A provider that lists no response modes promises none. PKCE guards the code; a token has no such guard."""
    params = ParamsAuth0(issuer="https://x.test", client_id="c", response_type=response_type, response_mode=mode)
    request = authorization_request(params, Grant.of(response_type), "http://127.0.0.1:1/", mode, None)
    metadata = ProviderMetadata("https://x.test", "https://x.test/a", None, response_modes_supported=listed)
    assert awaited(request, "https://x.test/a", metadata).in_query is may_come
