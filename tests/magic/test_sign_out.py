"""Signing out: the tokens are gone here, revoked at the provider, and its session ends in the user's browser."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.errors import IpyauthError, NotSignedIn, SignInCancelled, SignOutIncomplete, StoreBusy
from ipyauth_magic.protocol.tokens import ClientSecret
from ipyauth_magic.provider.http import Answer
from ipyauth_magic.provider.provider import Provider
from ipyauth_magic.store.key import store_key
from ipyauth_magic.store.memory import MemoryStore
from tests.support.auths import is_good, params_of, sign_in_of, source_of, tokens_of
from tests.support.form_browser import FormBrowser
from tests.support.ports import free_port
from tests.support.scripted_browser import ScriptedBrowser, link_behind


class Person:
    """Alice in a browser with cookies: she signs in where she is asked to, and sees what else is opened."""

    def __init__(self, issuer: str) -> None:
        self.browser = FormBrowser(issuer)
        self.opened: list[str] = []
        self.tabs: list[threading.Thread] = []

    def open(self, url: str, new: int = 0) -> bool:
        """Open *url*; what a real browser does in another process happens in a thread."""
        url = link_behind(url)
        self.opened.append(url)
        if "/authorize?" not in url:
            self.browser.open(url)
            return True
        arrival = self.browser.open(url).arrival or self._consent()
        tab = threading.Thread(target=ScriptedBrowser(idle_socket=False).arrive, args=(arrival.url,), daemon=True)
        self.tabs.append(tab)
        tab.start()
        return True

    def _consent(self) -> Any:
        assert self.browser.page is not None
        if "Alice" in self.browser.form.buttons:
            self.browser.press("Alice")
        return self.browser.arrival or self.browser.press("Allow").arrival


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer of the test's own, whose pages are to be answered."""
    with LocalIssuer(port=0, callback_urls=(f"http://127.0.0.1:{free_port()}/callback/",)) as running:
        yield running


@pytest.fixture
def alice(issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """The user, at the browser that `webbrowser` opens."""
    person = Person(issuer.issuer)
    program = webbrowser.GenericBrowser("scripted")
    monkeypatch.setattr(program, "open", person.open)
    monkeypatch.setattr(webbrowser, "get", lambda using=None: program)
    yield person
    for tab in person.tabs:
        tab.join(20)


@pytest.fixture
def make_auth(issuer: LocalIssuer, alice: Person) -> Callable[..., Auth]:
    """Return a maker of an `Auth` for the issuer, by `domain` or by `issuer`."""

    def make(flow: str = "code", by: str = "domain", **options: Any) -> Auth:
        params = ParamsAuth0(
            **{by: issuer.issuer if by == "issuer" else issuer.issuer.rstrip("/")},
            client_id=issuer.client_id,
            redirect_uri=issuer.callback_urls[0],
            audience=issuer.audience,
            scope="read:usual-fruit",
        )
        return Auth(params, flow=flow, **options)

    return make


@pytest.fixture
def revocations(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What is sent to the revocation endpoint."""
    sent: list[dict[str, str]] = []
    successful = Provider._successful

    def noting(self: Provider, endpoint: str, form: dict[str, str], *client: ClientSecret | None) -> Answer:
        if endpoint == "revocation_endpoint":
            sent.append(dict(form))
        return successful(self, endpoint, form, *client)

    monkeypatch.setattr(Provider, "_successful", noting)
    return sent


def refreshes(issuer: LocalIssuer, refresh_token: str) -> bool:
    """Tell whether the issuer still takes a refresh token."""
    form = {"grant_type": "refresh_token", "client_id": issuer.client_id, "refresh_token": refresh_token}
    return requests.post(f"{issuer.issuer}oauth/token", form, timeout=20).status_code == 200


def test_tokens_and_session_end(
    issuer: LocalIssuer, alice: Person, make_auth: Callable[..., Auth], capsys: pytest.CaptureFixture[str]
) -> None:
    """With `domain`: the refresh token is good no more, and the next sign-in asks who it is."""
    auth = make_auth().sign_in()
    refresh_token = tokens_of(auth).refresh_token
    assert refresh_token
    auth.sign_out()
    assert alice.opened[1:] == [f"{issuer.issuer}v2/logout?client_id={issuer.client_id}"]
    assert "The browser tab that opens ends the provider's session." in capsys.readouterr().err
    assert not refreshes(issuer, refresh_token)
    assert not is_good(auth)
    with pytest.raises(NotSignedIn):
        _ = auth.access_token
    silent = alice.browser.open(f"{alice.opened[0]}&prompt=none")
    assert silent.parameters["error"] == "login_required"


def test_with_issuer_the_session_ends_as_openid_connect_has_it(
    issuer: LocalIssuer, alice: Person, make_auth: Callable[..., Auth]
) -> None:
    """At the `end_session_endpoint`, without any token in the address: the provider's page asks the user."""
    auth = make_auth(by="issuer").sign_in()
    auth.sign_out()
    assert alice.opened[1:] == [f"{issuer.issuer}oidc/logout?client_id={issuer.client_id}"]
    assert alice.browser.page is not None
    assert alice.browser.page.status_code == 200
    assert "Alice" in alice.browser.page.text


@pytest.mark.parametrize("flow", ["code", "implicit"])
def test_the_refresh_token_is_revoked_or_else_the_access_token(
    flow: str, make_auth: Callable[..., Auth], revocations: list[dict[str, str]]
) -> None:
    """RFC 7009, 2.1: one request, with the hint that is true."""
    auth = make_auth(flow).sign_in()
    tokens = tokens_of(auth)
    auth.sign_out()
    kind = "refresh_token" if flow == "code" else "access_token"
    token = tokens.refresh_token if flow == "code" else tokens.access_token
    assert revocations == [{"token": token, "token_type_hint": kind, "client_id": "ipyauth-demo"}]


def test_signing_out_twice(make_auth: Callable[..., Auth], alice: Person) -> None:
    """The second time there is nobody, and no browser opens; an equal sign-in of this session is gone too."""
    auth = make_auth().sign_in()
    auth.sign_out()
    for each in (auth, make_auth()):
        with pytest.raises(NotSignedIn):
            each.sign_out()
    assert len(alice.opened) == 2


def test_an_earlier_sessions_tokens_are_signed_out(
    issuer: LocalIssuer, make_auth: Callable[..., Auth], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """What the store has is enough; nobody signs in for it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    refresh_token = tokens_of(make_auth(store="file").sign_in()).refresh_token
    assert refresh_token
    assert list(tmp_path.rglob("*.json"))
    make_auth(store="file").sign_out()
    assert not list(tmp_path.rglob("*.json"))
    assert not refreshes(issuer, refresh_token)


@pytest.mark.parametrize(
    ("fault", "said"),
    [("cut", "cannot be reached"), ("busy", "busy"), ("refused", "it refused (invalid_client)")],
)
def test_a_revocation_that_fails_is_told_and_the_rest_is_done(
    fault: str, said: str, issuer: LocalIssuer, alice: Person, make_auth: Callable[..., Auth]
) -> None:
    """The tokens are erased, the session is ended, and the error names the other half."""
    auth = make_auth().sign_in()
    if fault == "cut":
        issuer.switches.drop("/oauth/revoke")
    elif fault == "busy":
        issuer.switches.answer("/oauth/revoke", 503)
    else:
        issuer.switches.answer("/oauth/revoke", 401, {"error": "invalid_client"})
    with pytest.raises(SignOutIncomplete, match="The tokens are erased on this machine") as caught:
        auth.sign_out()
    assert said in str(caught.value.revocation)
    assert caught.value.session is None
    assert len(alice.opened) == 2
    with pytest.raises(NotSignedIn):
        _ = tokens_of(auth)
    with pytest.raises(NotSignedIn):
        make_auth().sign_out()


def test_a_kind_of_token_that_is_not_revoked_is_no_failure(issuer: LocalIssuer, make_auth: Callable[..., Auth]) -> None:
    """RFC 7009, 2.2.1: `unsupported_token_type`."""
    auth = make_auth("implicit").sign_in()
    issuer.switches.answer("/oauth/revoke", 400, {"error": "unsupported_token_type"})
    auth.sign_out()
    assert issuer.switches.requests["/oauth/revoke"] == 1


def test_a_provider_without_either_endpoint(
    issuer: LocalIssuer,
    alice: Person,
    make_auth: Callable[..., Auth],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """There is nothing to be done there, and the user is told so."""
    auth = make_auth(by="issuer").sign_in()
    provider = Provider.of(issuer.issuer)
    monkeypatch.setattr(provider, "_metadata", replace(provider.metadata(), optional_endpoints={}))
    auth.sign_out()
    assert "sign out on its own pages" in capsys.readouterr().err
    assert issuer.switches.requests["/oauth/revoke"] == 0
    assert len(alice.opened) == 1


def test_a_network_that_is_away_erases_all_the_same(
    issuer: LocalIssuer, make_auth: Callable[..., Auth], alice: Person
) -> None:
    """With `issuer` nothing is known of the provider: both halves are named."""
    auth = make_auth(by="issuer").sign_in()
    Provider.of(issuer.issuer)._metadata = None
    issuer.switches.drop("/.well-known/openid-configuration", times=2)
    with pytest.raises(SignOutIncomplete) as caught:
        auth.sign_out()
    assert "cannot be reached" in str(caught.value.revocation)
    assert "cannot be reached" in str(caught.value.session)
    assert isinstance(caught.value, IpyauthError)
    assert not is_good(auth)


def test_without_a_browser_the_link_is_shown(
    issuer: LocalIssuer,
    make_auth: Callable[..., Auth],
    alice: Person,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And why none opened; so it is where the user wants none."""
    link = f"{issuer.issuer}v2/logout?client_id={issuer.client_id}"
    make_auth().sign_in().sign_out(open_browser=False)
    assert link in capsys.readouterr().err
    auth = make_auth().sign_in()

    def get(using: object = None) -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", get)
    auth.sign_out()
    said = capsys.readouterr().err
    assert link in said
    assert "no browser was found on this machine" in said
    assert len(alice.opened) == 2


def test_a_sign_in_that_waits_is_ended(make_auth: Callable[..., Auth], alice: Person) -> None:
    """Also where nobody has signed in yet; its port is free again."""
    auth = make_auth()
    authenticator_of(auth).offer()
    attempt = sign_in_of(auth)
    with pytest.raises(NotSignedIn):
        auth.sign_out()
    assert attempt.progress.is_over
    with pytest.raises(SignInCancelled):
        attempt.wait()
    assert is_good(make_auth().sign_in())


def test_a_renewal_under_way_brings_nothing_back(
    issuer: LocalIssuer, make_auth: Callable[..., Auth], revocations: list[dict[str, str]]
) -> None:
    """Sign-out waits for it, and what it brought is revoked; another thread's renewal then finds nobody."""
    auth = make_auth().sign_in()
    before = tokens_of(auth)
    began, go_on = threading.Event(), threading.Event()

    def watch(path: str) -> None:
        if path == "/oauth/token":
            began.set()
            go_on.wait(20)

    issuer.switches.watch = watch
    renewal = threading.Thread(target=lambda: source_of(auth).renew(before))
    renewal.start()
    assert began.wait(20)
    leaving = threading.Thread(target=auth.sign_out)
    leaving.start()
    go_on.set()
    renewal.join(30)
    leaving.join(30)
    assert source_of(auth).tokens is None
    assert revocations[0]["token"] != before.refresh_token
    with pytest.raises(NotSignedIn):
        source_of(auth).renew(before)
    assert not source_of(make_auth()).adopt()


class HeldStore(MemoryStore):
    """A store whose lock somebody holds for good, once `is_held`; *waits* counts who waited for it."""

    is_held, waits = False, 0

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Wait in vain."""
        if not self.is_held:
            return super().lock(key)
        self.waits += 1
        raise StoreBusy(75)


def test_a_holder_that_hangs_is_waited_for_once(
    make_auth: Callable[..., Auth], revocations: list[dict[str, str]]
) -> None:
    """Then the sign-out goes on without the lock, whole."""
    store = HeldStore()
    auth = make_auth(store=store).sign_in()
    store.is_held = True
    auth.sign_out()
    assert store.waits == 1
    assert len(revocations) == 1
    assert store.load(store_key(params_of(auth))) is None
    assert source_of(auth).tokens is None
