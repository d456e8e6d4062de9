"""An auth object for httpx and httpx2 that sends a token and renews it, without blocking an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from importlib import import_module
from typing import Any, ClassVar, Protocol

import anyio.to_thread

from ..protocol.tokens import AccessToken, AuthorizationHeader, OneProcess
from .requests_auth import RequestsAuth
from .retry import Answer, HasAccessToken, TokenProvider


class ReadyProvider(TokenProvider[HasAccessToken], Protocol):
    """A token provider that can tell, without waiting, whether a token is at hand."""

    @property
    def is_good(self) -> bool:
        """Whether there is a token that is still good."""

    @property
    def current(self) -> HasAccessToken:
        """The tokens as they are, good or not."""


class TokenAuth(OneProcess, RequestsAuth):
    """An auth object that sends the token (RFC 6750, 2.1); `auth.httpx()` returns it.

    It works with httpx and httpx2, also with their asynchronous clients, and with `requests`. A request that is
    answered by 401 with `invalid_token` is sent once more, with another token. Each library removes the header on a
    redirect to another origin. The user is never asked.

    Args:
        provider: gives the tokens.
        without_tls: send the token also over plain http to another machine.

    Raises:
        SignInNeeded: on sending: the token has expired, and only the user can get another.
        InsecureApi: on sending: the request goes to another machine over plain http.
        OtherOrigin: on sending: the user signed in by an API's address, and the request goes to another origin.
    """

    _kept_bodies: ClassVar[tuple[type, ...]] = ()
    """Classes of bodies that can be sent once more."""

    def __init__(self, provider: ReadyProvider, without_tls: bool = False) -> None:
        super().__init__(provider, without_tls=without_tls)
        self._ready = provider

    def auth_flow(self, request: Any, token: AccessToken | None = None) -> Generator[Any, Any]:
        """Send *request* with *token*, by default the provider's, and perhaps once more."""
        flow = self._bearer.flow(str(request.url), token)
        header: AuthorizationHeader | None = next(flow)
        while header is not None:
            response = yield _with_header(request, header)
            header = self._next_header(flow, request, response)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Send *request* with the token, and perhaps once more; each step that may wait runs in a thread."""
        token = self._ready.current.access_token if self._ready.is_good else None
        flow = self.auth_flow(request, token)
        sent = next(flow) if token is not None else await anyio.to_thread.run_sync(next, flow)
        while sent is not None:
            response = yield sent
            if response.status_code not in (401, 403):  # no thread for an answer that says nothing of the token
                return
            sent = await anyio.to_thread.run_sync(_next_request, flow, response)

    def _next_header(
        self, flow: Generator[AuthorizationHeader, Answer], request: Any, response: Any
    ) -> AuthorizationHeader | None:
        """Return the header that *flow* sends after *response*, or None."""
        if response.request.headers.get("Authorization") != request.headers["Authorization"]:
            return None  # a redirect led to another origin, without the token
        said = response.headers.get("WWW-Authenticate", "")
        with suppress(StopIteration):
            return flow.send(Answer(response.status_code, said, isinstance(request.stream, self._kept_bodies)))
        return None


def token_auth(provider: ReadyProvider, without_tls: bool = False) -> TokenAuth:
    """Return an auth object for those of httpx and httpx2 that are installed.

    Each takes an object of its own class `Auth` only, so the object's class is derived from both.

    Raises:
        ImportError: neither is installed.
    """
    libraries = []
    for name in ("httpx", "httpx2"):
        with suppress(ImportError):
            libraries.append(import_module(name))
    if not libraries:
        raise ImportError("httpx or httpx2")
    # One class where the names are of one module, as httpx2.alias_httpx() has it.
    classes = dict.fromkeys(each.Auth for each in libraries)
    bodies = tuple(each.ByteStream for each in libraries)
    made: TokenAuth = type("TokenAuth", (TokenAuth, *classes), {"_kept_bodies": bodies})(provider, without_tls)
    return made


def _next_request(flow: Generator[Any, Any], response: Any) -> Any:
    """Return the request that *flow* sends after *response*, or None; a coroutine cannot raise `StopIteration`."""
    try:
        return flow.send(response)
    except StopIteration:
        return None


def _with_header(request: Any, header: AuthorizationHeader) -> Any:
    request.headers["Authorization"] = header
    return request
