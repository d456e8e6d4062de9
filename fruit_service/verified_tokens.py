"""Verified tokens: a token is verified once, and known again for as long as it and its key are good."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from joserfc.jwk import Key

from .access_token import AccessToken, FindKey, Rules, verify
from .errors import InvalidToken

MOST = 1024
"""Tokens that are kept; then the oldest goes."""
LONGEST = 4096
"""In characters: what is longer is verified each time, so that the memory is bounded too."""

REFUSED_FOR = 1
"""How long a refusal is repeated without another look, in seconds: who insists is no dearer than a user."""

T = TypeVar("T")


class VerifiedTokens:
    """Verifies tokens by *rules* and keeps those that are good, under their SHA-256: a token itself is not kept.

    Args:
        rules: what a token must be.
        find_key: from a `kid` to the issuer's key.
        holds: whether the issuer still publishes, under that `kid`, a key that was found.
        now: the time, in seconds since 1970.
    """

    def __init__(
        self,
        rules: Rules,
        find_key: FindKey,
        holds: Callable[[str, Key], bool],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._rules = rules
        self._find_key = find_key
        self._holds = holds
        self._now = now
        self._kept: dict[bytes, AccessToken] = {}
        # Beside the good ones and not among them: whoever sends rubbish must not push those out.
        self._refused: dict[bytes, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def __call__(self, token: str) -> AccessToken:
        """Return what *token* says; `InvalidToken` where it is not good now."""
        digest = sha256(token.encode()).digest()
        known = self._kept.get(digest)
        if known is not None:
            if self._now() < known.good_until and self._holds(known.kid, known.key):
                return known
            self._forget(digest)
        until, refusal = self._refused.get(digest, (0.0, ""))
        if self._now() < until:
            raise InvalidToken(refusal)
        return self._verified(token, digest)

    def _verified(self, token: str, digest: bytes) -> AccessToken:
        try:
            verified = verify(token, self._rules, self._find_key, self._now())
        except InvalidToken as error:
            self._keep(self._refused, digest, (self._now() + REFUSED_FOR, error.msg))
            raise
        if len(token) <= LONGEST:
            self._keep(self._kept, digest, verified)
        return verified

    def __len__(self) -> int:
        return len(self._kept)

    def _forget(self, digest: bytes) -> None:
        with self._lock:
            self._kept.pop(digest, None)

    def _keep(self, kept: dict[bytes, T], digest: bytes, value: T) -> None:
        with self._lock:
            while len(kept) >= MOST:
                del kept[next(iter(kept))]
            kept[digest] = value
