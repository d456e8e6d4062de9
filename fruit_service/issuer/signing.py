"""Signing: the issuer's key, and the tokens made with it in Auth0's form."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from .people import User

ALGORITHM = "RS256"
ID_TOKEN_LIFETIME = 36_000
"""In seconds, as Auth0's default: an ID token tells who signed in, not for how long."""


def new_key() -> RSAKey:
    """Return a fresh RSA key whose `kid` is its thumbprint (RFC 7638)."""
    key = RSAKey.generate_key(2048, private=True)
    key.ensure_kid()
    return key


@dataclass(frozen=True)
class Signer:
    """What makes the tokens of one issuer."""

    issuer: str
    lifetime: int
    key: RSAKey = field(default_factory=new_key, repr=False)

    @property
    def header(self) -> dict[str, str]:
        """The header of every token; Auth0's default says `JWT` of access tokens too."""
        return {"alg": ALGORITHM, "typ": "JWT", "kid": str(self.key.kid)}

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a set (RFC 7517, section 5)."""
        return {"keys": [{**self.key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}]}

    def access_token(self, user: User, client_id: str, scope: str, audience: str) -> str:
        """Return an access token for *audience*, or an opaque one where there is none."""
        if not audience:
            return secrets.token_urlsafe(24)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": user.sub,
            "aud": [audience, self.issuer + "userinfo"] if "openid" in scope.split(" ") else audience,
            "iat": now,
            "exp": now + self.lifetime,
            "azp": client_id,
            "scope": scope,
        }
        return self.sign(claims)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return *claims* as a JWT of this issuer, whatever they say."""
        return jwt.encode(self.header, dict(claims), self.key, [ALGORITHM])
