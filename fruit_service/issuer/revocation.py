"""Revocation (RFC 7009): a client revokes its refresh token, and with it the whole family."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint as AuthlibRevocationEndpoint

from .authorization_server import LocalAuthorizationServer
from .refresh_tokens import RefreshToken


class RevocationEndpoint(AuthlibRevocationEndpoint):
    """Revokes refresh tokens, used ones too. Access tokens are JWTs that APIs verify themselves: they only expire.

    RFC 7009 allows that (section 2: revoking access tokens is a SHOULD), and Auth0 does the same. The answer is 200, as
    for an unknown token (section 2.2).
    """

    CLIENT_AUTH_METHODS = ("none",)
    server: LocalAuthorizationServer

    def check_params(self, request: Any, client: object) -> None:
        """Refuse a request without a token. Unlike Authlib, accept a wrong hint (section 2.1)."""
        if not request.get("token"):
            raise InvalidRequestError("Send the token.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> RefreshToken | None:
        """Return the grant behind a refresh token; its client is compared by Authlib."""
        return self.server.refresh_tokens.find(token_string)

    def revoke_token(self, token: RefreshToken, request: object) -> None:
        """Revoke the family (Auth0: the refresh token, and with a tenant setting the grant too)."""
        self.server.refresh_tokens.end(token.family)
