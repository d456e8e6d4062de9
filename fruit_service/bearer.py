"""Bearer tokens: from the header of a request to a verified token with a scope that serves (RFC 6750)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import bottle

from .access_token import AccessToken
from .errors import InsufficientScope, InvalidToken, MissingToken

SUBJECT = "fruit.subject"
"""Where the WSGI environment tells the request log whose token it was, as JSON."""


def bearer_token(authorization: str | None) -> str:
    """Return the token of an `Authorization` header (section 2.1); the scheme in any case (RFC 9110, section 11.1)."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise MissingToken
    token = token.strip(" ")
    # What else no token holds is seen when it is read as a JWT: a pattern would cost each request two microseconds.
    if not token.isascii() or "," in token or len(token.split()) != 1:
        raise InvalidToken("The Authorization header holds no single bearer token.")
    return token


class Bearer:
    """Bottle plugin: a route that names `scopes` is called with the request's verified `access_token`.

    One of the scopes must be among the token's; the first one named is the least that serves, and is what a client
    is told to ask for.
    """

    name = "bearer"
    api = 2

    def __init__(self, verified: Callable[[str], AccessToken]) -> None:
        self._verified = verified

    def apply(self, callback: Callable[..., Any], route: Any) -> Callable[..., Any]:
        """Return *callback* behind the check, if *route* names scopes."""
        scopes: Sequence[str] | None = route.config.get("scopes")
        if scopes is None:
            return callback

        def protected(**arguments: Any) -> Any:
            environ = bottle.request.environ
            token = self._verified(bearer_token(environ.get("HTTP_AUTHORIZATION")))
            environ[SUBJECT] = token.subject_json
            if token.scopes.isdisjoint(scopes):
                raise InsufficientScope(scopes[0])
            return callback(access_token=token, **arguments)

        return protected
