"""Work in threads, and waiting for it in a way that an interrupt cannot break."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

T = TypeVar("T")

SLICE = 0.2
"""Seconds of one wait: on Windows a longer one would hold back an interrupt."""


class Wakeup:
    """Wakes one waiting thread; if it was set earlier, the next wait returns at once.

    It is a bare lock: an interrupt inside the Python code of `threading.Event` or `threading.Condition` can leave the
    lock within it held for ever. And `SimpleQueue.get` of Python 3.11 may ignore its timeout where threads compete.
    """

    def __init__(self) -> None:
        self._is_unset = threading.Lock()
        self._is_unset.acquire()

    def set(self) -> None:
        """Wake the waiting thread, or the next one that waits."""
        with suppress(RuntimeError):  # it is set already
            self._is_unset.release()

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, at most *timeout* seconds, and return whether it was; the thread must then check."""
        return self._is_unset.acquire(timeout=timeout)


class Waiters:
    """The threads that wait for news of one thing."""

    def __init__(self) -> None:
        self._wakeups: list[Wakeup] = []

    def wake(self) -> None:
        """Wake all of them."""
        for wakeup in list(self._wakeups):
            wakeup.set()

    @contextmanager
    def one(self) -> Iterator[Wakeup]:
        """Be one of them: yield what is waited on."""
        wakeup = Wakeup()
        self._wakeups.append(wakeup)
        try:
            yield wakeup
        finally:
            self._wakeups.remove(wakeup)


def start_thread(work: Callable[[], object], name: str, daemon: bool = True) -> threading.Thread:
    """Do *work* in a thread called *name*, and return the thread; an interrupt of the caller is raised as it is.

    `Thread.start` waits for the thread to begin. An interrupt in one step of that wait makes it raise `RuntimeError`
    instead (`threading.Condition` frees a lock that it has not yet taken back).
    """
    thread = threading.Thread(target=work, name=name, daemon=daemon)
    try:
        thread.start()
    except RuntimeError as error:
        interrupt = error.__context__
        if interrupt is None or isinstance(interrupt, Exception):
            raise
        raise interrupt from None
    return thread


def run_in_thread(work: Callable[[], T], name: str, timeout: float | None = None, daemon: bool = True) -> T:
    """Return what *work* returns, or raise what it raises; an interrupt of the caller does not stop *work*.

    Args:
        work: runs in a thread of its own.
        name: of the thread.
        timeout: seconds to wait for it.
        daemon: the process may end before *work* does.

    Raises:
        TimeoutError: *work* takes longer than *timeout*; it continues.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    # A bare lock, whose one step no interrupt can halve. An interrupt within `Future` or `Event` can leave their own
    # lock taken, and then the thread never ends.
    running = threading.Lock()
    running.acquire()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # whatever it is, it is the caller's
            errors.append(error)
        finally:
            running.release()

    start_thread(run, name, daemon)
    ends_at = math.inf if timeout is None else time.monotonic() + timeout
    while not running.acquire(timeout=max(min(ends_at - time.monotonic(), SLICE), 0)):
        if time.monotonic() >= ends_at:
            raise TimeoutError
    if errors:
        raise errors.pop()  # no variable of this frame, which its traceback holds, keeps it
    return results[0]
