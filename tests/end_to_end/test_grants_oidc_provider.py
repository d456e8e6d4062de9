"""Every grant, and renewal, at an authorization server that nobody here wrote."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.errors import ProviderRefused, SignInNeeded
from ipyauth_magic.flows.sign_in import SignIn
from ipyauth_magic.provider import provider as provider_module
from ipyauth_magic.store import memory
from tests.service.running import running_service
from tests.support.attempts import Attempt
from tests.support.auths import card_of, end_tokens, is_good, tokens_of
from tests.support.provider import OidcProvider
from tests.support.provider_browser import ProviderBrowser, ProviderVisitor
from tests.support.scripted_browser import query_of
from tests.support.threads import joined


@pytest.fixture(scope="module")
def provider(redirect_uri: str) -> Iterator[OidcProvider]:
    """Run the provider once; its access tokens last for a minute."""
    with OidcProvider([redirect_uri]) as running:
        yield running


@pytest.fixture(autouse=True)
def new_session() -> None:
    """Begin without what was fetched or kept before."""
    provider_module._providers.clear()
    memory.SHARED.forget_all()


@pytest.fixture
def make_auth(provider: OidcProvider, redirect_uri: str) -> Callable[..., Auth]:
    """Return a maker of an `Auth` for the fruit story."""

    def make(flow: str, **options: Any) -> Auth:
        # This provider gives a refresh token only after a consent (OpenID Connect Core, 11).
        return Auth(fruit_params(provider, redirect_uri, prompt="consent"), flow=flow, **options)

    return make


def fruit_params(provider: OidcProvider, redirect_uri: str, **more: str) -> ParamsAuth0:
    """Return the parameters of the fruit story."""
    return ParamsAuth0(
        issuer=provider.issuer,
        client_id="ipyauth-demo",
        redirect_uri=redirect_uri,
        audience="api/fruit",
        scope="read:exotic-fruit write:usual-fruit",
        **more,
    )


def revoke(provider: OidcProvider, token: str | None) -> None:
    """Give a token up, as its client (RFC 7009)."""
    form = {"token": token, "client_id": "ipyauth-demo"}
    requests.post(str(provider.metadata["revocation_endpoint"]), data=form, timeout=30).raise_for_status()


@pytest.mark.parametrize("response_mode", ["query", "fragment", "form_post"])
def test_code_with_pkce(provider: OidcProvider, redirect_uri: str, response_mode: str, alice: ProviderBrowser) -> None:
    """In every response mode; the tokens hold, and an API takes them."""
    params = fruit_params(provider, redirect_uri, response_type="code", response_mode=response_mode)
    auth = Auth(params, flow="code", renewable=False).sign_in(timeout=60)
    alice.join()
    assert auth.logged_as == "alice"
    assert tokens_of(auth).refresh_token is None
    assert query_of(alice.opened[0])["code_challenge_method"] == "S256"
    assert "You are signed in" in alice.answers[-1].text
    with running_service(provider.issuer, leeway=0) as api:
        answer = requests.get(f"{api}/api/fruit", auth=auth, timeout=30)
    assert (answer.status_code, answer.json()["token_info"]["sub"]) == (200, "alice")


def test_a_code_is_good_with_its_own_verifier_only(provider: OidcProvider, redirect_uri: str) -> None:
    """A code of another sign-in under this one's state is refused by the provider (RFC 7636, 4.6)."""
    attempts = []
    codes = []
    for _ in range(2):
        attempt = Attempt(fruit_params(provider, redirect_uri, response_type="code"), 60)
        attempts.append(attempt)
        attempt.wait_for_url(30)
        arrival = ProviderVisitor("alice", redirect_uri).visit(str(attempt.url))
        assert isinstance(arrival, str)
        codes.append(query_of(arrival)["code"])
        if len(attempts) == 1:
            attempt.stop("the other one takes the port")
            attempt.join()
    requests.get(arrival.replace(codes[1], codes[0]), timeout=30)
    with pytest.raises(ProviderRefused) as caught:
        attempts[1].result()
    attempts[1].join()
    assert caught.value.error == "invalid_grant"


def test_without_a_consent_there_is_no_refresh_token(
    provider: OidcProvider, redirect_uri: str, alice: ProviderBrowser
) -> None:
    """The sign-in works all the same, and the card names what this provider wants."""
    auth = Auth(fruit_params(provider, redirect_uri), flow="code").sign_in(timeout=60)
    assert "prompt" not in query_of(alice.opened[0])
    assert tokens_of(auth).refresh_token is None
    assert "prompt=consent" in dict(card_of(auth).rows)["Renewal"]


def test_renewal_rotates_the_refresh_token(make_auth: Callable[..., Auth], alice: ProviderBrowser) -> None:
    """`offline_access` is asked for; each refresh token is new, and Alice is asked once."""
    auth = make_auth("code").sign_in(timeout=60)
    assert "offline_access" in query_of(alice.opened[0])["scope"].split()
    seen = {tokens_of(auth).refresh_token}
    access_tokens = {str(auth.access_token)}
    for count in (2, 3, 4):
        end_tokens(auth)
        access_tokens.add(str(auth.access_token))
        seen.add(tokens_of(auth).refresh_token)
        assert None not in seen
        assert (len(seen), len(access_tokens)) == (count, count)
        assert auth.logged_as == "alice"
    assert len(alice.opened) == 1


def test_many_threads_renew_once(make_auth: Callable[..., Auth], alice: ProviderBrowser) -> None:
    """The provider ends all tokens of a sign-in when a refresh token comes twice: it does not come twice."""
    auth = make_auth("code").sign_in(timeout=60)
    for _ in range(3):
        end_tokens(auth)
        tokens: list[str] = []
        threads = [threading.Thread(target=lambda into=tokens: into.append(auth.access_token)) for _ in range(8)]
        for thread in threads:
            thread.start()
        joined(threads, 60)
        assert len(tokens) == 8
        assert len(set(tokens)) == 1
    assert len(alice.opened) == 1


@pytest.mark.parametrize("how", ["revoked", "reused"])
def test_a_refresh_token_that_has_ended(
    how: str, provider: OidcProvider, make_auth: Callable[..., Auth], alice: ProviderBrowser
) -> None:
    """Revoked by its client, or ended because a copy was used: it is forgotten, and only the user helps."""
    auth = make_auth("code").sign_in(timeout=60)
    copy = tokens_of(auth).refresh_token
    if how == "revoked":
        revoke(provider, copy)
    else:
        end_tokens(auth)
        assert auth.access_token
        form = {"grant_type": "refresh_token", "client_id": "ipyauth-demo", "refresh_token": copy}
        answer = requests.post(str(provider.metadata["token_endpoint"]), data=form, timeout=30)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    end_tokens(auth)
    for _ in range(2):
        with pytest.raises(SignInNeeded):
            _ = auth.access_token
    assert tokens_of(auth).refresh_token is None
    assert len(alice.opened) == 1
    assert is_good(auth.sign_in(timeout=60))


def test_device(provider: OidcProvider, redirect_uri: str) -> None:
    """Alice enters the code on another machine; afterwards the tokens are renewed as any others."""
    auth = Auth(fruit_params(provider, redirect_uri), flow="device")
    sign_in = authenticator_of(auth).offer()
    enter_code(sign_in, redirect_uri)
    sign_in.wait()
    assert auth.logged_as == "alice"
    assert set(auth.scope.split()) >= {"read:exotic-fruit", "write:usual-fruit"}
    before = tokens_of(auth)
    end_tokens(auth)
    assert auth.access_token != before.access_token
    assert tokens_of(auth).refresh_token not in (None, before.refresh_token)


def enter_code(sign_in: SignIn, redirect_uri: str) -> None:
    """Go to the address that is shown, enter the code that is shown, sign in and allow it."""
    sign_in.pause(30, until=lambda: sign_in.progress.url is not None)
    shown = sign_in.progress.device
    assert shown is not None
    page = ProviderVisitor("alice", redirect_uri, user_code=shown.user_code).visit(shown.verification_uri)
    assert not isinstance(page, str)
    assert "Sign-in Success" in page.text


def test_a_denied_device(provider: OidcProvider, redirect_uri: str) -> None:
    """In the provider's words."""
    attempt = Attempt(fruit_params(provider, redirect_uri), 60, flow="device", renewable=True)
    attempt.wait_for_url(30)
    shown = attempt.progress.device
    assert shown is not None
    ProviderVisitor("alice", redirect_uri, denies=True, user_code=shown.user_code).visit(shown.verification_uri)
    with pytest.raises(ProviderRefused) as caught:
        attempt.result()
    attempt.join()
    assert caught.value.error == "access_denied"
