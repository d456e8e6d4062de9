"""Each provider of tests/corpora/providers.json, by each flow that its users have: from the sign-in to the sign-out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.errors import IpyauthError, ProviderError, SignInCancelled
from ipyauth_magic.provider import provider as provider_module
from ipyauth_magic.store import memory, redirect_uris
from tests.support.auths import tokens_of
from tests.support.ports import free_port
from tests.support.profile_browser import ProfileBrowser
from tests.support.provider_profiles import CLIENT_ID, PROFILES, ProfileProvider
from tests.support.scripted_browser import use_as_browser

DEADLINE = 30
"""Seconds for a sign-in; one takes a tenth, and two by device."""

GIVEN: dict[str, dict[str, Any]] = {
    # The issuer is that of the document, which is not below it.
    "entra-b2c": {
        "issuer": "{base}/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0/",
        "discovery_url": "{base}/contoso.onmicrosoft.com/b2c_1_susi/v2.0/.well-known/openid-configuration",
    },
    "cilogon": {"default_scope": "openid"},
    "globus": {"extra": {"access_type": "offline"}},
}
"""What the user gives beside `issuer` and the parameters of the profile, where the provider needs it."""

SECRETS = {"google-desktop": "installed-app-secret", "google-web": "installed-app-secret"}
"""The `client_secret` in the user's dotenv file, where the provider demands one of a program that cannot keep it."""

SAYS_THAT_IT_ENDS = re.compile(r"ends the provider's session|(?<!whether the )session (has ended|is over|was ended)")

CASES = [(name, flow) for name, profile in PROFILES.items() for flow in profile["flows"]]


class User:
    """A user who signs in at *provider* by *flow*, with a scripted browser."""

    def __init__(self, provider: ProfileProvider, flow: str, folder: Path) -> None:
        self.provider, self.flow = provider, flow
        self._redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
        self.browser = ProfileBrowser(self._redirect_uri, self._end_at_a_page)
        self._given = self._parameters(folder)
        self.auth: Auth | None = None

    def _parameters(self, folder: Path) -> dict[str, Any]:
        name, profile = self.provider.name, self.provider.profile
        place = profile.get("params", {"issuer": self.provider.issuer})
        asked = profile["flows"][self.flow].get("params", {})
        given = {**place, "client_id": CLIENT_ID, "redirect_uri": self._redirect_uri, **asked}
        if secret := SECRETS.get(name):
            file = folder / "secret.env"
            file.touch(mode=0o600)
            file.write_text(f"client_secret={secret}\n", encoding="utf-8")
            given |= {"dotenv_folder": str(folder), "dotenv_file": "secret.env"}
        return {**given, **self.provider.filled(GIVEN.get(name, {}))}

    def _end_at_a_page(self, page: str) -> None:
        """End the sign-in where the user of a real provider would wait at *page* until the time is over."""
        sign_in = authenticator_of(self.auth).sign_in if self.auth is not None else None
        if sign_in is not None:
            sign_in.cancel(SignInCancelled(f"the provider shows a page: {page[-300:]}"))

    def sign_in(self) -> str:
        """Sign in; return `token`, or the words of the error."""
        try:
            self.auth = Auth(ParamsAuth0(**self._given), flow=self.flow)
            if self.flow == "device":
                authenticator_of(self.auth).offer().wait()
            else:
                self.auth.sign_in(timeout=DEADLINE)
        except IpyauthError as error:
            return str(error)
        return "token"


@pytest.fixture
def provider(request: pytest.FixtureRequest) -> Iterator[ProfileProvider]:
    """Run the provider that the test is about."""
    with ProfileProvider(request.param) as running:
        yield running


@pytest.fixture
def user(provider: ProfileProvider, flow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """A user who has not signed in anywhere."""
    memory.SHARED.forget_all()
    redirect_uris._used.clear()
    provider_module._providers.clear()
    one = User(provider, flow, tmp_path)
    use_as_browser(monkeypatch, one.browser.open_in_thread)
    yield one
    one.browser.join()


@pytest.mark.parametrize(("provider", "flow"), CASES, indirect=["provider"])
def test_a_users_day(provider: ProfileProvider, flow: str, user: User, capsys: pytest.CaptureFixture[str]) -> None:
    """A token, or a refusal in words that help; then a renewal, userinfo, and a sign-out that claims nothing false."""
    wanted = provider.profile["flows"][flow].get("wants", "token").split("|")
    outcome = user.sign_in()
    if outcome != "token":
        words = [word for word in wanted if word != "token"]
        assert any(re.search(word, outcome) for word in words), outcome
        return
    assert "token" in wanted
    assert user.auth is not None
    check_lifetime(user.auth, provider)
    check_renewal(user.auth, provider, flow)
    check_userinfo(user.auth, provider)
    capsys.readouterr()
    check_sign_out(user, provider, lambda: "".join(capsys.readouterr()))


def check_lifetime(auth: Auth, provider: ProfileProvider) -> None:
    """Hold the end of the token to be unknown where the provider tells none (RFC 6749, 5.1)."""
    if "lasts" in provider.profile:
        assert auth.expires_at is None
    else:
        assert auth.time_to_exp > "00:50:00"


def check_renewal(auth: Auth, provider: ProfileProvider, flow: str) -> None:
    """Hold the sign-in to be renewable where the provider gives a refresh token, and to be the same user's after it."""
    assert auth.is_renewable == (flow != "implicit" and "refresh" in provider.profile)
    if auth.is_renewable:
        before, user = str(auth.access_token), auth.logged_as
        auth.renew()
        assert (str(auth.access_token) != before, auth.logged_as) == (True, user)
        assert tokens_of(auth).refresh_token is not None


def check_userinfo(auth: Auth, provider: ProfileProvider) -> None:
    """Hold userinfo to be about the same user, or to be refused with the reason where it is signed (Core, 5.3.2)."""
    if "userinfo_endpoint" not in provider.metadata:
        return
    if provider.profile.get("userinfo") == "jwt":
        with pytest.raises(ProviderError, match="JWT"):
            auth.userinfo()
    else:
        assert auth.userinfo()["sub"] == auth.claims["sub"]


def check_sign_out(user: User, provider: ProfileProvider, shown: Callable[[], str]) -> None:
    """Hold the session to have ended where a browser opens and the ID token suffices; no address has that token."""
    assert user.auth is not None
    user.auth.sign_out()
    user.browser.join()
    said = shown()
    assert not (provider.has_session and SAYS_THAT_IT_ENDS.search(said)), said
    assert not any("id_token_hint=" in link for link in (*user.browser.opened, *user.browser.started))
    if user.flow != "device" and "end_session_endpoint" in provider.metadata:
        demanded = {name for rule in provider.profile.get("logout", ()) for name in rule["without"]}
        assert provider.has_session == bool(demanded - {"id_token_hint"}), said


def test_the_parameters_are_of_profiles() -> None:
    """No entry outlives its profile."""
    assert set(GIVEN) | set(SECRETS) <= set(PROFILES)
