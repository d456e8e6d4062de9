"""The refresh grant (RFC 6749, section 6): new tokens for a refresh token, without the user."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oauth2.rfc6749.grants import RefreshTokenGrant

from .authorization_server import LocalAuthorizationServer
from .directory import User
from .messages import response_without_equal_scope
from .refresh_tokens import RefreshToken


class RefreshGrant(RefreshTokenGrant):
    """The refresh grant. A narrower scope applies to the access token only, not to the next refresh token."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    request: Any
    server: LocalAuthorizationServer

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken:
        """Return the grant behind *refresh_token*, if it is good and this client's."""
        found = self.server.refresh_tokens.usable(refresh_token)
        if found is None or not found.check_client(self.request.client):
            raise _invalid_refresh_token()
        return found

    def authenticate_user(self, refresh_token: RefreshToken) -> User:
        """Return the user that signed in."""
        return refresh_token.user

    def issue_token(self, user: User, refresh_token: Any) -> dict[str, Any]:
        """Return the tokens, with the next refresh token."""
        scope = self.request.client.get_allowed_scope(self.request.payload.scope) or refresh_token.scope
        token = self.server.issue(self.request, user, scope, refresh_token.terms)
        if not self.server.switches.rotate_refresh_tokens:
            return token
        following = self.server.refresh_tokens.rotate(self.request.get("refresh_token"))
        if following is None:
            raise _invalid_refresh_token()
        return {**token, "refresh_token": following}

    def revoke_old_credential(self, refresh_token: object) -> None:
        """Do nothing: `rotate` has marked this token as used."""

    def create_token_response(self) -> Any:
        """Return the token response."""
        response = super().create_token_response()
        asked = self.request.payload.scope or self.request.refresh_token.scope
        return response_without_equal_scope(response, asked)


def _invalid_refresh_token() -> InvalidGrantError:
    """Return the error with Auth0's status and description. RFC 6749 (section 5.2) has status 400."""
    return InvalidGrantError("Unknown or invalid refresh token.", status_code=403)
