"""One sign-in by itself: its time, its end, and its link, with a response source that does nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ipyauth_magic.callback.receiver import Awaited
from ipyauth_magic.callback.routes import Route
from ipyauth_magic.errors import SignInCancelled, SignInTimeout
from ipyauth_magic.flows import sign_in as module
from ipyauth_magic.flows.sign_in import SignIn, State
from ipyauth_magic.protocol.device_authorization import DeviceAuthorization
from ipyauth_magic.protocol.tokens import TokenSet


class Source:
    """Brings no response; *interrupts* calls of `close` are interrupted."""

    scope = "openid"
    redirect_uri = ""
    route: Route | None = None
    port: int | None = None

    def __init__(self, interrupts: int = 0) -> None:
        self.closed: list[bool] = []
        self._interrupts = interrupts

    def start(self, sign_in: SignIn) -> None:
        """Do nothing."""

    def tokens(self, response: Any) -> TokenSet:
        """Return *response*, or raise it."""
        if isinstance(response, Exception):
            raise response
        tokens: TokenSet = response
        return tokens

    def paste(self, text: str) -> str | None:
        """Take nothing."""
        return text

    def close(self, linger: bool) -> None:
        """Note it, unless it is interrupted."""
        if self._interrupts:
            self._interrupts -= 1
            raise KeyboardInterrupt
        self.closed.append(linger)

    def join(self, timeout: float) -> None:
        """Do nothing."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The links that the browser was opened at."""
    links: list[str] = []
    monkeypatch.setattr(module, "open_in_browser", lambda url, done: links.append(url))
    return links


def test_time_ends_it_whatever_its_caller_does() -> None:
    """A caller that asks for the pasted address does not wait for the end of the time."""
    source = Source()
    sign_in = SignIn(source, 0.05)
    sign_in.start()
    sign_in.pause(10)
    assert isinstance(sign_in.progress.error, SignInTimeout)
    assert source.closed == [False]


@pytest.mark.parametrize("step", [3600, -3600])
def test_a_step_of_the_clock_changes_no_wait(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """NTP, or a machine that slept: a wait does not end early, and one that begins then ends in its time."""
    before, now = SignIn(Source(), 300), time.time
    before.start()
    monkeypatch.setattr(time, "time", lambda: now() + step)
    after = SignIn(Source(), 0.05)
    after.start()
    after.pause(10)
    assert isinstance(after.progress.error, SignInTimeout)
    assert 200 < before.progress.seconds_left <= 300
    before.cancel(SignInCancelled("The test ends."))


def test_a_caller_that_joins_gives_it_more_time_and_never_less() -> None:
    """Another caller counts on the time that it asked for; a card's offer has no caller, and takes any."""
    sign_in = SignIn(Source(), 300)
    sign_in.give_time(1, is_shared=True)
    assert sign_in.progress.seconds_left > 200
    sign_in.give_time(600, is_shared=True)
    assert sign_in.progress.seconds_left > 500
    sign_in.give_time(1)
    assert sign_in.progress.seconds_left <= 1


def test_the_port_is_given_back_though_an_interrupt_cut_the_end_off() -> None:
    """The state is final then; the next `cancel` still closes."""
    source = Source(interrupts=1)
    sign_in = SignIn(source, 300)
    with pytest.raises(KeyboardInterrupt):
        sign_in.cancel(SignInCancelled())
    assert sign_in.progress.state is State.FAILED
    sign_in.cancel(SignInCancelled())
    assert source.closed == [False]


@pytest.mark.parametrize("response", [object(), SignInCancelled("it is refused")])
def test_the_tab_is_still_told_how_a_response_ended(response: object) -> None:
    """A 303 leads it to a page, which the port serves a moment longer; not when no response came."""
    source = Source()
    sign_in = SignIn(source, 300)
    sign_in.complete(response)
    sign_in.cancel(SignInCancelled())
    assert source.closed == [True, True]
    ended = Source()
    SignIn(ended, 300).cancel(SignInCancelled())
    assert ended.closed == [False]


def test_the_port_is_given_back_before_anything_is_shown() -> None:
    """A display may take long, and be interrupted."""
    source = Source()
    closed_when_shown: list[bool] = []
    sign_in = SignIn(source, 300, changed=lambda: closed_when_shown.append(bool(source.closed)))
    sign_in.cancel(SignInCancelled())
    assert closed_when_shown == [True]


@pytest.mark.parametrize("first", ["link", "browser"])
def test_a_browser_is_started_with_the_short_address_if_there_is_one(opened: list[str], first: str) -> None:
    """Whether the browser is wanted before the link is known or after it; the link stays what is shown."""
    sign_in = SignIn(Source(), 300)
    if first == "browser":
        sign_in.start(open_browser=True)
    sign_in.show_link("https://issuer.test/?state=x", opened_at="http://127.0.0.1/sign-in/y")
    sign_in.start(open_browser=True)
    assert opened == ["http://127.0.0.1/sign-in/y"]
    assert sign_in.progress.url == "https://issuer.test/?state=x"
    assert "sign-in/y" not in repr(sign_in.progress)
    sign_in.cancel(SignInCancelled())
    assert (sign_in.progress.url, sign_in.progress.opened_at) == (None, None)


def test_the_tokens_are_there_when_the_state_is_done() -> None:
    """A caller that sees the state reads them without the lock."""

    class Noting(SignIn):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "progress" and value.state is State.DONE:
                there.append(self.tokens is not None)
            super().__setattr__(name, value)

    there: list[bool] = []
    Noting(Source(), 300).complete(object())
    assert there == [True]


def test_the_link_of_another_device_opens_no_browser_here(opened: list[str]) -> None:
    """Also when a card showed it first."""
    sign_in = SignIn(Source(), 300)
    device = DeviceAuthorization("device", "ABCD", "https://provider.example/activate", None, 600, 5)
    sign_in.show_link("https://provider.example/activate", device)
    sign_in.start(open_browser=True)
    sign_in.cancel(SignInCancelled())
    assert opened == []


def test_a_link_that_a_card_showed_opens_once_a_caller_wants_the_browser(opened: list[str]) -> None:
    """And once only."""
    sign_in = SignIn(Source(), 300)
    sign_in.start()
    sign_in.show_link("https://provider.example/authorize")
    assert opened == []
    sign_in.start(open_browser=True)
    sign_in.start(open_browser=True)
    sign_in.cancel(SignInCancelled())
    assert opened == ["https://provider.example/authorize"]


def test_a_state_that_is_no_text_is_another_one() -> None:
    """A pasted lone surrogate cannot be encoded, and no error may hold it."""
    assert not Awaited("state").has_state("stat\udc80")
