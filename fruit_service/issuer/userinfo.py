"""The userinfo endpoint (OpenID Connect Core, section 5.3)."""

from __future__ import annotations

from typing import Any

from ..bearer import bearer_token
from ..errors import InsufficientScope, InvalidToken
from .authorization_server import LocalAuthorizationServer


def userinfo(server: LocalAuthorizationServer, authorization: str | None) -> dict[str, Any]:
    """Return the claims of the user whose access token is in the *authorization* header.

    Raises:
        InvalidToken: it is not known here, or has expired.
        InsufficientScope: it is not for `openid`.
    """
    issued = server.issued.get(bearer_token(authorization))
    if issued is None:
        raise InvalidToken("The access token is not known here, or has expired.")
    if "openid" not in issued.scope.split():
        raise InsufficientScope("openid")
    return issued.user.claims(issued.scope)
