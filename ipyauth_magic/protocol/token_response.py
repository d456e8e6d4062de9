"""The token response: parsed strictly, and what it comes to (RFC 6749, 5; OpenID Connect Core, 3.1.3 and 12)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..errors import InvalidResponse, IpyauthError, OutOfTime, ProviderRefused, ProviderUnreachable
from .messages import MAX_LIFETIME
from .tokens import AccessToken, IdToken, RefreshToken, TokenSet

_TOKEN_CHARACTERS = re.compile(r"[\x21-\x7e]+")  # RFC 6749, A.12 and A.17, without the space: it ends a header's value
_PASSING = frozenset({"server_error", "temporarily_unavailable", "too_many_requests"})
"""Errors that say nothing about the grant; the last one is Auth0's own."""


_OF_A_DEVICE = frozenset({"authorization_pending", "slow_down", "access_denied", "expired_token"})
"""What RFC 8628 (3.5) answers a poll with, whatever the status: Auth0's is 429 for `slow_down`."""


@dataclass(frozen=True)
class TokenResponse:
    """A successful token response (RFC 6749, 5.1); nothing in it is verified yet.

    Attributes:
        id_token: None where the response has none.
        refresh_token: None where the response has none.
        expires_in: seconds, or None where the provider does not say.
        scope: the granted scopes: the requested ones where the response is silent (RFC 6749, 5.1).
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
            InvalidResponse: something is missing or wrong.
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
    """Return the tokens of a first *response*, asked for at *asked_at*, with an ID token that said *claims*.

    Raises:
        InvalidResponse: it has no ID token.
        OutOfTime: nobody says how long the access token is good, but an ID token that is over.
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
    """Return *tokens* after a refresh that gave *response* (OpenID Connect Core, 12.2).

    The provider may leave out the ID token, and the refresh token where it does not rotate: the old ones go on.
    *claims* are the new ID token's; the old one's where there is none. Where neither says how long the new access token
    is good, it is as long as the old one was.

    Raises:
        OutOfTime: the new ID token alone says how long, and is over.
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
    """Return the error of a response that should have an ID token (OpenID Connect Core, 3.1.3.3)."""
    return InvalidResponse("id_token", "it has no id_token")


def refusal(status: int, document: Mapping[str, Any]) -> IpyauthError:
    """Return the error that an answer of the token endpoint stands for (RFC 6749, 5.2).

    *document* is the JSON object of the answer, empty if there is none. The *status* decides little where there is an
    error code: Auth0 answers 403 and 429 where the RFCs say 400.
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
        raise InvalidResponse(name, f"its {name} is no token")
    return token


def _expires_in(value: object) -> int | None:
    """Return the lifetime in seconds; a number, or a number in a string, as some providers write it."""
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value < 1e12
    if is_number or (isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value) and int(value)):
        return min(int(value), MAX_LIFETIME)  # type: ignore[call-overload, no-any-return]
    raise InvalidResponse("expires_in", "its expires_in is not a number of seconds from 1")


def lifetime(expires_in: int | None, claims: Mapping[str, Any], at: datetime) -> int:
    """Return the seconds from *at* in which an access token is good: *expires_in*, or else what its ID token has left.

    Raises:
        OutOfTime: the ID token, which passed within its leeway, has nothing left.
    """
    if expires_in is not None:
        return expires_in
    left = int(claims["exp"] - at.timestamp())
    if left < 1:
        raise OutOfTime("exp", "it has expired")
    return min(left, MAX_LIFETIME)


def _expires_at(lifetime: int, asked_at: datetime) -> datetime:
    """Return when the access token ends, counted from when it was asked for.

    It was made later than that, but its issuer may have left out the fractions of its second (RFC 7519, section 2).
    """
    return asked_at.replace(microsecond=0) + timedelta(seconds=lifetime)
