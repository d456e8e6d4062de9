"""The answer of the userinfo endpoint, and its checks (OpenID Connect Core, 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InvalidResponse, IpyauthError, ProviderError, ProviderUnreachable

if TYPE_CHECKING:
    from .http import Answer


def userinfo_claims(answer: Answer, subject: str | None) -> dict[str, Any]:
    """Return the claims in *answer*. Their `sub` must be *subject*, the `sub` of the ID token (5.3.2 and 5.3.4).

    With None there is no ID token, and any `sub` is right.

    Raises:
        InvalidResponse: the claims are about another user, or have no `sub`.
        ProviderError: the answer has another status than 200, or is not JSON.
    """
    if answer.status != 200:
        raise _refusal(answer)
    if answer.media_type == "application/jwt":
        raise ProviderError(
            "The provider answers userinfo requests with a JWT, which is not supported. In the application's settings "
            "choose plain JSON (userinfo_signed_response_alg: none)."
        )
    claims = answer.json_object()
    said = claims.get("sub")
    if not isinstance(said, str) or not said or said != (subject or said):
        fault = "they are about another user than the ID token" if said else "they name no user"
        raise InvalidResponse("sub", f"its claims are not used, because {fault}", "Sign in again.")
    return claims


def _refusal(answer: Answer) -> IpyauthError:
    """Return the error for the status of *answer* (5.3.3; RFC 6750, 3.1)."""
    if answer.status == 401:
        return ProviderError(
            "The provider's userinfo endpoint rejected the access token (it answered 401). "
            "Sign in again with `--force`, or `sign_in(force=True)`."
        )
    if answer.status == 403:
        return ProviderError(
            "The access token does not allow userinfo (the provider answered 403): it needs the scope `openid`. "
            "Sign in again with `--force`, or `sign_in(force=True)`, and allow that scope."
        )
    if answer.status >= 500 or answer.status == 429:
        return ProviderUnreachable(f"The provider is busy (it answered {answer.status}). Try again in a moment.")
    return ProviderError(f"The provider answered {answer.status} at {answer.url}, where 200 was expected.")
