"""Work that may hang, done in a thread of its own and waited for only so long.

A PostgreSQL that stands still, its machine alive, answers nothing and ends no connection; libpq waits for it for ever.
An issuer whose headers drip keeps every time limit of a socket away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from .errors import Unavailable

MOST = 8
"""So many threads may hang; then nobody waits any more."""

T = TypeVar("T")


class BoundedExecutor:
    """Does work for as many callers as there are, and lets none of them wait longer than they said."""

    def __init__(self, name: str, unavailable: str) -> None:
        """Name the threads *name*; *unavailable* is the sentence for who has waited in vain."""
        self._name = name
        self._unavailable = unavailable
        self._places = threading.Semaphore(MOST)

    def within(self, seconds: float, work: Callable[[], T]) -> T:
        """Return what *work* returns, or raise what it raises.

        Raises:
            Unavailable: it has not ended in *seconds*, or all threads hang already. It goes on, and nobody hears of it.
        """
        if not self._places.acquire(blocking=False):
            raise Unavailable(self._unavailable)
        outcome: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

        def do() -> None:
            try:
                outcome.put((work(), None))
            except BaseException as error:
                outcome.put((None, error))
            finally:
                self._places.release()

        threading.Thread(target=do, name=self._name, daemon=True).start()
        try:
            result, error = outcome.get(timeout=seconds)
        except Empty:
            raise Unavailable(self._unavailable) from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]
