"""An auth object of `requests`: puts the token on a request, and after a 401 sends it once more with another token."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..protocol.tokens import AuthorizationHeader
from .retry import Answer, Bearer, HasAccessToken, TokenProvider

if TYPE_CHECKING:
    import requests

R = TypeVar("R")


class RequestsAuth:
    """Puts the token on a request (RFC 6750, 2.1); after a 401 with `invalid_token`, sends it once more with another.

    Args:
        provider: gives the tokens.
        header: makes the value of the `Authorization` header.
        without_tls: send the token also over plain http to another machine.
    """

    def __init__(
        self,
        provider: TokenProvider[HasAccessToken],
        header: type[AuthorizationHeader] = AuthorizationHeader,
        without_tls: bool = False,
    ) -> None:
        self._bearer = Bearer(provider, header, without_tls)

    def __call__(self, request: R) -> R:
        """Put the token on *request*, of `requests` or of another library: a value with a `url` and `headers`.

        A request of httpx or httpx2 is not sent a second time: only `requests` passes its answer to this object.

        Raises:
            TypeError: *request* is not a request.
            InsecureApi: *request* goes to another machine over plain http.
            OtherOrigin: the user signed in by an API's address, and *request* goes to another origin.
            IpyauthError: there is no good token.
        """
        url, headers = getattr(request, "url", None), getattr(request, "headers", None)
        if url is None or headers is None:
            raise TypeError(
                "This is not a request of requests, httpx or httpx2. Without an argument you get the token."
            )
        headers["Authorization"] = next(self._bearer.flow(str(url)))
        if (hooks := getattr(request, "hooks", None)) is not None:
            hooks["response"].append(self._send_again)
        return request

    def _send_again(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        """Return the answer to the request of *response* sent with another token, or *response* where there is none.

        `requests` calls this for each answer, also on the way of a redirect, and for each use of a prepared request.
        So the flow starts anew, from the token that was sent.
        """
        sent = response.request.headers.get("Authorization")
        if not isinstance(sent, AuthorizationHeader):
            return response  # a redirect led to another origin, without the token
        flow = self._bearer.flow(str(response.request.url), sent.removeprefix("Bearer "))
        next(flow)
        if (header := _next_header(flow, response)) is None:
            return response
        again = _sent_again(response, header, kwargs)
        _next_header(flow, again)
        return again

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        # A prepared request is copied by caches, and its hooks with it.
        return self


def _next_header(
    flow: Generator[AuthorizationHeader, Answer], response: requests.Response
) -> AuthorizationHeader | None:
    """Return the header that *flow* sends after *response*, or None."""
    # A stream has been read, and may not be there again.
    may_be_repeated = isinstance(response.request.body, (str, bytes, type(None)))
    said = Answer(response.status_code, response.headers.get("WWW-Authenticate", ""), may_be_repeated)
    with suppress(StopIteration):
        return flow.send(said)
    return None


def _sent_again(response: requests.Response, header: AuthorizationHeader, options: dict[str, Any]) -> requests.Response:
    """Return the answer to the request of *response* sent with *header*."""
    response.content  # noqa: B018  # read to its end, so that the connection serves again
    response.close()
    request = response.request.copy()
    # On the first request too: a redirect of the second answer is made from it.
    request.headers["Authorization"] = response.request.headers["Authorization"] = header
    # By the adapter, which calls no hooks: once, and no more.
    again: requests.Response = response.connection.send(request, **options)
    again.history.append(response)
    again.request = request
    return again
