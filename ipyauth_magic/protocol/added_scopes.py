"""The scopes of a request that the user did not write: a sentence about them, where they may be why it failed."""

from __future__ import annotations

from collections.abc import Collection

from ..text import plain
from .flow import OFFLINE_ACCESS

_NO_SCOPE_CAUSES = frozenset(
    {
        "login_required",
        "unsupported_response_type",
        "invalid_response_mode",
        "invalid_client",
        "temporarily_unavailable",
    }
)
"""Error codes of an authorization response (RFC 6749, 4.1.2.1; OpenID Connect Core, 3.1.2.6)."""


_OF_TOKEN_REQUESTS = frozenset(
    {
        "invalid_request",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "access_denied",
        "expired_token",
    }
)
"""Error codes of the token endpoint with other causes, once the scopes are accepted (RFC 6749, 5.2; RFC 8628, 3.5).

Codes of a provider's own are not among them. Some refuse a scope there only, as Keycloak does with `not_allowed`.
"""


def advice_about(scopes: Collection[str], error: str | None = None, is_accepted: bool = False) -> str:
    """Return a sentence that names *scopes*, which the user did not write, and the options that leave them out.

    Args:
        scopes: those that were added to the user's own.
        error: the provider's error code; None where no response came. The result is empty if no scope causes it.
        is_accepted: the provider has accepted the request, and refuses the token request.
    """
    if not scopes or error in _NO_SCOPE_CAUSES or (is_accepted and error in _OF_TOKEN_REQUESTS):
        return ""
    others = plain(" ".join(each for each in scopes if each != OFFLINE_ACCESS), 200)
    ways = ["--no-renewable (in Python renewable=False) leaves out offline_access"] if OFFLINE_ACCESS in scopes else []
    ways += [f"default_scope= replaces {others}"] if others else []
    return f"The request had scopes that you did not write: {', and '.join(ways)}."
