"""Auth: what the user holds. A valid token on demand, signed in by the user when asked, never by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from .callback.browser import why_no_browser
from .display.card import Card
from .display.cards import duration, scopes_in_words, signed_in_card
from .display.panel import Output, Panel, card_of, in_notebook, panel, somebody_can_answer
from .display.repr_masking import guard_inspector
from .display.shell import current_shell
from .display.traceback_masking import guard_tracebacks
from .errors import (
    InvalidIdToken,
    InvalidResponse,
    IpyauthError,
    NobodyCanAnswer,
    NotSignedIn,
    OutOfTime,
    ProviderRefused,
    SignInCancelled,
    SignInNeeded,
    SignInTimeout,
    StoreBusy,
)
from .flows import session as sign_ins
from .flows.clock import utc_now
from .flows.sign_in import Attempt, ways_here
from .flows.token_source import KeptTokens
from .protocol.grant import FLOWS, RESPONSE_TYPES, Grant
from .protocol.tokens import AccessToken, IdToken, TokenSet
from .provider.provider import Provider
from .provider.threads import run_out_of_sight
from .settings.params import ParamsAuth0
from .store import Store
from .store.opening import open_store
from .text import plain

if TYPE_CHECKING:
    import httpx
    import requests
    from distributed import Client

    from .callback.routes import Way
    from .clients.dask.worker import WorkerAuth
    from .clients.requests_session import TokenSession
    from .display.widget import AuthWidget

T = TypeVar("T")

CARD_TIMEOUT = 300.0
"""Seconds for which a card's link works."""

SILENT_TIMEOUT = 15.0
"""Seconds for the browser to start and the provider to say whether it knows the user still."""


class Auth:
    """Signs a user in, and holds the tokens.

    `auth.access_token`, `requests.get(url, auth=auth)` and `auth.session()` give a token that is still good, or raise
    `SignInNeeded`; only `sign_in()` and the magics ask the user.

    Args:
        params: what to sign in for.
        flow: `implicit`, `code` or `device`; by default what the `response_type` of *params* says.
        store: where tokens are kept: `memory` (an equal sign-in of this session serves again), `keyring` or `file`
            (one of another session too), or `none`; or a `Store` of your own.
        renewable: ask for a refresh token, where the flow can give one.
        bind: another address to listen on than the redirect URI's, for a published container port.
        paste: ask also for the URL at which the browser ended, as where it cannot reach this kernel.

    Raises:
        StoreUnavailable: there is no such store here.
    """

    def __init__(
        self,
        params: ParamsAuth0,
        *,
        flow: str | None = None,
        store: str | Store = "memory",
        renewable: bool = True,
        bind: str | None = None,
        paste: bool = False,
    ) -> None:
        if not isinstance(params, ParamsAuth0):
            raise TypeError("params must be a ParamsAuth0")
        if flow not in (None, *FLOWS):
            raise ValueError(f"flow must be one of {', '.join(FLOWS)}")
        if flow in RESPONSE_TYPES:
            params = params.with_response_type(RESPONSE_TYPES[flow], "flow")
        self.params = params
        self.grant = Grant.of(params.response_type, flow, renewable)
        self._store = store
        self._bind = bind
        self._paste = paste
        self._widget: AuthWidget | None = None
        self._kept = KeptTokens(
            params,
            self.grant,
            open_store(store) if isinstance(store, str) else store,
            lambda: utc_now(),
            self._tokens_changed,
        )
        self._lock = threading.RLock()
        self._silence = threading.Lock()
        self._attempt: Attempt | None = None
        self._cards: list[Output] = []
        self._followers: list[Callable[[], None]] = []
        if (shell := current_shell()) is not None:
            guard_inspector(shell)
            guard_tracebacks(shell)
            sign_ins.end_with(shell)

    # Signing in

    def sign_in(self, timeout: float = 300, open_browser: bool = True, force: bool = False) -> Self:
        """Sign in and return this `Auth`; a token that is still good is kept, without a browser.

        One that has ended is renewed by its refresh token; where that cannot be, as for a store that is busy or an
        answer that cannot be trusted, the provider is asked once whether it knows the user still (`prompt=none`), and
        then the user. Blocks until signed in, refused, timed out or interrupted. A sign-in that a card offers already
        is taken over.

        Args:
            timeout: seconds to wait for the browser.
            open_browser: open one; if not, only the link is shown.
            force: sign in again even if there is a good token.

        Raises:
            SignInFailed: no token; its subclasses tell why.
            ProviderError: the provider cannot be reached, also where the tokens only had to be renewed: asking the
                user needs it too.
            KeyboardInterrupt: the user interrupted; the port is free again.
        """
        return self._sign_in(timeout, open_browser, force)

    def _sign_in(self, timeout: float, open_browser: bool, force: bool, given_up: Event | None = None) -> Self:
        shown = panel()
        if self.ask_on(shown, timeout, open_browser, force, given_up=given_up):
            shown.end(self.card())
        return self

    async def sign_in_async(self, timeout: float = 300, open_browser: bool = True, force: bool = False) -> Self:
        """Sign in as `sign_in` does, in a thread: the event loop goes on. Cancelling the task ends the sign-in."""
        import asyncio

        given_up = Event()
        work = asyncio.create_task(asyncio.to_thread(self._sign_in, timeout, open_browser, force, given_up))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            given_up.set()  # there may be no attempt yet
            if (attempt := self._attempt) is not None:
                attempt.cancel("it was interrupted")
            await asyncio.gather(work, return_exceptions=True)
            raise

    def ask_on(
        self,
        shown: Panel,
        timeout: float,
        open_browser: bool,
        force: bool,
        renew: bool = False,
        given_up: Event | None = None,
    ) -> bool:
        """Sign in as `sign_in` does, showing the wait on *shown*; return whether the user had to be asked.

        With *renew*, a good token is no reason to keep it; once *given_up* is set, nobody is asked any more.
        """
        if not 0 < timeout <= 24 * 3600:
            raise ValueError("timeout must be a number of seconds, above 0 and at most a day")
        if not force and self.go_on_without_asking(renew):
            return False
        if not force and self._may_be_silent(open_browser):
            with self._silence:  # who comes second finds what the first one's silent attempt brought
                _check(given_up)  # once it is in: the wait may have been long
                if not renew and self._adopt_good_tokens():
                    return False
                if self._sign_in_silently(min(timeout, SILENT_TIMEOUT), given_up):
                    return True
        try:
            with self._lock:  # who comes second finds the tokens, or the attempt that will bring them
                _check(given_up)
                if not force and not renew and self._adopt_good_tokens():
                    return False
                attempt = self._begin(timeout, open_browser, self._is_unattended(open_browser))
            _cancel_if(given_up, attempt)
            attempt.result(shown.tick, shown.ask if self._may_paste(attempt) else None)
        except BaseException as error:
            if self._attempt is not None and not isinstance(error, IpyauthError):
                self._attempt.cancel("it was interrupted")
            shown.end(None)
            raise
        return True

    def go_on_without_asking(self, renew: bool) -> bool:
        """Tell whether there are good tokens, or could be renewed ones, that need nobody.

        Raises:
            ProviderError: they are to be renewed, and the provider cannot be reached.
        """
        if self._adopt_good_tokens() and not renew:
            return True
        try:
            ended = self._kept.current
            if self.is_signed_in and not renew:
                return True  # they have come just now
            self._kept.renewed(ended)
        except OutOfTime:
            raise  # the user's next sign-in would meet the same clock
        except (NotSignedIn, SignInNeeded):
            return False
        except (InvalidIdToken, InvalidResponse, StoreBusy):
            if renew:
                raise  # who asks for a renewal is told what came of it; who signs in has another way
            return False
        sign_ins.remember(self)
        return True

    def _may_be_silent(self, open_browser: bool) -> bool:
        """Tell whether the provider may know the user still: after a sign-in, by a browser that is at hand."""
        if self.grant.flow == "device" or not self._kept.is_known or self.params.prompt or not open_browser:
            return False
        attempt = self._attempt
        under_way = attempt is not None and not attempt.is_over and not attempt.grant.silent
        return not under_way and why_no_browser() is None

    def _sign_in_silently(self, timeout: float, given_up: Event | None) -> bool:
        """Ask the provider to sign in without asking the user (OpenID Connect Core, 3.1.2.1); tell if that served."""
        with self._lock:
            grant = replace(self.grant, silent=True, subject=str(self.tokens.claims["sub"]))
            attempt = self._begin_anew(grant, timeout, open_browser=True, unattended=True)
        _cancel_if(given_up, attempt)
        try:
            attempt.result()
        except (ProviderRefused, SignInTimeout, NobodyCanAnswer):
            attempt.join()
            return False
        except InvalidIdToken as error:
            if error.check != "sub":
                raise
            attempt.join()
            return False  # somebody else is signed in at the provider now: whether that is meant is the user's to say
        return True

    def ways(self) -> tuple[Way, ...]:
        """Return how the response may come, in the order to try; none where the user is on another device."""
        return () if self.grant.flow == "device" else ways_here(self.params, self._bind, self._paste)

    def _may_paste(self, attempt: Attempt) -> bool:
        """Tell whether the user is to be asked for the response itself."""
        is_wanted = attempt.way is not None and attempt.way.paste and somebody_can_answer()
        return is_wanted and threading.current_thread() is threading.main_thread()

    def _is_unattended(self, open_browser: bool) -> bool:
        """Tell whether nobody could follow a link; raise NobodyCanAnswer if no browser could either."""
        if somebody_can_answer():
            return False
        if self.grant.flow == "device":
            raise NobodyCanAnswer("the device flow needs a person who enters a code")
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
        # Asked in this order: its tokens may come between, but are not taken while the caller holds the lock.
        if attempt is not None and attempt.is_ending_well:
            return attempt
        return self._begin_anew(self.grant, timeout, open_browser, unattended)

    def _begin_anew(
        self, grant: Grant, timeout: float, open_browser: bool = False, unattended: bool = False
    ) -> Attempt:
        ways = self.ways()
        sign_ins.make_room(ways)
        attempt = Attempt(self.params, timeout, ways, self._changed, open_browser, unattended, grant, self._take)
        sign_ins.begun(attempt)
        self._attempt = attempt
        return attempt

    def _take(self, attempt: Attempt) -> None:
        """Take the tokens that *attempt* brought, unless it was stopped; runs in the thread of its grant."""
        with self._lock:
            if attempt.tokens is not None and self._attempt is attempt:
                self._kept.take(attempt.tokens)
                sign_ins.remember(self)

    def _changed(self, attempt: Attempt) -> None:
        """Redraw the cards of *attempt*; runs in the thread of its grant."""
        if attempt.is_over:
            sign_ins.ended(attempt)
        self._redraw_cards()
        self._refresh_widget()

    # The tokens

    @property
    def access_token(self) -> AccessToken:
        """The access token: a `str` whose `repr` is masked; renewed by the refresh token when it is about to end.

        Raises:
            NotSignedIn: before any sign-in.
            SignInNeeded: it has ended, or is about to, and only the user can get another.
            ProviderError: it has ended, and the provider cannot be reached.
        """
        return self._kept.good().access_token

    def renewed_token(self, ended: str) -> AccessToken:
        """Return an access token other than *ended*, which an API has refused although its time is not over.

        Raises:
            SignInNeeded: only the user can get another.
            ProviderError: the provider cannot be reached.
        """
        tokens = self.tokens
        if tokens.access_token == ended:
            tokens = self._kept.renewed(tokens)
        return tokens.access_token

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
        return self._kept.is_signed_in

    @property
    def attempt(self) -> Attempt | None:
        """The sign-in under way, or the last one, if it was not stopped."""
        return self._attempt

    @property
    def tokens(self) -> TokenSet:
        """All that the sign-in gave, ended or not; every token in it is masked.

        Raises:
            NotSignedIn: before any sign-in.
        """
        return self._kept.current

    def _adopt_good_tokens(self) -> bool:
        """Tell whether there are good tokens, here or of an equal sign-in of this session, which are then ours too."""
        if self.is_signed_in:
            return True
        if not self._kept.adopt():
            return False
        sign_ins.remember(self)
        return True

    def holds(self, value: object) -> bool:
        """Tell whether *value* is the access token here, ended or not."""
        return self._kept.is_known and isinstance(value, str) and self.tokens.access_token == value

    def is_like(self, other: Auth) -> bool:
        """Tell whether this is a sign-in for just what *other* is for."""

        def what(auth: Auth) -> tuple[object, ...]:
            return auth.params, auth.grant, auth._store, auth._bind, auth._paste

        return what(self) == what(other)

    def clear(self) -> None:
        """Forget the tokens here and in the store, and end a sign-in that waits."""
        self._end(self._kept.forget)

    def leave(self) -> None:
        """Forget the tokens here, and end a sign-in that waits; what a store keeps for other sessions stays there."""
        self._end(self._kept.leave)

    def _end(self, forget: Callable[[], T]) -> T:
        attempt: Attempt | None = None
        try:
            with self._lock:
                attempt, self._attempt = self._attempt, None
                sign_ins.forget(self)
                return forget()
        finally:
            self._refresh_widget()
            if attempt is not None:
                attempt.cancel("it was cleared")
                attempt.join()

    def stop(self) -> None:
        """End a sign-in that waits, and keep the tokens that are here."""
        with self._lock:
            attempt, self._attempt = self._attempt, None
        self._refresh_widget()
        if attempt is not None:
            attempt.cancel("it was stopped")
            attempt.join()

    def sign_out(self, open_browser: bool = True) -> None:
        """Forget the tokens as `clear` does, have them revoked (RFC 7009), and end the provider's session.

        The session stands in the user's browser, so its end is opened there; where none opens, the link is shown.

        Raises:
            NotSignedIn: nobody is signed in, here or in the store.
            SignOutIncomplete: the tokens are erased, but not everything at the provider could be done.
        """
        from .flows.sign_out import sign_out

        sign_out(self.params, self.grant, self._end(self._kept.take_out), open_browser)

    def userinfo(self) -> dict[str, Any]:
        """Return what the provider's userinfo endpoint tells about the user (OpenID Connect Core, 5.3), asked now.

        Raises:
            NotSignedIn: before any sign-in.
            SignInNeeded: the token has ended, and only the user can get another.
            InvalidResponse: the answer is about another user than the ID token.
            ProviderError: the provider cannot be reached, offers no userinfo, or does not take the token.
        """
        tokens, provider = self._kept.good(), Provider.of(self.params.expected_issuer)
        return run_out_of_sight(
            lambda: provider.userinfo(tokens.access_token, str(tokens.claims["sub"])), "ipyauth-userinfo"
        )

    # Calling APIs

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on *request*: an `Auth` is an auth object of `requests` (RFC 6750, 2.1).

        A 401 that says `invalid_token` is answered by another token, once (3.1).
        """
        from .clients.requests_auth import RequestsAuth

        return RequestsAuth(_Provider(self))(request)

    def on_dask(self, client: Client, *, without_tls: bool = False) -> AbstractContextManager[WorkerAuth]:
        """Return a context that gives an auth object of `requests` for the workers of a Dask cluster.

        The object is picklable and carries no token: tasks take it as an argument. The workers are sent, from here, a
        token that is still good, and each renewal; when the block ends they forget it.

        Args:
            client: the `distributed.Client` of the cluster; its workers need this package too.
            without_tls: send the token also over a network without TLS.

        Raises:
            ImportError: Dask is not installed; the extra is named.
            NotSignedIn: before any sign-in.
            SignInNeeded: the token has ended, and only the user can get another.
            InsecureCluster: the cluster's connections go over a network without TLS.
        """
        try:
            from .clients.dask.kernel import worker_auth
        except ImportError as error:
            raise ImportError("Dask is not installed here: run `pip install 'ipyauth-magic[dask]'`.") from error
        return worker_auth(_Provider(self), self.followed_by, client, without_tls)

    @contextmanager
    def followed_by(self, look: Callable[[], None]) -> Iterator[None]:
        """Have *look* called when the tokens here are others, within the block; it must wait for nobody."""
        self._followers.append(look)
        try:
            yield
        finally:
            self._followers.remove(look)

    def session(self, base_url: str | None = None) -> TokenSession:
        """Return a `requests.Session` that sends the token to one origin only: *base_url*'s, or the first one used.

        URLs may be relative to *base_url*.
        """
        from .clients.requests_session import TokenSession

        return TokenSession(_Provider(self), base_url)

    def httpx(self) -> httpx.Auth:
        """Return an auth object for httpx, as `httpx.Client(auth=auth.httpx())`, for its asynchronous client too.

        Raises:
            ImportError: httpx is not installed; the extra is named.
        """
        try:
            from .clients.httpx_auth import TokenAuth
        except ImportError as error:
            raise ImportError("httpx is not installed here: run `pip install 'ipyauth-magic[httpx]'`.") from error
        return TokenAuth(_Provider(self))

    # Showing

    def card(self) -> Card:
        """Return the card of the state: signed in, under way, failed or not begun."""
        attempt = self._attempt
        if attempt is not None and not attempt.is_over and not self._has_use:
            return card_of(attempt)
        return self.lasting_card()

    def lasting_card(self) -> Card:
        """Return the card as it may stay in a notebook for ever: without the link of a sign-in under way."""
        attempt, tokens = self._attempt, self._kept.current if self._kept.is_known else None
        if tokens is not None and self._has_use:
            left = (tokens.expires_at - utc_now()).total_seconds()
            issuer, audience = self.params.expected_issuer, self.params.audience
            renewable = tokens.refresh_token is not None
            scope = scopes_in_words(tokens.scope, self.params.scope)
            card = signed_in_card(tokens.logged_as, issuer, audience, scope, tokens.expires_at, left, renewable)
            return replace(card, note=self._advice())
        title = f"The sign-in of {tokens.logged_as} has ended" if tokens else "Not signed in"
        if attempt is not None and attempt.error is not None:
            return Card("bad", title, self._what(), note=str(attempt.error))
        return Card("still", title, self._what(), note="Run sign_in(), or the %%auth0 cell.")

    @property
    def _has_use(self) -> bool:
        """Whether there are tokens that serve, now or once they are renewed."""
        return self.is_signed_in or self._kept.is_renewable

    def _advice(self) -> str:
        """Return why another flow is better, for one sign-in of a session."""
        if self.grant.flow != "implicit" or not sign_ins.is_to_be_advised(self):
            return ""
        return 'Tip: --flow code (in Python flow="code") keeps tokens out of the browser and renews them unasked.'

    def _what(self) -> list[tuple[str, str]]:
        return [("Provider", self.params.expected_issuer), ("Scopes", self.params.scope)]

    def show(self) -> None:
        """Print name, parameters, user, time left, end and scopes; no secret."""
        rows = [("name", "auth0"), ("params", repr(self.params))]
        if not self._kept.is_known:
            rows += [(name, "") for name in ("logged_as", "time_to_exp", "expires_at", "scope")]
        else:
            rows += [("logged_as", plain(self.logged_as)), ("time_to_exp", self.time_to_exp)]
            rows += [("expires_at", self.expires_at.isoformat(" ", "seconds")), ("scope", plain(self.scope, 2000))]
        for name, value in rows:
            print(f"{name:<11} : {value}")

    def __repr__(self) -> str:
        who = plain(self.logged_as) if self._kept.is_known else "nobody"
        return f"<Auth: {who} at {self.params.expected_issuer}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("An Auth holds a secret and is not pickled; sign in where it is needed.")

    def _ipython_display_(self) -> None:
        """Show the live widget where anywidget is installed and somebody can use it; else the card."""
        if (widget := self._live_widget()) is None:
            self._show_card()
            return
        self._adopt_good_tokens()
        widget.show()

    def _live_widget(self) -> AuthWidget | None:
        """Return the one widget of this `Auth`, shown as often as it may be; None where a card is to be shown.

        Where nobody can answer it would only be saved: nbclient writes the state of every widget into the notebook.
        """
        if not in_notebook() or not somebody_can_answer():
            return None
        try:
            from .display.widget import AuthWidget
        except ImportError:  # the extra `[widget]` is not installed
            return None
        with self._lock:
            if self._widget is None:
                self._widget = AuthWidget(self)
        return self._widget

    def _tokens_changed(self) -> None:
        """Be no sign-in of the session any more where another notebook has signed out; waits for nobody."""
        if not self._kept.is_known:
            sign_ins.forget(self)
        self._refresh_widget()
        for look in list(self._followers):
            look()

    def _refresh_widget(self) -> None:
        """Bring the widget up to date; waits for nobody, whatever locks the caller holds."""
        if self._widget is not None:
            self._widget.refresh()

    def _show_card(self) -> None:
        """Show the card; if nobody is signed in and somebody can, the card offers the sign-in and does not block."""
        with self._lock:
            if not self._adopt_good_tokens() and not self._kept.is_renewable and somebody_can_answer():
                try:
                    attempt = self.offer()
                except IpyauthError as error:
                    Output().show(Card("bad", "Not signed in", self._what(), note=str(error)).bundle())
                    return
                # A notebook's card is drawn again when the link is known; a terminal's lines stay.
                attempt.wait_for_url(0.3 if in_notebook() else 10)
            output = Output()
            self._cards.append(output)
            output.show(self.card().bundle())

    def offer(self) -> Attempt:
        """Begin a sign-in that waits for whoever follows its link, unless one is under way, and return it.

        Raises:
            PortTaken: no redirect URI's port is free.
            InvalidParams: the response mode does not go with any way of the response.
        """
        with self._lock:
            attempt = self._attempt
            if attempt is None or attempt.is_over:
                attempt = self._begin_anew(self.grant, CARD_TIMEOUT)
                sign_ins.offer(attempt)
            attempt.start()
        return attempt

    def _redraw_cards(self) -> None:
        """Bring the cards up to date; a terminal's lines cannot be replaced."""
        if not self._cards or not in_notebook():
            return
        with self._lock:
            bundle = self.card().bundle()
            for output in self._cards:
                output.show(bundle)
            if self._attempt is None or self._attempt.is_over:
                self._cards.clear()  # what they show now is final


class _Provider:
    """The tokens of an `Auth` for the clients: a `TokenProvider`."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    @property
    def is_good(self) -> bool:
        return self._auth.is_signed_in

    @property
    def tokens(self) -> TokenSet:
        return self._auth.tokens

    def get(self) -> TokenSet:
        return self._auth._kept.good()

    def renew_refused(self, access_token: str) -> TokenSet:
        self._auth.renewed_token(access_token)
        return self._auth.tokens


def _cancel_if(given_up: Event | None, attempt: Attempt) -> None:
    """Cancel *attempt* if its caller gave up while it was made: whoever said so found no attempt to cancel."""
    if given_up is not None and given_up.is_set():
        attempt.cancel("it was interrupted")


def _check(given_up: Event | None) -> None:
    if given_up is not None and given_up.is_set():
        raise SignInCancelled("it was interrupted")
