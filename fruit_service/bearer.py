"""Bearer tokens: from the header of a request to a verified token that is sufficient (RFC 6750, RFC 9470)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import bottle

from .access_token import AccessToken
from .errors import InsufficientScope, InsufficientSignIn, InvalidToken, MissingToken
from .sign_in import RequiredSignIn

SUBJECT = "fruit.subject"
"""Key in the WSGI environment: the token's `sub` as JSON, for the request log."""


def bearer_token(authorization: str | None) -> str:
    """Return the token of an `Authorization` header (section 2.1). The scheme ignores case (RFC 9110, section 11.1)."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise MissingToken
    token = token.strip(" ")
    # Other invalid characters fail when the JWT is decoded. A pattern would cost each request two microseconds.
    if not token.isascii() or "," in token or len(token.split()) != 1:
        raise InvalidToken("The Authorization header does not have exactly one bearer token.")
    return token


class Bearer:
    """Bottle plugin: a route with `scopes` gets the verified `access_token` of the request as an argument.

    The token must have one of the scopes. The first one is the least privileged, and stands in the 403 answer. For a
    route with `sign_in` (`RequiredSignIn`), the token must come from such a sign-in; clocks may differ by *leeway*.
    """

    name = "bearer"
    api = 2

    def __init__(self, verified: Callable[[str], AccessToken], leeway: int) -> None:
        self._verified = verified
        self._leeway = leeway

    def apply(self, callback: Callable[..., Any], route: Any) -> Callable[..., Any]:
        """Return *callback*, with the check in front of it if *route* has scopes."""
        scopes: Sequence[str] | None = route.config.get("scopes")
        if scopes is None:
            return callback
        sign_in: RequiredSignIn | None = route.config.get("sign_in")

        def protected(**arguments: Any) -> Any:
            environ = bottle.request.environ
            token = self._verified(bearer_token(environ.get("HTTP_AUTHORIZATION")))
            environ[SUBJECT] = token.subject_json
            if token.scopes.isdisjoint(scopes):
                raise InsufficientScope(scopes[0])
            if sign_in and not sign_in.is_met(token.claims, time.time(), self._leeway):
                raise InsufficientSignIn(sign_in.acr, sign_in.max_age)
            return callback(access_token=token, **arguments)

        return protected
