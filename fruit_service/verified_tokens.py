"""A cache of verified tokens: each token is verified once, until it or its key becomes invalid."""

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
"""Most tokens in the cache. A new one replaces the oldest."""
LONGEST = 4096
"""Longest cached token in characters. A longer one is verified each time, which limits the memory."""

REFUSED_FOR = 1
"""Seconds for which a refusal is cached, so that a client repeating a bad token costs no more than a normal request."""

T = TypeVar("T")


class VerifiedTokens:
    """Verifies tokens by *rules* and caches the valid ones by their SHA-256. It does not store the tokens themselves.

    Args:
        rules: the requirements for a token.
        find_key: returns the issuer's key with a `kid`, or its only key.
        holds: returns whether the issuer still publishes a key that *find_key* has returned, under its `kid`.
        now: returns the time, in seconds since 1970.
    """

    def __init__(
        self,
        rules: Rules,
        find_key: FindKey,
        holds: Callable[[str | None, Key], bool],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._rules = rules
        self._find_key = find_key
        self._holds = holds
        self._now = now
        self._kept: dict[bytes, AccessToken] = {}
        # Separate from the valid tokens, so that bad tokens cannot push them out of the cache.
        self._refused: dict[bytes, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def __call__(self, token: str) -> AccessToken:
        """Return *token*, verified now or before.

        Raises:
            InvalidToken: it is not valid now.
        """
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
