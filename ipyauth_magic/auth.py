"""Auth: what the user holds. A valid token on demand, signed in by the user when asked, never by itself."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from .attempt import Attempt
from .callback.browser import why_no_browser
from .clock import utc_now
from .display.card import Card
from .display.panel import Output, current_shell, in_notebook, panel, somebody_can_answer
from .display.tracebacks import guard_tracebacks
from .display.waiting import signed_in_card, waiting_card
from .errors import IpyauthError, NobodyCanAnswer, NotSignedIn, SignInNeeded
from .params import ParamsAuth0
from .store import memory
from .token import AccessToken, AuthorizationHeader, IdToken, TokenSet

if TYPE_CHECKING:
    import requests

    from .session import TokenSession

CARD_TIMEOUT = 300.0
"""Seconds for which a card's link works."""

_waiting_cards: weakref.WeakSet[Attempt] = weakref.WeakSet()
"""The sign-ins that cards offer: they hold a port that nobody waits for, and give it up for any other sign-in."""

_of_session: list[weakref.ref[Auth]] = []


class Auth:
    """Signs a user in, and holds the tokens.

    `auth.access_token`, `requests.get(url, auth=auth)` and `auth.session()` give a token that is still good, or raise
    `SignInNeeded`; only `sign_in()` and the magics ask the user.

    Args:
        params: what to sign in for.
        store: `memory` (an equal sign-in of this session serves again) or `none`.
        bind: another address to listen on than the redirect URI's, for a published container port.
    """

    def __init__(self, params: ParamsAuth0, *, store: str = "memory", bind: str | None = None) -> None:
        if not isinstance(params, ParamsAuth0):
            raise TypeError("params must be a ParamsAuth0")
        if store not in ("memory", "none"):
            raise ValueError("store must be `memory` or `none`")
        self.params = params
        self._store = store
        self._bind = bind
        self._key = memory.store_key(params)
        self._lock = threading.RLock()
        if (shell := current_shell()) is not None:
            guard_tracebacks(shell)
        self._tokens: TokenSet | None = None
        self._attempt: Attempt | None = None
        self._cards: list[Output] = []

    # Signing in

    def sign_in(self, timeout: float = 300, open_browser: bool = True, force: bool = False) -> Self:
        """Sign in and return this `Auth`; a token that is still good is kept, without a browser.

        Blocks until signed in, refused, timed out or interrupted. A sign-in that a card offers already is taken over.

        Args:
            timeout: seconds to wait for the browser.
            open_browser: open one; if not, only the link is shown.
            force: sign in again even if there is a good token.

        Raises:
            SignInFailed: no token; its subclasses tell why.
            ProviderError: the provider cannot be reached.
            KeyboardInterrupt: the user interrupted; the port is free again.
        """
        return self.sign_in_shown(timeout, open_browser, force, card_of_good_token=False)

    def sign_in_shown(
        self,
        timeout: float = 300,
        open_browser: bool = True,
        force: bool = False,
        quiet: bool = False,
        card_of_good_token: bool = True,
    ) -> Self:
        """Sign in as `sign_in` does, with the card left away if *quiet*."""
        shown = panel(open_browser)
        with self._lock:  # who comes second finds the tokens, or the attempt that will bring them
            if not force and self._good_tokens():
                if card_of_good_token and not quiet:
                    shown.end(self.card())
                return self
            self._check_somebody_can_answer(open_browser)
            attempt = self._begin(timeout, of_card=False)
        if open_browser:
            attempt.open_browser()
        card = None
        try:
            attempt.result(shown.tick)
            card = None if quiet else self.card()
        finally:
            shown.end(card)
            self._forget_attempt(attempt)
        return self

    def _check_somebody_can_answer(self, open_browser: bool) -> None:
        if somebody_can_answer():
            return
        reason = why_no_browser() if open_browser else "open_browser is off"
        if reason is not None:
            raise NobodyCanAnswer(reason)

    def _begin(self, timeout: float, of_card: bool) -> Attempt:
        """Return the attempt under way, given more time, or a new one; other cards give their ports up."""
        with self._lock:
            if self._attempt is not None and not self._attempt.is_over:
                self._attempt.extend(timeout)
                _waiting_cards.discard(self._attempt)
                return self._attempt
            for other in [each for each in _waiting_cards if each.redirect_uri in self.params.redirect_uris]:
                other.cancel("another sign-in took its place")
                other.join()
            self._attempt = Attempt(self.params, timeout, self._bind, self._card_ended)
            if of_card:
                _waiting_cards.add(self._attempt)
            return self._attempt

    def _accept(self, tokens: TokenSet) -> None:
        with self._lock:
            self._tokens = tokens
            if self._store == "memory":
                memory.save(self._key, tokens)
        remember(self)

    def _forget_attempt(self, attempt: Attempt) -> None:
        with self._lock:
            if self._attempt is attempt and attempt.is_over:
                self._attempt = None

    # The tokens

    @property
    def access_token(self) -> AccessToken:
        """The access token: a `str` whose `repr` is masked.

        Raises:
            NotSignedIn: before any sign-in.
            SignInNeeded: it has ended, or is about to.
        """
        tokens = self._current()
        if tokens.is_expired(utc_now()):
            raise SignInNeeded
        return tokens.access_token

    @property
    def id_token(self) -> IdToken:
        """The ID token: a `str` whose `repr` is masked."""
        return self._current().id_token

    @property
    def claims(self) -> Mapping[str, Any]:
        """The verified claims of the ID token."""
        return dict(self._current().claims)

    @property
    def logged_as(self) -> str:
        """The user's name: `nickname`, else `name`, else `email`, else `sub`."""
        return self._current().logged_as

    @property
    def scope(self) -> str:
        """The granted scopes, space separated."""
        return self._current().scope

    @property
    def expires_at(self) -> datetime:
        """When the access token ends: aware, UTC."""
        return self._current().expires_at

    @property
    def time_to_exp(self) -> str:
        """Time left, `HH:MM:SS`; `00:00:00` once ended."""
        left = max(timedelta(0), self.expires_at - utc_now())
        minutes, seconds = divmod(int(left.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"

    @property
    def is_signed_in(self) -> bool:
        """Whether there is a token that is still good."""
        return self._good_tokens() is not None

    @property
    def tokens(self) -> TokenSet:
        """All that the sign-in gave, ended or not; every token in it is masked."""
        return self._current()

    def holds(self, token: str) -> bool:
        """Tell whether *token* is this sign-in's access token."""
        return self._tokens is not None and self._tokens.access_token == token

    def is_for(self, params: ParamsAuth0, store: str, bind: str | None) -> bool:
        """Tell whether this is a sign-in for just these."""
        return (self.params, self._store, self._bind) == (params, store, bind)

    def _current(self) -> TokenSet:
        with self._lock:
            if self._tokens is None:
                raise NotSignedIn
            return self._tokens

    def _good_tokens(self) -> TokenSet | None:
        """Return tokens that are not about to end, of this `Auth` or of an equal sign-in of this session."""
        with self._lock:
            for tokens in (self._tokens, memory.load(self._key) if self._store == "memory" else None):
                if tokens is not None and not tokens.is_expired(utc_now()):
                    self._tokens = tokens
                    remember(self)
                    return tokens
        return None

    def clear(self) -> None:
        """Forget the tokens here and in the store, and end a sign-in that waits."""
        with self._lock:
            attempt, self._attempt, self._tokens = self._attempt, None, None
        memory.forget(self._key)
        if attempt is not None:
            attempt.cancel("it was cleared")
            attempt.join()

    # Calling APIs

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on *request*: an `Auth` is an auth object of `requests` (RFC 6750, 2.1)."""
        request.headers["Authorization"] = AuthorizationHeader.bearer(self.access_token)
        return request

    def session(self, base_url: str | None = None) -> TokenSession:
        """Return a `requests.Session` that sends the token to one origin only: *base_url*'s, or the first one used.

        URLs may be relative to *base_url*.
        """
        from .session import TokenSession

        return TokenSession(self, base_url)

    # Showing

    def card(self) -> Card:
        """Return the card of the state: signed in or not."""
        tokens = self._good_tokens() or self._tokens
        if tokens is None:
            return Card("still", "Not signed in", self._what(), note="Run sign_in(), or the %%auth0 cell.")
        if tokens.is_expired(utc_now()):
            note = "Run sign_in(), or the %%auth0 cell, again."
            return Card("still", f"The sign-in of {tokens.logged_as} has ended", self._what(), note=note)
        return signed_in_card(
            tokens.logged_as, self.params.expected_issuer, self.params.audience, tokens.scope, tokens.expires_at
        )

    def _what(self) -> list[tuple[str, str]]:
        return [("Provider", self.params.expected_issuer), ("Scopes", self.params.scope)]

    def show(self) -> None:
        """Print name, parameters, user, time left, end and scopes; no secret."""
        rows = [("name", "auth0"), ("params", repr(self.params))]
        names = ("logged_as", "time_to_exp", "expires_at", "scope")
        if self._tokens is None:
            rows += [(name, "") for name in names]
        else:
            rows += [(name, str(getattr(self, name))) for name in names]
        for name, value in rows:
            print(f"{name:<11} : {value}")

    def __repr__(self) -> str:
        who = self._tokens.logged_as if self._tokens else "nobody"
        return f"<Auth: {who} at {self.params.expected_issuer}>"

    def _ipython_display_(self) -> None:
        """Show the card; if nobody is signed in and somebody can, the card offers the sign-in and does not block."""
        output = Output()
        if self._good_tokens() or not somebody_can_answer():
            output.show(self.card().bundle())
            return
        try:
            attempt = self._begin(CARD_TIMEOUT, of_card=True)
        except IpyauthError as error:
            output.show(Card("bad", "Not signed in", note=str(error)).bundle())
            return
        self._cards.append(output)
        self._show_waiting(attempt)

    def _show_waiting(self, attempt: Attempt) -> None:
        attempt.wait_for_url(timeout=1.0)
        if not attempt.is_over:
            card = waiting_card(attempt.url, attempt.redirect_uri, None, browser_wanted=False)
            self._cards[-1].show(card.bundle())
        if attempt.is_over:
            self._card_ended(attempt)

    def _card_ended(self, attempt: Attempt) -> None:
        """Replace what cards showed of *attempt*, which has ended; runs in its thread."""
        with self._lock:
            cards, self._cards = self._cards, []
        if attempt.tokens is not None:
            self._accept(attempt.tokens)
        if not in_notebook():
            return
        ended = self.card() if attempt.tokens else Card("bad", "Not signed in", self._what(), note=str(attempt.error))
        for output in cards:
            output.show(ended.bundle())


def remember(auth: Auth) -> None:
    """Make *auth* the latest sign-in of the session."""
    others = [ref for ref in _of_session if ref() not in (None, auth)]
    _of_session[:] = [*others, weakref.ref(auth)]


def sign_ins() -> list[Auth]:
    """Return the session's sign-ins, the latest last."""
    return [auth for ref in _of_session if (auth := ref()) is not None]


def forget_all() -> None:
    """Forget every token of the session."""
    for auth in sign_ins():
        auth.clear()
    _of_session.clear()


def cancel_waiting_cards(reason: str) -> None:
    """End the sign-ins that cards offer, and free their ports."""
    for attempt in list(_waiting_cards):
        attempt.cancel(reason)
        attempt.join()
