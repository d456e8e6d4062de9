"""One sign-in under way: a thread that runs a grant, the link to follow, and how it ended.

The thread waits for the response, so that whoever waits for the thread can be interrupted at any moment, and a card
can offer a sign-in without blocking the kernel.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from .callback.browser import open_in_browser
from .callback.listener import Listener, open_listener
from .errors import IpyauthError, NobodyCanAnswer, SignInCancelled, SignInFailed, SignInTimeout, UnknownGrant
from .oauth.implicit import sign_in_with_implicit
from .oauth.provider import Provider
from .params import ParamsAuth0
from .token import TokenSet

GRACE = 0.5
"""Seconds in which the thread ends by itself, unless the provider holds it up."""

SLICE = 0.2
"""Seconds of one wait: on Windows a longer one would hold back an interrupt."""

_logger = logging.getLogger("ipyauth_magic")


class Attempt:
    """A sign-in under way; used from any thread. Its port is held, and its link soon known, when this returns.

    Args:
        changed: called in the attempt's thread when the link is known, and when it has ended, well or not.
        open_browser: open the link in the user's browser as soon as it is known.
        unattended: nobody can follow a link, so a browser that does not open ends it.

    Raises:
        UnknownGrant: the response_type is not that of the implicit grant.
        PortTaken: no redirect URI's port is free.
    """

    def __init__(
        self,
        params: ParamsAuth0,
        timeout: float,
        bind: str | None = None,
        changed: Callable[[Attempt], None] = lambda attempt: None,
        open_browser: bool = False,
        unattended: bool = False,
    ) -> None:
        if params.response_type != "token id_token":
            raise UnknownGrant(params.response_type)
        self.params = params
        self.url: str | None = None
        self.tokens: TokenSet | None = None
        self.error: BaseException | None = None
        self.why_no_browser: str | None = None
        self.wants_browser = open_browser
        self._unattended = unattended
        self._changed = changed
        self._cancelled_at = math.inf
        self._news = threading.Event()
        self._has_url = threading.Event()
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self._listener: Listener = open_listener(params.redirect_uris, bind)
        self._thread = threading.Thread(target=self._run, name="ipyauth-sign-in", daemon=True)
        try:
            self.give_time(timeout)
            self._thread.start()
        except BaseException:
            self._listener.close()
            raise

    @property
    def redirect_uri(self) -> str:
        """The redirect URI in use, with its real port."""
        return self._listener.redirect_uri

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._is_cancelled or self.tokens is not None or self.error is not None

    @property
    def _is_cancelled(self) -> bool:
        return self._cancelled_at < math.inf

    @property
    def seconds_left(self) -> float:
        """Seconds until the wait ends by itself."""
        return max(0.0, self._ends_at - time.monotonic())

    def open_browser(self) -> None:
        """Open the link in the user's browser as soon as it is known, once; `why_no_browser` tells if that failed."""
        with self._lock:
            if self.wants_browser:
                return
            self.wants_browser = True
            url = self.url
        if url is not None:
            open_in_browser(url, self._browser_said)

    def give_time(self, timeout: float) -> None:
        """Let it end *timeout* seconds from now, whatever was said before."""
        self._timeout, self._ends_at = timeout, time.monotonic() + timeout
        self._listener.give_time(timeout)

    def result(self, tick: Callable[[Attempt], None] = lambda attempt: None) -> TokenSet:
        """Wait for the end and return the tokens; *tick* is called with news and once a second.

        An interrupt ends the wait and the attempt.

        Raises:
            IpyauthError: why there are no tokens.
        """
        try:
            self._watch(tick)
        except BaseException:
            self.cancel("it was interrupted")
            self.join(0.4)
            raise
        if self.tokens is not None:
            return self.tokens
        # Without the frames of the flow: the response stands in their variables, and %xmode Verbose would print it.
        raise (self.error or SignInCancelled()).with_traceback(None)

    def wait_for_url(self, timeout: float) -> None:
        """Wait until the link is known or the attempt is over; at most *timeout* seconds."""
        self._has_url.wait(timeout)

    def cancel(self, reason: str) -> None:
        """End it now; the port is free soon after, `join` tells when."""
        self._cancelled_at = min(self._cancelled_at, time.monotonic())
        self._listener.cancel(SignInCancelled(reason))
        self._news.set()

    def join(self, timeout: float = 2.0) -> None:
        """Wait until thread, sockets and port of an ended attempt are gone; about *timeout* seconds at the most.

        A thread that still waits for the provider's answer does not hold the port back.
        """
        self._thread.join(timeout / 2)
        self._listener.close()
        self._listener.join(timeout / 2)

    def _watch(self, tick: Callable[[Attempt], None]) -> None:
        next_tick = 0.0
        while not self._finished.is_set():
            self._check_end()
            if self._news.is_set() or time.monotonic() >= next_tick:
                self._news.clear()
                next_tick = time.monotonic() + 1.0
                tick(self)
            self._news.wait(SLICE)

    def _check_end(self) -> None:
        """Leave a thread behind that is held up by the provider, when nobody may wait any longer."""
        now = time.monotonic()
        if now > self._cancelled_at + GRACE:
            raise SignInCancelled
        if now > self._ends_at + GRACE and not self._listener.has_response:
            raise SignInTimeout(self._timeout, self.redirect_uri)

    def _run(self) -> None:
        try:
            provider = Provider.of(self.params.expected_issuer)
            sign_in_with_implicit(self.params, provider, self._listener, self._open_url, self._accept)
        except IpyauthError as error:
            self._end(error)
        except BaseException as error:
            _logger.exception("A sign-in ended by a defect")
            self._end(error)

    def _accept(self, tokens: TokenSet) -> None:
        self.tokens = tokens
        self._end()

    def _end(self, error: BaseException | None = None) -> None:
        if isinstance(error, SignInFailed):
            error.__cause__ = error.__context__ = None  # their frames hold parts of the response
        self.error = error
        self.url = None  # state and nonce stand in it
        try:
            self._tell()
        finally:
            self._finished.set()
            self._has_url.set()
            self._news.set()

    def _open_url(self, url: str) -> None:
        with self._lock:
            if self._is_cancelled:
                return
            self.url = url
            wanted = self.wants_browser
        if wanted:
            open_in_browser(url, self._browser_said)
        self._has_url.set()
        self._news.set()
        self._tell()

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
        self._news.set()
