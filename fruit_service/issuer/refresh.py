"""Refresh tokens (RFC 6749, section 6), rotated as by Auth0: each is valid once, and a reuse revokes its family."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oauth2.rfc6749.grants import RefreshTokenGrant

from .directory import Client, User
from .messages import without_equal_scope
from .switches import Switches
from .ttl import TtlMap

if TYPE_CHECKING:
    from .grants import LocalAuthorizationServer

OFFLINE_ACCESS = "offline_access"
"""The scope that requests a refresh token (OpenID Connect Core, section 11)."""


@dataclass(frozen=True)
class RefreshToken(TokenMixin):
    """The authorization of a refresh token, and its family: all refresh tokens from one sign-in."""

    family: str = field(repr=False)
    client_id: str
    user: User
    scope: str
    audience: str
    auth_time: int | None
    ends: float
    """Time of `Switches.elapsed`. All tokens of a family end at the same time."""

    def check_client(self, client: Client) -> bool:
        """Return whether it was issued to *client*."""
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        """Return the granted scope."""
        return self.scope


class RefreshTokens:
    """The refresh tokens of one issuer: all tokens, the used ones, and the revoked families."""

    def __init__(self, switches: Switches, limit: int = 100_000) -> None:
        self._switches = switches
        self._rotating = threading.Lock()
        self._tokens: TtlMap[RefreshToken] = TtlMap(switches.elapsed, limit)
        self._used: TtlMap[float] = TtlMap(switches.elapsed, limit)
        self._ended: TtlMap[bool] = TtlMap(switches.elapsed, limit)

    def begin(
        self,
        client_id: str,
        user: User,
        scope: str,
        audience: str,
        auth_time: int | None = None,
        family: str | None = None,
    ) -> dict[str, str]:
        """Return the first `refresh_token` of a family, as part of a token response; empty without `offline_access`."""
        if OFFLINE_ACCESS not in scope.split():
            return {}
        ends = self._switches.elapsed() + self._switches.refresh_token_lifetime
        family = family or secrets.token_urlsafe()
        return {"refresh_token": self.issue(RefreshToken(family, client_id, user, scope, audience, auth_time, ends))}

    def issue(self, stands_for: RefreshToken) -> str:
        """Return a new token, in Auth0's form."""
        text = f"v1.{secrets.token_urlsafe(48)}"
        self._tokens.put(text, stands_for, self._left(stands_for))
        return text

    def find(self, text: str) -> RefreshToken | None:
        """Return the authorization of *text*, used or not; None if it is unknown, expired, or of a revoked family."""
        found = self._tokens.get(text)
        return found if found and not self._ended.get(found.family) else None

    def usable(self, text: str) -> RefreshToken | None:
        """Return the authorization of *text* if it may be used. A reuse revokes its family (RFC 9700, 4.14.2)."""
        found, used = self.find(text), self._used.get(text)
        if found and used is not None and self._switches.elapsed() - used >= self._switches.reuse_leeway:
            # Two parties have the token. The issuer cannot know which of them is the client.
            self.end(found.family)
            return None
        return found

    def rotate(self, text: str) -> str | None:
        """Return the next token after *text*, or None. Without a leeway only one caller gets it."""
        with self._rotating:
            found = self.usable(text)
            if found is None:
                return None
            if self._used.get(text) is None:
                self._used.put(text, self._switches.elapsed(), self._left(found))
            return self.issue(found)

    def end(self, family: str) -> None:
        """Revoke all tokens of *family*, also later ones."""
        self._ended.put(family, True, self._switches.refresh_token_lifetime)

    def _left(self, token: RefreshToken) -> float:
        return token.ends - self._switches.elapsed()


class RefreshGrant(RefreshTokenGrant):
    """The refresh grant. A narrower scope applies to the access token only, not to the next refresh token."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]  # noqa: RUF012 (so Authlib has it)
    request: Any
    server: LocalAuthorizationServer

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken:
        """Return the authorization of *refresh_token*, which must be valid and of this client."""
        found = self.server.refresh_tokens.usable(refresh_token)
        if found is None or not found.check_client(self.request.client):
            raise _invalid_refresh_token()
        return found

    def authenticate_user(self, refresh_token: Any) -> User:
        """Return the user."""
        user: User = refresh_token.user
        return user

    def issue_token(self, user: User, refresh_token: Any) -> dict[str, Any]:
        """Return the tokens, with the next refresh token."""
        scope = self.request.client.get_allowed_scope(self.request.payload.scope) or refresh_token.scope
        token = self.server.issue(self.request, user, scope, refresh_token.audience)
        if not self.server.switches.rotate_refresh_tokens:
            return token
        following = self.server.refresh_tokens.rotate(self.request.get("refresh_token"))
        if following is None:
            raise _invalid_refresh_token()
        return {**token, "refresh_token": following}

    def revoke_old_credential(self, refresh_token: Any) -> None:
        """Do nothing: `rotate` has marked this token as used."""

    def create_token_response(self) -> Any:
        """Return the token response."""
        status, token, headers = cast(Any, super().create_token_response())
        asked = self.request.payload.scope or self.request.refresh_token.scope
        return status, without_equal_scope(token, asked), headers


def _invalid_refresh_token() -> InvalidGrantError:
    """Return the error with Auth0's status and description. RFC 6749 (section 5.2) has status 400."""
    return InvalidGrantError("Unknown or invalid refresh token.", status_code=403)
