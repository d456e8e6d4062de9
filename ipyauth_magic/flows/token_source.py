"""The tokens of one sign-in: good ones on demand, renewed by one thread of one process at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from ..errors import (
    NotSignedIn,
    ProviderError,
    SignInNeeded,
    StoreBusy,
    StoreUnavailable,
)
from ..protocol.flow import Grant
from ..protocol.tokens import OneProcess, TokenSet
from ..provider.provider import Provider
from ..provider.threads import run_in_thread
from ..settings.params import ParamsAuth0, values_to_keep
from ..store import BadRecord, Store, StoreFailed
from ..store.key import store_key
from . import clock
from .kept import Entry, Kept
from .refresh import Renewal

NEEDS_SECRET = "needs_secret"
"""The note beside kept tokens whose application has a secret. The secret itself is never kept."""


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
    ) -> None:
        self._params = params
        self._grant = grant
        self._kept = Kept(store, *_entry(params, grant), changed)
        self.place = self._kept.place
        self.api = params.api
        self._renewal = Renewal(params, self._kept)  # for these alone: a refresh gives what the sign-in gave
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
        return tokens is not None and not tokens.is_expired(clock.utc_now())

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
        if not tokens.is_expired(clock.utc_now()):
            return tokens
        if self._renewal.is_paused:
            if not _has_ended(tokens, clock.utc_now()):
                return tokens
            if (failure := self._renewal.failure) is not None:
                raise failure
        try:
            return self.renew(tokens)
        except (ProviderError, StoreBusy):
            if _has_ended(tokens, clock.utc_now()):
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

    def take_out(self, in_store: bool = True) -> TokenSet | None:
        """Forget the tokens, here and *in_store*, and return the last that were forgotten there, if there were any.

        A renewal under way, here or in another process, ends before: what it brings is taken out too.
        """
        if not in_store:
            self._kept.set(None)
            return None
        return run_in_thread(self._kept.take_out, "ipyauth-store", daemon=False)

    def userinfo(self) -> dict[str, Any]:
        """Return what the userinfo endpoint tells about the user now (OpenID Connect Core, 5.3).

        Raises:
            NotSignedIn: before any sign-in.
            SignInNeeded: the token has ended, and only the user can get another.
            InvalidResponse: the answer is about another user than the ID token.
            ProviderError: the provider cannot be reached, offers no userinfo, or does not take the token.
        """
        tokens, provider = self.get(), Provider.of(self._params.expected_issuer, self._params.discovery_url)
        return run_in_thread(lambda: provider.userinfo(tokens.access_token, tokens.subject), "ipyauth-userinfo")


def _entry(params: ParamsAuth0, grant: Grant) -> Entry:
    """Return the place in a store for a sign-in by *params* and *grant*."""
    noted = {**values_to_keep(params), **grant.to_keep, **({NEEDS_SECRET: "yes"} if params.client_secret else {})}
    return Entry(store_key(params, grant.store_name), params, noted)


def _has_ended(tokens: TokenSet, now: datetime) -> bool:
    """Tell whether the access token is over, not only about to end."""
    return tokens.is_expired(now, leeway=timedelta(0))
