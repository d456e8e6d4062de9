"""`Auth`: the object that a user holds. It gives a valid token on demand, and asks the user only when it is told to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from . import clients
from .display.auth_display import AuthDisplay
from .display.authentication import authenticate_async
from .display.panel import panel, person_can_answer, show_text
from .display.view import card_of, interrupted, shown_lines, time_left, who
from .errors import no_attribute_of_auth
from .flows.authenticator import Authenticator
from .flows.sign_in_request import SignInRequest
from .protocol.tokens import AccessToken, IdToken, OneProcess
from .settings.params import ParamsAuth0, more_scopes
from .store import Store

if TYPE_CHECKING:
    from distributed import Client

    from .clients import TokenAuth, TokenSession, WorkerAuth

Request = TypeVar("Request")


class Auth(OneProcess):
    """Signs a user in, and holds the tokens.

    `auth.access_token`, `requests.get(url, auth=auth)` and `auth.session()` give a token that is still good, or raise
    `SignInNeeded`. Only `sign_in()` and the magics ask the user. Before a sign-in and after a sign-out, every property
    and method that needs the tokens raises `NotSignedIn`.

    Args:
        params: the parameters of the sign-in.
        flow: `implicit`, `code` or `device`. By default the `flow` or the `response_type` of *params* decides.
        store: the place for tokens: `memory`, `keyring`, `file` or `none`, or a `Store` of your own. Tokens in `memory`
            serve an equal sign-in of this session, and those in `keyring` or `file` of another session too. By default
            the `store` of *params*, otherwise `memory`.
        renewable: True asks for a refresh token in any case, False never. None asks for one if the flow can give one,
            unless the provider lists its scopes without `offline_access`.
        bind: listen on this address instead of the redirect URI's, for a published container port.
        paste: also ask for the URL at which the browser ended, for a browser that cannot reach this kernel.

    Raises:
        TypeError: *params* is not a `ParamsAuth0`.
        InvalidParams: there is no such flow or store, or *params* ask for no ID token, and the flow needs one.
        StoreUnavailable: the store does not work here.
    """

    def __init__(
        self,
        params: ParamsAuth0,
        *,
        flow: str | None = None,
        store: str | Store | None = None,
        renewable: bool | None = None,
        bind: str | None = None,
        paste: bool = False,
    ) -> None:
        if not isinstance(params, ParamsAuth0):
            raise TypeError("params must be a ParamsAuth0")
        attended = person_can_answer()
        request = SignInRequest.of(params, flow, store, renewable, bind, paste, is_attended=attended)
        self._authenticator = Authenticator(request)
        self._display = AuthDisplay(self._authenticator)

    def sign_in(
        self, timeout: float | None = None, open_browser: bool = True, force: bool = False, add_scope: str | None = None
    ) -> Self:
        """Sign in and return this `Auth`; a token that is still good is kept, without a browser.

        An expired token is renewed with its refresh token. If the renewal fails, for example because the store is busy
        or an answer cannot be trusted, the user is asked. If a card already offers a sign-in, this call takes it over.
        It blocks until the user is signed in, the provider refuses, the time is over, or the user interrupts.

        Args:
            timeout: seconds to wait for the browser, above 0 and at most a day. None is the `timeout` of the
                parameters, otherwise 300.
            open_browser: open a browser. If False, only the link is shown.
            force: sign in again even if there is a good token.
            add_scope: further scopes, separated by spaces. If the token lacks one of them, the user is asked to sign in
                for these and the earlier scopes. The earlier token is kept until there is a new one.

        Raises:
            InvalidParams: *add_scope* is not a list of scopes, or *timeout* is not such a number.
            SignInFailed: there is no token; the subclass is the reason.
            ProviderError: the provider cannot be reached, for a sign-in or for a renewal.
            KeyboardInterrupt: the user interrupted; the port is free again.
        """
        shown, more = panel(), more_scopes(add_scope)
        try:
            if self._authenticator.authenticate(shown, timeout, open_browser, force, more=more):
                shown.end(card_of(self._authenticator, self._display.ready()))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(interrupted(self._authenticator)) from None
        return self

    async def sign_in_async(
        self, timeout: float | None = None, open_browser: bool = True, force: bool = False, add_scope: str | None = None
    ) -> Self:
        """Sign in as `sign_in` does, without blocking the event loop; a cancelled task ends the sign-in.

        Raises:
            SignInCancelled: the user interrupted the kernel.
            InvalidParams, SignInFailed, ProviderError: as `sign_in` does.
        """
        more = more_scopes(add_scope)
        await authenticate_async(self._authenticator, self._display.ready, timeout, open_browser, force, more)
        return self

    # The tokens

    @property
    def access_token(self) -> AccessToken:
        """The access token: a `str` whose `repr` is masked; renewed first if it is about to expire.

        Raises:
            SignInNeeded: it has expired, or is about to, and only the user can get another token.
            ProviderError, InvalidResponse, InvalidIdToken, StoreBusy: it has expired, and its renewal has failed.
        """
        return self._authenticator.source.get().access_token

    def renew(self) -> Self:
        """Get new tokens with the refresh token now, and return this `Auth`; the user is not asked (RFC 6749, 6).

        Raises:
            SignInNeeded: there is no refresh token, or the provider refuses it.
            ProviderError, InvalidResponse, InvalidIdToken, StoreBusy: the renewal has failed; the class is the reason.
        """
        self._authenticator.source.renew(self._authenticator.source.current)
        return self

    @property
    def is_renewable(self) -> bool:
        """Whether there is a refresh token."""
        return self._authenticator.source.is_renewable

    @property
    def id_token(self) -> IdToken | None:
        """The ID token: a `str` whose `repr` is masked; None if the provider gives none, as in plain OAuth 2.0."""
        return self._authenticator.source.current.id_token

    @property
    def claims(self) -> Mapping[str, Any]:
        """The verified claims of the ID token, without the used nonce; empty if there is no ID token."""
        claims = self._authenticator.source.current.claims
        return {name: value for name, value in claims.items() if name != "nonce"}

    @property
    def logged_as(self) -> str:
        """The user's name: `nickname`, else `name`, else `email`, else `sub`.

        Without an ID token, the name comes from the userinfo endpoint. If that gives none, the name is `unknown`.
        """
        return self._authenticator.source.current.logged_as

    @property
    def scope(self) -> str:
        """The granted scopes, separated by spaces."""
        return self._authenticator.source.current.scope

    @property
    def expires_at(self) -> datetime | None:
        """The time at which the access token expires: aware, UTC; None if the provider gives no lifetime."""
        return self._authenticator.source.current.expires_at

    @property
    def time_to_exp(self) -> str:
        """The time until the access token expires, `HH:MM:SS`; `00:00:00` after that, `unknown` without a lifetime."""
        return time_left(self.expires_at)

    def userinfo(self) -> dict[str, Any]:
        """Request the user's claims from the provider's userinfo endpoint, and return them (OpenID Connect Core, 5.3).

        Raises:
            SignInNeeded: the token has expired, and only the user can get another.
            InvalidResponse: the answer is about another user than the ID token.
            ProviderError: the provider cannot be reached, has no such endpoint, or rejects the token.
        """
        return self._authenticator.source.userinfo()

    def clear(self) -> None:
        """Forget the tokens here and in the store, and end a sign-in that waits."""
        self._authenticator.clear()

    def sign_out(self, open_browser: bool = True) -> None:
        """Forget the tokens as `clear` does, revoke them (RFC 7009), and ask the provider to end its session.

        The session is in the user's browser, so a tab there asks the provider (RP-Initiated Logout 1.0), and the
        provider's page in the tab shows the result. Without tokens, here or in the store, a line says that there is
        nothing to sign out of.

        Args:
            open_browser: open a browser. If False, or if none opens, the link is shown.

        Raises:
            SignOutIncomplete: the tokens are erased, but a step at the provider failed.
        """
        from .display.sign_out import sign_out

        sign_out(self._authenticator, open_browser)

    # Calling APIs

    @overload
    def __call__(self) -> AccessToken: ...

    @overload
    def __call__(self, request: Request) -> Request: ...

    def __call__(self, request: Request | None = None) -> AccessToken | Request:
        """Return the current access token; with a *request*, put the token on it and return it (RFC 6750, 2.1).

        So an `Auth` is a token provider, `OpenAI(api_key=auth)`, and an auth object of `requests`. There, a request
        that is answered by 401 with `invalid_token` is sent once more, with another token (3.1). A request of httpx or
        httpx2 is accepted too, but `httpx()` is better for them: it also sends the request once more, and does not
        block an event loop.

        Raises:
            SignInNeeded: the token has expired, and only the user can get another.
            ProviderError: the token has expired, and the provider cannot be reached.
            InsecureApi: *request* goes to another machine over plain http.
            OtherOrigin: the user signed in by an API's address, and *request* goes to another origin.
        """
        if request is None:
            return self.access_token
        return clients.for_requests(self._authenticator.source)(request)

    def session(self, base_url: str | None = None, *, without_tls: bool = False) -> TokenSession:
        """Return a `requests.Session` that sends the token to one origin only: *base_url*'s, or the first one used.

        URLs may be relative to *base_url*, as links are to their page (RFC 3986, 5.2). If *base_url* ends with a slash,
        such as `https://api.example.com/v1/`, the path `items` is `/v1/items`. Without that slash, `items` replaces
        `v1`. A path that begins with a slash begins at the host.

        Args:
            base_url: an https URL, or an http URL of this machine. By default the API's address, if the user signed in
                by that.
            without_tls: send the token also over plain http to another machine, where others can read it.

        Raises:
            InvalidParams: *base_url* is not an http or https URL.
            OtherOrigin: the user signed in by an API's address, and *base_url* has another origin.
            InsecureApi: *base_url* is plain http to another machine. Without *base_url*, the first request raises it.
        """
        return clients.session(self._authenticator.source, base_url, without_tls)

    def httpx(self, *, without_tls: bool = False) -> TokenAuth:
        """Return an auth object for httpx and httpx2, as `httpx.Client(auth=auth.httpx())`.

        It also works with their asynchronous clients, and does not block an event loop. A request over plain http to
        another machine raises `InsecureApi`.

        Args:
            without_tls: send the token also over plain http to another machine, where others can read it.

        Raises:
            ImportError: neither is installed. The message names the extra to install.
        """
        return clients.for_httpx(self._authenticator.source, without_tls)

    def on_dask(self, client: Client, *, without_tls: bool = False) -> AbstractContextManager[WorkerAuth]:
        """Return a context that gives an auth object of `requests` for the workers of a Dask cluster.

        The object is picklable and contains no token, so tasks take it as an argument. This process sends the workers a
        good token, and another one after each renewal. When the block ends, they forget it.

        Args:
            client: the `distributed.Client` of the cluster; its workers need this package too.
            without_tls: send the token also over a network without TLS: to the workers, and from them to an API.

        Raises:
            ImportError: Dask is not installed. The message names the extra to install.
            SignInNeeded: the token has expired, and only the user can get another.
            InsecureCluster: the cluster's connections go over a network without TLS.
        """
        authenticator = self._authenticator
        return clients.for_dask(authenticator.source, authenticator.changed.connected, client, without_tls)

    # Showing

    def show(self) -> None:
        """Print the parameters, the user, the scopes, the expiry and the time left; no secret."""
        show_text(shown_lines(self._authenticator))

    def __repr__(self) -> str:
        return f"<Auth: {who(self._authenticator)} at {self._authenticator.params.expected_issuer}>"

    def _ipython_display_(self) -> None:
        self._display.show()

    if not TYPE_CHECKING:  # type checkers tell by themselves that there is no such attribute
        __getattr__ = no_attribute_of_auth


def authenticator_of(auth: Auth) -> Authenticator:
    """Return what the magics and the command line need of *auth* beyond its contract."""
    return auth._authenticator
