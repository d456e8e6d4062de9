"""Work that its caller may leave behind: it goes on in a thread of its own."""

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


class Bell:
    """Wakes who waits for news; rung before, it wakes at once. Who is woken looks for himself what is new.

    A bare lock, whose one step no interrupt can halve, unlike those of an event or a condition. Not a queue: where
    another thread takes what woke it, `SimpleQueue.get` of Python 3.11 may wait on for ever, whatever its timeout.
    """

    def __init__(self) -> None:
        self._silence = threading.Lock()
        self._silence.acquire()

    def ring(self) -> None:
        """Wake one waiter, or the next one to come."""
        with suppress(RuntimeError):  # it has been rung, and nobody has heard it yet
            self._silence.release()

    def wait(self, timeout: float) -> bool:
        """Wait until it rings, *timeout* seconds at the most; tell whether it did."""
        return self._silence.acquire(timeout=timeout)


class Errand(threading.Thread):
    """A thread that can be told to give up what it waits for, so that it soon ends."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        super().__init__(target=work, name=name, daemon=True)
        self._ends: list[Callable[[], None]] = []
        self.is_given_up = False
        self._ends_lock = threading.Lock()

    def give_up(self) -> None:
        """End what it waits for, and whatever else it would wait for after."""
        with self._ends_lock:
            self.is_given_up = True
            ends = list(self._ends)
        for end in ends:
            end()

    @contextmanager
    def waiting(self, end: Callable[[], None]) -> Iterator[None]:
        """Have *end* called if it is to be given up before the block has ended."""
        with self._ends_lock:
            self._ends.append(end)
            is_given_up = self.is_given_up
        if is_given_up:
            end()
        try:
            yield
        finally:
            with self._ends_lock:
                self._ends.remove(end)


def is_given_up() -> bool:
    """Tell whether the current thread is an errand that was given up."""
    thread = threading.current_thread()
    return isinstance(thread, Errand) and thread.is_given_up


@contextmanager
def ended_by_giving_up(end: Callable[[], None]) -> Iterator[None]:
    """Have *end* called if the block is left early: by an error, an interrupt, or as the current errand is given up."""
    thread = threading.current_thread()
    try:
        if isinstance(thread, Errand):
            with thread.waiting(end):
                yield
        else:
            yield
    except BaseException:
        end()
        raise


def run_in_thread(work: Callable[[], T], name: str, timeout: float | None = None, daemon: bool = True) -> T:
    """Return what *work* returns, or raise what it raises; an interrupt of the caller does not break it off.

    Unless it is a *daemon*, neither does the end of the process, which waits for it.

    Raises:
        TimeoutError: it takes more than *timeout* seconds; it goes on.
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
        except BaseException as error:
            errors.append(error)
        finally:
            running.release()

    threading.Thread(target=run, name=name, daemon=daemon).start()
    ends_at = math.inf if timeout is None else time.monotonic() + timeout
    while not running.acquire(timeout=max(min(ends_at - time.monotonic(), SLICE), 0)):
        if time.monotonic() >= ends_at:
            raise TimeoutError
    if errors:
        raise errors.pop()  # no variable of this frame, which its traceback holds, keeps it
    return results[0]


def run_out_of_sight(work: Callable[[], T], name: str, daemon: bool = True) -> T:
    """Return what *work* returns; an error comes without its frames.

    Tokens and responses stand in the variables there, and `%xmode Verbose` prints them.
    """
    try:
        return run_in_thread(work, name, daemon=daemon)
    except Exception as error:
        error.__cause__ = error.__context__ = None
        raise error.with_traceback(None) from None
