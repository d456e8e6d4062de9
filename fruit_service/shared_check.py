"""A check that many callers ask for at the same time, done once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .errors import Unavailable


class SharedCheck:
    """Of several callers at a time, one does *work*, and the others use what is known of the last one."""

    def __init__(self, work: Callable[[], object], stuck: float, unavailable: str) -> None:
        """Use *unavailable* as the message of `Unavailable`; a check that takes *stuck* seconds counts as failed."""
        self._work = work
        self._stuck = stuck
        self._unavailable = unavailable
        self._checking = threading.Lock()
        self._since = 0.0
        self._is_good = True

    def check(self) -> None:
        """Return if *work* succeeds.

        Raises:
            Unavailable: it does not, or has not for the caller who does it now.
        """
        if self._checking.acquire(blocking=False):
            try:
                self._since = time.monotonic()
                self._work()
                self._is_good = True
            except Unavailable:
                self._is_good = False
                raise
            finally:
                self._checking.release()
        elif not self._is_good or time.monotonic() - self._since > self._stuck:
            raise Unavailable(self._unavailable)
