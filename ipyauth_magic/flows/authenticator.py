"""How a caller gets tokens: from the session or a store, by a renewal, or from the user."""

from __future__ import annotations

import threading
from dataclasses import replace

from ..callback.routes import Route
from ..errors import (
    InvalidIdToken,
    InvalidResponse,
    NothingGranted,
    NotSignedIn,
    OutOfTime,
    SignInCancelled,
    SignInNeeded,
    StoreBusy,
)
from ..protocol.step_up import NOTHING_MORE, StepUp, gains_nothing
from ..protocol.tokens import OneProcess, TokenSet
from ..settings.params import ParamsAuth0, with_more
from .follow import Panel, follow
from .response_sources import check_unattended, new_response_source
from .session import Session
from .sign_in import SignIn
from .sign_in_request import TIMEOUT, SignInRequest
from .signal import Signal
from .token_source import TokenSource


class Authenticator(OneProcess):
    """The tokens for one request, and the sign-in that may bring them; thread-safe.

    No function that `changed` calls may take this object's lock: a thread that saves tokens holds it.

    Attributes:
        request: what is asked for. Two objects with equal ones sign in for the same, in the same way.
        asked: its parameters with what was added since by a step-up: what the next sign-in asks for.
        not_granted: scopes that a step-up asked for in vain.
        changed: emitted, from any thread, when tokens or sign-in are others.
        source: the tokens, here and in their store.
        sign_in: the sign-in under way, or the last one; None where there was none, or it was stopped.
    """

    def __init__(self, request: SignInRequest) -> None:
        self.request = request
        self.params = self.asked = self._asking = request.params
        self.grant = request.grant
        self.not_granted: frozenset[str] = frozenset()
        self.changed = Signal()
        self.source = TokenSource(request.params, request.grant, request.store, self._tokens_changed)
        self.sign_in: SignIn | None = None
        self._lock = threading.RLock()

    @property
    def under_way(self) -> SignIn | None:
        """The sign-in that is not over yet, if there is one."""
        sign_in = self.sign_in
        return None if sign_in is None or sign_in.progress.is_over else sign_in

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
        seconds = self.request.time_to_wait(timeout)
        if not force and self.without_user(renew) and self.serves(more):
            return False
        try:
            sign_in = self.begin(seconds, panel, open_browser, anew=force or renew, more=more)
            if sign_in is None:
                return False
            follow(sign_in, panel, open_browser)
        except KeyboardInterrupt:
            if (begun := self.sign_in) is not None:
                begun.cancel(SignInCancelled("it was interrupted"))
            raise
        return True

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
        anew: bool = False,
        more: StepUp = NOTHING_MORE,
    ) -> SignIn | None:
        """Return the sign-in under way, with this caller's time, or a new one; None where good tokens have come.

        *anew*: tokens that are here do not serve. A sign-in under way that does not ask for *more* is ended.

        Raises:
            PortTaken: no redirect URI's port is free.
            NobodyCanAnswer: no person can follow a link, and no browser can be opened.
            InvalidParams: the response mode does not go with any route of the response.
        """
        routes = self.request.routes
        if (place := self.source.place) is not None:
            place.warn_if_it_fails()
        if more and self.under_way is not None and self._asking != self._for(more):
            self.stop("another sign-in took its place")
        SESSION.release_ports(routes, but_for=self.sign_in)
        with self._lock:
            if (sign_in := self.under_way) is not None:
                sign_in.give_time(timeout, is_shared=not SESSION.take_over(sign_in))
                return sign_in
            # In this order: a sign-in saves its tokens before it is over, so one of the two looks finds them.
            if not anew and self.adopt() and self.serves(more):
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
        routes = self.request.routes
        SESSION.release_ports(routes, but_for=self.sign_in)
        with self._lock:
            if (sign_in := self.under_way) is not None:
                return sign_in
            sign_in = self._new(TIMEOUT, routes, is_offer=True)
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

    def clear(self, in_store: bool = True) -> TokenSet | None:
        """End a sign-in under way, and forget the tokens, here and *in_store*; return the last that were forgotten."""
        with self._lock:
            SESSION.forget(self)
            self.asked, self.not_granted = self.params, frozenset()
            sign_in, self.sign_in = self.sign_in, None
        if sign_in is not None:
            sign_in.cancel(SignInCancelled("it was cleared"))
        # No sign-in brings tokens any more.
        try:
            return self.source.take_out(in_store)
        finally:
            if sign_in is not None:
                sign_in.response_source.join(2.0)
            self.changed.emit()

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
        response_source = new_response_source(replace(self.request, params=self._asking), routes)

        def save(tokens: TokenSet) -> None:
            # `begin`, `stop` and `leave` wait for a save that has begun, so that cleared tokens do not come back.
            with self._lock:
                if self.sign_in is sign_in:  # else it was stopped, or the tokens were cleared
                    self._accept(tokens, more)

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

    def _accept(self, tokens: TokenSet, more: StepUp) -> None:
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
