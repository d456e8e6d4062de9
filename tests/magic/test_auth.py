"""Auth: what the user holds."""

from __future__ import annotations

import copy
import dataclasses
import logging
import pickle
import re
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Bool, HasTraits

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.callback import listener
from ipyauth_magic.display import auth_display, panel
from ipyauth_magic.errors import (
    InvalidParams,
    NobodyCanAnswer,
    NotSignedIn,
    PortTaken,
    SignInCancelled,
    SignInNeeded,
    SignInTimeout,
)
from ipyauth_magic.flows import authenticator, clock
from ipyauth_magic.flows.authenticator import SESSION
from ipyauth_magic.flows.session import Session
from ipyauth_magic.flows.sign_in import Progress, SignIn
from ipyauth_magic.protocol.tokens import AccessToken, TokenSet
from ipyauth_magic.protocol.urls import origin_of
from ipyauth_magic.provider.provider import Provider
from ipyauth_magic.provider.threads import Waiters, Wakeup
from ipyauth_magic.settings import parameters
from ipyauth_magic.store.key import store_key
from ipyauth_magic.store.memory import MemoryStore
from tests.support.attempts import Attempt
from tests.support.auths import card_of, is_good, sign_in_of, source_of, tokens_of
from tests.support.ports import free_port, is_free, wait_until_free
from tests.support.scripted_browser import ScriptedBrowser, query_of
from tests.support.threads import joined, until, wait_for
from tests.support.web import Web, serving

MakeParams = Callable[..., ParamsAuth0]


@pytest.fixture(autouse=True)
def no_earlier_sign_ins() -> Iterator[None]:
    """Each test begins a session of its own."""
    yield
    SESSION.end_all("the test is over")
    SESSION.forget_tokens()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets *seconds* pass for whoever asks the time."""

    def pass_by(seconds: float) -> None:
        monkeypatch.setattr(clock, "utc_now", lambda: datetime.now(UTC) + timedelta(seconds=seconds))

    return pass_by


def test_the_guides_example(params: MakeParams, user_browser: ScriptedBrowser, capsys: Any) -> None:
    """Auth(params=p), a.access_token, a.show(), and a header made by format."""
    a = Auth(params=params())
    assert a.sign_in() is a
    assert f"Bearer {a.access_token}".count(".") == 2
    capsys.readouterr()
    a.show()
    shown = dict(line.split(" : ", 1) for line in capsys.readouterr().out.splitlines())
    names = {name.strip(): value for name, value in shown.items()}
    assert set(names) == {"name", "params", "logged_as", "time_to_exp", "expires_at", "scope"}
    assert names["logged_as"] == "alice"
    assert re.fullmatch(r"00:0[01]:\d\d", names["time_to_exp"])
    assert re.match(r"domain=.+, client_id=ipyauth-demo, .*audience=api/fruit, ", names["params"])
    assert "response_type" not in names["params"], "a default"
    local = datetime.strptime(names["expires_at"][:19], "%Y-%m-%d %H:%M:%S")
    assert local.astimezone() == a.expires_at.replace(microsecond=0)


def test_what_it_tells(params: MakeParams, user_browser: ScriptedBrowser) -> None:
    """Who, scopes, end, claims."""
    a = Auth(params()).sign_in()
    assert a.logged_as == "alice"
    assert a.scope == "openid profile read:usual-fruit"
    assert a.expires_at.utcoffset() == timedelta(0)
    assert a.claims["sub"] == "auth0|alice"
    assert isinstance(a.access_token, AccessToken)
    assert a.id_token.count(".") == 2
    assert is_good(a)


def test_hostile_claims_are_plain_on_a_terminal(
    params: MakeParams, user_browser: ScriptedBrowser, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No escape sequence, no reversed text, no forged line."""
    a = Auth(params()).sign_in()
    claims = dict(tokens_of(a).claims) | {"nickname": "al\x1b]0;pwn\x07\u202e\nexpires_at  : 2099"}
    source_of(a).save(dataclasses.replace(tokens_of(a), claims=claims, scope="\x1b[31mopenid"))
    capsys.readouterr()
    a.show()
    shown = capsys.readouterr().out + repr(a)
    assert not any(mark in shown for mark in ("\x1b", "\x07", "\u202e"))
    assert sum(line.startswith("expires_at") for line in shown.splitlines()) == 1


def test_before_a_sign_in(params: MakeParams) -> None:
    """Everything that needs one says so; nothing opens a browser."""
    a = Auth(params())
    assert not is_good(a)
    for name in ("access_token", "id_token", "logged_as", "scope", "expires_at", "time_to_exp", "claims"):
        with pytest.raises(NotSignedIn):
            getattr(a, name)
    with pytest.raises(NotSignedIn):
        requests.get("http://127.0.0.1:1/", auth=a, timeout=5)


def test_no_part_of_a_token_shows(params: MakeParams, user_browser: ScriptedBrowser) -> None:
    """In no repr, and not after a copy."""
    a = Auth(params()).sign_in()
    token = str(a.access_token)
    for shown in (repr(a), repr(vars(a)), repr(copy.copy(a)), repr(tokens_of(a)), card_of(a).html(), card_of(a).text()):
        assert not any(part in shown for part in token.split("."))
    with pytest.raises(TypeError, match=r"not pickled.* `str\(auth.access_token\)`.* Threads.* `auth.on_dask"):
        pickle.dumps(a)
    for part in (a.httpx(), authenticator_of(a).source, a.sign_in):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(part)
        copy.deepcopy(part)
    with pytest.raises(TypeError, match="not copied or pickled"):
        pickle.dumps(a.session())
    assert copy.deepcopy(requests.Request("GET", "http://x", auth=a)).auth is a


def test_a_good_token_opens_no_browser(params: MakeParams, user_browser: ScriptedBrowser) -> None:
    """Of this Auth, or of an equal sign-in of this session; other scopes or audiences are another sign-in."""
    first = Auth(params()).sign_in()
    asked = len(user_browser.opened)
    assert Auth(params()).sign_in().access_token == first.access_token
    assert first.sign_in().access_token == first.access_token
    assert len(user_browser.opened) == asked
    assert Auth(params(scope="write:usual-fruit")).sign_in().access_token != first.access_token
    assert Auth(params(audience=None)).sign_in().access_token != first.access_token


def test_no_token_serves_for_another_sign_in(params: MakeParams) -> None:
    """Issuer, client, audience, scopes and every hint make a difference; the order of scopes makes none."""
    base = params(scope="a b")
    changes = [
        {"domain": "http://localhost:1"},
        {"domain": None, "issuer": "https://other.test"},
        {"client_id": "other"},
        {"audience": "other"},
        {"audience": None},
        {"scope": "a"},
        *({name: "5"} for name in parameters.PASSED_ON),
    ]
    keys = [store_key(params(**({"scope": "a b"} | change))) for change in changes]
    assert len({store_key(base), *keys}) == len(changes) + 1
    assert store_key(params(scope="b a")) == store_key(base)


def test_force_and_store_none_sign_in_again(params: MakeParams, user_browser: ScriptedBrowser) -> None:
    """`force` whatever is there; `store="none"` neither reads nor keeps."""
    first = Auth(params()).sign_in()
    nonce = first.id_token
    alone = Auth(params(), store="none").sign_in()
    assert alone.id_token != nonce
    assert first.id_token == nonce
    assert first.sign_in(force=True).id_token != nonce


def test_a_token_that_ends_is_not_handed_out(
    params: MakeParams, user_browser: ScriptedBrowser, later: Callable[[float], None]
) -> None:
    """It raises, and never opens a browser; sign_in() asks the user."""
    a = Auth(params()).sign_in()
    asked = len(user_browser.opened)
    later(55)
    for use in (lambda: a.access_token, lambda: requests.get("http://127.0.0.1:1/", auth=a, timeout=5)):
        with pytest.raises(SignInNeeded, match=r"sign_in\(\)"):
            use()
    later(100)
    assert a.time_to_exp == "00:00:00"
    assert a.logged_as == "alice"
    assert "has ended" in card_of(a).title
    assert [label for label, _ in card_of(a).rows] == ["Account", "Provider", "API", "Scopes", "Expired"]
    assert len(user_browser.opened) == asked
    later(0)


def test_a_renewal_without_a_refresh_token_says_no_more_than_is_so(
    params: MakeParams, user_browser: ScriptedBrowser, later: Callable[[float], None]
) -> None:
    """The token that is there may be good still."""
    a = Auth(params()).sign_in()
    with pytest.raises(SignInNeeded, match=r"^The access token cannot be renewed\. .*sign_in\(\)"):
        a.renew()
    later(100)
    with pytest.raises(SignInNeeded, match=r"^The access token has expired and cannot be renewed\. "):
        a.renew()
    later(0)


def test_clear_forgets(params: MakeParams, user_browser: ScriptedBrowser) -> None:
    """Here and in the store."""
    a = Auth(params()).sign_in()
    a.clear()
    with pytest.raises(NotSignedIn):
        _ = a.access_token
    asked = len(user_browser.opened)
    assert Auth(params()).sign_in().logged_as == "alice"
    assert len(user_browser.opened) == asked + 1


def test_two_threads_share_one_sign_in(params: MakeParams, user_browser: ScriptedBrowser) -> None:
    """One browser tab, one token."""
    a = Auth(params())
    tokens: list[str] = []
    threads = [threading.Thread(target=lambda: tokens.append(str(a.sign_in().access_token))) for _ in range(4)]
    for thread in threads:
        thread.start()
    joined(threads)
    assert len(set(tokens)) == 1
    assert len(tokens) == 4
    assert len(user_browser.opened) == 1


class _Slow(MemoryStore):
    """A store of the user's own that takes its time to save."""

    def __init__(self) -> None:
        super().__init__()
        self.saving, self.go_on = threading.Event(), threading.Event()

    def save(self, key: str, tokens: TokenSet) -> bool:
        self.saving.set()
        self.go_on.wait(20)
        return super().save(key, tokens)


def test_a_caller_that_comes_while_tokens_are_saved_gets_them(
    params: MakeParams, user_browser: ScriptedBrowser
) -> None:
    """Between the last check of the response and the store: no second tab, and the first one's tokens are not lost."""
    store = _Slow()
    a = Auth(params(), store=store)
    tokens: list[str] = []
    threads = [threading.Thread(target=lambda: tokens.append(str(a.sign_in().access_token))) for _ in range(2)]
    threads[0].start()
    assert store.saving.wait(20)
    threads[1].start()
    threads[1].join(0.3)  # time to go wrong
    store.go_on.set()
    joined(threads)
    assert len(tokens) == 2
    assert len(set(tokens)) == 1
    assert len(user_browser.opened) == 1


@pytest.mark.long
def test_callers_that_come_at_any_moment_share_one_sign_in(
    params: MakeParams, user_browser: ScriptedBrowser, in_full: bool
) -> None:
    """One tab, one token, however the threads and the response fall together."""
    for round_number in range(200 if in_full else 20):
        user_browser.opened.clear()
        a = Auth(params(), store="none")
        tokens: list[str] = []

        def sign_in(after: float, a: Auth = a, tokens: list[str] = tokens) -> None:
            time.sleep(after)  # so that each round falls together otherwise
            tokens.append(str(a.sign_in().access_token))

        threads = [threading.Thread(target=sign_in, args=(step * round_number * 0.0002,)) for step in range(4)]
        for thread in threads:
            thread.start()
        joined(threads)
        assert len(set(tokens)) == 1
        assert len(tokens) == 4
        assert len(user_browser.opened) == 1


def test_a_stopped_sign_in_brings_no_tokens(params: MakeParams, user_browser: ScriptedBrowser) -> None:
    """`clear()` while the response is verified: nothing of it comes back, here or in the store."""
    held, go_on = threading.Event(), threading.Event()
    a = Auth(params())
    verify = Provider.verify

    def slowly(*arguments: Any) -> dict[str, Any]:
        held.set()
        go_on.wait(20)
        return verify(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Provider, "verify", slowly)
        failed: list[BaseException] = []

        def sign_in() -> None:
            try:
                a.sign_in()
            except SignInCancelled as error:
                failed.append(error)

        caller = threading.Thread(target=sign_in)
        caller.start()
        assert held.wait(20)
        a.clear()
        joined([caller])
        go_on.set()
        user_browser.join()
    assert "it was cleared" in str(failed[0])
    assert user_browser.answers[-1].status == 400
    assert source_of(a).tokens is None
    assert not source_of(Auth(params())).adopt()


class _Broken(MemoryStore):
    """A store of the user's own that does not work."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def save(self, key: str, tokens: TokenSet) -> bool:
        if self.where == "save":
            raise OSError("the disk is full")
        return super().save(key, tokens)

    def lock(self, key: str) -> AbstractContextManager[None]:
        if self.where == "lock":
            raise OSError("the disk is full")
        return super().lock(key)


@pytest.mark.parametrize("where", ["save", "lock"])
@pytest.mark.parametrize("flow", ["implicit", "code"])
def test_a_store_that_raises_ends_the_sign_in(
    where: str, flow: str, params: MakeParams, user_browser: ScriptedBrowser
) -> None:
    """With its own error; the tab agrees with the cell, and nobody is signed in."""
    store = _Broken(where)
    a = Auth(params(response_mode="fragment"), flow=flow, store=store)
    with pytest.raises(OSError, match="the disk is full") as caught:
        a.sign_in()
    user_browser.join()
    assert user_browser.answers[-1].status == 400
    assert not is_good(a)
    assert source_of(a) not in [each.source for each in SESSION.signed_in()]
    assert caught.value.__context__ is None
    store.where = ""
    assert is_good(a.sign_in())
    assert user_browser.answers[-1].status == 200


class _Shell(HasTraits):
    """A shell of a kernel, as far as guards look at it."""

    exit_now = Bool(False)


def test_the_end_of_the_kernel_ends_what_waits(params: MakeParams, no_browser: None) -> None:
    """Cards and calls; the ports are free then. A shell that is not observed any more ends nothing."""
    kernel, left = _Shell(), _Shell()
    for each in (kernel, kernel, left):
        each.observe(SESSION.on_exit, "exit_now")
    left.unobserve(SESSION.on_exit, "exit_now")
    uris = [f"http://127.0.0.1:{free_port()}/callback/" for _ in range(2)]
    card, called = (Auth(params(redirect_uri=uri)) for uri in uris)
    offered = authenticator_of(card).offer()
    ended: list[BaseException] = []

    def call() -> None:
        try:
            called.sign_in()
        except SignInCancelled as error:
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert wait_for(lambda: authenticator_of(called).sign_in is not None and sign_in_of(called).progress.url)
    left.exit_now = True
    assert not offered.progress.is_over
    kernel.exit_now = True
    joined([thread])
    assert [str(each).count("the kernel was shut down") for each in (*ended, offered.progress.error)] == [1, 1]
    assert all(wait_until_free(int(uri.split(":")[2].split("/")[0])) for uri in uris)


def test_the_link_is_shown_without_a_browser(params: MakeParams, no_browser: None, capsys: Any) -> None:
    """On standard error of a script, with the reason; the wait goes on and ends by its timeout."""
    with pytest.raises(SignInTimeout):
        Auth(params()).sign_in(timeout=1)
    said = capsys.readouterr()
    assert "/authorize?" in said.err
    assert "no browser was found on this machine" in said.err
    assert said.out == ""


def test_nobody_can_answer(params: MakeParams, no_browser: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under nbclient, without a browser, it fails at once."""
    monkeypatch.setattr(panel, "person_can_answer", lambda: False)
    started = time.monotonic()
    with pytest.raises(NobodyCanAnswer, match="BROWSER"):
        Auth(params()).sign_in()
    assert time.monotonic() - started < 3


def test_unattended_and_the_browser_does_not_start(
    params: MakeParams, monkeypatch: pytest.MonkeyPatch, user_browser: ScriptedBrowser
) -> None:
    """A BROWSER that fails ends it at once, and starts no other browser."""
    monkeypatch.setattr(panel, "person_can_answer", lambda: False)
    monkeypatch.setattr(webbrowser.get(), "open", lambda url, new=0: False)
    started = time.monotonic()
    with pytest.raises(NobodyCanAnswer, match="did not start"):
        Auth(params()).sign_in()
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(("flow", "names"), [("code", 3), ("implicit", 2)])
def test_the_browser_is_started_with_an_address_that_tells_nothing(
    flow: str, names: int, params: MakeParams, user_browser: ScriptedBrowser
) -> None:
    """All users of a machine can read it in the process list; it leads to the link, which the card shows."""
    Auth(params(), flow=flow).sign_in(force=True)
    [started], [link] = user_browser.started, user_browser.opened
    asked = query_of(link)
    secrets = [asked[name] for name in ("state", "nonce", "code_challenge") if name in asked]
    assert len(secrets) == names
    assert "?" not in started
    assert [secret for secret in secrets if secret in started] == []
    assert origin_of(started) == origin_of(asked["redirect_uri"])


@pytest.mark.parametrize("timeout", [0, -3, float("inf"), float("nan"), 1e10])
def test_a_timeout_is_a_number_of_seconds(timeout: float, params: MakeParams, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is bound."""
    monkeypatch.setattr(listener, "bind_redirect_uri", lambda *_: pytest.fail("a port was bound"))
    with pytest.raises(InvalidParams, match="timeout"):
        Auth(params()).sign_in(timeout=timeout)


def test_an_unattended_notebook_may_have_a_browser(
    params: MakeParams, user_browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BROWSER may be a program that signs in."""
    monkeypatch.setattr(panel, "person_can_answer", lambda: False)
    assert Auth(params()).sign_in().logged_as == "alice"
    with pytest.raises(NobodyCanAnswer):
        Auth(params(), store="none").sign_in(open_browser=False)


# The card as the last line of a cell


class Cards:
    """What cards showed, in place of a notebook's outputs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[dict[str, str]] = []
        monkeypatch.setattr(auth_display.Output, "show", lambda output, bundle: self.shown.append(bundle))
        monkeypatch.setattr(auth_display, "in_notebook", lambda: True)

    def link(self) -> str:
        """Return the link of the latest card."""
        return next(line.strip() for line in self.shown[-1]["text/plain"].splitlines() if "/authorize?" in line)

    def wait_for(self, text: str) -> None:
        """Wait until the latest card says *text*."""
        until(lambda: text in self.shown[-1]["text/plain"])


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch, no_anywidget: None) -> Cards:
    """What the cards of this test show, where there is no widget."""
    return Cards(monkeypatch)


def test_a_card_offers_the_sign_in_without_blocking(params: MakeParams, cards: Cards) -> None:
    """The user follows its link; the card changes, and no link is left."""
    a = Auth(params())
    a._ipython_display_()
    ScriptedBrowser().open(cards.link())
    cards.wait_for("Signed in as alice")
    assert "authorize" not in cards.shown[-1]["text/html"]
    assert a.access_token


def test_a_card_says_how_to_use_the_variable(
    params: MakeParams, cards: Cards, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name that the user gave it; an `Auth` without one, and names of IPython's own, are no use."""
    monkeypatch.setattr(auth_display, "current_shell", lambda: shell)

    class Odd:
        def __getattr__(self, name: str) -> None:
            raise AssertionError("other people's objects are left alone")

    a = Auth(params())
    shell.user_ns |= {"odd": Odd(), "_1": a, "other": Auth(params(scope="email"))}
    a._ipython_display_()
    ScriptedBrowser().open(cards.link())
    cards.wait_for("Signed in as alice")
    assert "is ready" not in cards.shown[-1]["text/plain"]
    shell.user_ns["fruit"] = a
    a._ipython_display_()
    cards.wait_for("`fruit` is ready: `requests.get(url, auth=fruit)`.")


def test_sign_in_takes_the_cards_attempt_over(params: MakeParams, cards: Cards, user_browser: ScriptedBrowser) -> None:
    """One pending sign-in for each Auth: the same port, one tab."""
    a = Auth(params())
    a._ipython_display_()
    assert a.sign_in().logged_as == "alice"
    cards.wait_for("Signed in as alice")


def test_a_newer_sign_in_takes_a_cards_port(params: MakeParams, cards: Cards, user_browser: ScriptedBrowser) -> None:
    """A card that nobody answers does not hold the port against the next one."""
    Auth(params())._ipython_display_()
    other = Auth(params(scope="email"))
    other._ipython_display_()
    assert "/authorize?" in cards.link()
    assert Auth(params(scope="read:exotic-fruit")).sign_in().logged_as == "alice"


def test_a_card_of_another_path_gives_the_port_up_too(
    params: MakeParams, cards: Cards, user_browser: ScriptedBrowser, redirect_uri: str
) -> None:
    """Ports count, not paths; and a card that was shown twice is still found."""
    waiting = Auth(params(redirect_uri=redirect_uri.replace("/callback/", "/other/")))
    waiting._ipython_display_()
    waiting._ipython_display_()
    assert Auth(params()).sign_in().logged_as == "alice"


def test_a_takeover_has_its_own_time(params: MakeParams, cards: Cards, no_browser: None) -> None:
    """A card waits five minutes; who signs in with one second waits one second."""
    a = Auth(params())
    a._ipython_display_()
    started = time.monotonic()
    with pytest.raises(SignInTimeout, match="within 1 second"):
        a.sign_in(timeout=1)
    assert time.monotonic() - started < 10


def test_a_port_held_by_another_program_stands_in_the_card(params: MakeParams, cards: Cards, redirect_uri: str) -> None:
    """The card says so, and raises nothing."""
    from tests.magic.test_sockets import held

    port = free_port()
    with held("127.0.0.1", port):
        Auth(params(redirect_uri=f"http://127.0.0.1:{port}/"))._ipython_display_()
        text = cards.shown[-1]["text/plain"]
        assert f"Port {port} is in use" in " ".join(text.split())
        assert "API       api/fruit\n" in text
        with pytest.raises(PortTaken):
            Auth(params(redirect_uri=f"http://127.0.0.1:{port}/")).sign_in()


def test_clear_ends_a_waiting_card(params: MakeParams, cards: Cards, redirect_uri: str) -> None:
    """And frees the port."""
    a = Auth(params())
    a._ipython_display_()
    a.clear()
    cards.wait_for("Not signed in")
    assert wait_until_free(int(redirect_uri.split(":")[2].split("/")[0]))


def test_a_card_ends_by_its_own_timeout(
    params: MakeParams, cards: Cards, redirect_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, shows no link any more, and frees the port."""
    monkeypatch.setattr(authenticator, "TIMEOUT", 0.5)
    Auth(params())._ipython_display_()
    assert "/authorize?" in cards.link()
    cards.wait_for("within 0.5 seconds")
    assert "/authorize?" not in cards.shown[-1]["text/plain"]
    assert wait_until_free(int(redirect_uri.split(":")[2].split("/")[0]))


def test_where_nobody_can_answer_a_card_is_still(
    params: MakeParams, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts nothing."""
    monkeypatch.setattr(auth_display, "person_can_answer", lambda: False)
    threads = threading.active_count()
    Auth(params())._ipython_display_()
    assert "Not signed in" in cards.shown[-1]["text/plain"]
    assert threading.active_count() == threads


# Calling APIs


@pytest.fixture
def web() -> Iterator[Web]:
    """An API."""
    with serving() as running:
        running.answers["/api/fruit"] = (200, {}, b"{}")
        yield running


@pytest.fixture
def signed_in(params: MakeParams, user_browser: ScriptedBrowser) -> Auth:
    """A signed-in Auth."""
    return Auth(params()).sign_in()


def test_it_is_an_auth_object_of_requests(signed_in: Auth, web: Web) -> None:
    """The header goes out in full, and its repr is masked."""
    response = requests.get(f"{web.url}/api/fruit", auth=signed_in, timeout=10)
    assert web.headers[0]["Authorization"] == f"Bearer {signed_in.access_token}"
    assert str(signed_in.access_token)[:8] not in repr(response.request.headers)


def test_a_session_sends_the_token_to_one_origin(signed_in: Auth, web: Web) -> None:
    """The base URL's; another origin gets a request without it, also by a redirect."""
    with serving() as other, signed_in.session(f"{web.url}/api/") as session:
        other.answers["/x"] = (200, {}, b"{}")
        web.answers["/away"] = (302, {"Location": f"{other.url}/x"}, b"")
        assert session.get("fruit").status_code == 200
        assert "Authorization" in web.headers[-1]
        session.get(f"{other.url}/x")
        session.get(f"{web.url}/away")
        assert other.asked == ["/x", "/x"]
        assert not any("Authorization" in headers for headers in other.headers)


def test_a_session_signs_a_prepared_request_too(signed_in: Auth, web: Web) -> None:
    """`session.send(session.prepare_request(...))` is how requests' own documentation has it."""
    session = signed_in.session(web.url)
    assert session.send(session.prepare_request(requests.Request("GET", "/api/fruit"))).status_code == 200
    assert "Authorization" in web.headers[0]


def test_a_redirect_to_another_port_goes_without_the_token(signed_in: Auth) -> None:
    """Requests itself lets the header follow from http to https on the same host."""
    session = signed_in.session("http://localhost")
    request = session.prepare_request(requests.Request("GET", "/"))
    response = requests.Response()
    response.request = request.copy()
    request.url = "https://localhost/"
    session.rebuild_auth(request, response)
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("base_url", ["api.example.com", "ftp://api.example.com", "http://h:99999/"])
def test_a_base_url_must_be_a_url(base_url: str, signed_in: Auth) -> None:
    """A token for nowhere would be sent to whatever comes first."""
    with pytest.raises(InvalidParams, match="base_url"):
        signed_in.session(base_url)


def test_a_bad_url_is_requests_own_error(signed_in: Auth) -> None:
    """And pins no origin."""
    session = signed_in.session()
    with pytest.raises(requests.exceptions.MissingSchema):
        session.get("api/fruit")
    assert session._origin is None


def test_a_session_without_a_base_url_keeps_to_the_first_origin(signed_in: Auth, web: Web) -> None:
    """Trust on first use, and no other."""
    with serving() as other, signed_in.session() as session:
        session.get(f"{web.url}/api/fruit")
        session.get(f"{other.url}/x")
    assert "Authorization" in web.headers[0]
    assert "Authorization" not in other.headers[0]


def test_a_sessions_error_keeps_its_cause(signed_in: Auth, caplog: pytest.LogCaptureFixture) -> None:
    """Outside IPython it is the error of `requests`; a log of it, with the traceback, holds no token."""
    session = signed_in.session("http://127.0.0.1:1")
    with pytest.raises(requests.ConnectionError, match="refused") as caught:
        session.get("/")
    assert caught.value.__context__ is not None
    logging.getLogger("test").error("It failed", exc_info=caught.value)
    assert "Connection refused" in caplog.text
    assert str(signed_in.access_token)[:12] not in caplog.text


def test_params_must_be_params(issuer: LocalIssuer) -> None:
    """A file's name in their place is an error at once."""
    with pytest.raises(TypeError, match="ParamsAuth0"):
        Auth("demo.env")
    with pytest.raises(InvalidParams, match="memory") as caught:
        Auth(ParamsAuth0(domain="x.y", client_id="c"), store="disk")
    assert isinstance(caught.value, ValueError), "as Python's own functions raise for such a value"


def test_a_better_flow_is_advised_once(
    params: MakeParams, user_browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the card of the session's first implicit sign-in, as often as that is shown; a code sign-in needs none."""
    monkeypatch.setattr(SESSION, "_advised", None)
    code = Auth(params(), flow="code").sign_in()
    first, second = Auth(params()).sign_in(), Auth(params(scope="read:exotic-fruit")).sign_in()
    told = {who: "--flow code" in card_of(who).text() for who in (code, first, second, first)}
    assert told == {code: False, first: True, second: False}
    assert "then renewed automatically" in card_of(code).text()
    assert "then renewed" not in card_of(first).text()


@pytest.mark.long
@pytest.mark.parametrize("flow", ["implicit", "code"])
def test_an_interrupt_at_any_step_of_the_wait_ends_it(
    flow: str, params: MakeParams, no_browser: None, in_full: bool
) -> None:
    """Also in the middle of what Python does to wait: no lock stays held that the end of the attempt waits for."""
    port = int(params().redirect_uri.split(":")[2].split("/")[0])
    for step in range(0, 24, 1 if in_full else 4):
        attempt = Attempt(params(), 30, flow=flow, renewable=True)
        began = time.monotonic()
        try:
            with pytest.raises(KeyboardInterrupt):
                attempt.result(interrupt_at(step))
        finally:
            sys.settrace(None)
        attempt.join(10)
        assert time.monotonic() - began < 10
        assert wait_until_free(port)


@pytest.mark.parametrize("where", ["Session.begin", "SignIn.start"])
def test_an_interrupt_before_the_wait_frees_the_port(
    where: str, params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the port is bound: before the sign-in is listed, and before it asks the provider."""

    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    owner, name = where.split(".")
    monkeypatch.setattr({"Session": Session, "SignIn": SignIn}[owner], name, interrupt)
    auth = Auth(params())
    with pytest.raises(KeyboardInterrupt):
        auth.sign_in()
    assert is_free(int(params().redirect_uri.split(":")[2].split("/")[0]))


def interrupt_at(step: int) -> Callable[[Progress], None]:
    """Return what interrupts the caller of `wait`, as Ctrl-C would: *step* steps of waiting later."""
    left = step
    ours = {function.__code__ for function in (SignIn.wait, Waiters.one, Wakeup.wait)}

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code not in ours:
            return None
        if event != "call":
            left -= 1
        if left < 0:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    def begin(progress: Progress) -> None:
        sys.settrace(trace)
        waiting = sys._getframe(1)
        waiting.f_trace = trace

    return begin
