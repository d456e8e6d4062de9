"""ID tokens: their claims, header and key, in the methods that Authlib's grants and extensions call."""

from __future__ import annotations

from typing import Any

from authlib.oidc.core import OpenIDCode, OpenIDToken, UserInfo
from joserfc.jwk import KeySet

from .directory import User
from .messages import Request
from .signing import Signer
from .terms import Terms

ID_TOKEN_LIFETIME = 36_000
"""In seconds, Auth0's default. It is not the lifetime of the session."""


class IdTokens:
    """The methods that Authlib calls to make an ID token."""

    @property
    def signer(self) -> Signer:
        """The signer of ID tokens."""
        raise NotImplementedError

    def exists_nonce(self, nonce: str, request: object) -> bool:
        """Return False: the client ensures that a nonce is used once."""
        return False

    def generate_user_info(self, user: User, scope: str) -> UserInfo:
        """Return the user's claims for the ID token."""
        return UserInfo(user.claims(scope))

    def get_compatible_claims(self, request: Any) -> dict[str, Any]:
        """Return the claims that do not come from the user or the access token."""
        now = int(self.signer.switches.now())
        claims = {"iss": self.signer.issuer, "aud": request.get("client_id"), "iat": now}
        auth_time = self.auth_time(request)
        acr = self.acr(request)
        claims |= {"exp": now + ID_TOKEN_LIFETIME, **({"auth_time": auth_time} if auth_time else {})}
        return claims | ({"acr": acr} if acr else {})

    def auth_time(self, request: Request) -> int | None:
        """Return the time of the user's sign-in in seconds since 1970, or None if the request did not ask for it."""
        return None

    def acr(self, request: Request) -> str | None:
        """Return the class of the user's sign-in, or None if the claims have it from another place, or not at all."""
        return None

    def resolve_client_private_key(self, client: object) -> KeySet:
        """Return all keys, because the key named in the header may have been rotated out since."""
        return self.signer.keys.private

    def get_encode_header(self, client: object) -> dict[str, str]:
        """Return the header of the ID token."""
        return self.signer.header


class IdTokenOfTokenResponse(IdTokens, OpenIDToken):
    """The ID token of a token response (OpenID Connect Core, section 3.1.3.3)."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    @property
    def signer(self) -> Signer:
        """The signer of the ID token."""
        return self._signer

    def encode_id_token(self, token: Any, request: Any) -> str:
        """Return the ID token of a token response."""
        return self.signer.tampered(super().encode_id_token(token, request))


class IdTokenWithCode(IdTokenOfTokenResponse, OpenIDCode):
    """The ID token of the authorization code grant (OpenID Connect Core, section 3.1)."""

    require_nonce = False


class IdTokenWithDeviceCode(IdTokenOfTokenResponse):
    """The ID token of the device grant, without a nonce."""


class IdTokenWithRefreshToken(IdTokenOfTokenResponse):
    """The ID token of a refresh response: the first `auth_time`, no nonce (OpenID Connect Core, section 12.2)."""

    def auth_time(self, request: Request) -> int | None:
        """Return the time of the user's sign-in, if the first ID token contained it."""
        terms: Terms = request.refresh_token.terms
        return terms.auth_time

    def acr(self, request: Request) -> str | None:
        """Return the class of the user's sign-in, which a refresh does not change."""
        terms: Terms = request.refresh_token.terms
        return terms.acr
