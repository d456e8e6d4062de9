"""Another verifier of tokens, for comparison: PyJWT, and the rules of the standards that it does not have.

It may accept too much, but what it refuses must be refused.
"""

from __future__ import annotations

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


class Reference:
    """Accepts tokens of the issuer of *fixtures*, at its time."""

    def __init__(self, fixtures: Fixtures, monkeypatch: pytest.MonkeyPatch) -> None:
        self._fixtures = fixtures
        self._keys = {
            fixtures.jwk(name)["kid"]: (jwt.PyJWK(fixtures.jwk(name), algorithm), algorithm) for name, algorithm in KEYS
        }

        class Clock(real_datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Clock:
                return cls.fromtimestamp(fixtures.now, tz)

        monkeypatch.setattr(api_jwt, "datetime", Clock)

    def takes_id_token(self, token: str) -> bool:
        """Tell whether *token* is good by OpenID Connect Core, 3.2.2.11, as far as PyJWT and the claims go."""
        # OpenID Connect says nothing of `jti`, so an odd one is let be.
        decoded = self._decoded(token, ("iss", "sub", "aud", "exp", "iat", "nonce", "at_hash"), {"verify_jti": False})
        if decoded is None:
            return False
        header, claims = decoded
        return (
            not _is_another_kind(header)
            and claims["nonce"] == self._fixtures.constants["NONCE"]
            and claims["at_hash"] == self._fixtures.at_hash("good")
            and claims["aud"] in (NAME, *([NAME] * count for count in range(1, 5)))
            and claims.get("azp", NAME) == NAME
            and isinstance(claims["iat"], int | float)
            and claims["iat"] >= self._fixtures.now - 600 - LEEWAY
        )

    def takes_access_token(self, token: str) -> bool:
        """Tell whether *token* is good by RFC 9068, section 4, in Auth0's profile."""
        decoded = self._decoded(token, ("iss", "sub", "aud", "exp"), {})
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
        self, token: str, required: tuple[str, ...], options: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        for key, algorithm in self._keys_for(token):
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

    def _keys_for(self, token: str) -> list[tuple[jwt.PyJWK, str]]:
        """Return the key that *token* names; all of them if it names none (OpenID Connect Core, 10.1)."""
        with suppress(Exception):
            header = jwt.get_unverified_header(token)
            return [self._keys[header["kid"]]] if "kid" in header else list(self._keys.values())
        return []


def _is_another_kind(header: dict[str, Any], own: str = "") -> bool:
    """Tell whether `typ` names another kind of JWT than *own* (RFC 8725, section 3.11)."""
    typ = str(header.get("typ", "")).lower().removeprefix("application/")
    return typ.endswith("+jwt") and typ != own
