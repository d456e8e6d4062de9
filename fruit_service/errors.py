"""The errors of the fruit service, as a tree. A `RequestError` contains its HTTP answer.

FruitError
├── BadConfig                the service cannot start with these settings
├── PortTaken                another process listens on the port
└── RequestError             an HTTP answer: status, headers, and one sentence as `{"msg": ...}`
    ├── BadRequest           400
    ├── MissingToken         401 without an error code (RFC 6750, section 3.1)
    ├── InvalidToken         401 invalid_token
    ├── InsufficientScope    403 insufficient_scope, with the scope that is needed
    ├── InsufficientSignIn   401 insufficient_user_authentication, with the sign-in that is needed (RFC 9470)
    ├── UnknownAddress       404
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
    """Base class of all errors of this package. `str(error)` is a sentence."""


class BadConfig(FruitError):
    """The service cannot start. The sentence names the setting to change."""


class PortTaken(FruitError):
    """Another process listens on the port."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(f"Port {port} of {address} is in use by another process. Stop it, or choose another port.")
        self.port = port


class RequestError(FruitError):
    """An error with its HTTP answer: `status`, `headers` and the sentence `msg`."""

    status = 400

    def __init__(self, msg: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(msg)
        self.msg = msg
        self.headers = headers


class BadRequest(RequestError):
    """The request is not as the API documents it."""


class MissingToken(RequestError):
    """The request has no credentials. The challenge has no error code (RFC 6750, section 3.1)."""

    status = 401

    def __init__(self) -> None:
        super().__init__("Send an access token: 'Authorization: Bearer ...'.", _challenge())


class InvalidToken(RequestError):
    """The access token is malformed, expired, not for this API or not from its issuer.

    The reason never contains a part of the token, because it goes into a header and into logs.
    """

    status = 401

    def __init__(self, reason: str) -> None:
        super().__init__(reason, _challenge(error="invalid_token", error_description=reason))


class InsufficientScope(RequestError):
    """The token is valid, but none of its scopes allows the request. *scope* is the least privileged one that does."""

    status = 403

    def __init__(self, scope: str) -> None:
        reason = f"This needs the scope {scope}. Sign in again and request it."
        super().__init__(reason, _challenge(error="insufficient_scope", error_description=reason, scope=scope))


class InsufficientSignIn(RequestError):
    """The token is valid, but its user signed in in another way, or too long ago (RFC 9470, section 3)."""

    status = 401

    def __init__(self, acr_values: str, max_age: int) -> None:
        reason = f"This needs a sign-in in two steps, at most {max_age} seconds ago. Sign in again and request it."
        error = "insufficient_user_authentication"
        challenge = _challenge(error=error, error_description=reason, acr_values=acr_values, max_age=str(max_age))
        super().__init__(reason, challenge)


class UnknownAddress(RequestError):
    """The service does not know the URL at which its clients reach it."""

    status = 404

    def __init__(self) -> None:
        super().__init__("This service does not know its own URL. Its operator sets FRUIT_PUBLIC_URL.")


class BasketFull(RequestError):
    """The basket has no room for the fruits."""

    status = 409


class BodyTooLarge(RequestError):
    """The body is larger than the limit."""

    status = 413


class NotJson(RequestError):
    """The content type is not JSON."""

    status = 415


class Unavailable(RequestError):
    """The database or the issuer cannot be reached now."""

    status = 503

    def __init__(self, msg: str, retry_after: int = 5) -> None:
        super().__init__(msg, {"Retry-After": str(retry_after)})


@cache  # few entries, as all arguments are sentences and scopes of ours. A refusal must not cost more than an answer.
def _challenge(**parameters: str) -> Mapping[str, str]:
    """Return the challenge of RFC 6750, section 3. The values are ours and need no escaping."""
    pairs = ", ".join(f'{name}="{value}"' for name, value in {"realm": REALM, **parameters}.items())
    return MappingProxyType({"WWW-Authenticate": f"Bearer {pairs}"})
