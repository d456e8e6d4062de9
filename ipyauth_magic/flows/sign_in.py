"""One sign-in under way: the grant that runs, the link to follow, and how it ended.

A card's grant runs in a thread, so that the card does not block the kernel. So does one that may wait for the
provider's answers, so that whoever waits for the thread can be interrupted at any moment. Where nothing but the
listener can be waited for, whoever asks for the result runs the grant: a thread costs more than checking the response.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

from ..callback.browser import open_in_browser
from ..callback.environment import this_environment
from ..callback.listener import SLICE, Listener, open_listener
from ..callback.routes import Route, routes_to
from ..errors import IpyauthError, NobodyCanAnswer, SignInCancelled, SignInTimeout
from ..protocol.device_authorization import DeviceAuthorization
from ..protocol.grant import Grant
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..provider.threads import Bell, Errand
from ..settings.params import ParamsAuth0
from .code import sign_in_with_code
from .device import Pauses, sign_in_with_device
from .implicit import sign_in_with_implicit

GRACE = 0.5
"""Seconds in which the thread ends by itself, unless the provider holds it up."""

_logger = logging.getLogger("ipyauth_magic")


class Attempt:
    """A sign-in under way; used from any thread. Its port is held when this returns; `start` or `result` does the rest.

    Args:
        changed: called in the thread that runs the grant when the link is known, and when it has ended, well or not;
            shows it, so that an error there ends nothing.
        keep: called there with the tokens, before anybody is told; an error there ends the sign-in.
        open_browser: open the link in the user's browser as soon as it is known.
        ways: how the response may come, in the order in which they are tried; by default as the surroundings say.
        unattended: nobody can follow a link, so a browser that does not open ends it.
        grant: how tokens are asked for; by default that of *params*, without a refresh token.

    Raises:
        PortTaken: no redirect URI's port is free.
        InvalidParams: the response mode does not go with any way.
    """

    def __init__(
        self,
        params: ParamsAuth0,
        timeout: float,
        ways: Sequence[Route] | None = None,
        changed: Callable[[Attempt], None] = lambda attempt: None,
        open_browser: bool = False,
        unattended: bool = False,
        grant: Grant | None = None,
        keep: Callable[[Attempt], None] = lambda attempt: None,
    ) -> None:
        self.params = params
        self.grant = grant or Grant.of(params.response_type, renewable=False)
        self.url: str | None = None
        self.tokens: TokenSet | None = None
        self.error: BaseException | None = None
        self.why_no_browser: str | None = None
        self.device_authorization: DeviceAuthorization | None = None
        self.wants_browser = open_browser and self.grant.flow != "device"  # the user is on another device
        self._unattended = unattended
        self._changed = changed
        self._keep_elsewhere = keep
        self._cancelled_at = self._code_ends_at = math.inf
        self._cancelled: SignInCancelled | None = None
        self._news = Bell()
        self._has_url = threading.Event()
        self._is_finished = False
        self._lock = threading.Lock()
        self._listener: Listener | Pauses = (
            Pauses() if self.grant.flow == "device" else open_listener(ways or ways_here(params))
        )
        self._next_tick = 0.0
        self._is_running = False
        self._thread: Errand | None = None
        self.give_time(timeout)

    def start(self) -> None:
        """Let it run in a thread of its own; its link is soon known."""
        if self._claim():
            thread = Errand(self._run, "ipyauth-sign-in")
            try:
                thread.start()
            except BaseException:
                self._listener.close()
                raise
            self._thread = thread

    @property
    def redirect_uri(self) -> str:
        """The redirect URI in use, with its real port; empty where there is none."""
        return self._listener.redirect_uri

    @property
    def way(self) -> Route | None:
        """How the response comes; None where none does."""
        return self._listener.way if isinstance(self._listener, Listener) else None

    @property
    def port(self) -> int | None:
        """The port that it holds; None where it holds none."""
        return self._listener.port if isinstance(self._listener, Listener) else None

    def paste(self, text: str) -> str | None:
        """Take the response in *text*, the URL at which the user's browser ended.

        Return a sentence that says what is wrong with it, or None once it is taken: `result` tells how it ends.
        """
        if not isinstance(self._listener, Listener) or self.is_over:
            return None
        refusal = self._listener.take_pasted(text)
        return f"{refusal.title}. {refusal.message}" if refusal else None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._is_cancelled or self.tokens is not None or self.error is not None

    @property
    def is_ending_well(self) -> bool:
        """Whether it has tokens that are just being handed on: who asks for some now waits for these."""
        return self.tokens is not None and not self._is_cancelled and not self._is_finished

    @property
    def _is_cancelled(self) -> bool:
        return self._cancelled_at < math.inf

    @property
    def seconds_left(self) -> float:
        """Seconds until the wait ends by itself, or the code to be entered does."""
        return max(0.0, min(self._ends_at, self._code_ends_at) - time.monotonic())

    def open_browser(self) -> None:
        """Open the link in the user's browser as soon as it is known, once; `why_no_browser` tells if that failed."""
        with self._lock:
            if self.wants_browser or self.grant.flow == "device":
                return
            self.wants_browser = True
            url = self.url
        if url is not None:
            open_in_browser(url, self._browser_said)

    def give_time(self, timeout: float) -> None:
        """Let it end *timeout* seconds from now, whatever was said before."""
        self._timeout, self._ends_at = timeout, time.monotonic() + timeout
        self._listener.give_time(timeout)

    def result(
        self,
        tick: Callable[[Attempt], None] = lambda attempt: None,
        ask: Callable[[Attempt], None] | None = None,
    ) -> TokenSet:
        """Wait for the end and return the tokens; *tick* is called with news and once a second.

        An interrupt ends the wait and the attempt.

        Args:
            tick: shows how it stands.
            ask: called once the link is known; asks the user to `paste` the response, for as long as it is not over.

        Raises:
            IpyauthError: why there are no tokens.
        """
        try:
            if ask is not None:
                self._ask(tick, ask)
            if self._waits_for_listener_only and isinstance(self._listener, Listener) and self._claim():
                self._listener.meanwhile = lambda: self._tick_if_due(tick)
                self._run()
            else:
                self.start()
            self._watch(tick)
        except BaseException as error:
            self.cancel("it was interrupted")
            self.join(0.4)
            raise _without_frames(error) from None
        if self.tokens is not None:
            return self.tokens
        raise (self.error or SignInCancelled()).with_traceback(None)  # for the reason of `_without_frames`

    def _ask(self, tick: Callable[[Attempt], None], ask: Callable[[Attempt], None]) -> None:
        self.start()
        while not self._has_url.wait(SLICE):
            self._check_end()
        tick(self)
        if not self.is_over:
            ask(self)

    def wait_for_url(self, timeout: float) -> None:
        """Start it, and wait until the link is known or the attempt is over; at most *timeout* seconds."""
        self.start()
        self._has_url.wait(timeout)

    def cancel(self, reason: str) -> None:
        """End it now; the port is free soon after, `join` tells when."""
        error = self._cancelled = self._cancelled or SignInCancelled(reason)
        self._cancelled_at = min(self._cancelled_at, time.monotonic())
        self._listener.cancel(error)
        if self._claim():  # nobody runs it, so nobody else gives the port back
            self.error = error
            self._listener.close()
            self._finish()
        if self._thread is not None:
            self._thread.give_up()
        self._news.ring()

    def join(self, timeout: float = 2.0) -> None:
        """Wait until thread, sockets and port of an ended attempt are gone; about *timeout* seconds at the most.

        A thread that still waits for the provider's answer does not hold the port back.
        """
        if self._thread is not None:
            self._thread.join(timeout / 2)
        self._listener.close()
        self._listener.join(timeout / 2)

    def _claim(self) -> bool:
        """Tell whether the caller is the one who is to run it."""
        with self._lock:
            claimed, self._is_running = not self._is_running, True
        return claimed

    @property
    def _waits_for_listener_only(self) -> bool:
        return self.grant.flow == "implicit" and Provider.of(self.params.expected_issuer).is_ready

    def _watch(self, tick: Callable[[Attempt], None]) -> None:
        while not self._is_finished:
            self._check_end()
            self._tick_if_due(tick, SLICE)
        self._news.ring()  # another one who waits is to hear it at once too

    def _tick_if_due(self, tick: Callable[[Attempt], None], wait: float = 0.0) -> None:
        """Call *tick* if there is news, for which it waits *wait* seconds, or if a second has passed."""
        if self._news.wait(wait) or time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + 1.0
            tick(self)

    def _check_end(self) -> None:
        """Leave a thread behind that is held up by the provider, when nobody may wait any longer."""
        now = time.monotonic()
        if now > self._cancelled_at + GRACE:
            raise SignInCancelled
        if now > self._ends_at + GRACE and not self._listener.has_response:
            raise SignInTimeout(self._timeout, self.redirect_uri or None)

    def _run(self) -> None:
        try:
            provider = Provider.of(self.params.expected_issuer)
            what = (self.params, self.grant, provider)
            if isinstance(self._listener, Pauses):
                sign_in_with_device(*what, self._listener, self._show_code, self._accept)
            elif self.grant.flow == "code":
                sign_in_with_code(*what, self._listener, self._open_url, self._keep, self._finish)
            else:
                sign_in_with_implicit(*what, self._listener, self._open_url, self._keep, self._finish)
        except IpyauthError as error:
            self._end(self._cancelled or error)  # whoever cancels shuts the provider's connection, which fails then
        except Exception as error:
            _logger.exception("A sign-in ended by a defect")
            self._end(error)
        except BaseException:
            self._end(SignInCancelled("it was interrupted"))
            raise

    def _accept(self, tokens: TokenSet) -> None:
        self._keep(tokens)
        self._finish()

    def _keep(self, tokens: TokenSet) -> None:
        """Have *tokens* stored; whoever waits for them does not have them yet, and may still be interrupted."""
        if self._is_cancelled:
            return
        self.tokens = tokens
        self.url = self.device_authorization = None  # state and nonce stand in it, or the code
        self._has_url.set()  # first: who waits for it may hold what `_keep_elsewhere` needs
        self._keep_elsewhere(self)
        self._tell()

    def _end(self, error: BaseException) -> None:
        error.__cause__ = error.__context__ = None  # their frames hold parts of the response, or tokens
        self.tokens = None  # it was interrupted while they were stored
        self.error = error
        self.url = self.device_authorization = None
        self._has_url.set()
        try:
            self._tell()
        finally:
            self._finish()

    def _finish(self) -> None:
        self._is_finished = True
        self._news.ring()
        self._has_url.set()

    def _open_url(self, url: str) -> None:
        with self._lock:
            if self._is_cancelled:
                return
            self.url = url
            wanted = self.wants_browser
        if wanted:
            open_in_browser(url, self._browser_said)
        self._has_url.set()
        self._news.ring()
        self._tell()

    def _show_code(self, authorization: DeviceAuthorization) -> None:
        self._code_ends_at = time.monotonic() + authorization.expires_in
        self.device_authorization = authorization
        self._open_url(authorization.verification_uri_complete or authorization.verification_uri)

    def _tell(self) -> None:
        try:
            self._changed(self)
        except Exception:
            _logger.exception("A card could not be shown")  # a sign-in does not fail by its display

    def _browser_said(self, why_not: str | None) -> None:
        if why_not is None:
            return
        self.why_no_browser = why_not
        if self._unattended:
            self._listener.cancel(NobodyCanAnswer(why_not))
        self._news.ring()


def ways_here(params: ParamsAuth0, bind: str | None = None, paste: bool = False) -> tuple[Route, ...]:
    """Return the ways by which a response for *params* may come to this process, in the order to try.

    Raises:
        InvalidParams: the response mode does not go with any of them.
    """
    return routes_to(params.redirect_uris, this_environment(), params.response_mode, bind, paste)


def _without_frames(error: BaseException) -> BaseException:
    """Return *error* without the frames of the flow: %xmode Verbose would print the response in their variables."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
