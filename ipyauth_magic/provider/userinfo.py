"""What the userinfo endpoint answers, and when to believe it (OpenID Connect Core, 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InvalidResponse, IpyauthError, ProviderError, ProviderUnreachable

if TYPE_CHECKING:
    from .http import Answer


def userinfo_claims(answer: Answer, subject: str) -> dict[str, Any]:
    """Return the claims in *answer*, which must be about *subject*, the `sub` of the ID token (5.3.2 and 5.3.4).

    Raises:
        InvalidResponse: they are about somebody else, or do not say about whom.
        ProviderError: there are none to be read.
    """
    if answer.status != 200:
        raise _refusal(answer)
    if answer.media_type == "application/jwt":
        raise ProviderError(
            "The provider answers userinfo requests with a JWT, which is not read here. In the application's settings "
            "ask for plain JSON (userinfo_signed_response_alg: none)."
        )
    claims = answer.json_object()
    if claims.get("sub") != subject:
        who = "they are about another user than the ID token" if claims.get("sub") else "they do not say about whom"
        raise InvalidResponse("sub", f"its claims have been dropped, because {who}", "Sign in again.")
    return claims


def _refusal(answer: Answer) -> IpyauthError:
    """Return the error that the status stands for (5.3.3; RFC 6750, 3.1)."""
    if answer.status == 401:
        return ProviderError(
            "The provider does not take the access token at its userinfo endpoint (it answered 401). "
            "Sign in again with `--force`, or `sign_in(force=True)`."
        )
    if answer.status == 403:
        return ProviderError(
            "The access token may not be used for userinfo (the provider answered 403): it needs the scope `openid`. "
            "Sign in again with `--force`, or `sign_in(force=True)`, and allow it."
        )
    if answer.status >= 500 or answer.status == 429:
        return ProviderUnreachable(f"The provider is busy (it answered {answer.status}). Try again in a moment.")
    return ProviderError(f"The provider answered {answer.status} at {answer.url}, where 200 was expected.")
