"""Tokens that stay valid: renewed before their end, by one at a time, and never by asking the user unasked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.errors import InvalidIdToken, ProviderError, SignInNeeded
from ipyauth_magic.provider.http import Answer
from ipyauth_magic.provider.provider import Provider
from tests.support.auths import end_tokens, is_good, source_of, tokens_of
from tests.support.scripted_browser import ScriptedBrowser, query_of
from tests.support.threads import joined
from tests.support.web import Web, serving


def age_tokens(auth: Auth) -> None:
    """Let the access token have come a minute ago; it ends when it would."""
    tokens = tokens_of(auth)
    source_of(auth).save(replace(tokens, obtained_at=tokens.obtained_at - timedelta(minutes=1)))


def test_an_ended_token_is_renewed_without_a_browser(
    own_issuer: LocalIssuer, make_auth: Callable[..., Auth], user_browser: ScriptedBrowser
) -> None:
    """The refresh token rotates; the user's browser stays closed."""
    auth = make_auth().sign_in()
    first, refresh_token = tokens_of(auth), tokens_of(auth).refresh_token
    end_tokens(auth)
    assert auth.access_token
    assert tokens_of(auth).obtained_at > first.obtained_at
    assert tokens_of(auth).refresh_token != refresh_token
    assert len(user_browser.opened) == 1
    assert own_issuer.switches.token_requests["refresh_token"] == 1


def test_many_threads_renew_once(own_issuer: LocalIssuer, make_auth: Callable[..., Auth]) -> None:
    """Single flight: one refresh, and all have its token; another `Auth` for the same finds it too."""
    own_issuer.switches.access_token_lifetime = 60
    auth = make_auth().sign_in()
    end_tokens(auth)
    tokens: list[str] = []
    threads = [threading.Thread(target=lambda: tokens.append(auth.access_token)) for _ in range(8)]
    for thread in threads:
        thread.start()
    joined(threads)
    assert len(tokens) == 8
    assert len(set(tokens)) == 1
    assert make_auth().sign_in().access_token == tokens[0]
    assert own_issuer.switches.token_requests["refresh_token"] == 1


def test_a_refused_refresh_token_is_forgotten(
    own_issuer: LocalIssuer, make_auth: Callable[..., Auth], user_browser: ScriptedBrowser
) -> None:
    """The provider is asked once, and the user only by sign_in()."""
    auth = make_auth().sign_in()
    own_issuer.switches.answer("/oauth/token", 403, {"error": "invalid_grant"})
    end_tokens(auth)
    for _ in range(3):
        with pytest.raises(SignInNeeded):
            _ = auth.access_token
    assert own_issuer.switches.requests["/oauth/token"] == 2
    assert len(user_browser.opened) == 1
    assert is_good(auth.sign_in())
    assert len(user_browser.opened) == 2


@pytest.mark.parametrize("fault", ["busy", "cut"])
def test_a_provider_that_is_away_costs_no_refresh_token(
    fault: str, own_issuer: LocalIssuer, make_auth: Callable[..., Auth]
) -> None:
    """An ended token is an error that says so; the next call renews."""
    auth = make_auth().sign_in()
    if fault == "busy":
        own_issuer.switches.answer("/oauth/token", 503)
    else:
        own_issuer.switches.drop("/oauth/token")
    end_tokens(auth)
    with pytest.raises(ProviderError):
        _ = auth.access_token
    assert auth.access_token


@pytest.mark.parametrize(("claim", "value"), [("sub", "auth0|bob"), ("iss", "https://evil.test/"), ("nonce", "other")])
def test_a_refreshed_id_token_must_be_the_same_users(
    claim: str, value: str, own_issuer: LocalIssuer, make_auth: Callable[..., Auth]
) -> None:
    """OpenID Connect Core, 12.2; nothing is taken, and the provider is not asked again."""
    auth = make_auth().sign_in()
    before = tokens_of(auth).access_token
    own_issuer.switches.tamper = lambda draft: draft.claims.update({claim: value})
    end_tokens(auth)
    with pytest.raises(InvalidIdToken) as caught:
        _ = auth.access_token
    assert caught.value.check == claim
    assert tokens_of(auth).access_token == before
    asked = own_issuer.switches.requests.total()
    with pytest.raises(SignInNeeded):
        _ = auth.access_token
    assert own_issuer.switches.requests.total() == asked


@pytest.mark.parametrize(("flow", "named_by"), [("implicit", "domain"), ("code", "issuer")])
def test_a_repeated_sign_in_is_a_plain_request_in_one_tab(
    flow: str,
    named_by: str,
    own_issuer: LocalIssuer,
    params: Callable[..., ParamsAuth0],
    user_browser: ScriptedBrowser,
) -> None:
    """Where the provider knows the user still, it answers at once: no prompt, and no second tab."""
    named = (
        {"domain": own_issuer.issuer.rstrip("/")}
        if named_by == "domain"
        else {"domain": None, "issuer": own_issuer.issuer}
    )
    auth = Auth(params(**named, redirect_uri=own_issuer.callback_urls[0]), flow=flow).sign_in()
    end_tokens(auth)
    source_of(auth).save(replace(tokens_of(auth), refresh_token=None))
    with pytest.raises(SignInNeeded):
        _ = auth.access_token
    assert is_good(auth.sign_in())
    assert [query_of(url).get("prompt") for url in user_browser.opened] == [None, None]


@pytest.fixture
def api() -> Iterator[Web]:
    """A server that plays the API."""
    with serving() as running:
        yield running


def test_a_401_that_says_invalid_token_is_tried_once_more(
    own_issuer: LocalIssuer, make_auth: Callable[..., Auth], api: Web
) -> None:
    """With a new token, once; a 401 that says something else is left alone (RFC 6750, 3.1)."""
    own_issuer.switches.access_token_lifetime = 60
    auth = make_auth().sign_in()
    refused = {"WWW-Authenticate": 'Bearer realm="fruit", error="invalid_token"'}
    api.answers["/"] = (401, refused, b"{}")
    for get in (lambda: requests.get(api.url + "/", auth=auth, timeout=10), lambda: auth.session().get(api.url + "/")):
        del api.asked[:]
        assert get().status_code == 401
        assert api.asked == ["/", "/"]
    assert own_issuer.switches.token_requests["refresh_token"] == 2
    api.answers["/"] = (401, {"WWW-Authenticate": 'Bearer realm="fruit"'}, b"{}")
    del api.asked[:]
    assert requests.get(api.url + "/", auth=auth, timeout=10).status_code == 401
    assert api.asked == ["/"]


def test_clearing_outlasts_a_renewal_under_way(own_issuer: LocalIssuer, make_auth: Callable[..., Auth]) -> None:
    """The tokens that it brings are forgotten too, in the store as well."""
    auth = make_auth().sign_in()
    end_tokens(auth)
    asked, go_on = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        if path == "/oauth/token":
            asked.set()
            go_on.wait(20)

    own_issuer.switches.watch = hold
    renewal = threading.Thread(target=lambda: auth.access_token)
    renewal.start()
    assert asked.wait(20)
    clearing = threading.Thread(target=auth.clear)
    clearing.start()
    go_on.set()
    for thread in (renewal, clearing):
        joined([thread], 20)
    assert source_of(auth).tokens is None
    assert source_of(make_auth()).adopt() is False


def test_a_new_sign_in_outlasts_a_renewal_under_way(own_issuer: LocalIssuer, make_auth: Callable[..., Auth]) -> None:
    """It waits for the renewal's end, so that the renewal does not put the old sign-in in its place."""
    auth, other = make_auth().sign_in(), make_auth(store="none").sign_in()
    end_tokens(auth)
    asked, go_on = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        if path == "/oauth/token":
            asked.set()
            go_on.wait(20)

    own_issuer.switches.watch = hold
    renewal = threading.Thread(target=lambda: auth.access_token)
    renewal.start()
    assert asked.wait(20)
    taking = threading.Thread(target=source_of(auth).save, args=(tokens_of(other),))
    taking.start()
    taking.join(0.3)  # which it does not, but where it does not wait
    go_on.set()
    for thread in (renewal, taking):
        joined([thread], 20)
    assert tokens_of(auth) == tokens_of(other)
    assert tokens_of(make_auth().sign_in()) == tokens_of(other)


def test_a_refresh_is_for_the_same_resource(
    own_issuer: LocalIssuer, user_browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 8707, 2.2: else the provider may give a token for another API."""
    sent: list[Mapping[str, str]] = []
    successful = Provider._successful

    def noting(self: Provider, endpoint: str, form: Mapping[str, str], *client: Any) -> Answer:
        sent.append(form)
        return successful(self, endpoint, form, *client)

    monkeypatch.setattr(Provider, "_successful", noting)
    params = ParamsAuth0(
        issuer=own_issuer.issuer,
        client_id=own_issuer.client_id,
        redirect_uri=own_issuer.callback_urls[0],
        resource="http://127.0.0.1:5000/api/fruit",
    )
    auth = Auth(params, flow="code").sign_in()
    end_tokens(auth)
    assert auth.access_token
    assert [form["grant_type"] for form in sent] == ["authorization_code", "refresh_token"]
    assert [form["resource"] for form in sent] == ["http://127.0.0.1:5000/api/fruit"] * 2


def test_a_clock_that_steps_back_costs_no_refresh_token(
    own_issuer: LocalIssuer, make_auth: Callable[..., Auth]
) -> None:
    """What the store keeps is the latest, whatever the time says: a spent refresh token is not sent."""
    first = make_auth().sign_in()
    second = make_auth().sign_in()
    end_tokens(first)
    assert first.access_token
    renewed = tokens_of(first)
    before = renewed.obtained_at - timedelta(minutes=2)
    source_of(first).save(replace(renewed, obtained_at=before, expires_at=before))
    assert source_of(second).renew(tokens_of(second)).refresh_token != renewed.refresh_token
    assert own_issuer.switches.token_requests["refresh_token"] == 2


def test_tokens_that_cannot_be_renewed_hide_no_others(make_auth: Callable[..., Auth]) -> None:
    """With and without refresh token are two sign-ins."""
    lasting = make_auth().sign_in()
    make_auth(renewable=False).sign_in()
    end_tokens(lasting)
    assert lasting.access_token


def test_a_provider_that_is_away_does_not_end_a_token_early(
    own_issuer: LocalIssuer, make_auth: Callable[..., Auth], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shortly before its end a token still serves, and the provider is not asked at each use."""
    auth = make_auth().sign_in()
    tokens = tokens_of(auth)
    source_of(auth).save(replace(tokens, obtained_at=tokens.obtained_at - timedelta(hours=1)))
    own_issuer.switches.answer("/oauth/token", 503, times=9)
    asked = own_issuer.switches.requests["/oauth/token"]
    now = tokens.expires_at - timedelta(seconds=10)
    monkeypatch.setattr("ipyauth_magic.flows.clock.utc_now", lambda: now)
    assert [auth.access_token for _ in range(3)] == [tokens.access_token] * 3
    assert own_issuer.switches.requests["/oauth/token"] == asked + 1


def test_a_renewal_never_takes_another_users_tokens(make_auth: Callable[..., Auth], own_issuer: LocalIssuer) -> None:
    """Two people sign in for the same API in one session: each `Auth` stays its own user's."""
    alice = make_auth().sign_in()
    own_issuer.switches.tamper = lambda draft: draft.claims.update({"sub": "auth0|bob", "nickname": "bob"})
    bob = make_auth().sign_in(force=True)
    own_issuer.switches.tamper = None
    assert (alice.logged_as, bob.logged_as) == ("alice", "bob")
    before = tokens_of(alice)
    assert source_of(alice).renew_refused(before.access_token)
    assert tokens_of(alice).refresh_token != before.refresh_token
    assert alice.logged_as == "alice"
