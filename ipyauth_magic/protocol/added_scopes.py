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
        "invalid_grant",
        "invalid_client",
        "expired_token",
        "temporarily_unavailable",
    }
)
"""Error codes of a provider (RFC 6749, 4.1.2.1 and 5.2; OpenID Connect Core, 3.1.2.6)."""


def advice_about(scopes: Collection[str], error: str | None = None) -> str:
    """Return sentences that name *scopes*, which the user did not write, and the options that leave them out.

    Args:
        scopes: those that were added to the user's own.
        error: the provider's error code; None where no response came. The result is empty if no scope causes it.
    """
    if error in _NO_SCOPE_CAUSES:
        return ""
    sentences = []
    if OFFLINE_ACCESS in scopes:
        sentences.append(
            "The request also had the scope `offline_access`, which asks for a refresh token. --no-renewable (in "
            "Python renewable=False) leaves it out."
        )
    if others := " ".join(each for each in scopes if each != OFFLINE_ACCESS):
        sentences.append(
            f"The request also had `{plain(others, 200)}`, the scopes that are added by default. `default_scope` "
            "replaces them."
        )
    return " ".join(sentences)
