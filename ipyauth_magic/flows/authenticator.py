"""How a caller gets tokens: from the session or a store, by a renewal, or from the user."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from ..callback.routes import Route
from ..errors import (
    InvalidIdToken,
    InvalidResponse,
    IpyauthError,
    NothingGranted,
    NotSignedIn,
    OutOfTime,
    SignInCancelled,
    SignInNeeded,
    StoreBusy,
)
from ..protocol.flow import Grant
from ..protocol.step_up import NOTHING_MORE, StepUp, gains_nothing
from ..protocol.tokens import OneProcess, TokenSet
from ..settings.params import ParamsAuth0, with_more
from ..store import Store
from .response_sources import check_unattended, new_response_source, routes_here
from .session import Session
from .sign_in import Progress, SignIn
from .signal import Signal
from .token_source import TokenSource

T = TypeVar("T")

OFFER_TIMEOUT = 300.0
"""Seconds for which the link of a card or of the widget works, and a sign-in waits unless the user says otherwise."""


class Panel(Protocol):
    """Shows one sign-in from its link to its end."""

    def can_be_answered(self) -> bool:
        """Tell whether a person sees it and may follow a link."""

    def tick(self, progress: Progress) -> None:
        """Show what is new."""

    def ask(self, sign_in: SignIn) -> None:
        """Ask the user for the address at which the browser ended, until it serves or *sign_in* is over."""

    def clear(self) -> None:
        """Take the link away."""


class Authenticator(OneProcess):
    """The tokens for one set of parameters, and the sign-in that may bring them; thread-safe.

    Args:
        params: what is asked for.
        grant: the flow, and whether a refresh token is wanted.
        store: where tokens are kept.
        bind: another address to listen on than the redirect URI's.
        paste: ask also for the URL at which the browser ended.

    Attributes:
        asked: the parameters with what was added since by a step-up: what the next sign-in asks for.
        not_granted: scopes that a step-up asked for in vain.
        request: all of these arguments; two equal ones sign in for the same, in the same way.
        changed: emitted, from any thread, when tokens or sign-in are others.
        source: the tokens, here and in their store.
        sign_in: the sign-in under way, or the last one; None where there was none, or it was stopped.
    """

    def __init__(
        self, params: ParamsAuth0, grant: Grant, store: Store, bind: str | None = None, paste: bool = False
    ) -> None:
        self.params = self.asked = self._asking = params
        self.not_granted: frozenset[str] = frozenset()
        self.grant = grant
        self._store = store
        self.request = (params, grant, store, bind, paste)
        self.changed = Signal()
        self.source = TokenSource(params, grant, store, self._tokens_changed)
        self.sign_in: SignIn | None = None
        self._lock = threading.RLock()

    def authenticate(
        self,
        panel: Panel,
        timeout: float | None = None,
        open_browser: bool = True,
        force: bool = False,
        renew: bool = False,
        more: StepUp = NOTHING_MORE,
    ) -> bool:
        """Get good tokens, and return whether the user was asked for them.

        1. Tokens that are still good serve: those here, or of an equal sign-in of this session or the store.
        2. Tokens that have ended are renewed by their refresh token.
        3. The user is asked, in a sign-in that all callers of this object share.

        *renew* begins at 2, and *force* at 3. *timeout* is in seconds; None is what the parameters say. *more* is what
        the tokens are to be for beside the parameters: those without it do not serve, and are kept until others come.

        Raises:
            ValueError: *timeout* is not a number of seconds, above 0 and at most a day.
            SignInFailed: no token; its subclasses tell why.
            ProviderError: the provider cannot be reached.
            KeyboardInterrupt: the user interrupted; the port is free again.
        """
        seconds = self.time_to_wait(timeout)
        if not force and self.without_user(renew) and self.serves(more):
            return False
        try:
            sign_in = self.begin(seconds, panel, open_browser, force, renew, more)
            if sign_in is None:
                return False
            follow(sign_in, panel, open_browser)
        except KeyboardInterrupt:
            if (begun := self.sign_in) is not None:
                begun.cancel(SignInCancelled("it was interrupted"))
            raise
        return True

    def time_to_wait(self, timeout: float | None) -> float:
        """Return *timeout*, or else the time of the parameters, or else 300 seconds.

        Raises:
            ValueError: *timeout* is not a number of seconds, above 0 and at most a day.
        """
        if timeout is None:
            return float(self.params.timeout or OFFER_TIMEOUT)
        if not 0 < timeout <= 24 * 3600:
            raise ValueError("timeout must be a number of seconds, above 0 and at most a day")
        return timeout

    def without_user(self, renew: bool = False) -> bool:
        """Tell whether there are good tokens, or could be renewed ones, without the user.

        Raises:
            ProviderError: they are to be renewed, and the provider cannot be reached.
        """
        if self.adopt() and not renew:
            return True
        try:
            ended = self.source.current
            if self.source.is_good and not renew:
                return True  # another thread has just saved them
            self.source.renew(ended)
        except OutOfTime:
            raise  # a sign-in would meet the same clock
        except (NotSignedIn, SignInNeeded):
            return False
        except (InvalidIdToken, InvalidResponse, StoreBusy):
            if renew:
                raise  # a sign-in has another way to tokens; a renewal has not
            return False
        SESSION.remember(self)
        return True

    def serves(self, more: StepUp) -> bool:
        """Tell whether there are tokens here that are for *more* too."""
        tokens = self.source.tokens
        return tokens is not None and more.is_met_by(tokens.scope)

    def adopt(self) -> bool:
        """Tell whether there are good tokens, here or of an equal sign-in, which then serve here too."""
        if self.source.is_good:
            return True
        if not self.source.adopt():
            return False
        SESSION.remember(self)
        return True

    def begin(
        self,
        timeout: float,
        panel: Panel,
        open_browser: bool = True,
        force: bool = False,
        renew: bool = False,
        more: StepUp = NOTHING_MORE,
    ) -> SignIn | None:
        """Return the sign-in under way, with this caller's time, or a new one; None where good tokens have come.

        One under way that does not ask for *more* is ended.

        Raises:
            PortTaken: no redirect URI's port is free.
            NobodyCanAnswer: no person can follow a link, and no browser can be opened.
            InvalidParams: the response mode does not go with any route of the response.
        """
        routes = self.routes()
        if (place := self.source.place) is not None:
            place.warn_if_it_fails()
        if more and not ((begun := self.sign_in) is None or begun.progress.is_over) and self._asking != self._for(more):
            self.stop("another sign-in took its place")
        SESSION.release_ports(routes, but_for=self.sign_in)
        with self._lock:
            sign_in = self.sign_in
            if sign_in is not None and not sign_in.progress.is_over:
                sign_in.give_time(timeout, is_shared=not SESSION.take_over(sign_in))
                return sign_in
            # In this order: a sign-in saves its tokens before it is over, so one of the two looks finds them.
            if not force and not renew and self.adopt() and self.serves(more):
                return None
            is_attended = panel.can_be_answered()
            if not is_attended:
                check_unattended(self.grant.flow, open_browser)
            return self._new(timeout, routes, unattended=not is_attended, more=more)

    def offer(self) -> SignIn:
        """Begin a sign-in whose link the user may follow or not, unless one is under way; no caller waits for it.

        Raises:
            PortTaken: no redirect URI's port is free.
            InvalidParams: the response mode does not go with any route of the response.
        """
        routes = self.routes()
        SESSION.release_ports(routes, but_for=self.sign_in)
        with self._lock:
            if (sign_in := self.sign_in) is not None and not sign_in.progress.is_over:
                return sign_in
            sign_in = self._new(OFFER_TIMEOUT, routes, is_offer=True)
        sign_in.start()
        return sign_in

    def stop(self, reason: str = "it was stopped") -> None:
        """End a sign-in under way; the tokens stay."""
        with self._lock:
            sign_in, self.sign_in = self.sign_in, None
        if sign_in is not None:
            sign_in.cancel(SignInCancelled(reason))
            sign_in.response_source.join(2.0)
        self.changed.emit()

    def leave(self, forget: Callable[[TokenSource], T]) -> T:
        """Leave the session, end a sign-in under way, and return what *forget* does with the tokens."""
        with self._lock:
            SESSION.forget(self)
            self.asked, self.not_granted = self.params, frozenset()
            sign_in, self.sign_in = self.sign_in, None
        if sign_in is not None:
            sign_in.cancel(SignInCancelled("it was cleared"))
        try:
            return forget(self.source)
        finally:
            if sign_in is not None:
                sign_in.response_source.join(2.0)
            self.changed.emit()

    def routes(self) -> tuple[Route, ...]:
        """Return how the response may come, in the order to try; none where the flow needs no redirect URI.

        Raises:
            InvalidParams: the response mode does not go with any route.
        """
        params, grant, _, bind, paste = self.request
        return routes_here(params, grant, bind, paste)

    def _new(
        self,
        timeout: float,
        routes: tuple[Route, ...],
        *,
        is_offer: bool = False,
        unattended: bool = False,
        more: StepUp = NOTHING_MORE,
    ) -> SignIn:
        self._asking = self._for(more)
        response_source = new_response_source(self._asking, self.grant, routes, self._store)

        def save(tokens: TokenSet) -> None:
            # `begin`, `stop` and `leave` wait for a save that has begun, so that cleared tokens do not come back.
            with self._lock:
                if self.sign_in is sign_in:  # else it was stopped, or the tokens were cleared
                    self._save(tokens, more)

        try:
            sign_in = SignIn(
                response_source,
                timeout,
                save=save,
                changed=self.changed.emit,
                unattended=unattended,
                audience=self.params.audience or self.params.resource,
                is_registered_here=self.params.is_registered_here,
            )
            SESSION.begin(sign_in, is_offer)
            self.sign_in = sign_in
        except BaseException:  # an interrupt, before anything else could give the port back
            response_source.close(linger=False)
            raise
        return sign_in

    def _save(self, tokens: TokenSet, more: StepUp) -> None:
        """Save *tokens*; raise `NothingGranted` if they bring nothing of *more*, and those that are here are good."""
        missing, before = more.missing_from(tokens.scope), self.source.tokens
        self.not_granted = self.not_granted.union(missing).difference(tokens.scope.split())
        if missing and before is not None and self.source.is_good and gains_nothing(before.scope, tokens.scope):
            raise NothingGranted(missing)
        asked = self._for(replace(more, max_age=""))  # with the scopes of before
        self.source.save(tokens, asked)
        self.asked = asked
        SESSION.remember(self)

    def _for(self, more: StepUp) -> ParamsAuth0:
        """Return what a sign-in for *more* asks for."""
        tokens = self.source.tokens
        return with_more(self.asked, more, tokens.scope if tokens else "") if more else self.asked

    def _tokens_changed(self) -> None:
        if self.source.tokens is None:
            SESSION.forget(self)  # signed out here or by another process
        self.changed.emit()


SESSION: Session[Authenticator] = Session()
"""The session of this process."""


def follow(sign_in: SignIn, panel: Panel, open_browser: bool) -> TokenSet:
    """Show *sign_in* on *panel* until it is over, and return the tokens.

    Raises:
        SignInFailed: no token; its subclasses tell why.
        ProviderError: the provider cannot be reached.
        KeyboardInterrupt: the user interrupted; the port is free again.
    """
    try:
        sign_in.start(open_browser)
        if _may_paste(sign_in) and panel.can_be_answered():
            sign_in.pause(sign_in.progress.seconds_left, until=lambda: sign_in.progress.url is not None)
            panel.tick(sign_in.progress)
            if not sign_in.progress.is_over:
                panel.ask(sign_in)
        return sign_in.wait(panel.tick)
    except BaseException as error:
        if not isinstance(error, IpyauthError):
            sign_in.cancel(SignInCancelled("it was interrupted"))
        panel.clear()
        raise


def _may_paste(sign_in: SignIn) -> bool:
    route = sign_in.progress.route
    return route is not None and route.paste and threading.current_thread() is threading.main_thread()
