"""The issuer's keys: fetched on first use, refreshed in the background, and kept for a day if the issuer is down."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping

from joserfc.jwk import Key

from .deadline import BoundedExecutor
from .errors import Unavailable
from .key_set import KeySetAddress, import_keys

MIN_INTERVAL = 30
"""Seconds between two fetches for unknown keys."""
RETRY_INTERVAL = 2
"""Seconds between two fetches while there are no keys."""
REFRESH_INTERVAL = 600
"""Seconds between two fetches in the background. A withdrawn key is accepted for at most that long."""
KEEP = 24 * 3600
"""Seconds for which the last keys stay valid while the issuer cannot be reached."""
MAX_WAIT = 2
"""Seconds after the start of a fetch for which requests wait for it. A slow issuer must not block all threads."""
MAX_FETCH = 30
"""Limit for discovery and keys together, in seconds."""

_log = logging.getLogger(__name__)


class IssuerKeys:
    """The keys of one issuer, by `kid`. *clock* returns seconds, from any start."""

    def __init__(
        self, issuer: str, clock: Callable[[], float] = time.monotonic, refresh_interval: float = REFRESH_INTERVAL
    ) -> None:
        self._issuer = issuer
        self._key_set = KeySetAddress(issuer)
        self._clock = clock
        self._refresh_interval = refresh_interval
        self._keys: Mapping[str, Key] = {}
        self._good_until = float("-inf")
        self._state = threading.Condition()
        self._executor = BoundedExecutor("fruit-keys-request", "the issuer does not answer in time")
        self._fetching = False
        self._waited_until = 0.0
        self._fetches = 0
        self._not_before = float("-inf")
        self._closed = threading.Event()
        self._refresher_of: int | None = None

    def find(self, kid: str | None) -> Key | None:
        """Return the key with this `kid`, or None. Without a `kid`, return the only key, or None if there are several.

        Raises:
            Unavailable: there are no keys.
        """
        seen = self._fetches  # read before the lookup: a fetch that ends after it may bring the key
        return _named(self._current(), kid) or self._fetched(kid, seen)

    def holds(self, kid: str | None, key: Key) -> bool:
        """Return whether *key*, which `find` has returned for *kid*, is still one of the issuer's keys."""
        return _named(self._current(), kid) is key

    def check(self) -> None:
        """Check that there is a key.

        Raises:
            Unavailable: no token can be verified now.
        """
        if not self._current():
            self._fetched("", self._fetches)
        if not self._keys:
            raise Unavailable("The issuer publishes no usable key.")

    def close(self) -> None:
        """End the fetches in the background."""
        self._closed.set()

    def _current(self) -> Mapping[str, Key]:
        if not self._is_answered():
            with self._state:
                if not self._is_answered():  # a fetch may have ended meanwhile
                    self._keys = {}
        return self._keys

    def _is_answered(self) -> bool:
        """Return whether the issuer has published its keys within the last day, even if it has none."""
        return self._clock() <= self._good_until

    def _fetched(self, kid: str | None, seen: int) -> Key | None:
        """Return the key after a fetch, if one is due. One of several callers starts it, and all wait for it."""
        with self._state:
            if self._fetches == seen and not self._fetching and self._clock() >= self._not_before:
                self._begin_fetch()
            self._state.wait_for(lambda: not self._fetching, self._waited_until - time.monotonic())
        if not self._is_answered():
            raise Unavailable("The issuer's keys cannot be fetched now.")
        return _named(self._keys, kid)

    def _begin_fetch(self) -> None:
        """Start a fetch in its own thread, so that a request can stop waiting for it."""
        self._fetching = True
        self._waited_until = time.monotonic() + MAX_WAIT
        threading.Thread(target=self._fetch, name="fruit-keys-fetch", daemon=True).start()
        self._begin_refreshing()

    def _begin_refreshing(self) -> None:
        # On first use: a server may fork after it has created the application.
        if self._refresher_of != os.getpid():
            self._refresher_of = os.getpid()
            threading.Thread(target=self._refresh, name="fruit-keys-refresh", daemon=True).start()

    def _refresh(self) -> None:
        while not self._closed.wait(self._refresh_interval):
            with self._state:
                if not self._fetching:
                    self._begin_fetch()

    def _fetch(self) -> None:
        first = not self._is_answered()
        keys: Mapping[str, Key] | None = None
        try:
            keys = import_keys(self._executor.within(MAX_FETCH, self._key_set.jwks))
        except Exception as error:  # after any answer of the issuer, `_fetching` must be reset
            _log.warning("The keys of %s cannot be fetched: %s", self._issuer, error)
            self._key_set.forget()
        with self._state:
            # An issuer that suddenly publishes no key is broken: keep the last keys.
            if keys or (keys is not None and first):
                self._keys = {kid: self._same(kid, key) for kid, key in keys.items()}
                self._good_until = self._clock() + KEEP
            self._not_before = self._clock() + self._pause(first)
            self._fetches += 1
            self._fetching = False
            self._state.notify_all()

    def _same(self, kid: str, key: Key) -> Key:
        """Return our existing object for an equal *key*: `holds` compares by identity."""
        known = self._keys.get(kid)
        return known if known is not None and known.as_dict() == key.as_dict() else key

    def _pause(self, first: bool) -> float:
        if not self._is_answered():
            return RETRY_INTERVAL
        # A second fetch may follow the first one at once: issuers often rotate keys when they restart.
        return 0 if first else MIN_INTERVAL


def _named(keys: Mapping[str, Key], kid: str | None) -> Key | None:
    if kid is not None:
        return keys.get(kid)
    return next(iter(keys.values())) if len(keys) == 1 else None
