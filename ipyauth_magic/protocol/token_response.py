"""The token response, and the tokens or the error that it means (RFC 6749, 5; OpenID Connect Core, 3.1.3 and 12)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..errors import InvalidResponse, IpyauthError, ProviderRefused, ProviderUnreachable
from .auth0 import TOO_MANY_REQUESTS
from .messages import seconds_in
from .tokens import AccessToken, IdToken, RefreshToken, TokenSet

# RFC 6749, A.12 and A.17, without the space, which would end a header's value.
_TOKEN_CHARACTERS = re.compile(r"[\x21-\x7e]+")
_PASSING = frozenset({"server_error", "temporarily_unavailable", TOO_MANY_REQUESTS})
"""Errors of a provider that is busy: the grant may still be good."""

_NAMES = ("sub", "nickname", "name", "email", "email_verified")
"""The claims that say who the user is. The others of the userinfo are not kept."""

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
        access_token = _token(document, "access_token")
        if access_token is None:
            raise InvalidResponse(
                "access_token",
                "it has no access_token",
                "No token was accepted. Ask for a scope of an API: some providers give an access token for nothing "
                "else. At Azure AD B2C the client ID is such a scope.",
            )
        id_token, refresh_token = _token(document, "id_token"), _token(document, "refresh_token")
        return cls(
            access_token=AccessToken(access_token),
            id_token=None if id_token is None else IdToken(id_token),
            refresh_token=None if refresh_token is None else RefreshToken(refresh_token),
            expires_in=_expires_in(document.get("expires_in")),
            scope=_scope(document.get("scope"), requested_scope) or requested_scope,
        )


def token_set(response: TokenResponse, claims: Mapping[str, Any], asked_at: datetime) -> TokenSet:
    """Return the tokens of the first *response* of a sign-in with an ID token.

    Args:
        response: answers a token request that was sent at *asked_at*.
        claims: the verified claims of its ID token.
        asked_at: aware; the lifetime counts from it.

    Raises:
        InvalidResponse: the response has no ID token.
    """
    if response.id_token is None:
        raise no_id_token()
    return TokenSet(
        access_token=response.access_token,
        id_token=response.id_token,
        scope=response.scope,
        expires_at=_expires_at(response.expires_in, asked_at),
        obtained_at=asked_at,
        claims=claims,
        refresh_token=response.refresh_token,
    )


def token_set_without_id_token(response: TokenResponse, userinfo: Mapping[str, Any], asked_at: datetime) -> TokenSet:
    """Return the tokens of the first *response* of a sign-in without an ID token (RFC 6749, 5.1).

    Args:
        response: answers a token request that was sent at *asked_at*. An ID token in it is not verified, so not kept.
        userinfo: what the userinfo endpoint says of the user; empty if it says nothing.
        asked_at: aware; the lifetime counts from it.
    """
    about_user = {name: userinfo[name] for name in _NAMES if name in userinfo}
    return TokenSet(
        access_token=response.access_token,
        id_token=None,
        scope=response.scope,
        expires_at=_expires_at(response.expires_in, asked_at),
        obtained_at=asked_at,
        claims={},
        refresh_token=response.refresh_token,
        userinfo=about_user,
        sign_in_id="" if about_user else secrets.token_urlsafe(12),
    )


def renewed(tokens: TokenSet, response: TokenResponse, claims: Mapping[str, Any], asked_at: datetime) -> TokenSet:
    """Return the tokens after a refresh of *tokens* (OpenID Connect Core, 12.2).

    A response without an ID token, or without a refresh token, leaves the old one in use. A response without
    `expires_in` gives the new access token the lifetime of the old one, which may be unknown. A sign-in without an ID
    token stays without one.

    Args:
        tokens: the tokens before the refresh.
        response: answers a refresh request that was sent at *asked_at*.
        claims: the verified claims of the new ID token; those of the old one if the response has none.
        asked_at: aware; the lifetime counts from it.
    """
    seconds = response.expires_in
    if seconds is None and tokens.expires_at is not None:
        seconds = int((tokens.expires_at - tokens.obtained_at).total_seconds())
    return replace(
        tokens,
        access_token=response.access_token,
        id_token=(response.id_token or tokens.id_token) if tokens.id_token else None,
        scope=response.scope,
        expires_at=_expires_at(seconds, asked_at),
        obtained_at=asked_at,
        claims={**{name: tokens.claims[name] for name in ("nonce",) if name in tokens.claims}, **claims},
        refresh_token=response.refresh_token or tokens.refresh_token,
    )


def no_id_token() -> InvalidResponse:
    """Return the error for a response that lacks a required ID token (OpenID Connect Core, 3.1.3.3)."""
    return InvalidResponse(
        "id_token",
        "it has no id_token",
        "No token was accepted. If the provider does not support OpenID Connect, leave `default_scope` empty and use "
        "--flow code or --flow device.",
    )


def refusal(status: int, document: Mapping[str, Any]) -> IpyauthError:
    """Return the error for an answer of the token endpoint that is not a success (RFC 6749, 5.2).

    *document* is the JSON object of the answer, empty if it has none. The error code counts more than *status*: Auth0
    answers 403 and 429 where the RFCs say 400, and some providers answer 200.
    """
    error, description = document.get("error"), document.get("error_description")
    if not isinstance(error, str) or not error:
        error, description = "", None
    if status >= 500 or error in _PASSING or (status == 429 and error not in _OF_A_DEVICE):
        return ProviderUnreachable(f"The provider is busy (it answered {status}). Try again in a moment.")
    # An error within a success may be an object, or true. It has no code then, and nor has the status.
    code = error or ("" if status == 200 else f"status {status}")
    return ProviderRefused(code, description if isinstance(description, str) else None)


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


def _scope(value: object, requested_scope: str) -> str:
    """Return the granted scopes, separated by spaces. Some providers send them as a list, or separated by commas."""
    if isinstance(value, list):
        return " ".join(part for each in value if isinstance(each, str) for part in each.split())
    if not isinstance(value, str):
        return ""
    # A comma may be part of a scope (RFC 6749, 3.3), but not where there is none in the requested scopes.
    return " ".join((value if "," in requested_scope else value.replace(",", " ")).split())


def _expires_at(expires_in: int | None, asked_at: datetime) -> datetime | None:
    """Return the end of the access token, counted from the request for it; None if the provider does not tell.

    Nothing else tells it. The ID token has a lifetime of its own, and the access token is opaque to its client, even
    if it is a JWT (RFC 6749, 1.4; RFC 9068, 6). The token is younger than its request, but its issuer may have rounded
    its times down to whole seconds (RFC 7519, section 2).
    """
    return None if expires_in is None else asked_at.replace(microsecond=0) + timedelta(seconds=expires_in)
