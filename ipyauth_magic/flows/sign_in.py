"""One sign-in under way: completed by the thread that brings its response, while the caller only waits."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from ..callback import pages
from ..callback.browser import open_in_browser
from ..callback.routes import Route
from ..errors import IpyauthError, NobodyCanAnswer, ProviderRefused, SignInCancelled, SignInTimeout
from ..protocol.added_scopes import advice_about
from ..protocol.tokens import TokenSet
from ..provider.threads import SLICE, Waiters, start_thread

if TYPE_CHECKING:
    from ..protocol.device_authorization import DeviceAuthorization

_logger = logging.getLogger("ipyauth_magic")

FIRST_TICK = 0.05
"""Seconds for the link to become known before a sign-in is shown without it."""

DEFECT = "The sign-in failed in the notebook. Look there."


class State(Enum):
    """How far a sign-in is."""

    WAITING = "waiting"
    COMPLETING = "completing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Progress:
    """The facts of a sign-in under way, for a card, a terminal or the widget.

    Attributes:
        scope: what is asked for, space separated.
        redirect_uri: in use, with its real port; empty where there is none.
        route: how the response comes; None where none comes.
        url: the link for the user; None before it is known, and after the end.
        opened_at: the address that a browser on this machine is started with, which leads to `url`; None for `url`.
        device: the code for another device, in the device flow.
        wants_browser: a browser is to be opened.
        why_no_browser: the reason, if none could be opened.
        audience: the API that is asked for, if any.
        is_registered_here: the application was registered by this package itself.
        begins_at: when the wait for the response began, by `time.monotonic()`.
        ends_at: when it ends.
        code_ends_at: when the code for another device ends.
        error: why it failed.
    """

    state: State
    scope: str
    redirect_uri: str = ""
    route: Route | None = None
    url: str | None = field(default=None, repr=False)
    opened_at: str | None = field(default=None, repr=False)
    device: DeviceAuthorization | None = field(default=None, repr=False)
    wants_browser: bool = False
    why_no_browser: str | None = None
    audience: str | None = None
    is_registered_here: bool = False
    begins_at: float = 0.0
    ends_at: float = math.inf
    code_ends_at: float = math.inf
    error: BaseException | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state in (State.DONE, State.FAILED)

    @property
    def seconds_left(self) -> float:
        """Seconds until the wait ends by itself, or the code does."""
        return max(0.0, min(self.ends_at, self.code_ends_at) - time.monotonic())

    @property
    def share_left(self) -> float:
        """The part of the wait that is left, 0 to 1."""
        whole = min(self.ends_at, self.code_ends_at) - self.begins_at
        return min(1.0, self.seconds_left / whole) if 0 < whole < math.inf else 1.0


class ResponseSource(Protocol):
    """What asks the provider, and brings its response to a sign-in: `Redirect`, or `DevicePoll`."""

    @property
    def scope(self) -> str:
        """What is asked for, space separated."""

    @property
    def added_scopes(self) -> tuple[str, ...]:
        """The scopes among them that the user did not write."""

    @property
    def is_accepted(self) -> bool:
        """Whether the provider has accepted the request, so that only the token request can be refused."""

    @property
    def redirect_uri(self) -> str:
        """The redirect URI with its real port; empty where there is none."""

    @property
    def route(self) -> Route | None:
        """How the response comes."""

    @property
    def port(self) -> int | None:
        """The port that is held."""

    def start(self, sign_in: SignIn) -> None:
        """Show *sign_in* the link for the user, and have its `complete` called with the response; it may take long."""

    def tokens(self, response: Any) -> TokenSet:
        """Return the verified tokens for *response*."""

    def paste(self, text: str) -> str | None:
        """Take the response in *text*; return a sentence that says what is wrong with it, or None."""

    def close(self, linger: bool) -> None:
        """Give the port back, at once or when the tab has shown how the sign-in ended."""

    def join(self, timeout: float) -> None:
        """Wait until the port is free and the server gone, at most *timeout* seconds."""


class SignIn:
    """One sign-in; used from any thread.

        WAITING ── complete() ──▶ COMPLETING ─────────▶ DONE
           │                          │
           └─ cancel(), or an error ──┴───────────────▶ FAILED

    The thread that brings the response calls `complete`, which turns it into tokens, saves them, and returns what the
    tab is told. The caller's thread only waits.

    Args:
        response_source: asks the provider and brings the response; it holds the port already.
        timeout: seconds to wait for the response.
        save: called with the tokens before anything is told of them; an error there fails the sign-in.
        changed: called from any thread when the progress has changed; it must not block.
        unattended: no person can follow a link, so a browser that does not open ends the sign-in.
        audience, is_registered_here: to be shown, as `Progress` has them.
    """

    def __init__(
        self,
        response_source: ResponseSource,
        timeout: float,
        *,
        save: Callable[[TokenSet], None] = lambda tokens: None,
        changed: Callable[[], None] = lambda: None,
        unattended: bool = False,
        audience: str | None = None,
        is_registered_here: bool = False,
    ) -> None:
        self.response_source = response_source
        self.progress = Progress(
            State.WAITING,
            response_source.scope,
            response_source.redirect_uri,
            response_source.route,
            audience=audience,
            is_registered_here=is_registered_here,
        )
        self.tokens: TokenSet | None = None
        self._save = save
        self._changed = changed
        self._unattended = unattended
        self._lock = threading.Lock()
        self._waiting = Waiters()
        self._is_started = False
        self.is_unanswered = False  # the user has the link, and no response came
        self._lingers = False  # a response was accepted or refused, so the tab has yet to be told
        self.give_time(timeout)

    def start(self, open_browser: bool = False) -> None:
        """Ask the provider, once; with *open_browser* the link opens in the user's browser as soon as it is known."""
        with self._lock:
            is_first, self._is_started = not self._is_started, True
            is_new = open_browser and not self.progress.wants_browser
            if is_new:
                self.progress = replace(self.progress, wants_browser=True)
            progress = self.progress
        if is_new:
            self._open_link(progress)
        if is_first:
            try:
                start_thread(self._run, "ipyauth-sign-in")
            except BaseException as error:
                self.cancel(error if isinstance(error, IpyauthError) else SignInCancelled("it was interrupted"))
                raise

    def wait(self, tick: Callable[[Progress], None] = lambda progress: None) -> TokenSet:
        """Wait for the end, and return the tokens; an interrupt cancels the sign-in.

        A caller's thread does nothing else while a sign-in is under way. *tick* is called once the
        link is known or soon after, with each change, and once a second.

        Raises:
            IpyauthError: why there are no tokens.
        """
        try:
            with self._waiting.one() as wakeup:
                next_tick = time.monotonic() + (0.0 if self.progress.url else FIRST_TICK)
                while not self.progress.is_over:
                    is_news = wakeup.wait(max(0.0, min(next_tick - time.monotonic(), SLICE)))
                    self._end_in_time()
                    if (is_news or time.monotonic() >= next_tick) and not (progress := self.progress).is_over:
                        next_tick = time.monotonic() + 1.0
                        tick(progress)
        except BaseException:
            self.cancel(SignInCancelled("it was interrupted"))
            raise
        if self.tokens is None:
            raise self.progress.error or SignInCancelled()
        return self.tokens

    def pause(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Wait *seconds*, or less if the sign-in is over or *until* returns True."""
        ends_at = time.monotonic() + seconds
        with self._waiting.one() as wakeup:
            while not self.progress.is_over and not until() and (left := ends_at - time.monotonic()) > 0:
                wakeup.wait(min(left, self.progress.seconds_left or SLICE, SLICE))
                self._end_in_time()

    def complete(self, response: Any) -> pages.Outcome | None:
        """Turn *response* into tokens and save them; return what the tab is told.

        Return None, and do nothing, if it is completing or over already: the first response is final.
        """
        with self._lock:
            if self.progress.state is not State.WAITING:
                return None
            self.progress = replace(self.progress, state=State.COMPLETING)
            self.is_unanswered = False
        try:
            tokens = self.response_source.tokens(response)
            if self.progress.state is State.COMPLETING:
                self._save(tokens)
            self._lingers = True
            self._end(None, tokens)
            time.sleep(0)  # the caller goes on first, and not when the tab has its answer
        except BaseException as error:
            self._lingers = True
            self.fail(error)
        failure = self.progress.error  # of a `cancel` too, if that was faster
        if failure is None:
            return pages.DONE
        return pages.failed(str(failure) if isinstance(failure, IpyauthError) else DEFECT)

    def cancel(self, error: BaseException) -> None:
        """End it by *error*, unless it is over. Then the port is free.

        A response that is being verified is dropped. Tokens that are just being saved may stay: the next sign-in finds
        them.
        """
        self._end(error)

    def show_link(self, url: str, device: DeviceAuthorization | None = None, opened_at: str | None = None) -> None:
        """Make *url* the link for the user, and open it, or *opened_at*, in the browser if that is wanted."""
        with self._lock:
            if self.progress.is_over:
                return
            code_ends_at = time.monotonic() + device.expires_in if device else math.inf
            shown = replace(self.progress, url=url, opened_at=opened_at, device=device, code_ends_at=code_ends_at)
            progress = self.progress = replace(shown, scope=self.response_source.scope)  # the provider had a say in it
            self.is_unanswered = True
        self._open_link(progress)
        self._tell()

    def _open_link(self, progress: Progress) -> None:
        """Open the link if it is known and wanted; in the device flow, the user is on another device."""
        if progress.wants_browser and progress.url and not progress.device and progress.state is State.WAITING:
            open_in_browser(progress.opened_at or progress.url, self._browser_opened)

    def give_time(self, timeout: float, is_shared: bool = False) -> None:
        """Let the wait for the response end *timeout* seconds from now; not earlier than it did if it *is_shared*."""
        begins_at = time.monotonic()
        ends_at = begins_at + timeout
        with self._lock:
            if self.progress.state is State.WAITING and not (is_shared and self.progress.ends_at > ends_at):
                self._timeout = timeout
                self.progress = replace(self.progress, begins_at=begins_at, ends_at=ends_at)
        self._waiting.wake()

    def _run(self) -> None:
        """Ask the provider, and then keep the time, whatever the caller does; in a thread of its own."""
        try:
            self.response_source.start(self)
            self.pause(math.inf)
        except BaseException as error:  # whatever it is, the caller who waits gets it
            self.fail(error)

    def _end_in_time(self) -> None:
        """End the wait for the response when its time is over. Each thread that waits calls this."""
        progress = self.progress
        if progress.state is State.WAITING and time.monotonic() >= progress.ends_at:
            source = self.response_source
            added = source.added_scopes if progress.url and not source.is_accepted else ()  # no link: nothing was asked
            where = (progress.redirect_uri or None, advice_about(added), progress.is_registered_here)
            self.cancel(SignInTimeout(self._timeout, *where))

    def _browser_opened(self, why_not: str | None) -> None:
        if why_not is not None:
            with self._lock:
                self.progress = replace(self.progress, why_no_browser=why_not)
            if self._unattended:
                self.cancel(NobodyCanAnswer(why_not))
            self._tell()

    def fail(self, error: BaseException) -> None:
        """End it by *error* of a thread of its own; an unexpected one is logged."""
        if not isinstance(error, IpyauthError):
            _logger.exception("A sign-in ended by a defect", exc_info=error)
        if isinstance(error, ProviderRefused):
            source = self.response_source
            said = (error.error, source.is_accepted, error.error_description)
            error = error.with_advice(advice_about(source.added_scopes, *said))
        self._end(error)

    def _end(self, error: BaseException | None, tokens: TokenSet | None = None) -> None:
        """Make the state final, unless it is; wake every waiter, and give the port back."""
        with self._lock:
            if not self.progress.is_over:
                state = State.DONE if error is None else State.FAILED
                self.tokens = tokens  # first: a caller that sees the state reads them without the lock
                # State and nonce stand in the link, and a code in the device authorization.
                self.progress = replace(self.progress, state=state, error=error, url=None, opened_at=None, device=None)
        # Also the second time: an interrupt may have cut the first one off here. The port first: `_tell` shows cards.
        self.response_source.close(linger=self._lingers)
        self._tell()  # a program that ends now waits in `callback/listener.py` until the tab has its answer

    def _tell(self) -> None:
        self._waiting.wake()
        try:
            self._changed()
        except Exception:
            _logger.exception("A card could not be shown")  # a sign-in does not fail by its display
