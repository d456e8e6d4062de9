"""An auth object for httpx that sends a token and renews it, without blocking an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Protocol

import anyio.to_thread
import httpx

from ..display.traceback_masking import guard_tracebacks
from ..protocol.tokens import AccessToken, AuthorizationHeader
from .retry import Answer, HasAccessToken, TokenProvider, bearer_flow, check_transport


class ReadyProvider(TokenProvider[HasAccessToken], Protocol):
    """A token provider that can tell, without waiting, whether a token is at hand."""

    @property
    def is_good(self) -> bool:
        """Whether there is a token that is still good."""

    @property
    def current(self) -> HasAccessToken:
        """The tokens as they are, good or not."""


class TokenAuth(httpx.Auth):
    """Sends the token of *provider* (RFC 6750, 2.1); after a 401 that says `invalid_token`, another one, once.

    httpx itself takes the header off a redirect to another origin. The user is never asked: where only the user can
    help, the request raises `SignInNeeded`. A request over a network without TLS raises `InsecureApi`, unless
    *without_tls* allows it.
    """

    def __init__(self, provider: ReadyProvider, without_tls: bool = False) -> None:
        self._provider = provider
        self._without_tls = without_tls

    def auth_flow(
        self, request: httpx.Request, token: AccessToken | None = None
    ) -> Generator[httpx.Request, httpx.Response]:
        """Send *request* with *token*, by default the provider's, and perhaps once more."""
        guard_tracebacks()
        check_transport(str(request.url), self._without_tls)
        flow = bearer_flow(self._provider, token)
        response = yield _with_token(request, next(flow))
        if _may_be_repeated(request, response):
            answer = Answer(response.status_code, response.headers.get("WWW-Authenticate", ""))
            try:
                another = flow.send(answer)
            except StopIteration:
                return
            yield _with_token(request, another)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send *request* with the token, and perhaps once more; each step that may wait runs in a thread."""
        token = self._provider.current.access_token if self._provider.is_good else None
        flow = self.auth_flow(request, token)
        response = yield next(flow) if token is not None else await anyio.to_thread.run_sync(next, flow)
        if response.status_code == 401:
            again = await anyio.to_thread.run_sync(_next_request, flow, response)
            if again is not None:
                yield again


def _next_request(flow: Generator[httpx.Request, httpx.Response], response: httpx.Response) -> httpx.Request | None:
    """Return the request that *flow* sends after *response*, or None; a coroutine cannot raise `StopIteration`."""
    try:
        return flow.send(response)
    except StopIteration:
        return None


def _with_token(request: httpx.Request, token: AccessToken) -> httpx.Request:
    request.headers["Authorization"] = AuthorizationHeader.bearer(token)
    return request


def _may_be_repeated(request: httpx.Request, response: httpx.Response) -> bool:
    """Tell whether the request carried the token to the end, and whether its body is still there."""
    carried = response.request.headers.get("Authorization") == request.headers["Authorization"]
    return carried and isinstance(request.stream, httpx.ByteStream)
