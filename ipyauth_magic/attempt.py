"""One sign-in under way: a thread that runs a grant, the link to follow, and how it ended.

The thread waits for the response, so that whoever waits for the thread can be interrupted at any moment, and a card
can offer a sign-in without blocking the kernel.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .callback.browser import open_in_browser
from .callback.listener import Listener, open_listener
from .errors import IpyauthError, SignInCancelled, UnknownGrant
from .oauth.implicit import sign_in_with_implicit
from .oauth.provider import Provider
from .params import ParamsAuth0
from .token import TokenSet

SLICE = 0.2
"""Seconds of one wait: on Windows a longer one would hold back an interrupt."""


class Attempt:
    """A sign-in under way; made and used from any thread.

    The listener is bound when this returns, so that the link works at once.

    Args:
        ended: called in the attempt's thread when it has ended, well or not.

    Raises:
        UnknownGrant: the response_type is not that of the implicit grant.
        PortTaken: no redirect URI's port is free.
    """

    def __init__(
        self,
        params: ParamsAuth0,
        timeout: float,
        bind: str | None = None,
        ended: Callable[[Attempt], None] = lambda attempt: None,
    ) -> None:
        if params.response_type != "token id_token":
            raise UnknownGrant(params.response_type)
        self.params = params
        self.url: str | None = None
        self.tokens: TokenSet | None = None
        self.error: BaseException | None = None
        self.why_no_browser: str | None = None
        self._timeout = timeout
        self._ended = ended
        self._news = threading.Event()
        self._has_url = threading.Event()
        self._finished = threading.Event()
        self._listener: Listener = open_listener(params.redirect_uris, bind)
        self._ends_at = time.monotonic() + timeout
        self._wants_browser = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="ipyauth-sign-in", daemon=True)
        self._thread.start()

    @property
    def redirect_uri(self) -> str:
        """The redirect URI in use, with its real port."""
        return self._listener.redirect_uri

    @property
    def is_over(self) -> bool:
        """Whether the attempt has ended."""
        return self._finished.is_set()

    @property
    def seconds_left(self) -> float:
        """Seconds until the wait ends by itself."""
        return max(0.0, self._ends_at - time.monotonic())

    def open_browser(self) -> None:
        """Open the link in the user's browser as soon as it is known, once; `why_no_browser` tells if that failed."""
        with self._lock:
            if self._wants_browser:
                return
            self._wants_browser = True
            url = self.url
        if url is not None:
            open_in_browser(url, self._browser_said)

    def extend(self, timeout: float) -> None:
        """Let it last *timeout* seconds from now at the least."""
        self._ends_at = max(self._ends_at, time.monotonic() + timeout)
        self._listener.extend(timeout)

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
        if self.error is not None:
            raise self.error
        if self.tokens is None:
            raise SignInCancelled
        return self.tokens

    def wait_for_url(self, timeout: float) -> None:
        """Wait until the link is known or the attempt is over; at most *timeout* seconds."""
        self._has_url.wait(timeout)

    def cancel(self, reason: str) -> None:
        """End it now; the port is free soon after, `join` tells when."""
        self._listener.cancel(reason)
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
            if self._news.is_set() or time.monotonic() >= next_tick:
                self._news.clear()
                next_tick = time.monotonic() + 1.0
                tick(self)
            self._news.wait(SLICE)

    def _run(self) -> None:
        try:
            provider = Provider.of(self.params.expected_issuer)
            self.tokens = sign_in_with_implicit(self.params, provider, self._listener, self._open_url, self._timeout)
        except IpyauthError as error:
            self.error = error
        except BaseException as error:  # a defect of ours: shown to whoever waits, not lost in a thread
            self.error = error
        finally:
            self._ended(self)
            self._finished.set()
            self._has_url.set()
            self._news.set()

    def _open_url(self, url: str) -> None:
        with self._lock:
            self.url = url
            wanted = self._wants_browser
        if wanted:
            open_in_browser(url, self._browser_said)
        self._has_url.set()
        self._news.set()

    def _browser_said(self, why_not: str | None) -> None:
        self.why_no_browser = why_not
        self._news.set()
