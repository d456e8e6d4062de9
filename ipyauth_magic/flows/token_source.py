"""The tokens of one sign-in, here and in their store: good ones on demand, renewed by one at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

from ..errors import (
    InvalidIdToken,
    InvalidResponse,
    IpyauthError,
    NotSignedIn,
    OutOfTime,
    ProviderError,
    ProviderRefused,
    SignInNeeded,
    StoreBusy,
)
from ..protocol.flow import Grant
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..provider.threads import run_out_of_sight
from ..settings.params import ParamsAuth0
from ..store import Store
from ..store.key import store_key
from .clock import utc_now
from .refresh import refresh

RETRY_AFTER = 5.0
"""Seconds after a renewal that failed, in which a token that is not over yet serves without another try."""

_ABOUT_THE_REFRESH_TOKEN = frozenset({"invalid_grant", "status 400", "status 401", "status 403"})
"""Refusals that end a refresh token (RFC 6749, 5.2); some providers leave the code out."""


class KeptTokens:
    """The tokens of a sign-in for *params*; thread-safe, and shared by all processes that share *store*.

    Nothing here asks the user: where only the user can help, `SignInNeeded` is raised.

    Args:
        changed: called when the tokens here are others, from any thread, while the store's lock may be held: it must
            not wait for whoever waits for that.
    """

    def __init__(
        self,
        params: ParamsAuth0,
        grant: Grant,
        store: Store,
        now: Callable[[], datetime] = utc_now,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._params = params
        self._store = store
        self._key = store_key(params, grant.store_name)
        self._now = now
        self._changed = changed
        self._current: TokenSet | None = None
        self._is_stored = False
        """Whether the store had taken them when they were last here and there, so that they can be gone from it."""
        self._retry_at = 0.0
        self._failure: IpyauthError | None = None

    @property
    def current(self) -> TokenSet:
        """The tokens as they are, ended or not.

        Raises:
            NotSignedIn: there are none.
        """
        tokens = self._current
        if tokens is None:
            raise NotSignedIn
        return tokens

    @property
    def is_signed_in(self) -> bool:
        """Whether there are tokens that are still good."""
        return self._is_good(self._current)

    @property
    def is_known(self) -> bool:
        """Whether there are tokens, ended or not."""
        return self._current is not None

    @property
    def is_renewable(self) -> bool:
        """Whether there are tokens that a refresh token renews."""
        return self._current is not None and self._current.refresh_token is not None

    @property
    def is_in_store(self) -> bool | None:
        """Whether the place itself has such tokens, for other processes to find; None where it cannot be asked."""
        return self._store.holds(self._key)

    def take(self, tokens: TokenSet) -> None:
        """Keep the *tokens* of a new sign-in; a renewal under way ends before, and does not bring the old ones back.

        What the store raises is raised, and the tokens are not kept.
        """
        with self._alone_if_can_be():
            self._store.save(self._key, tokens)
            self._note_whether_stored()
            self._set(tokens)
            self._failure = None

    def adopt(self) -> bool:
        """Take over what an equal sign-in of the same user left in the store; tell whether the tokens here are good."""
        if not self.is_signed_in and (stored := self._stored(self._current)) is not None:
            self._note_whether_stored()
            self._set(stored)
        return self.is_signed_in

    def forget(self) -> None:
        """Forget the tokens, here and in the store; a renewal under way ends before."""
        with self._alone_if_can_be():
            self._drop()

    def leave(self) -> None:
        """Forget the tokens here; what the store keeps stays there."""
        self._set(None)

    def take_out(self) -> TokenSet:
        """Forget the tokens, here and in the store, and return the last of them.

        A renewal under way, here or in another process, ends before: what it brings is taken out too.

        Raises:
            NotSignedIn: there are none.
        """
        with self._alone_if_can_be():
            tokens = self._stored(self._current) or self._current
            self._drop()
        if tokens is None:
            raise NotSignedIn
        return tokens

    def good(self) -> TokenSet:
        """Return tokens that are still good, renewed if they are about to end.

        Raises:
            NotSignedIn: there are none.
            SignInNeeded: they have ended, and only the user can get others.
            ProviderError: they have ended, and the provider cannot be reached.
        """
        tokens = self.current
        if self._is_good(tokens):
            return tokens
        if time.monotonic() < self._retry_at:
            if self._is_alive(tokens):
                return tokens
            if self._failure is not None:
                raise self._failure.with_traceback(None)
        try:
            return self.renewed(tokens)
        except (ProviderError, StoreBusy):
            if not self._is_alive(tokens):
                raise
            self._pause()
            return tokens  # it is early still, and the provider may be back in time

    def _pause(self, failure: IpyauthError | None = None) -> None:
        """Ask the provider no more for a while; *failure* is what it would say again."""
        self._retry_at, self._failure = time.monotonic() + RETRY_AFTER, failure

    def renewed(self, ended: TokenSet) -> TokenSet:
        """Return tokens newer than *ended*: those that somebody else got meanwhile, or else by the refresh token.

        Raises:
            NotSignedIn: the user has signed out meanwhile.
            SignInNeeded: there is no refresh token, or the provider does not take it.
            ProviderError: the provider cannot be reached.
            InvalidResponse, InvalidIdToken: its answer cannot be trusted; the refresh token is forgotten.
            StoreBusy: another process holds the store.
        """
        # In a thread of its own, which the process waits for: no interrupt is to lose a new refresh token whose
        # predecessor is used up.
        return run_out_of_sight(lambda: self._renew_alone(ended), "ipyauth-renewal", daemon=False)

    def _renew_alone(self, ended: TokenSet) -> TokenSet:
        with self._store.lock(self._key):
            own = self.current  # none: signed out meanwhile
            stored = self._store.load(self._key)
            self._check_not_signed_out(stored)
            # What is stored is the latest, whatever the clock said when it came.
            tokens = stored if stored is not None and _is_same_user(stored, own) else own
            self._set(tokens)
            if self._is_good(tokens) and tokens != ended:
                return tokens
            return self._renew(tokens)

    def _renew(self, tokens: TokenSet) -> TokenSet:
        try:
            renewed = refresh(self._params, Provider.of(self._params.expected_issuer), tokens, self._now, self._put)
        except ProviderRefused as error:
            needed = SignInNeeded()
            if error.error in _ABOUT_THE_REFRESH_TOKEN:
                self._put(replace(tokens, refresh_token=None))
            else:
                self._pause(needed)
            raise needed from None
        except OutOfTime as error:
            self._pause(error)  # the new refresh token is kept: it serves when the clock is right again
            raise
        except ProviderError as error:
            if self._current is not tokens:  # a refresh token was used up: the next try would use up another
                self._pause(error)
            raise
        except (InvalidResponse, InvalidIdToken):
            self._put(replace(tokens, refresh_token=None))  # the provider may have ended it with this answer
            raise
        self._put(renewed)
        return renewed

    def _put(self, tokens: TokenSet) -> None:
        """Keep renewed *tokens*: stored before anybody uses them, unless another user's have taken their place.

        Raises:
            NotSignedIn: somebody has signed out meanwhile, who waited for the lock no longer.
        """
        stored = self._store.load(self._key)
        self._check_not_signed_out(stored)
        if stored is None or _is_same_user(stored, tokens):
            self._save(tokens)
        else:
            self._is_stored = False
            self._set(tokens)

    def _save(self, tokens: TokenSet) -> None:
        try:
            self._store.save(self._key, tokens)
            self._note_whether_stored()
        finally:
            self._set(tokens)

    def _note_whether_stored(self) -> None:
        self._is_stored = self._store.holds(self._key) is True

    def _check_not_signed_out(self, stored: TokenSet | None) -> None:
        """Let the tokens go that somebody who shares the store has signed out.

        They are gone where the store had them and has nothing. One that never took them, or that cannot be asked any
        more (a keyring that was locked meanwhile), signs nobody out.
        """
        if stored is None and self._is_stored and self._store.holds(self._key) is False:
            self._set(None)
            raise NotSignedIn(elsewhere=True)

    def _set(self, tokens: TokenSet | None) -> None:
        """Let *tokens* be those here."""
        if tokens is not self._current:
            self._current = tokens
            self._changed()

    def _drop(self) -> None:
        """Forget the tokens, here and in the store; another user's, that took their place there, stay."""
        own, stored = self._current, self._store.load(self._key)
        self.leave()
        if own is None or stored is None or _is_same_user(stored, own):
            self._store.forget(self._key)

    def _stored(self, own: TokenSet | None) -> TokenSet | None:
        """Return what the store keeps, unless it is another user's than *own*: two people may sign in for the same."""
        stored = self._store.load(self._key)
        is_ours = stored is not None and (own is None or _is_same_user(stored, own))
        return stored if is_ours else None

    @contextmanager
    def _alone_if_can_be(self) -> Iterator[None]:
        """Hold the key; whoever hangs there keeps nobody from signing in or out."""
        with ExitStack() as stack:
            with suppress(StoreBusy):
                stack.enter_context(self._store.lock(self._key))
            yield

    def _is_good(self, tokens: TokenSet | None) -> bool:
        return tokens is not None and not tokens.is_expired(self._now())

    def _is_alive(self, tokens: TokenSet) -> bool:
        return not tokens.is_expired(self._now(), leeway=timedelta(0))


def _is_same_user(one: TokenSet, other: TokenSet) -> bool:
    return bool(one.claims["sub"] == other.claims["sub"])


def _name(grant: Grant) -> str | None:
    """Return what the response type does not tell of *grant*: tokens that end for good must not hide others."""
    if grant.renewable or grant.flow == "implicit":
        return "device" if grant.flow == "device" else None
    return f"{grant.flow}, not renewable"


class TokenSource(KeptTokens):
    def __init__(self, params, grant, store, changed=lambda: None, now=None):
        from . import clock

        super().__init__(params, grant, store, now or (lambda: clock.utc_now()), changed)

    @property
    def tokens(self):
        return self._current

    @property
    def is_good(self):
        return self.is_signed_in

    def get(self):
        return self.good()

    def renew(self, ended):
        return self.renewed(ended)

    def renew_refused(self, access_token):
        tokens = self.current
        return self.renewed(tokens) if tokens.access_token == access_token else tokens

    def save(self, tokens):
        self.take(tokens)

    def clear(self):
        self.forget()
