"""Signing out: the tokens are gone here, revoked at the provider, and its session ends in the user's browser."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.callback.form_page import FormPage
from ipyauth_magic.callback.ports import PortInUse
from ipyauth_magic.errors import IpyauthError, NotSignedIn, SignInCancelled, SignOutIncomplete, StoreBusy
from ipyauth_magic.protocol.tokens import ClientSecret
from ipyauth_magic.provider.http import Answer
from ipyauth_magic.provider.provider import Provider
from ipyauth_magic.store.key import store_key
from ipyauth_magic.store.memory import MemoryStore
from tests.support.auths import is_good, params_for, params_of, sign_in_of, source_of, tokens_of
from tests.support.form_browser import FormBrowser
from tests.support.ports import free_port
from tests.support.scripted_browser import ScriptedBrowser, link_behind, use_as_browser
from tests.support.threads import joined


class Person:
    """Alice in a browser with cookies: she signs in where she is asked to, and sees what else is opened."""

    def __init__(self, issuer: str) -> None:
        self.browser = FormBrowser(issuer)
        self.opened: list[str] = []
        self.posted: list[dict[str, str]] = []
        self.tabs: list[threading.Thread] = []

    def open(self, url: str, new: int = 0) -> bool:
        """Open *url*; what a real browser does in another process happens in a thread."""
        url = link_behind(url)
        self.opened.append(url)
        if "/sign-out/" in url:
            form = self.browser.open(url).form
            self.posted.append(form.fields)
            self.browser.post(form.action, form.fields)  # as the page's script does
            return True
        if "/authorize?" not in url:
            self.browser.open(url)
            return True
        arrival = self.browser.open(url).arrival or self._consent()
        tab = threading.Thread(target=ScriptedBrowser(idle_socket=False).arrive, args=(arrival.url,), daemon=True)
        tab.start()
        self.tabs.append(tab)
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
    use_as_browser(monkeypatch, person.open)
    yield person
    joined(person.tabs, 20)


@pytest.fixture
def make_auth(issuer: LocalIssuer, alice: Person) -> Callable[..., Auth]:
    """Return a maker of an `Auth` for the issuer, by `domain` or by `issuer`."""

    def make(flow: str = "code", by: str = "domain", **options: Any) -> Auth:
        named = {"issuer": issuer.issuer} if by == "issuer" else {}
        return Auth(params_for(issuer, **named), flow=flow, **options)

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
    said = " ".join(capsys.readouterr().err.split())
    assert "The page there shows whether you are signed out." in said
    assert "may refuse" not in said, "Auth0's own address takes none"
    assert not refreshes(issuer, refresh_token)
    assert not is_good(auth)
    with pytest.raises(NotSignedIn):
        _ = auth.access_token
    silent = alice.browser.open(f"{alice.opened[0]}&prompt=none")
    assert silent.parameters["error"] == "login_required"


def test_with_issuer_the_session_ends_as_openid_connect_has_it(
    issuer: LocalIssuer, alice: Person, make_auth: Callable[..., Auth], capsys: pytest.CaptureFixture[str]
) -> None:
    """At the `end_session_endpoint`, without any token in the address: the provider's page asks the user."""
    auth = make_auth(by="issuer").sign_in()
    auth.sign_out()
    assert alice.opened[1:] == [f"{issuer.issuer}oidc/logout?client_id={issuer.client_id}"]
    assert alice.browser.page is not None
    assert alice.browser.page.status_code == 200
    assert "Alice" in alice.browser.page.text
    said = " ".join(capsys.readouterr().err.split())
    assert alice.opened[1] in said
    assert "The page there shows whether you are signed out." in said
    assert "may refuse" not in said


def test_a_provider_that_demands_the_id_token_gets_it_by_a_form(
    issuer: LocalIssuer, alice: Person, make_auth: Callable[..., Auth], capsys: pytest.CaptureFixture[str]
) -> None:
    """A page of this machine posts it, once; no address contains it, and none is shown that the provider refuses."""
    auth = make_auth(by="issuer").sign_in()
    id_token = str(auth.id_token)
    issuer.switches.answer("/oidc/logout", 400, b"id_token_hint is missing")
    auth.sign_out()
    [page] = alice.opened[1:]
    assert page.startswith("http://127.0.0.1:")
    assert alice.posted == [{"client_id": issuer.client_id, "id_token_hint": id_token}]
    assert alice.browser.page is not None
    assert alice.browser.page.url == f"{issuer.issuer}oidc/logout"
    assert "Signed out" in alice.browser.page.text
    said = " ".join(capsys.readouterr().err.split())
    assert "The page there shows whether you are signed out." in said
    assert "oidc/logout" not in said
    assert id_token not in said
    with pytest.raises(requests.ConnectionError):
        requests.get(page, timeout=20)
    silent = alice.browser.open(f"{alice.opened[0]}&prompt=none")
    assert silent.parameters["error"] == "login_required"


@pytest.mark.parametrize("reason", ["bind", "port", "unfetched", "unwanted"])
def test_without_a_page_of_this_machine_the_address_has_no_id_token(
    reason: str,
    issuer: LocalIssuer,
    alice: Person,
    make_auth: Callable[..., Auth],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As in a container, without a free port, or if the browser does not reach this machine; that is told."""
    auth = make_auth(by="issuer", **({"bind": "127.0.0.1"} if reason == "bind" else {})).sign_in()
    if reason == "port":

        def bound(*_: object) -> None:
            raise PortInUse(0, "no port is free")

        monkeypatch.setattr("ipyauth_magic.callback.form_page.bind_redirect_uri", bound)
    if reason == "unfetched":
        monkeypatch.setattr("ipyauth_magic.flows.sign_out.OPENING", 0.2)
        monkeypatch.setattr(webbrowser.get(), "open", lambda url, new=0: True)
    link = f"{issuer.issuer}oidc/logout?client_id={issuer.client_id}"
    issuer.switches.answer("/oidc/logout", 400, b"id_token_hint is missing", times=2)
    auth.sign_out(open_browser=reason != "unwanted")
    said = " ".join(capsys.readouterr().err.split())
    assert link in said
    assert "The provider may refuse: it asks for more than this address has" in said
    assert "The page there shows whether you are signed out." in said
    assert ("did not fetch the page" in said) == (reason == "unfetched")
    assert alice.opened[1:] == ([link] if reason in ("bind", "port") else [])


def test_the_page_serves_one_browser_once() -> None:
    """At its own address only; its headers let the form go to the provider, and keep frames and caches away."""
    page = FormPage("https://idp.test/end?a=1&b=2", {"client_id": "<c>", "id_token_hint": "e.y.J"})
    try:
        assert "e.y.J" not in page.address
        base = page.address.partition("/sign-out/")[0]
        assert requests.get(f"{base}/sign-out/other", timeout=20).status_code == 404
        assert requests.post(page.address, timeout=20).status_code == 404
        assert requests.get(page.address, headers={"Host": "evil.test"}, timeout=20).status_code == 400
        assert not page.wait(0)
        first = requests.get(page.address, timeout=20)
        assert page.wait(20)
    finally:
        page.close()
    assert 'action="https://idp.test/end?a=1&amp;b=2"' in first.text
    assert 'name="client_id" value="&lt;c&gt;"' in first.text
    assert "form-action https://idp.test https:;" in first.headers["Content-Security-Policy"]
    assert first.headers["Cache-Control"] == "no-store"
    with pytest.raises(requests.ConnectionError):
        requests.get(page.address, timeout=20)


@pytest.mark.parametrize("refusal", ["no endpoint", "unsupported_token_type"])
def test_a_refresh_token_that_stays_valid_is_told(
    refusal: str,
    issuer: LocalIssuer,
    make_auth: Callable[..., Auth],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The provider revokes none (RFC 7009, 2.2.1)."""
    auth = make_auth(by="issuer").sign_in()
    if refusal == "no endpoint":
        provider = Provider.of(issuer.issuer)
        endpoints = dict(provider.metadata().optional_endpoints)
        del endpoints["revocation_endpoint"]
        monkeypatch.setattr(provider, "_metadata", replace(provider.metadata(), optional_endpoints=endpoints))
    else:
        issuer.switches.answer("/oauth/revoke", 400, {"error": "unsupported_token_type"})
    auth.sign_out()
    assert "The provider cannot revoke refresh tokens" in " ".join(capsys.readouterr().err.split())


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


def test_signing_out_twice(make_auth: Callable[..., Auth], alice: Person, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time a line says so, and no browser opens; an equal sign-in of this session is gone too."""
    auth = make_auth().sign_in()
    auth.sign_out()
    capsys.readouterr()
    for each in (auth, make_auth()):
        each.sign_out()
        assert capsys.readouterr().out == "You are not signed in, so there is nothing to sign out of.\n"
    assert len(alice.opened) == 2


def test_an_earlier_sessions_tokens_are_signed_out(
    issuer: LocalIssuer, make_auth: Callable[..., Auth], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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
        tokens_of(make_auth())


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
    said = " ".join(capsys.readouterr().err.split())
    assert "Sign out on its own pages" in said
    assert "The provider cannot revoke refresh tokens" in said
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
    said = " ".join(capsys.readouterr().err.split())
    assert link in said
    assert "no browser was found on this machine" in said
    assert len(alice.opened) == 2


def test_a_sign_in_that_waits_is_ended(make_auth: Callable[..., Auth], alice: Person) -> None:
    """Also where nobody has signed in yet; its port is free again."""
    auth = make_auth()
    authenticator_of(auth).offer()
    attempt = sign_in_of(auth)
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
    joined([renewal], 30)
    joined([leaving], 30)
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
