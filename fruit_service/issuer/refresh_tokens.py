"""Refresh tokens (RFC 6749, section 6), rotated as Auth0 does: each is good once, and its reuse ends its family."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field

from authlib.oauth2.rfc6749 import TokenMixin

from .directory import Client, User
from .switches import Switches
from .terms import Terms
from .ttl import TtlMap

OFFLINE_ACCESS = "offline_access"
"""The scope that asks for a refresh token (OpenID Connect Core, section 11)."""


@dataclass(frozen=True)
class RefreshToken(TokenMixin):
    """The grant behind a refresh token, and its family: all the tokens that came from one sign-in."""

    family: str = field(repr=False)
    client_id: str
    user: User
    scope: str
    terms: Terms
    ends: float
    """By the clock that measures; the last of a family ends when the first would have."""

    def check_client(self, client: Client) -> bool:
        """Tell whether it was issued to *client*."""
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        """Return the granted scope."""
        return self.scope


class RefreshTokens:
    """The refresh tokens of one issuer: which are good, which were used, and which families are ended."""

    def __init__(self, switches: Switches, limit: int = 100_000) -> None:
        self._switches = switches
        self._rotating = threading.Lock()
        self._tokens: TtlMap[RefreshToken] = TtlMap(switches.elapsed, limit)
        self._used: TtlMap[float] = TtlMap(switches.elapsed, limit)
        self._ended: TtlMap[bool] = TtlMap(switches.elapsed, limit)

    def begin(self, client_id: str, user: User, scope: str, terms: Terms, family: str | None = None) -> dict[str, str]:
        """Return `refresh_token` for a token response, the first of its family; nothing without `offline_access`."""
        if OFFLINE_ACCESS not in scope.split():
            return {}
        ends = self._switches.elapsed() + self._switches.refresh_token_lifetime
        family = family or secrets.token_urlsafe()
        return {"refresh_token": self.issue(RefreshToken(family, client_id, user, scope, terms, ends))}

    def issue(self, stands_for: RefreshToken) -> str:
        """Return a new token, in the form of Auth0's."""
        text = f"v1.{secrets.token_urlsafe(48)}"
        self._tokens.put(text, stands_for, self._left(stands_for))
        return text

    def find(self, text: str) -> RefreshToken | None:
        """Return the grant behind *text*, used or not; None if it is unknown, too old, or of an ended family."""
        found = self._tokens.get(text)
        return found if found and not self._ended.get(found.family) else None

    def usable(self, text: str) -> RefreshToken | None:
        """Return the grant behind *text*, if it may be used; a reuse ends its family (RFC 9700, section 4.14.2)."""
        found, used = self.find(text), self._used.get(text)
        if found and used is not None and self._switches.elapsed() - used >= self._switches.reuse_leeway:
            # There are two copies. Whether a thief or the client uses this one cannot be told.
            self.end(found.family)
            return None
        return found

    def rotate(self, text: str) -> str | None:
        """Return the token that comes after *text*: of many callers one gets it, but for the leeway."""
        with self._rotating:
            found = self.usable(text)
            if found is None:
                return None
            if self._used.get(text) is None:
                self._used.put(text, self._switches.elapsed(), self._left(found))
            return self.issue(found)

    def end(self, family: str) -> None:
        """Take back every token of *family*, also those that are yet to be issued."""
        self._ended.put(family, True, self._switches.refresh_token_lifetime)

    def _left(self, token: RefreshToken) -> float:
        return token.ends - self._switches.elapsed()
