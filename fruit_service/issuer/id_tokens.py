"""ID tokens: their claims, their header and their key, as Authlib's grants and extensions ask for them."""

from __future__ import annotations

from typing import Any, cast

from authlib.oidc.core import OpenIDCode, OpenIDToken, UserInfo
from joserfc.jwk import KeySet

from .directory import User
from .signing import Signer

ID_TOKEN_LIFETIME = 36_000
"""In seconds, as Auth0's default: an ID token tells who signed in, not for how long."""


class IdTokens:
    """What Authlib asks of whoever signs ID tokens."""

    @property
    def signer(self) -> Signer:
        """What signs them."""
        raise NotImplementedError

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        """Return False: that a nonce is used once is for the client to see to."""
        return False

    def generate_user_info(self, user: User, scope: str) -> UserInfo:
        """Return the user's claims for the ID token."""
        return UserInfo(user.claims(scope))

    def get_compatible_claims(self, request: Any) -> dict[str, Any]:
        """Return the claims that do not come from the user or the access token."""
        now = int(self.signer.switches.now())
        claims = {"iss": self.signer.issuer, "aud": request.get("client_id"), "iat": now}
        auth_time = self.auth_time(request)
        return {**claims, "exp": now + ID_TOKEN_LIFETIME, **({"auth_time": auth_time} if auth_time else {})}

    def auth_time(self, request: Any) -> int | None:
        """Return when the user signed in, in seconds since the epoch, where that was asked for."""
        return None

    def resolve_client_private_key(self, client: Any) -> KeySet:
        """Return the keys, of which the header names one: keys may rotate between the two."""
        return self.signer.keys.private

    def get_encode_header(self, client: Any) -> dict[str, str]:
        """Return the header of the ID token."""
        return self.signer.header

    def encode_id_token(self, token: Any, request: Any) -> str:
        """Return the ID token of a token response."""
        return self.signer.tampered(cast(Any, super()).encode_id_token(token, request))

    def process_implicit_token(self, token: Any, code: str | None = None) -> Any:
        """Return the parameters of an implicit response, the ID token among them."""
        token = cast(Any, super()).process_implicit_token(token, code)
        return {**token, "id_token": self.signer.tampered(token["id_token"])}


class IdTokenWithCode(IdTokens, OpenIDCode):
    """The ID token that comes with the code's access token (OpenID Connect Core, section 3.1)."""

    def __init__(self, signer: Signer) -> None:
        super().__init__(require_nonce=False)
        self._signer = signer

    @property
    def signer(self) -> Signer:
        """What signs it."""
        return self._signer


class IdTokenWithDeviceCode(IdTokens, OpenIDToken):
    """The ID token that comes with a device's access token: there was no nonce."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    @property
    def signer(self) -> Signer:
        """What signs it."""
        return self._signer


class IdTokenWithRefreshToken(IdTokenWithDeviceCode):
    """The ID token of a refresh response: no nonce, the first one's `auth_time` (OpenID Connect Core, section 12.2)."""

    def auth_time(self, request: Any) -> int | None:
        """Return when the user signed in, if the first ID token said so."""
        auth_time: int | None = request.refresh_token.auth_time
        return auth_time
