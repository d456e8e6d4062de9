"""Auth: what the user holds. A valid token on demand, signed in by the user when asked, never by itself."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Self

from . import sign_ins
from .attempt import Attempt
from .callback.browser import why_no_browser
from .clock import utc_now
from .display.card import Card
from .display.inspection import guard_inspector
from .display.panel import Output, Panel, card_of, current_shell, in_notebook, panel, somebody_can_answer
from .display.tracebacks import guard_tracebacks
from .display.waiting import duration, signed_in_card
from .errors import IpyauthError, NobodyCanAnswer, NotSignedIn, SignInNeeded
from .params import ParamsAuth0
from .store import memory
from .text import plain
from .token import AccessToken, AuthorizationHeader, IdToken, TokenSet

if TYPE_CHECKING:
    import requests

    from .session import TokenSession

CARD_TIMEOUT = 300.0
"""Seconds for which a card's link works."""


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
        self._tokens: TokenSet | None = None
        self._attempt: Attempt | None = None
        self._cards: list[Output] = []
        if (shell := current_shell()) is not None:
            guard_inspector(shell)

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
        shown = panel()
        if self.ask_on(shown, timeout, open_browser, force):
            shown.end(self.card())
        return self

    def ask_on(self, shown: Panel, timeout: float, open_browser: bool, force: bool) -> bool:
        """Sign in as `sign_in` does, showing the wait on *shown*; return whether the user had to be asked."""
        if not 0 < timeout <= 24 * 3600:
            raise ValueError("timeout must be a number of seconds, above 0 and at most a day")
        try:
            with self._lock:  # who comes second finds the tokens, or the attempt that will bring them
                if not force and self._adopt_good_tokens():
                    return False
                attempt = self._begin(timeout, open_browser, self._is_unattended(open_browser))
            attempt.result(shown.tick)
        except BaseException as error:
            if self._attempt is not None and not isinstance(error, IpyauthError):
                self._attempt.cancel("it was interrupted")
            shown.end(None)
            raise
        return True

    @staticmethod
    def _is_unattended(open_browser: bool) -> bool:
        """Tell whether nobody could follow a link; raise NobodyCanAnswer if no browser could either."""
        if somebody_can_answer():
            return False
        if reason := why_no_browser() if open_browser else "open_browser is off":
            raise NobodyCanAnswer(reason)
        return True

    def _begin(self, timeout: float, open_browser: bool, unattended: bool = False) -> Attempt:
        """Return the attempt under way, with this caller's time and browser, or a new one."""
        attempt = self._attempt
        if attempt is not None and not attempt.is_over:
            sign_ins.take_over(attempt)
            attempt.give_time(timeout)
            if open_browser:
                attempt.open_browser()
            return attempt
        sign_ins.make_room(self.params.redirect_uris)
        self._attempt = Attempt(self.params, timeout, self._bind, self._changed, open_browser, unattended)
        return self._attempt

    def _changed(self, attempt: Attempt) -> None:
        """Take the tokens that *attempt* brought, and redraw the cards; runs in its thread."""
        with self._lock:
            if attempt.tokens is not None and self._attempt is attempt:
                self._tokens = attempt.tokens
                if self._store == "memory":
                    memory.save(self._key, attempt.tokens)
                sign_ins.remember(self)
        if attempt.is_over:
            sign_ins.take_over(attempt)
        self._redraw_cards()

    # The tokens

    @property
    def access_token(self) -> AccessToken:
        """The access token: a `str` whose `repr` is masked.

        Raises:
            NotSignedIn: before any sign-in.
            SignInNeeded: it has ended, or is about to.
        """
        if self.tokens.is_expired(utc_now()):
            raise SignInNeeded
        return self.tokens.access_token

    @property
    def id_token(self) -> IdToken:
        """The ID token: a `str` whose `repr` is masked."""
        return self.tokens.id_token

    @property
    def claims(self) -> Mapping[str, Any]:
        """The verified claims of the ID token, but for the nonce, which has done its work."""
        return {name: value for name, value in self.tokens.claims.items() if name != "nonce"}

    @property
    def logged_as(self) -> str:
        """The user's name: `nickname`, else `name`, else `email`, else `sub`."""
        return self.tokens.logged_as

    @property
    def scope(self) -> str:
        """The granted scopes, space separated."""
        return self.tokens.scope

    @property
    def expires_at(self) -> datetime:
        """When the access token ends: aware, UTC."""
        return self.tokens.expires_at

    @property
    def time_to_exp(self) -> str:
        """Time left, `HH:MM:SS`; `00:00:00` once ended."""
        return duration((self.expires_at - utc_now()) / timedelta(seconds=1))

    @property
    def is_signed_in(self) -> bool:
        """Whether there is a token that is still good."""
        return self._tokens is not None and not self._tokens.is_expired(utc_now())

    @property
    def tokens(self) -> TokenSet:
        """All that the sign-in gave, ended or not; every token in it is masked.

        Raises:
            NotSignedIn: before any sign-in.
        """
        tokens = self._tokens
        if tokens is None:
            raise NotSignedIn
        return tokens

    def _adopt_good_tokens(self) -> bool:
        """Tell whether there are good tokens, here or of an equal sign-in of this session, which are then ours too."""
        if self.is_signed_in:
            return True
        kept = memory.load(self._key) if self._store == "memory" else None
        if kept is None or kept.is_expired(utc_now()):
            return False
        self._tokens = kept
        sign_ins.remember(self)
        return True

    def is_for(self, params: ParamsAuth0, store: str, bind: str | None) -> bool:
        """Tell whether this is a sign-in for just these."""
        return (self.params, self._store, self._bind) == (params, store, bind)

    def clear(self) -> None:
        """Forget the tokens here and in the store, and end a sign-in that waits."""
        with self._lock:
            attempt, self._attempt, self._tokens = self._attempt, None, None
            memory.forget(self._key)
            sign_ins.forget(self)
        if attempt is not None:
            attempt.cancel("it was cleared")
            attempt.join()

    # Calling APIs

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on *request*: an `Auth` is an auth object of `requests` (RFC 6750, 2.1)."""
        if (shell := current_shell()) is not None:
            guard_tracebacks(shell)
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
        """Return the card of the state: signed in, under way, failed or not begun."""
        attempt, tokens = self._attempt, self._tokens
        if tokens is not None and self.is_signed_in:
            left = (tokens.expires_at - utc_now()).total_seconds()
            issuer, audience = self.params.expected_issuer, self.params.audience
            return signed_in_card(tokens.logged_as, issuer, audience, tokens.scope, tokens.expires_at, left)
        if attempt is not None and not attempt.is_over:
            return card_of(attempt)
        title = f"The sign-in of {tokens.logged_as} has ended" if tokens else "Not signed in"
        if attempt is not None and attempt.error is not None:
            return Card("bad", title, self._what(), note=str(attempt.error))
        return Card("still", title, self._what(), note="Run sign_in(), or the %%auth0 cell.")

    def _what(self) -> list[tuple[str, str]]:
        return [("Provider", self.params.expected_issuer), ("Scopes", self.params.scope)]

    def show(self) -> None:
        """Print name, parameters, user, time left, end and scopes; no secret."""
        rows = [("name", "auth0"), ("params", repr(self.params))]
        if self._tokens is None:
            rows += [(name, "") for name in ("logged_as", "time_to_exp", "expires_at", "scope")]
        else:
            rows += [("logged_as", plain(self.logged_as)), ("time_to_exp", self.time_to_exp)]
            rows += [("expires_at", self.expires_at.isoformat(" ", "seconds")), ("scope", plain(self.scope, 2000))]
        for name, value in rows:
            print(f"{name:<11} : {value}")

    def __repr__(self) -> str:
        who = plain(self._tokens.logged_as) if self._tokens else "nobody"
        return f"<Auth: {who} at {self.params.expected_issuer}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("An Auth holds a secret and is not pickled; sign in where it is needed.")

    def _ipython_display_(self) -> None:
        """Show the card; if nobody is signed in and somebody can, the card offers the sign-in and does not block."""
        with self._lock:
            if not self._adopt_good_tokens() and somebody_can_answer():
                try:
                    self._offer()
                except IpyauthError as error:
                    Output().show(Card("bad", "Not signed in", self._what(), note=str(error)).bundle())
                    return
            output = Output()
            self._cards.append(output)
            output.show(self.card().bundle())

    def _offer(self) -> None:
        if self._attempt is None or self._attempt.is_over:
            sign_ins.make_room(self.params.redirect_uris)
            self._attempt = Attempt(self.params, CARD_TIMEOUT, self._bind, self._changed)
            sign_ins.offer(self._attempt)
            # A notebook's card is drawn again when the link is known; a terminal's lines stay.
            self._attempt.wait_for_url(0.3 if in_notebook() else 10)

    def _redraw_cards(self) -> None:
        """Bring the cards up to date; a terminal's lines cannot be replaced."""
        if not in_notebook():
            return
        with self._lock:
            bundle = self.card().bundle()
            for output in self._cards:
                output.show(bundle)
            if self._attempt is None or self._attempt.is_over:
                self._cards.clear()  # what they show now is final
