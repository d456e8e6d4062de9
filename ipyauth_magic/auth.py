"""Auth: what the user holds. A valid token on demand, signed in by the user when asked, never by itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from . import clients
from .display.auth_display import AuthDisplay
from .display.authentication import authenticate, authenticate_async
from .display.panel import person_can_answer, show_text
from .display.view import interrupted, shown_lines, time_left, who
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
    `SignInNeeded`. Only `sign_in()` and the magics ask the user.

    Args:
        params: what to sign in for.
        flow: `implicit`, `code` or `device`; by default what *params* say, by their `flow` or `response_type`.
        store: where tokens are kept: `memory` (an equal sign-in of this session serves again), `keyring` or `file`
            (one of another session too), or `none`; or a `Store` of your own. By default what *params* say, else
            `memory`.
        renewable: True asks for a refresh token in any case, False never; None asks where the flow can give one, unless
            the provider does not know the scope `offline_access`.
        bind: another address to listen on than the redirect URI's, for a published container port.
        paste: ask also for the URL at which the browser ended, as where it cannot reach this kernel.

    Raises:
        InvalidParams: there is no such flow or store, or *params* ask for no ID token, and the flow needs one.
        StoreUnavailable: there is no such store here.
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

        One that has ended is renewed by its refresh token. Where that fails, as with a store that is busy or an answer
        that cannot be trusted, the user is asked. Blocks until signed in, refused, timed out or interrupted. A sign-in
        that a card offers already is taken over.

        Args:
            timeout: seconds to wait for the browser; by default what the parameters say, else 300.
            open_browser: open one; if not, only the link is shown.
            force: sign in again even if there is a good token.
            add_scope: further scopes, separated by spaces. Where the token lacks one, the user is asked for it, beside
                the scopes of before. The token of before is kept until there is one for more.

        Raises:
            InvalidParams: *add_scope* is not a list of scopes, or *timeout* not a number of seconds up to a day.
            SignInFailed: no token; its subclasses tell why.
            ProviderError: the provider cannot be reached, also where the tokens only had to be renewed: asking the
                user needs it too.
            KeyboardInterrupt: the user interrupted; the port is free again.
        """
        more = more_scopes(add_scope)
        try:
            authenticate(self._authenticator, self._display.ready, timeout, open_browser, force, more)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(interrupted(self._authenticator)) from None
        return self

    async def sign_in_async(
        self, timeout: float | None = None, open_browser: bool = True, force: bool = False, add_scope: str | None = None
    ) -> Self:
        """Sign in as `sign_in` does, in a thread: the event loop goes on. Cancelling the task ends the sign-in.

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
        """The access token: a `str` whose `repr` is masked; renewed by the refresh token when it is about to end.

        Raises:
            NotSignedIn: before any sign-in.
            SignInNeeded: it has ended, or is about to, and only the user can get another.
            ProviderError: it has ended, and the provider cannot be reached.
        """
        return self._authenticator.source.get().access_token

    def renew(self) -> Self:
        """Get new tokens by the refresh token now, and return this `Auth`; the user is not asked.

        Raises:
            NotSignedIn: before any sign-in.
            SignInNeeded: there is no refresh token, or the provider does not take it.
            ProviderError: the provider cannot be reached.
        """
        self._authenticator.source.renew(self._authenticator.source.current)
        return self

    @property
    def is_renewable(self) -> bool:
        """Whether there is a refresh token."""
        return self._authenticator.source.is_renewable

    @property
    def id_token(self) -> IdToken | None:
        """The ID token: a `str` whose `repr` is masked; None where the provider gives none, as in plain OAuth 2.0."""
        return self._authenticator.source.current.id_token

    @property
    def claims(self) -> Mapping[str, Any]:
        """The verified claims of the ID token, without the nonce, which is of no more use; empty without one."""
        claims = self._authenticator.source.current.claims
        return {name: value for name, value in claims.items() if name != "nonce"}

    @property
    def logged_as(self) -> str:
        """The user's name: `nickname`, else `name`, else `email`, else `sub`.

        Without an ID token the userinfo endpoint tells it; where that does not, the name is `unknown`.
        """
        return self._authenticator.source.current.logged_as

    @property
    def scope(self) -> str:
        """The granted scopes, space separated."""
        return self._authenticator.source.current.scope

    @property
    def expires_at(self) -> datetime | None:
        """When the access token ends: aware, UTC; None where the provider tells no lifetime."""
        return self._authenticator.source.current.expires_at

    @property
    def time_to_exp(self) -> str:
        """Time left, `HH:MM:SS`; `00:00:00` once ended, `unknown` where the provider tells no lifetime."""
        return time_left(self.expires_at)

    def userinfo(self) -> dict[str, Any]:
        """Return what the provider's userinfo endpoint tells about the user now (OpenID Connect Core, 5.3).

        Raises:
            NotSignedIn: before any sign-in.
            SignInNeeded: the token has ended, and only the user can get another.
            InvalidResponse: the answer is about another user than the ID token.
            ProviderError: the provider cannot be reached, offers no userinfo, or does not take the token.
        """
        return self._authenticator.source.userinfo()

    def clear(self) -> None:
        """Forget the tokens here and in the store, and end a sign-in that waits."""
        self._authenticator.clear()

    def sign_out(self, open_browser: bool = True) -> None:
        """Forget the tokens as `clear` does, have them revoked (RFC 7009), and ask the provider to end its session.

        The session stands in the user's browser, so the provider is asked there (RP-Initiated Logout 1.0), and shows
        there whether it has ended. If no browser opens, the link is shown. Without tokens, here or in the store, a line
        says that there is nothing to sign out of.

        Raises:
            SignOutIncomplete: the tokens are erased, but not everything at the provider could be done.
        """
        from .display.sign_out import sign_out

        sign_out(self._authenticator, open_browser)

    # Calling APIs

    @overload
    def __call__(self) -> AccessToken: ...

    @overload
    def __call__(self, request: Request) -> Request: ...

    def __call__(self, request: Request | None = None) -> AccessToken | Request:
        """Return the access token of this moment; with a *request*, put it on that and return it (RFC 6750, 2.1).

        So an `Auth` is a token provider, and an auth object of `requests`. There a 401 that says `invalid_token` is
        answered with another token, once (3.1). It takes a request of httpx and httpx2 too. With these, `httpx()` is
        better: it gives the second try, and does not block an event loop.

        Raises:
            NotSignedIn: before any sign-in.
            SignInNeeded: the token has ended, and only the user can get another.
            ProviderError: the token has ended, and the provider cannot be reached.
            InsecureApi: *request* goes to another machine over plain http.
            OtherOrigin: *request* goes to another origin than the API by whose address the user signed in.
        """
        if request is None:
            return self.access_token
        return clients.for_requests(self._authenticator.source)(request)

    def session(self, base_url: str | None = None, *, without_tls: bool = False) -> TokenSession:
        """Return a `requests.Session` that sends the token to one origin only: *base_url*'s, or the first one used.

        URLs may be relative to *base_url*, as links are to the page that they stand on (RFC 3986, 5.2). With a slash
        at the end, as `https://api.example.com/v1/`, the path `items` is `/v1/items`. Without it, `items` takes the
        place of `v1`. A path with a slash before it begins at the host.

        Args:
            base_url: an https URL, or an http one of this machine. By default the address of the API, if that was
                what the user signed in by.
            without_tls: send the token also over plain http to another machine, where others can read it.

        Raises:
            InvalidParams: *base_url* is not an http or https URL.
            OtherOrigin: *base_url* is of another origin than the API by whose address the user signed in.
            InsecureApi: *base_url* is plain http to another machine. Without *base_url*, the first request raises it.
        """
        return clients.session(self._authenticator.source, base_url, without_tls)

    def httpx(self, *, without_tls: bool = False) -> TokenAuth:
        """Return an auth object for httpx and httpx2, as `httpx.Client(auth=auth.httpx())`.

        It serves their asynchronous clients too, and does not block an event loop. A request with it over plain http to
        another machine raises `InsecureApi`.

        Args:
            without_tls: send the token also over plain http to another machine, where others can read it.

        Raises:
            ImportError: neither is installed; the extra is named.
        """
        return clients.for_httpx(self._authenticator.source, without_tls)

    def on_dask(self, client: Client, *, without_tls: bool = False) -> AbstractContextManager[WorkerAuth]:
        """Return a context that gives an auth object of `requests` for the workers of a Dask cluster.

        The object is picklable and carries no token: tasks take it as an argument. The workers are sent, from here, a
        token that is still good, and each renewal; when the block ends they forget it.

        Args:
            client: the `distributed.Client` of the cluster; its workers need this package too.
            without_tls: send the token also over a network without TLS: to the workers, and from them to an API.

        Raises:
            ImportError: Dask is not installed; the extra is named.
            NotSignedIn: before any sign-in.
            SignInNeeded: the token has ended, and only the user can get another.
            InsecureCluster: the cluster's connections go over a network without TLS.
        """
        authenticator = self._authenticator
        return clients.for_dask(authenticator.source, authenticator.changed.connected, client, without_tls)

    # Showing

    def show(self) -> None:
        """Print name, parameters, user, time left, end and scopes; no secret."""
        show_text(shown_lines(self._authenticator))

    def __repr__(self) -> str:
        return f"<Auth: {who(self._authenticator)} at {self._authenticator.params.expected_issuer}>"

    def _ipython_display_(self) -> None:
        self._display.show()


def authenticator_of(auth: Auth) -> Authenticator:
    """Return what the magics and the command line need of *auth* beyond its contract."""
    return auth._authenticator
