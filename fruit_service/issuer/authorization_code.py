"""Authorization codes: the grant behind each (RFC 6749, section 4.1)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from authlib.oidc.core import AuthorizationCodeMixin

from .directory import User
from .messages import Request
from .terms import Terms


@dataclass(frozen=True)
class AuthorizationCode(AuthorizationCodeMixin):
    """The grant behind a code: user, client, scope, terms, and the challenge that its verifier must meet."""

    client_id: str
    redirect_uri: str
    user: User
    scope: str
    requested_scope: str
    terms: Terms
    nonce: str
    code_challenge: str
    code_challenge_method: str
    family: str = field(default_factory=secrets.token_urlsafe, repr=False)
    """Of the refresh tokens that come from it."""

    @classmethod
    def of(cls, request: Request) -> AuthorizationCode:
        """Return the code's grant for an authorization request that the user has just allowed."""
        return cls(
            client_id=request.get("client_id"),
            redirect_uri=request.get("redirect_uri"),
            user=request.user,
            scope=request.scope,
            requested_scope=request.get("scope"),
            terms=request.terms,
            nonce=request.get("nonce"),
            code_challenge=request.get("code_challenge"),
            code_challenge_method=request.get("code_challenge_method"),
        )

    def get_redirect_uri(self) -> str:
        """Return the redirect URI that the token request must repeat."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the granted scope."""
        return self.scope

    def get_nonce(self) -> str:
        """Return the nonce for the ID token."""
        return self.nonce

    def get_auth_time(self) -> int | None:
        """Return when the user signed in, if the tokens say it."""
        return self.terms.auth_time

    def get_acr(self) -> str:
        """Return the class of the sign-in, or an empty text."""
        return self.terms.acr or ""
