"""Every grant at django-allauth's OpenID provider, with a real Chromium."""

from __future__ import annotations

import subprocess
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.errors import ProviderRefused
from ipyauth_magic.provider import provider as provider_module
from ipyauth_magic.store import memory
from tests.support.auths import sign_in_of, tokens_of
from tests.support.django_provider import django_provider
from tests.support.scripted_browser import link_behind, query_of, use_as_browser
from tests.support.user_browser import UserBrowser

TIMEOUT = 90
"""Seconds; a sign-in takes three."""

Person = Callable[[str], UserBrowser]


@pytest.fixture(scope="module")
def issuer(redirect_uri: str) -> Iterator[str]:
    """Run the provider once."""
    with django_provider([redirect_uri]) as running:
        yield running


@pytest.fixture
def links() -> list[str]:
    """The links that were opened."""
    return []


@pytest.fixture
def alice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: list[str]) -> Iterator[Person]:
    """Let Alice use Chromium; return a function that sets her decision."""
    provider_module._providers.clear()
    memory.SHARED.forget_all()
    browsers: list[subprocess.Popen[bytes]] = []

    def sit_down(decision: str) -> UserBrowser:
        user = UserBrowser(tmp_path / "alice", decision=decision)

        def open_link(url: str) -> bool:
            links.append(link := link_behind(url))
            if "/logout" not in link:  # its page asks again, which no sign-in waits for
                browsers.append(subprocess.Popen([user.command.split()[0], link]))
            return True

        use_as_browser(monkeypatch, open_link)
        return user

    yield sit_down
    for browser in browsers:
        browser.wait(TIMEOUT)


@pytest.fixture
def params(issuer: str, redirect_uri: str) -> ParamsAuth0:
    """The parameters of a sign-in."""
    return ParamsAuth0(issuer=issuer, client_id="ipyauth-demo", redirect_uri=redirect_uri)


def test_code(params: ParamsAuth0, alice: Person, links: list[str], issuer: str) -> None:
    """Alice signs in once; then come a renewal with another refresh token, userinfo, and the sign-out."""
    user = alice("Authorize")
    auth = Auth(params, flow="code").sign_in(timeout=TIMEOUT)
    assert user.sign_in().outcome == "done", user.log()
    assert (auth.logged_as, auth.claims["iss"]) == ("Alice Liddell", issuer)
    assert query_of(links[0])["code_challenge_method"] == "S256"
    before = tokens_of(auth)
    auth.renew()
    after = tokens_of(auth)
    assert before.access_token != after.access_token
    assert after.refresh_token not in (None, before.refresh_token)
    assert auth.userinfo()["name"] == "Alice Liddell"
    auth.sign_out()
    assert links[-1] == f"{issuer}/identity/o/logout?client_id=ipyauth-demo"
    form = {"grant_type": "refresh_token", "client_id": "ipyauth-demo", "refresh_token": after.refresh_token}
    answer = requests.post(f"{issuer}/identity/o/api/token", form, timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_implicit(params: ParamsAuth0, alice: Person, links: list[str]) -> None:
    """The provider compares the response type letter by letter, so it is spelled as its document has it."""
    user = alice("Authorize")
    auth = Auth(params, flow="implicit").sign_in(timeout=TIMEOUT)
    assert user.sign_in().outcome == "done", user.log()
    assert query_of(links[0])["response_type"] == "id_token token"
    assert auth.logged_as == "Alice Liddell"


def test_device(params: ParamsAuth0, alice: Person) -> None:
    """Alice confirms the code in a browser; the tokens come to the kernel, and it knows who she is."""
    user = alice("Confirm")
    auth = Auth(params, flow="device")
    sign_in = authenticator_of(auth).offer()
    sign_in.pause(TIMEOUT, until=lambda: sign_in.progress.url is not None)
    shown = sign_in.progress.device
    assert shown is not None
    webbrowser.get().open(str(shown.verification_uri_complete))
    sign_in.wait()
    assert user.sign_in().outcome == "done", user.log()
    assert sign_in_of(auth) is sign_in
    assert auth.userinfo()["name"] == auth.logged_as == "Alice Liddell"


def test_a_denied_consent(params: ParamsAuth0, alice: Person) -> None:
    """The cell and the tab say the same."""
    user = alice("Cancel")
    with pytest.raises(ProviderRefused) as caught:
        Auth(params, flow="code").sign_in(timeout=TIMEOUT)
    assert caught.value.error == "access_denied"
    assert "access_denied" in user.sign_in().text


def test_a_scope_that_the_provider_does_not_list(params: ParamsAuth0, alice: Person, links: list[str]) -> None:
    """It refuses `offline_access`, so that is not sent by itself; asked for, the error names what leaves it out."""
    user = alice("Authorize")
    assert Auth(params, flow="code").sign_in(timeout=TIMEOUT).is_renewable
    assert user.sign_in().outcome == "done", user.log()
    assert query_of(links[0])["scope"] == "openid profile"
    with pytest.raises(ProviderRefused, match="--no-renewable"):
        Auth(params, flow="code", renewable=True).sign_in(timeout=TIMEOUT, force=True)
    assert query_of(links[1])["scope"] == "openid profile offline_access"
