"""Userinfo and sign-out at an authorization server that nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.errors import NotSignedIn, ProviderError
from ipyauth_magic.provider.provider import Provider
from tests.support.auths import tokens_of
from tests.support.provider import OidcProvider
from tests.support.provider_browser import ProviderBrowser, ProviderVisitor, hidden_fields
from tests.support.scripted_browser import link_behind, use_as_browser


@pytest.fixture(scope="module")
def provider(redirect_uri: str) -> Iterator[OidcProvider]:
    """Run the provider once."""
    with OidcProvider([redirect_uri]) as running:
        yield running


@pytest.fixture
def visitor(redirect_uri: str) -> ProviderVisitor:
    """Alice, and her browser's cookies."""
    return ProviderVisitor("alice", redirect_uri)


@pytest.fixture
def alice(visitor: ProviderVisitor, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderBrowser]:
    """The user, at the browser that `webbrowser` opens; what is no sign-in is only noted."""
    browser = ProviderBrowser(visitor)

    def open_link(url: str) -> bool:
        if "response_type=" in (url := link_behind(url)):
            return bool(browser.open_in_thread(url))
        browser.opened.append(url)
        return True

    use_as_browser(monkeypatch, open_link)
    yield browser
    browser.join()


def sign_in(provider: OidcProvider, redirect_uri: str, **more: str) -> Auth:
    """Return a sign-in by code."""
    params = ParamsAuth0(issuer=provider.issuer, client_id="ipyauth-demo", redirect_uri=redirect_uri, **more)
    return Auth(params, flow="code").sign_in()


def test_userinfo(provider: OidcProvider, alice: ProviderBrowser, redirect_uri: str) -> None:
    """Without an audience the token is for userinfo; with one the provider refuses it there, and that is told."""
    auth = sign_in(provider, redirect_uri)
    claims = auth.userinfo()
    assert (claims["sub"], claims["nickname"]) == ("alice", "alice")
    auth.clear()
    auth = sign_in(provider, redirect_uri, audience="api/fruit", scope="read:usual-fruit")
    with pytest.raises(ProviderError, match="rejected the access token"):
        auth.userinfo()
    auth.clear()


def test_sign_out(provider: OidcProvider, alice: ProviderBrowser, visitor: ProviderVisitor, redirect_uri: str) -> None:
    """The refresh token is good no more; the session's end is the provider's own page, which no token leads to."""
    auth = sign_in(provider, redirect_uri, prompt="consent")
    refresh_token = tokens_of(auth).refresh_token
    assert refresh_token
    auth.sign_out()
    form = {"grant_type": "refresh_token", "client_id": "ipyauth-demo", "refresh_token": refresh_token}
    answer = requests.post(Provider.of(provider.issuer).metadata().endpoint("token_endpoint"), form, timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    link = alice.opened[-1]
    assert link == f"{provider.issuer}/session/end?client_id=ipyauth-demo"
    asked = visitor.session.get(link, timeout=30)
    assert "Do you want to sign-out" in asked.text
    confirmed = {**hidden_fields(asked.text), "logout": "yes"}
    visitor.session.post(f"{provider.issuer}/session/end/confirm", confirmed, timeout=30).raise_for_status()
    silent = visitor.visit(f"{alice.opened[0].partition('&prompt=')[0]}&prompt=none")
    assert "error=login_required" in str(silent)
    with pytest.raises(NotSignedIn):
        _ = auth.access_token
