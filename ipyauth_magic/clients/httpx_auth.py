"""An auth object for httpx that sends a token and renews it, without blocking an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

import anyio.to_thread
import httpx

from ..errors import IpyauthError
from .retry import says_invalid_token

if TYPE_CHECKING:
    from ..auth import Auth
    from ..protocol.tokens import AccessToken


class TokenAuth(httpx.Auth):
    """Sends the token of *auth* (RFC 6750, 2.1); after a 401 that says `invalid_token`, another one, once.

    httpx itself takes the header off a redirect to another origin. The user is never asked: where only the user can
    help, the request raises `SignInNeeded`.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send *request* with the token, and perhaps once more."""
        token = self._auth.access_token
        response = yield _with_token(request, token)
        if _asks_for_another(request, response):
            try:
                token = self._auth.renewed_token(token)
            except IpyauthError:
                return  # the API's own answer says what is wrong
            yield _with_token(request, token)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send *request* with the token, and perhaps once more; what renews runs in a thread."""
        auth = self._auth
        token = (
            auth.tokens.access_token if auth.is_signed_in else await anyio.to_thread.run_sync(lambda: auth.access_token)
        )
        response = yield _with_token(request, token)
        if _asks_for_another(request, response):
            try:
                token = await anyio.to_thread.run_sync(auth.renewed_token, token)
            except IpyauthError:
                return
            yield _with_token(request, token)


def _with_token(request: httpx.Request, token: AccessToken) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _asks_for_another(request: httpx.Request, response: httpx.Response) -> bool:
    """Tell whether the request is to be sent again: it carried the token to the end, and its body is still there."""
    carried = response.request.headers.get("Authorization") == request.headers["Authorization"]
    refused = says_invalid_token(response.status_code, response.headers.get("WWW-Authenticate", ""))
    return refused and carried and isinstance(request.stream, httpx.ByteStream)
