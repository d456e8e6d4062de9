"""Signing in at an authorization server that nobody here wrote, in Python."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from ipyauth_magic.errors import ProviderRefused, SignInTimeout
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.provider import discovery, http
from ipyauth_magic.provider import provider as provider_module
from ipyauth_magic.settings.params import ParamsAuth0
from tests.support.attempts import Attempt
from tests.support.ports import free_port, wait_until_free
from tests.support.provider import OidcProvider
from tests.support.provider_browser import ProviderBrowser, ProviderVisitor

NO_PATH = ""


@pytest.fixture(scope="module", params=[NO_PATH, "/tenant1"], ids=["issuer without a path", "issuer with a path"])
def provider(request: pytest.FixtureRequest, redirect_uri: str) -> Iterator[OidcProvider]:
    """Run the provider once for all tests of a kind of issuer, which never ends with a slash."""
    with OidcProvider([redirect_uri], path=request.param) as provider:
        yield provider


@pytest.fixture(autouse=True)
def new_session() -> None:
    """Begin without what was fetched from a provider before."""
    provider_module._providers.clear()


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is fetched from the provider from now on, as it grows."""
    urls: list[str] = []
    real = http.ask

    def ask_and_note(method: str, url: str) -> http.Answer:
        urls.append(url)
        return real(method, url)

    for module in (discovery, http):  # of the document, and of the keys
        monkeypatch.setattr(module, "ask", ask_and_note)
    return urls


def params(issuer: str, redirect_uri: str, **more: str) -> ParamsAuth0:
    """Return the parameters of the fruit story for the provider at *issuer*."""
    return ParamsAuth0(
        issuer=issuer,
        client_id="ipyauth-demo",
        redirect_uri=redirect_uri,
        audience="api/fruit",
        scope="read:exotic-fruit write:usual-fruit",
        **more,
    )


def sign_in(params: ParamsAuth0, browser: ProviderBrowser, timeout: float = 60) -> TokenSet:
    """Sign in by *browser*, and leave nothing behind."""
    attempt = Attempt(params, timeout)
    try:
        attempt.wait_for_url(30)
        assert attempt.url is not None, attempt.progress.error
        browser.open_in_thread(attempt.url)
        return attempt.result()
    finally:
        browser.join()
        attempt.join()


def alice(redirect_uri: str, denies: bool = False) -> ProviderBrowser:
    """Let Alice use a browser."""
    return ProviderBrowser(ProviderVisitor("alice", redirect_uri, denies))


@pytest.mark.parametrize("response_mode", ["fragment", "form_post"])
def test_alice_signs_in(provider: OidcProvider, redirect_uri: str, response_mode: str) -> None:
    """The issuer is taken to the letter, the ID token holds, and the scopes are those that were granted."""
    browser = alice(redirect_uri)
    tokens = sign_in(params(provider.issuer, redirect_uri, response_mode=response_mode), browser)
    assert tokens.claims["iss"] == provider.issuer
    assert tokens.logged_as == "alice"
    assert set(tokens.scope.split()) >= {"read:exotic-fruit", "write:usual-fruit"}
    assert "You are signed in" in browser.answers[-1].text
    assert browser.opened[0].startswith(f"{provider.issuer}/auth?")


@pytest.mark.parametrize("response_mode", ["fragment", "form_post"])
def test_a_denied_consent_is_told_in_the_providers_words(
    provider: OidcProvider, redirect_uri: str, response_mode: str
) -> None:
    """With what to do next; the tab says the same."""
    browser = alice(redirect_uri, denies=True)
    with pytest.raises(ProviderRefused, match="End-User aborted interaction") as caught:
        sign_in(params(provider.issuer, redirect_uri, response_mode=response_mode), browser)
    assert caught.value.error == "access_denied"
    assert "End-User aborted interaction" in browser.answers[-1].text
    assert browser.answers[-1].status == 400


def test_a_wrong_redirect_uri_times_out_with_the_line_to_add(provider: OidcProvider, redirect_uri: str) -> None:
    """The provider shows its own page and never comes back; the error names the exact line for its settings."""
    wrong = f"{redirect_uri}elsewhere"
    browser = alice(wrong)
    with pytest.raises(SignInTimeout) as caught:
        sign_in(params(provider.issuer, wrong), browser, timeout=1)
    assert browser.answers[-1].status == 400
    assert str(caught.value).splitlines()[-1].strip() == wrong
    assert "Allowed Callback URLs" in str(caught.value)


def test_new_keys_after_a_restart_are_fetched_once(redirect_uri: str, fetched: list[str]) -> None:
    """What was fetched serves the next sign-in too, until its ID token names a key that is not there."""
    port = free_port()
    for fetches in (2, 1):
        with OidcProvider([redirect_uri], port=port) as restarted:
            wanted = params(restarted.issuer, redirect_uri)
            del fetched[:]
            assert sign_in(wanted, alice(redirect_uri)).logged_as == "alice"
            assert len(fetched) == fetches
            assert fetched[-1] == restarted.metadata["jwks_uri"]
            del fetched[:]
            assert sign_in(wanted, alice(redirect_uri)).logged_as == "alice"
            assert fetched == []
        assert wait_until_free(port)
    assert wait_until_free(urlsplit(redirect_uri).port or 0)
