"""Every error of the fruit service, as a tree; a request error knows its answer.

FruitError
├── BadConfig                the service cannot start as it was asked to
├── PortTaken                nor where it was asked to
└── RequestError             an HTTP answer: status, headers, and one sentence as `{"msg": ...}`
    ├── BadRequest           400
    ├── MissingToken         401 without an error code (RFC 6750, section 3.1)
    ├── InvalidToken         401 invalid_token
    ├── InsufficientScope    403 insufficient_scope, with the scope that would do
    ├── BasketFull           409
    ├── BodyTooLarge         413
    ├── NotJson              415
    └── Unavailable          503 with Retry-After
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

REALM = "fruit"


class FruitError(Exception):
    """Base of all errors of this package; `str` gives a sentence."""


class BadConfig(FruitError):
    """The service cannot start; the sentence says what to set."""


class PortTaken(FruitError):
    """Another process listens on the port."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(
            f"Port {port} of {address} is taken by another process: stop that one, or choose another port."
        )
        self.port = port


class RequestError(FruitError):
    """A request that gets no other answer than this one."""

    status = 400

    def __init__(self, msg: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(msg)
        self.msg = msg
        self.headers = headers


class BadRequest(RequestError):
    """The request is not what the API documents."""


class MissingToken(RequestError):
    """No credentials: the challenge alone, without an error code (RFC 6750, section 3.1)."""

    status = 401

    def __init__(self) -> None:
        super().__init__("Send an access token: 'Authorization: Bearer ...'.", _challenge())


class InvalidToken(RequestError):
    """The access token is malformed, expired, not for us or not from our issuer.

    The reason is a sentence of ours and never holds a part of the token: it travels in a header and into logs.
    """

    status = 401

    def __init__(self, reason: str) -> None:
        super().__init__(reason, _challenge(error="invalid_token", error_description=reason))


class InsufficientScope(RequestError):
    """The token is good; none of its scopes allows this. *scope* is the smallest that does."""

    status = 403

    def __init__(self, scope: str) -> None:
        reason = f"This needs the scope {scope}: sign in again and ask for it."
        super().__init__(reason, _challenge(error="insufficient_scope", error_description=reason, scope=scope))


class BasketFull(RequestError):
    """The fruits do not fit into a basket any more."""

    status = 409


class BodyTooLarge(RequestError):
    """The body is over the limit."""

    status = 413


class NotJson(RequestError):
    """The content type is not JSON."""

    status = 415


class Unavailable(RequestError):
    """Something that we need cannot be reached now."""

    status = 503

    def __init__(self, msg: str, retry_after: int = 5) -> None:
        super().__init__(msg, {"Retry-After": str(retry_after)})


@cache  # there are as many as there are sentences and scopes of ours, and a refusal must not be dearer than an answer
def _challenge(**parameters: str) -> Mapping[str, str]:
    """Return the challenge of RFC 6750, section 3; the values are ours and need no escaping."""
    pairs = ", ".join(f'{name}="{value}"' for name, value in {"realm": REALM, **parameters}.items())
    return MappingProxyType({"WWW-Authenticate": f"Bearer {pairs}"})
