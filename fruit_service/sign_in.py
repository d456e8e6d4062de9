"""Rules: how, and how long ago, the user of an access token signed in (RFC 9470)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MULTI_FACTOR = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"
"""The `acr` of a sign-in in two steps, by the name that Auth0 has for it."""


@dataclass(frozen=True)
class RequiredSignIn:
    """The sign-in that a route requires: its `acr`, and its largest age in seconds."""

    acr: str
    max_age: int

    def is_met(self, claims: Mapping[str, Any], now: float, leeway: int) -> bool:
        """Return whether a token with *claims* comes from such a sign-in (RFC 9068, section 2.2.1)."""
        auth_time = claims.get("auth_time")
        if isinstance(auth_time, bool) or not isinstance(auth_time, int | float):
            return False
        return claims.get("acr") == self.acr and -leeway <= now - auth_time <= self.max_age + leeway
