"""A request sent once more with another token, after a 401 that says `invalid_token` (RFC 6750, section 3.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import IpyauthError
from ..protocol.tokens import AccessToken, AuthorizationHeader

if TYPE_CHECKING:
    import requests

_INVALID_TOKEN = re.compile(r"""\bbearer\b.*\berror\s*=\s*"?invalid_token\b""", re.IGNORECASE | re.DOTALL)


class RenewedToken(Protocol):
    """Who has another token than the one that an API refused."""

    def renewed_token(self, ended: str) -> AccessToken:
        """Return an access token other than *ended*."""


def says_invalid_token(status: int, www_authenticate: str) -> bool:
    """Tell whether an answer asks for another token."""
    return status == 401 and _INVALID_TOKEN.search(www_authenticate[:4096]) is not None


def second_try(auth: RenewedToken, response: requests.Response, kwargs: Mapping[str, Any]) -> requests.Response:
    """Return the answer to the request of *response* sent with another token, or *response* where there is none.

    Only a request that carried the token is sent again: a redirect may have led to another origin without it.
    """
    sent = response.request.headers.get("Authorization")
    if not isinstance(sent, AuthorizationHeader) or not says_invalid_token(
        response.status_code, response.headers.get("WWW-Authenticate", "")
    ):
        return response
    request = response.request.copy()
    if request.body is not None and not isinstance(request.body, (str, bytes)):
        return response  # a stream has been read, and may not be there again
    try:
        token = auth.renewed_token(AccessToken(sent.removeprefix("Bearer ")))
    except IpyauthError:
        return response  # the API's own answer says what is wrong
    response.content  # noqa: B018  # read to its end, so that the connection serves again
    response.close()
    header = type(sent).bearer(token)
    # On the first request too: a redirect of the second answer is made from it.
    request.headers["Authorization"] = response.request.headers["Authorization"] = header
    # By the adapter, which calls no hooks: once, and no more.
    again: requests.Response = response.connection.send(request, **kwargs)
    again.history.append(response)
    again.request = request
    return again
