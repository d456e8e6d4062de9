"""Work with a deadline, for calls that may hang.

If a PostgreSQL server freezes while its machine runs, libpq waits forever. If an issuer sends its headers byte by byte,
the timeout of a socket never expires.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from .errors import Unavailable

MOST = 8
"""Most threads at the same time. If all of them hang, further work is refused at once."""

T = TypeVar("T")


class BoundedExecutor:
    """Runs the work of each caller in a thread of its own, with a deadline."""

    def __init__(self, name: str, unavailable: str) -> None:
        """Use *name* for the threads and *unavailable* as the message of `Unavailable`."""
        self._name = name
        self._unavailable = unavailable
        self._places = threading.Semaphore(MOST)

    def within(self, seconds: float, work: Callable[[], T]) -> T:
        """Return the result of *work*, or raise its exception.

        Raises:
            Unavailable: *work* has not ended within *seconds* (it continues, its result is dropped), or all threads
                are busy.
        """
        if not self._places.acquire(blocking=False):
            raise Unavailable(self._unavailable)
        outcome: Future[T] = Future()

        def do() -> None:
            try:
                outcome.set_result(work())
            except BaseException as error:  # whatever it is, it is the caller's
                outcome.set_exception(error)
            finally:
                self._places.release()

        threading.Thread(target=do, name=self._name, daemon=True).start()
        if not wait([outcome], seconds).done:
            raise Unavailable(self._unavailable)
        return outcome.result()
