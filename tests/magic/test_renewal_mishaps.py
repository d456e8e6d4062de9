"""What must not cost the user a sign-in, or bring one back: wrong clocks, failing key fetches, sign-outs elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import keyring
import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from fruit_service.issuer.switches import Draft
from ipyauth_magic import Auth
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.errors import (
    InvalidIdToken,
    NotSignedIn,
    OutOfTime,
    ProviderError,
    ProviderUnreachable,
    SignInCancelled,
    SignInNeeded,
    SignOutIncomplete,
    StoreBusy,
    StoreUnavailable,
)
from ipyauth_magic.flows import refresh
from ipyauth_magic.flows.authenticator import SESSION
from ipyauth_magic.flows.sign_in_request import SignInRequest
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.provider.provider import KEPT_FOR, RETRY_AFTER, Provider
from ipyauth_magic.store import StoreFailed, fallback, warning
from ipyauth_magic.store.key import store_key
from ipyauth_magic.store.memory import MemoryStore
from tests.support.auths import end_tokens, is_good, params_of, sign_in_of, source_of, tokens_of
from tests.support.keyrings import LockedKeyring, MemoryKeyring
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.strict_api import strict_api
from tests.support.threads import joined
from tests.support.web import serving

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/.well-known/jwks.json"
MakeAuth = Callable[..., Auth]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the provider again at once, unless a test says otherwise."""
    monkeypatch.setattr(refresh, "RETRY_AFTER", 0.0)


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this test's own, for files."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


class Hurdle:
    """A place where a sign-in waits until the test lets it go on."""

    def __init__(self) -> None:
        self._reached, self._open = threading.Event(), threading.Event()

    def hold(self, *_: object) -> None:
        """Wait there."""
        self._reached.set()
        self._open.wait(60)

    def wait_until_reached(self) -> None:
        """Wait until a thread is held."""
        assert self._reached.wait(60)

    def let_go(self) -> None:
        """Hold no thread any more."""
        self._open.set()

    def cancel_at(self, auth: Auth, open_browser: bool = True) -> None:
        """Sign in by a task, and cancel it when it is there."""

        async def run() -> None:
            task = asyncio.create_task(auth.sign_in_async(timeout=10, open_browser=open_browser))
            await asyncio.to_thread(self._reached.wait, 60)
            task.cancel()
            await asyncio.sleep(0)
            self._open.set()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(run())


@pytest.fixture
def hurdle() -> Hurdle:
    """A hurdle."""
    return Hurdle()


def records(home: Path) -> list[Path]:
    """Return the files that hold tokens."""
    return [path for path in home.rglob("*.json") if path.stat().st_size > 100]


def test_a_clock_behind_costs_no_sign_in(
    own_issuer: LocalIssuer, make_auth: MakeAuth, user_browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a sleep the API says 401, and the renewed ID token comes from the future; then the clock is put right."""
    own_issuer.switches.access_token_lifetime = 60
    auth = make_auth().sign_in()
    own_issuer.switches.advance(600)
    with strict_api(own_issuer.switches.now) as api:
        assert requests.get(api.url, auth=auth, timeout=30).status_code == 401
        now = own_issuer.switches.now
        monkeypatch.setattr("ipyauth_magic.flows.clock.utc_now", lambda: datetime.fromtimestamp(now(), UTC))
        assert requests.get(api.url, auth=auth, timeout=30).status_code == 200
    assert len(user_browser.opened) == 1


@pytest.mark.parametrize("shift", [-86400, -700, 86400 * 2])
def test_a_wrong_clock_keeps_the_new_refresh_token(
    own_issuer: LocalIssuer, make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch, shift: int
) -> None:
    """The old one is used up; for a while the provider is not asked again."""
    auth = make_auth().sign_in()
    first = tokens_of(auth).refresh_token
    end_tokens(auth)
    monkeypatch.setattr(refresh, "RETRY_AFTER", 60.0)
    monkeypatch.setattr("ipyauth_magic.flows.clock.utc_now", lambda: datetime.now(UTC) + timedelta(seconds=shift))
    ended = datetime.now(UTC) + timedelta(seconds=shift - 1)
    source_of(auth).save(replace(tokens_of(auth), obtained_at=ended - timedelta(seconds=60), expires_at=ended))
    for _ in range(3):
        with pytest.raises(OutOfTime):
            _ = auth.access_token
    assert own_issuer.switches.token_requests["refresh_token"] == 1
    assert tokens_of(auth).refresh_token not in (None, first)
    monkeypatch.undo()
    end_tokens(auth)
    assert auth.access_token


@pytest.mark.parametrize("how", ["answer", "drop"])
def test_keys_that_cannot_be_had_cost_no_sign_in(own_issuer: LocalIssuer, make_auth: MakeAuth, how: str) -> None:
    """The refresh token is used up by then: the new one is kept, and serves when the keys are there."""
    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.keys.rotate()
    if how == "answer":
        own_issuer.switches.answer(JWKS, 503)
    else:
        own_issuer.switches.drop(JWKS)
    with pytest.raises(ProviderError):
        _ = auth.access_token
    assert auth.access_token


def test_keys_that_cannot_be_had_cost_no_refresh_token_at_each_call(
    own_issuer: LocalIssuer, make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try uses one up, so the next one waits a while."""
    monkeypatch.setattr(refresh, "RETRY_AFTER", 60.0)
    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.keys.rotate()
    own_issuer.switches.answer(JWKS, 503, times=9)
    for _ in range(3):
        with pytest.raises(ProviderError, match="busy"):
            _ = auth.access_token
    assert own_issuer.switches.token_requests["refresh_token"] == 1


class Watched(MemoryStore):
    """A store that notes which tokens are in use while it is given others."""

    def __init__(self) -> None:
        super().__init__()
        self.auth: Auth | None = None
        self.in_use: list[bool] = []

    def save(self, key: str, tokens: TokenSet) -> bool:
        """Keep *tokens*, and note whether they are in use already."""
        if self.auth is not None and source_of(self.auth).tokens is not None:
            self.in_use.append(tokens_of(self.auth) == tokens)
        return super().save(key, tokens)


def test_new_tokens_are_stored_before_they_are_used(make_auth: MakeAuth) -> None:
    """Else a process that ends in between loses the only refresh token."""
    store = Watched()
    auth = make_auth(store=store).sign_in()
    end_tokens(auth)
    store.auth = auth
    assert auth.access_token
    assert len(store.in_use) == 2, "the new refresh token by itself, before its ID token is looked at, and then all"
    assert not any(store.in_use)


def test_an_answer_that_lies_ends_the_refresh_token(own_issuer: LocalIssuer, make_auth: MakeAuth) -> None:
    """All else than a wrong time."""

    def other_issuer(draft: Draft) -> None:
        draft.claims.update(iss="https://evil.example/")

    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.switches.tamper = other_issuer
    with pytest.raises(InvalidIdToken, match="another issuer"):
        _ = auth.access_token
    assert tokens_of(auth).refresh_token is None


@pytest.mark.parametrize("revocation", ["serves", "fails"])
def test_a_sign_out_elsewhere_is_one(
    own_issuer: LocalIssuer, make_auth: MakeAuth, at_home: Path, revocation: str
) -> None:
    """Another notebook on the same files brings nothing back, and knows that it is over when it would renew."""
    here, elsewhere = make_auth(store="file").sign_in(), make_auth(store="file").sign_in()
    if revocation == "fails":
        own_issuer.switches.answer("/oauth/revoke", 503)
        with pytest.raises(SignOutIncomplete):
            here.sign_out(open_browser=False)
    else:
        here.sign_out(open_browser=False)
    assert records(at_home) == []
    asked = own_issuer.switches.token_requests["refresh_token"]
    with pytest.raises(NotSignedIn, match="signed out by another notebook"):
        source_of(elsewhere).renew(tokens_of(elsewhere))
    assert source_of(elsewhere) not in [each.source for each in SESSION.signed_in()], "%token would stumble over it"
    assert records(at_home) == []
    assert own_issuer.switches.token_requests["refresh_token"] == asked
    assert not source_of(make_auth(store="file")).adopt()


def test_who_keeps_nothing_is_not_signed_out_by_that(make_auth: MakeAuth) -> None:
    """A store that never had the tokens cannot miss them."""
    auth = make_auth(store="none").sign_in()
    end_tokens(auth)
    assert auth.access_token


def test_a_store_that_cannot_save_signs_nobody_out(make_auth: MakeAuth, at_home: Path) -> None:
    """A home that cannot be written costs one warning."""
    (at_home / "ipyauth_magic").write_text("a file in the folder's place")
    with pytest.warns(UserWarning, match="cannot"):
        auth = make_auth(store="file").sign_in()
    end_tokens(auth)
    assert auth.access_token


@pytest.mark.parametrize("loss", ["locked keyring", "another key", "no folder any more", "torn file"])
def test_a_place_that_fails_later_signs_nobody_out(
    make_auth: MakeAuth, at_home: Path, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    """Only an empty place tells of a sign-out; one that cannot be read any more costs a warning at the most."""
    monkeypatch.setattr(warning, "_warned", {})
    monkeypatch.setattr(fallback, "_unsaved", MemoryStore())
    monkeypatch.setattr(keyring, "get_keyring", lambda: found)
    found: MemoryKeyring = MemoryKeyring()
    auth = make_auth(store="keyring" if loss in ("locked keyring", "another key") else "file").sign_in()
    end_tokens(auth)
    if loss == "locked keyring":
        monkeypatch.setattr(MemoryKeyring, "get_password", LockedKeyring.get_password)
    elif loss == "another key":  # as on another machine, with the same home folder
        found.entries.clear()
        make_auth(store="keyring").sign_in()
    elif loss == "torn file":
        records(at_home)[0].write_bytes(b"{")
    else:
        (at_home / "ipyauth_magic").rename(at_home / "elsewhere")
        (at_home / "ipyauth_magic").write_text("a file in the folder's place")
    with pytest.warns(UserWarning, match="cannot") if loss == "no folder any more" else contextlib.nullcontext():
        assert auth.access_token
    assert tokens_of(auth).refresh_token is not None


@pytest.mark.parametrize("answer", ["new tokens", "a refusal", "a lie"])
def test_a_sign_out_that_did_not_wait_for_a_renewal_is_not_undone(
    own_issuer: LocalIssuer, make_auth: MakeAuth, answer: str
) -> None:
    """A sign-out waits for the lock for a limited time; what the renewal brings after that is not kept."""
    store = MemoryStore()
    auth = make_auth(store=store).sign_in()
    end_tokens(auth)

    def sign_out_elsewhere(path: str) -> None:
        if path == "/oauth/token":
            store.forget(store_key(params_of(auth)))

    own_issuer.switches.watch = sign_out_elsewhere
    if answer == "a refusal":
        own_issuer.switches.answer("/oauth/token", 403, {"error": "invalid_grant"})
    elif answer == "a lie":
        own_issuer.switches.rotate_refresh_tokens = False
        own_issuer.switches.tamper = lambda draft: draft.claims.update(iss="https://evil.example/")
    with pytest.raises(NotSignedIn, match="signed out by another notebook"):
        _ = auth.access_token
    assert store.load(store_key(params_of(auth))) is None
    assert source_of(auth).tokens is None


def test_leaving_while_a_renewal_is_under_way_keeps_what_it_brings(
    own_issuer: LocalIssuer, make_auth: MakeAuth, at_home: Path, hurdle: Hurdle
) -> None:
    """In the store, for the next session: the refresh token that was there is used up. Here nothing comes back."""
    auth = make_auth(store="file").sign_in()
    end_tokens(auth)
    first = tokens_of(auth).refresh_token
    own_issuer.switches.watch = lambda path: hurdle.hold() if path == "/oauth/token" else None
    renewal = threading.Thread(target=lambda: auth.access_token)
    renewal.start()
    hurdle.wait_until_reached()
    authenticator_of(auth).clear(in_store=False)
    hurdle.let_go()
    joined([renewal])
    assert source_of(auth).tokens is None
    later = make_auth(store="file")
    assert source_of(later).adopt()
    assert tokens_of(later).refresh_token not in (None, first)


class Unreadable(MemoryStore):
    """A store of the user's own, which once *is_broken* cannot be asked."""

    is_broken = False

    def load(self, key: str) -> TokenSet | None:
        """Fail."""
        if self.is_broken:
            raise StoreFailed("own", "the server does not answer")
        return super().load(key)


def test_a_store_of_the_users_own_that_cannot_be_read_signs_nobody_out(make_auth: MakeAuth) -> None:
    """The tokens here are renewed and cleared all the same; a program that looks before it asks is told why."""
    store = Unreadable()
    auth = make_auth(store=store).sign_in()
    end_tokens(auth)
    store.is_broken = True
    assert auth.access_token
    assert not source_of(make_auth(store=store)).adopt()
    with pytest.raises(StoreUnavailable, match=r"own store: it is locked.*\(the server does not answer\)"):
        source_of(auth).check_place()
    auth.clear()
    store.is_broken = False
    assert store.load(store_key(params_of(auth))) is None


@pytest.mark.parametrize("store", ["memory", "file"])
def test_two_accounts_for_the_same_do_not_erase_each_other(
    own_issuer: LocalIssuer, make_auth: MakeAuth, at_home: Path, store: str
) -> None:
    """The latest sign-in has the place; what the earlier one does concerns its own tokens only."""

    def as_bob(draft: Draft) -> None:
        draft.claims.update(sub="auth0|bob", nickname="bob")

    alice = make_auth(store=store).sign_in()
    own_issuer.switches.tamper = as_bob
    bob = make_auth(store=store).sign_in(force=True)
    own_issuer.switches.tamper = None
    assert source_of(alice).renew_refused(tokens_of(alice).access_token)
    assert (alice.logged_as, bob.logged_as) == ("alice", "bob")
    later = make_auth(store=store)
    assert source_of(later).adopt()
    assert later.logged_as == "bob"
    alice.clear()
    assert source_of(make_auth(store=store)).adopt()
    bob.clear()
    assert not source_of(make_auth(store=store)).adopt()


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_without_a_word_ends_the_refresh_token(
    own_issuer: LocalIssuer, make_auth: MakeAuth, status: int
) -> None:
    """Some providers leave the code out."""
    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.switches.answer("/oauth/token", status, {}, times=3)
    for _ in range(3):
        with pytest.raises(SignInNeeded):
            _ = auth.access_token
    assert tokens_of(auth).refresh_token is None
    assert own_issuer.switches.requests["/oauth/token"] == 2


def test_other_refusals_are_not_asked_for_at_each_call(
    own_issuer: LocalIssuer, make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They keep the refresh token, and the provider has its rest."""
    monkeypatch.setattr(refresh, "RETRY_AFTER", 60.0)
    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.switches.answer("/oauth/token", 400, {"error": "invalid_client"}, times=5)
    for _ in range(5):
        with pytest.raises(SignInNeeded):
            _ = auth.access_token
    assert tokens_of(auth).refresh_token is not None
    assert own_issuer.switches.requests["/oauth/token"] == 2


def test_429_is_busy_whatever_it_says(own_issuer: LocalIssuer, make_auth: MakeAuth) -> None:
    """Later it may serve."""
    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.switches.answer("/oauth/token", 429, {"error": "rate_limited"})
    with pytest.raises(ProviderError, match="busy"):
        _ = auth.access_token
    assert auth.access_token


def test_a_busy_provider_at_the_hour_costs_nothing(
    own_issuer: LocalIssuer, make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metadata and keys are to be fetched again: the old ones serve meanwhile, and are asked for again later."""
    switches = own_issuer.switches
    provider = Provider.of(own_issuer.issuer)
    provider._clock = switches.elapsed
    monkeypatch.setattr("ipyauth_magic.flows.clock.utc_now", lambda: datetime.fromtimestamp(switches.now(), UTC))
    auth = make_auth().sign_in()
    for path, status in ((DISCOVERY, 503), (JWKS, 429)):
        switches.answer(path, status, times=100)
        switches.advance(KEPT_FOR + 1)
        asked = switches.requests[DISCOVERY]
        for _ in range(3):
            end_tokens(auth)
            assert auth.access_token
        assert switches.requests[DISCOVERY] == asked + 1
        switches.restore()
        switches.advance(RETRY_AFTER + 1)
        assert provider.metadata()
        assert switches.requests[DISCOVERY] == asked + 2


def test_a_redirect_elsewhere_that_asks_for_another_token_gets_none(make_auth: MakeAuth) -> None:
    """The first request's token went to its origin only; so does the second try."""
    auth = make_auth().sign_in()
    with serving() as api, serving() as other:
        api.answers["/"] = (302, {"Location": f"{other.url}/x"}, b"")
        other.answers["/x"] = (401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, b"{}")
        assert auth.session(api.url).get("/").status_code == 401
        requests.get(f"{api.url}/", auth=auth, timeout=30)
        httpx.get(f"{api.url}/", auth=auth.httpx(), follow_redirects=True)
        assert len(other.headers) == 3
        assert not any("Authorization" in headers for headers in other.headers)


def test_another_password_is_not_taken_for_the_token(
    make_auth: MakeAuth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a redirect `requests` sends the other host what a .netrc has for it; a 401 there brings no token either."""
    (tmp_path / "netrc").write_text("default login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    auth = make_auth().sign_in()
    with serving() as api, serving() as other:
        api.answers["/"] = (302, {"Location": other.url.replace("127.0.0.1", "localhost") + "/x"}, b"")
        other.answers["/x"] = (401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, b"{}")
        assert requests.get(f"{api.url}/", auth=auth, timeout=30).status_code == 401
    assert [headers["Authorization"].split()[0] for headers in other.headers] == ["Basic"]


@pytest.mark.parametrize("open_browser", [True, False])
def test_a_cancelled_task_asks_nobody(
    own_issuer: LocalIssuer, make_auth: MakeAuth, user_browser: ScriptedBrowser, hurdle: Hurdle, open_browser: bool
) -> None:
    """Also where it was cancelled while a refresh token was being refused."""
    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.switches.watch = lambda path: hurdle.hold() if path == "/oauth/token" else None
    own_issuer.switches.answer("/oauth/token", 403, {"error": "invalid_grant"})
    opened, attempt = len(user_browser.opened), sign_in_of(auth)
    hurdle.cancel_at(auth, open_browser)
    assert len(user_browser.opened) == opened
    assert sign_in_of(auth) is attempt
    assert not is_good(auth)


@pytest.mark.parametrize("open_browser", [True, False])
def test_a_task_cancelled_while_its_attempt_is_made_asks_nobody(
    make_auth: MakeAuth,
    user_browser: ScriptedBrowser,
    hurdle: Hurdle,
    monkeypatch: pytest.MonkeyPatch,
    open_browser: bool,
) -> None:
    """There is no sign-in to cancel yet; the one that comes is over at once."""
    auth = make_auth("implicit").sign_in()
    end_tokens(auth)
    routes = authenticator_of(auth).request.routes

    def slow_routes(request: SignInRequest) -> tuple[object, ...]:
        hurdle.hold()
        return routes

    monkeypatch.setattr(SignInRequest, "routes", property(slow_routes))
    opened = len(user_browser.opened)
    hurdle.cancel_at(auth, open_browser)
    assert len(user_browser.opened) == opened
    assert sign_in_of(auth) is not None
    assert isinstance(sign_in_of(auth).progress.error, SignInCancelled)


def test_an_answer_that_lies_is_no_end_of_a_sign_in(
    own_issuer: LocalIssuer, make_auth: MakeAuth, user_browser: ScriptedBrowser
) -> None:
    """`sign_in()` asks the user then."""

    def other_issuer(draft: Draft) -> None:
        if own_issuer.switches.token_requests["refresh_token"] == 1 and len(user_browser.opened) == 1:
            draft.claims.update(iss="https://evil.example/")

    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.switches.tamper = other_issuer
    assert is_good(auth.sign_in())
    assert len(user_browser.opened) == 2


def test_an_answer_without_a_token_is_no_end_of_a_sign_in(
    own_issuer: LocalIssuer, make_auth: MakeAuth, user_browser: ScriptedBrowser
) -> None:
    """The provider is asked again then, by the browser."""
    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.switches.answer("/oauth/token", 200, {"access_token": "x"})
    assert is_good(auth.sign_in())
    assert len(user_browser.opened) == 2


def test_a_busy_store_is_no_end_of_a_sign_in(make_auth: MakeAuth, user_browser: ScriptedBrowser) -> None:
    """A process that hangs with the lock does not keep the user from signing in."""

    class Busy(MemoryStore):
        def lock(self, key: str) -> AbstractContextManager[None]:
            raise StoreBusy(60)

    auth = make_auth(store=Busy()).sign_in()
    end_tokens(auth)
    assert is_good(auth.sign_in())
    assert len(user_browser.opened) == 2


def test_a_provider_that_is_away_is_the_end_of_a_sign_in(
    own_issuer: LocalIssuer, make_auth: MakeAuth, user_browser: ScriptedBrowser
) -> None:
    """The user's own sign-in would need it too, and the refresh token may serve later."""
    auth = make_auth().sign_in()
    end_tokens(auth)
    own_issuer.switches.answer("/oauth/token", 500)
    with pytest.raises(ProviderUnreachable):
        auth.sign_in()
    assert len(user_browser.opened) == 1
    assert is_good(auth.sign_in())
    assert len(user_browser.opened) == 1


@pytest.mark.parametrize(("methods", "is_offered"), [(["plain"], False), (["plain", "S256"], True), (None, True)])
def test_a_code_without_s256_is_not_taken(
    own_issuer: LocalIssuer,
    make_auth: MakeAuth,
    user_browser: ScriptedBrowser,
    methods: list[str] | None,
    is_offered: bool,
) -> None:
    """A provider that names other methods only is refused, and is given no code to redeem."""
    own_issuer.switches.restore()
    document = requests.get(f"{own_issuer.issuer.rstrip('/')}{DISCOVERY}", timeout=30).json()
    document.pop("code_challenge_methods_supported", None)
    changed = document | ({"code_challenge_methods_supported": methods} if methods else {})
    own_issuer.switches.answer(DISCOVERY, 200, changed, times=10)
    if is_offered:
        assert is_good(make_auth().sign_in())
        return
    with pytest.raises(ProviderError, match="S256"):
        make_auth().sign_in()
    assert own_issuer.switches.token_requests["authorization_code"] == 0
