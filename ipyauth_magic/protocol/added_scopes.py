"""The scopes of a request that the user did not write: a sentence about them, where they may be why it failed."""

from __future__ import annotations

import re
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


_PERSON = re.compile(r"\b(user|owner|you)\b", re.IGNORECASE)
_SAID_NO = re.compile(
    r"\b(den(y|ied)|declin|cancel|reject|refus|abort|(not|n't) (authori[sz]|consent|allow|approv|grant))", re.IGNORECASE
)


def advice_about(
    scopes: Collection[str], error: str | None = None, is_accepted: bool = False, description: str | None = None
) -> str:
    """Return a sentence that names *scopes*, which the user did not write, and the options that leave them out.

    Args:
        scopes: those that were added to the user's own.
        error: the provider's error code; None where no response came. The result is empty if no scope causes it.
        is_accepted: the provider has accepted the request, and refuses the token request.
        description: the provider's own words about the error.
    """
    if not scopes or error in _NO_SCOPE_CAUSES or (is_accepted and error in _OF_TOKEN_REQUESTS):
        return ""
    others = plain(" ".join(each for each in scopes if each != OFFLINE_ACCESS), 200)
    if error == "access_denied" and "scope" not in (description or "").lower():
        return "" if _is_by_user(description or "") else _after_denial(OFFLINE_ACCESS in scopes, others)
    ways = ["--no-renewable (in Python renewable=False) leaves out offline_access"] if OFFLINE_ACCESS in scopes else []
    ways += [f"default_scope= replaces {others}"] if others else []
    return f"The request had scopes that you did not write: {', and '.join(ways)}."


def _after_denial(has_offline_access: bool, others: str) -> str:
    """Return a short sentence: mostly the user pressed Deny, and then nothing is to be changed."""
    ways = ["`--no-renewable` leaves out offline_access"] if has_offline_access else []
    ways += [f"`default_scope=` replaces {others}"] if others else []
    return f"If you did not deny it, a scope that you did not write may be why: {', '.join(ways)}."


def _is_by_user(description: str) -> bool:
    """Return whether a description of `access_denied` says that the user pressed Deny: no scope is the cause then.

    RFC 6749 (4.1.2.1) has a sentence of its own, which leaves it open whether the server did.
    """
    has_both = _PERSON.search(description) and _SAID_NO.search(description)
    return bool(has_both) and "server" not in description.lower()
