"""A map with limits for the time and the number of its entries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")


class TtlMap(Generic[T]):
    """Values by key. Each expires after its time by *clock*. The oldest go if there are more than *limit*."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, limit: int = 10_000) -> None:
        self._clock = clock
        self._limit = limit
        self._lock = threading.Lock()
        self._values: dict[str, tuple[float, T]] = {}

    def put(self, key: str, value: T, seconds: float) -> None:
        """Store *value* for *seconds* from now on."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = (self._clock() + seconds, value)
            self._forget()

    def get(self, key: str | None) -> T | None:
        """Return the value of *key*, or None."""
        with self._lock:
            return self._valid(self._values.get(key or ""))

    def take(self, key: str | None) -> T | None:
        """Return the value of *key* and remove it, so that only one caller gets it."""
        with self._lock:
            return self._valid(self._values.pop(key or "", None))

    def _valid(self, entry: tuple[float, T] | None) -> T | None:
        return entry[1] if entry and entry[0] > self._clock() else None

    def _forget(self) -> None:
        """Remove up to two old entries from the front. Each `put` adds only one, so the map does not grow."""
        now = self._clock()
        for key, (end, _) in list(islice(self._values.items(), 2)):
            if end <= now or len(self._values) > self._limit:
                del self._values[key]
