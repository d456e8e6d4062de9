"""The tokens of one sign-in: good ones on demand, renewed by one thread of one process at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

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
    StoreUnavailable,
)
from ..protocol.flow import Grant
from ..protocol.token_response import TokenResponse
from ..protocol.tokens import OneProcess, TokenSet
from ..provider.provider import Provider
from ..provider.threads import run_in_thread
from ..settings.params import ParamsAuth0, values_to_keep
from ..store import BadRecord, Store, StoreFailed
from ..store.key import store_key
from . import clock
from .kept import Entry, Kept
from .refresh import accept_refresh, request_refresh

RETRY_AFTER = 5.0
"""Seconds after a renewal that failed, in which a token that has not ended serves without another try."""

NEEDS_SECRET = "needs_secret"
"""The note beside kept tokens whose application has a secret. The secret itself is never kept."""

_ABOUT_THE_REFRESH_TOKEN = frozenset({"invalid_grant", "status 400", "status 401", "status 403"})
"""Refusals that end a refresh token (RFC 6749, 5.2); some providers leave the code out."""


class TokenSource(OneProcess):
    """The tokens of a sign-in for *params*; thread-safe, and shared by all processes that share *store*.

    Nothing here asks the user: where only the user can help, `SignInNeeded` is raised. Whatever locks the store runs in
    a thread of its own, which the process waits for: an interrupt of the caller loses no new refresh token whose
    predecessor is used up.

    Args:
        params: what the tokens are for.
        grant: how the user signs in.
        store: where other sign-ins for the same find them.
        changed: called when the tokens here have changed, from any thread, perhaps with the store locked; it must not
            block.
        now: the time.

    Attributes:
        api: the address of the API whose origin alone gets the tokens; None if they are for no origin.
        place: the store outside this process, to be tried out before the user signs in; None where it is another one.
        refused: called with a `Refusal`, from any thread, when an API wants more than the token allows; it must not
            block.
    """

    def __init__(
        self,
        params: ParamsAuth0,
        grant: Grant,
        store: Store,
        changed: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = lambda: clock.utc_now(),
    ) -> None:
        self._grant = grant
        self._kept = Kept(store, *_entry(params, grant), changed)
        self.place = self._kept.place
        self.api = params.api
        self._renewal = _Renewal(params, self._kept, now)
        self._now = now
        self.refused: Callable[[Any], None] = lambda refusal: None

    @property
    def tokens(self) -> TokenSet | None:
        """The tokens as they are here, ended or not."""
        return self._kept.tokens

    @property
    def current(self) -> TokenSet:
        """The tokens as they are here, ended or not.

        Raises:
            NotSignedIn: there are none.
        """
        if (tokens := self._kept.tokens) is None:
            raise NotSignedIn
        return tokens

    @property
    def is_good(self) -> bool:
        """Whether there are tokens here that have not ended and are not about to."""
        tokens = self._kept.tokens
        return tokens is not None and not tokens.is_expired(self._now())

    @property
    def is_renewable(self) -> bool:
        """Whether there are tokens here with a refresh token."""
        tokens = self._kept.tokens
        return tokens is not None and tokens.refresh_token is not None

    @property
    def is_stored(self) -> bool:
        """Whether the place itself has taken the tokens, so that equal sign-ins find them."""
        return self._kept.is_stored

    def check_place(self, is_to_save: bool = False) -> None:
        """Check that the store can be asked; *is_to_save*: and that it takes what it is given.

        Raises:
            StoreUnavailable: it cannot: it is locked, broken, or not this user's.
            StoreBusy: another process holds it.
        """
        try:
            with suppress(BadRecord):  # the next sign-in replaces it
                self._kept.load()
            if is_to_save and self.place is not None:
                self.place.try_out()
        except StoreFailed as failure:
            reason = f"it is locked, broken, or not yours to write ({failure})"
            raise StoreUnavailable(failure.store, reason) from None

    def get(self) -> TokenSet:
        """Return tokens that are still good, renewed if they are about to end.

        Raises:
            NotSignedIn: there are none.
            SignInNeeded: they have ended, and only the user can get others.
            ProviderError: they have ended, and the provider cannot be reached.
            InvalidResponse, InvalidIdToken, StoreBusy: see `renew`.
        """
        tokens = self.current
        if not tokens.is_expired(self._now()):
            return tokens
        if self._renewal.is_paused:
            if not _has_ended(tokens, self._now()):
                return tokens
            if (failure := self._renewal.failure) is not None:
                raise failure
        try:
            return self.renew(tokens)
        except (ProviderError, StoreBusy):
            if _has_ended(tokens, self._now()):
                raise
            self._renewal.pause()
            return tokens  # it is early still, and the provider may be back in time

    def renew(self, ended: TokenSet) -> TokenSet:
        """Return tokens newer than *ended*: those that another thread or process got meanwhile, else by a refresh.

        Raises:
            NotSignedIn: the user has signed out meanwhile.
            SignInNeeded: there is no refresh token, or the provider does not take it.
            ProviderError: the provider cannot be reached.
            InvalidResponse, InvalidIdToken: its answer cannot be trusted; the refresh token is forgotten.
            StoreBusy: another process holds the store.
        """
        return run_in_thread(lambda: self._renewal.run(ended), "ipyauth-renewal", daemon=False)

    def renew_refused(self, access_token: str) -> TokenSet:
        """Return tokens with another access token than this one, which an API has refused.

        Where there are no others, and the provider tells no lifetime, this one has ended now: the next sign-in asks
        the user.

        Raises:
            NotSignedIn: there are none.
            SignInNeeded, ProviderError, InvalidResponse, InvalidIdToken, StoreBusy: see `renew`.
        """
        tokens = self.current
        if tokens.access_token != access_token:
            return tokens
        try:
            return self.renew(tokens)
        except SignInNeeded:
            if tokens.expires_at is None:
                run_in_thread(lambda: self._renewal.end(tokens), "ipyauth-renewal", daemon=False)
            raise

    def save(self, tokens: TokenSet, asked: ParamsAuth0 | None = None) -> None:
        """Keep the *tokens* of a new sign-in; a renewal under way ends before, and does not bring the old ones back.

        With *asked* they are for that, which is more than before. What the store raises is raised, and the tokens are
        not kept.
        """
        entry = _entry(asked, self._grant) if asked is not None else None
        run_in_thread(lambda: self._kept.save(tokens, entry), "ipyauth-store", daemon=False)
        self._renewal.failure = None

    def adopt(self) -> bool:
        """Take over what an equal sign-in of the same user left in the store; return whether the tokens are good."""
        if not self.is_good:
            self._kept.adopt()
        return self.is_good

    def clear(self) -> None:
        """Forget the tokens, here and in the store; a renewal under way ends before."""
        run_in_thread(self._kept.take_out, "ipyauth-store", daemon=False)

    def leave(self) -> None:
        """Forget the tokens here; what the store keeps stays there."""
        self._kept.set(None)

    def take_out(self) -> TokenSet:
        """Forget the tokens, here and in the store, and return the last of them.

        A renewal under way, here or in another process, ends before: what it brings is taken out too.

        Raises:
            NotSignedIn: there are none.
        """
        tokens = run_in_thread(self._kept.take_out, "ipyauth-store", daemon=False)
        if tokens is None:
            raise NotSignedIn
        return tokens


def _entry(params: ParamsAuth0, grant: Grant) -> Entry:
    """Return the place in a store for a sign-in by *params* and *grant*."""
    noted = {**values_to_keep(params), **grant.to_keep, **({NEEDS_SECRET: "yes"} if params.client_secret else {})}
    return Entry(store_key(params, grant.store_name), params, noted)


class _Renewal:
    """Renews the tokens in *kept*, and after a failure pauses for a while."""

    def __init__(self, params: ParamsAuth0, kept: Kept, now: Callable[[], datetime]) -> None:
        self._params = params
        self._kept = kept
        self._now = now
        self._retry_at = 0.0
        self.failure: IpyauthError | None = None

    @property
    def is_paused(self) -> bool:
        """Whether the last renewal failed just now, so that the provider is not asked again yet."""
        return time.monotonic() < self._retry_at

    def pause(self, failure: IpyauthError | None = None) -> None:
        """Ask the provider no more for `RETRY_AFTER` seconds; *failure* is what it would answer again."""
        self._retry_at, self.failure = time.monotonic() + RETRY_AFTER, failure

    def run(self, ended: TokenSet) -> TokenSet:
        """Return tokens newer than *ended*; see `TokenSource.renew`."""
        with self._kept.locked():
            tokens = self._kept.latest()
            if not _is_same_token(tokens, ended) and not tokens.is_expired(self._now()):
                return tokens
            if tokens.refresh_token is None and self._kept.is_parents:
                raise SignInNeeded(in_child=True)
            provider = Provider.of(self._params.expected_issuer, self._params.discovery_url)
            asked_at = self._now()
            response = self._response(provider, tokens)
            is_rotated = response.refresh_token not in (None, tokens.refresh_token)
            if is_rotated:
                # Before anything else may fail: the old refresh token is used up.
                tokens = replace(tokens, refresh_token=response.refresh_token)
                self._kept.replace(tokens)
            renewed = self._accepted(provider, tokens, response, asked_at, is_rotated)
            self._kept.replace(renewed)
            return renewed

    def end(self, refused: TokenSet) -> None:
        """Let *refused*, whose end nothing else tells, end now, here and in the store; see `renew_refused`."""
        with self._kept.locked():
            tokens = self._kept.latest()
            if _is_same_token(tokens, refused):
                self._kept.replace(replace(tokens, expires_at=max(self._now(), tokens.obtained_at)))

    def _response(self, provider: Provider, tokens: TokenSet) -> TokenResponse:
        try:
            return request_refresh(self._params, provider, tokens)
        except ProviderRefused as error:
            needed = SignInNeeded()
            if error.error in _ABOUT_THE_REFRESH_TOKEN:
                self._kept.replace(replace(tokens, refresh_token=None))
            else:
                self.pause(needed)
            raise needed from None
        except InvalidResponse:
            self._kept.replace(replace(tokens, refresh_token=None))  # the provider may have ended it with this answer
            raise

    def _accepted(
        self, provider: Provider, tokens: TokenSet, response: TokenResponse, asked_at: datetime, is_rotated: bool
    ) -> TokenSet:
        try:
            return accept_refresh(self._params, provider, tokens, response, asked_at, self._now)
        except OutOfTime as error:
            self.pause(error)  # the refresh token stays: it serves when the clock is right again
            raise
        except ProviderError as error:
            if is_rotated:  # the next try would use up another refresh token
                self.pause(error)
            raise
        except (InvalidResponse, InvalidIdToken):
            self._kept.replace(replace(tokens, refresh_token=None))  # the provider may have ended it with this answer
            raise


def _is_same_token(one: TokenSet, other: TokenSet) -> bool:
    """Tell whether the access token is the same; one of both may lack the refresh token, as in a forked child."""
    return (one.access_token, one.expires_at) == (other.access_token, other.expires_at)


def _has_ended(tokens: TokenSet, now: datetime) -> bool:
    """Tell whether the access token is over, not only about to end."""
    return tokens.is_expired(now, leeway=timedelta(0))
