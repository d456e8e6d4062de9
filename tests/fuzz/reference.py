"""Another verifier of tokens, for comparison: PyJWT, and the rules of the standards that it does not have.

It may accept too much, but what it refuses must be refused.
"""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from datetime import datetime as real_datetime
from datetime import tzinfo
from typing import Any

import jwt
import pytest
from jwt import api_jwt

from tests.support.bad_inputs import Fixtures

from .tokens import KEYS, NAME

LEEWAY = 60

OF_ID_TOKENS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256",),
}
"""The algorithms of the issuer's keys, by `kty`: a published key without `alg` may be used with all of them."""


Keys = dict[str, dict[str, jwt.PyJWK]]
"""By `kid`, and then by algorithm."""


class Reference:
    """Accepts tokens of the issuer of *fixtures*, at its time."""

    def __init__(self, fixtures: Fixtures, monkeypatch: pytest.MonkeyPatch) -> None:
        self._fixtures = fixtures
        jwks = [(fixtures.jwk(name), algorithm) for name, algorithm in KEYS]
        self._keys = {jwk["kid"]: {algorithm: jwt.PyJWK(jwk, algorithm)} for jwk, algorithm in jwks}
        self._bare_keys = {
            jwk["kid"]: {algorithm: jwt.PyJWK(jwk, algorithm) for algorithm in OF_ID_TOKENS[jwk["kty"]]}
            for jwk, _ in jwks
        }

        class Clock(real_datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Clock:
                return cls.fromtimestamp(fixtures.now, tz)

        monkeypatch.setattr(api_jwt, "datetime", Clock)

    def takes_id_token(self, token: str) -> bool:
        """Tell whether *token* is good by OpenID Connect Core, 3.2.2.11, as far as PyJWT and the claims go."""
        # OpenID Connect says nothing of `jti`, so an odd one is let be.
        required = ("iss", "sub", "aud", "exp", "iat", "nonce", "at_hash")
        decoded = self._decoded(token, self._bare_keys, required, {"verify_jti": False})
        if decoded is None:
            return False
        header, claims = decoded
        return (
            not _is_another_kind(header)
            and claims["nonce"] == self._fixtures.constants["NONCE"]
            and claims["at_hash"] == _half_hash(self._fixtures.constants["ACCESS_TOKEN"], header["alg"])
            and claims.get("azp", NAME if claims["aud"] == NAME or set(claims["aud"]) == {NAME} else None) == NAME
            and isinstance(claims["iat"], int | float)
            and claims["iat"] >= self._fixtures.now - 600 - LEEWAY
        )

    def takes_access_token(self, token: str) -> bool:
        """Tell whether *token* is good by RFC 9068, section 4, in Auth0's profile."""
        decoded = self._decoded(token, self._keys, ("iss", "sub", "aud", "exp"), {})
        if decoded is None:
            return False
        header, claims = decoded
        return (
            "kid" in header
            and "typ" in header
            and not _is_another_kind(header, "at+jwt")
            and isinstance(claims.get("scope") or "", str)
        )

    def _decoded(
        self, token: str, keys: Keys, required: tuple[str, ...], options: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        for key, algorithm in _keys_for(token, keys):
            # Beside errors of its own it raises those of Python, with an object where it expects a number.
            with suppress(Exception):
                whole = jwt.decode_complete(
                    token,
                    key,
                    [algorithm],
                    options={"require": list(required), **options},
                    audience=NAME,
                    issuer=self._fixtures.constants["ISS"],
                    leeway=LEEWAY,
                )
                return whole["header"], whole["payload"]
        return None


def _keys_for(token: str, keys: Keys) -> list[tuple[jwt.PyJWK, str]]:
    """Return the key that *token* names; all of them if it names none (OpenID Connect Core, 10.1)."""
    with suppress(Exception):
        header = jwt.get_unverified_header(token)
        named = [keys[header["kid"]]] if "kid" in header else list(keys.values())
        return [(each[header["alg"]], header["alg"]) for each in named if header["alg"] in each]
    return []


def _half_hash(text: str, algorithm: str) -> str:
    """Return the `at_hash` of *text* by the hash of *algorithm* (OpenID Connect Core, 3.1.3.6)."""
    digest = hashlib.new(f"sha{algorithm[2:]}", text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _is_another_kind(header: dict[str, Any], own: str = "") -> bool:
    """Tell whether `typ` names another kind of JWT than *own* (RFC 8725, section 3.11)."""
    typ = str(header.get("typ", "")).lower().removeprefix("application/")
    return typ.endswith("+jwt") and typ != own
