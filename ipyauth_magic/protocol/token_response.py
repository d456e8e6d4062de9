"""The token response, and the tokens or the error that it means (RFC 6749, 5; OpenID Connect Core, 3.1.3 and 12)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..errors import InvalidResponse, IpyauthError, OutOfTime, ProviderRefused, ProviderUnreachable
from .auth0 import TOO_MANY_REQUESTS
from .messages import MAX_LIFETIME, seconds_in
from .tokens import AccessToken, IdToken, RefreshToken, TokenSet

# RFC 6749, A.12 and A.17, without the space, which would end a header's value.
_TOKEN_CHARACTERS = re.compile(r"[\x21-\x7e]+")
_PASSING = frozenset({"server_error", "temporarily_unavailable", TOO_MANY_REQUESTS})
"""Errors of a provider that is busy: the grant may still be good."""

_OF_A_DEVICE = frozenset({"authorization_pending", "slow_down", "access_denied", "expired_token"})
"""Errors of a poll (RFC 8628, 3.5). They count with any status: Auth0 sends `slow_down` with 429."""


@dataclass(frozen=True)
class TokenResponse:
    """A successful token response (RFC 6749, 5.1), not verified.

    Attributes:
        id_token: None if the response has none.
        refresh_token: None if the response has none.
        expires_in: lifetime in seconds; None if the response has none.
        scope: the granted scopes; the requested ones if the response has none (RFC 6749, 5.1).
    """

    access_token: AccessToken
    id_token: IdToken | None
    refresh_token: RefreshToken | None
    expires_in: int | None
    scope: str

    @classmethod
    def from_document(cls, document: Mapping[str, Any], requested_scope: str) -> TokenResponse:
        """Return the response in *document*.

        Raises:
            InvalidResponse: a member is missing or wrong.
        """
        token_type = document.get("token_type")
        if not isinstance(token_type, str) or token_type.lower() != "bearer":
            raise InvalidResponse("token_type", "its token_type is not Bearer")
        scope = document.get("scope")
        access_token = _token(document, "access_token")
        if access_token is None:
            raise InvalidResponse("access_token", "it has no access_token")
        id_token, refresh_token = _token(document, "id_token"), _token(document, "refresh_token")
        return cls(
            access_token=AccessToken(access_token),
            id_token=None if id_token is None else IdToken(id_token),
            refresh_token=None if refresh_token is None else RefreshToken(refresh_token),
            expires_in=_expires_in(document.get("expires_in")),
            scope=(" ".join(scope.split()) if isinstance(scope, str) else "") or requested_scope,
        )


def token_set(response: TokenResponse, claims: Mapping[str, Any], asked_at: datetime) -> TokenSet:
    """Return the tokens of the first *response* of a sign-in.

    Args:
        response: answers a token request that was sent at *asked_at*.
        claims: the verified claims of its ID token.
        asked_at: aware; the lifetime counts from it.

    Raises:
        InvalidResponse: the response has no ID token.
        OutOfTime: the response has no `expires_in`, and its ID token, which would give the lifetime, has expired.
    """
    if response.id_token is None:
        raise no_id_token()
    return TokenSet(
        access_token=response.access_token,
        id_token=response.id_token,
        scope=response.scope,
        expires_at=_expires_at(lifetime(response.expires_in, claims, asked_at), asked_at),
        obtained_at=asked_at,
        claims=claims,
        refresh_token=response.refresh_token,
    )


def renewed(tokens: TokenSet, response: TokenResponse, claims: Mapping[str, Any], asked_at: datetime) -> TokenSet:
    """Return the tokens after a refresh of *tokens* (OpenID Connect Core, 12.2).

    A response without an ID token, or without a refresh token, leaves the old one in use. A response without both
    `expires_in` and an ID token gives the new access token the lifetime of the old one.

    Args:
        tokens: the tokens before the refresh.
        response: answers a refresh request that was sent at *asked_at*.
        claims: the verified claims of the new ID token; those of the old one if the response has none.
        asked_at: aware; the lifetime counts from it.

    Raises:
        OutOfTime: the response has no `expires_in`, and its ID token has expired.
    """
    if response.expires_in is None and response.id_token is None:
        seconds = int((tokens.expires_at - tokens.obtained_at).total_seconds())
    else:
        seconds = lifetime(response.expires_in, claims, asked_at)
    return replace(
        tokens,
        access_token=response.access_token,
        id_token=response.id_token or tokens.id_token,
        scope=response.scope,
        expires_at=_expires_at(seconds, asked_at),
        obtained_at=asked_at,
        claims={**{name: tokens.claims[name] for name in ("nonce",) if name in tokens.claims}, **claims},
        refresh_token=response.refresh_token or tokens.refresh_token,
    )


def no_id_token() -> InvalidResponse:
    """Return the error for a response that lacks a required ID token (OpenID Connect Core, 3.1.3.3)."""
    return InvalidResponse("id_token", "it has no id_token")


def refusal(status: int, document: Mapping[str, Any]) -> IpyauthError:
    """Return the error for an answer of the token endpoint with another status than 200 (RFC 6749, 5.2).

    *document* is the JSON object of the answer, empty if it has none. The error code counts more than *status*: Auth0
    answers 403 and 429 where the RFCs say 400.
    """
    error, description = document.get("error"), document.get("error_description")
    if not isinstance(error, str) or not error:
        error, description = "", None
    if status >= 500 or error in _PASSING or (status == 429 and error not in _OF_A_DEVICE):
        return ProviderUnreachable(f"The provider is busy (it answered {status}). Try again in a moment.")
    return ProviderRefused(error or f"status {status}", description if isinstance(description, str) else None)


def _token(document: Mapping[str, Any], name: str) -> str | None:
    token = document.get(name)
    if token is None or token == "":
        return None
    if not isinstance(token, str) or not _TOKEN_CHARACTERS.fullmatch(token):
        raise InvalidResponse(name, f"its {name} is not a token")
    return token


def _expires_in(value: object) -> int | None:
    """Return the lifetime in seconds. Some providers send the number as a string."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:
        return seconds_in(str(int(value)))
    return seconds_in(value if isinstance(value, str) else "")


def lifetime(expires_in: int | None, claims: Mapping[str, Any], at: datetime) -> int:
    """Return the lifetime of an access token in seconds, from *at* on.

    It is *expires_in*; without it, the time until the ID token's `exp`.

    Raises:
        OutOfTime: the ID token passed its check only by the leeway, and has expired at *at*.
    """
    if expires_in is not None:
        return expires_in
    left = int(claims["exp"] - at.timestamp())
    if left < 1:
        raise OutOfTime("exp", "it has expired")
    return min(left, MAX_LIFETIME)


def _expires_at(lifetime: int, asked_at: datetime) -> datetime:
    """Return the end of the access token, counted from the request for it.

    The token is younger than its request, but its issuer may have rounded its times down to whole seconds (RFC 7519,
    section 2).
    """
    return asked_at.replace(microsecond=0) + timedelta(seconds=lifetime)
