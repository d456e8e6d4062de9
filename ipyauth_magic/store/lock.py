"""One at a time for one key: among the threads of this process, and among all processes of this user."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import StoreBusy

if TYPE_CHECKING:
    from .private_directory import PrivateFolder

TIMEOUT = 75.0
"""Seconds; longer than a renewal takes, with four answers of the provider at their limit of 15 seconds each."""

_SHORTEST, _LONGEST = 0.001, 0.025
_HELD_ELSEWHERE = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}


class _Hold:
    """Who holds a name in this process, and the descriptor by which the process holds it among others."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.descriptor: int | None = None


_holds: dict[str, _Hold] = {}


@dataclass(frozen=True)
class LockFile:
    """The file that processes lock; where that cannot be, *on_failure* is told, and threads alone are kept apart."""

    folder: PrivateFolder
    name: str
    on_failure: Callable[[OSError], None]


class Lock:
    """A lock on *name* for one `with`, freed however that ends, even by `kill -9`.

    The operating system's lock ends with its process, so none is ever stale; a process that hangs while it holds one
    costs the others *timeout* seconds. A child made by `fork` does not hold its parent's.

    Raises:
        StoreBusy: another thread or process has held it for *timeout* seconds.
        RuntimeError: this thread holds it already, and would wait for itself.
    """

    def __init__(self, name: str, file: LockFile | None = None, timeout: float = TIMEOUT) -> None:
        self._name = name
        self._file = file
        self._timeout = timeout
        self._hold = _Hold()

    def __enter__(self) -> None:
        self._hold = _Hold()
        holder = _holds.get(self._name)
        if holder is not None and holder.thread == self._hold.thread:
            raise RuntimeError("this thread holds the lock already")
        deadline = time.monotonic() + self._timeout
        try:  # an interrupt may come at any moment, the one after the lock is taken included
            self._wait_for(self._is_ours_among_threads, deadline)
            self._wait_for(self._is_ours_among_processes, deadline)
        except BaseException:
            self._release()
            raise

    def __exit__(self, *exception: object) -> None:
        self._release()

    def __del__(self) -> None:
        # An interrupt can strike before the first step of `__exit__`, and this comes soon after.
        self._release()

    def _wait_for(self, is_ours: Callable[[], bool], deadline: float) -> None:
        pause = _SHORTEST
        while not is_ours():
            left = deadline - time.monotonic()
            if left <= 0:
                raise StoreBusy(self._timeout)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST)

    def _is_ours_among_threads(self) -> bool:
        # One step that no interrupt can halve and no fork can leave locked, unlike a `threading.Lock`.
        return _holds.setdefault(self._name, self._hold) is self._hold

    def _is_ours_among_processes(self) -> bool:
        if self._file is None:
            return True
        folder, name, hold = self._file.folder, self._file.name, self._hold
        try:
            if hold.descriptor is None:
                hold.descriptor = folder.open_for_lock(name)
            if not _try_lock(hold.descriptor):
                return False
        except OSError as error:  # threads alone, then
            self._close()
            self._file.on_failure(error)
            return True
        if folder.is_at(name, hold.descriptor):
            return True
        self._close()  # somebody removed the file, and others lock the new one
        return False

    def _release(self) -> None:
        try:
            self._close()
        finally:
            if _holds.get(self._name) is self._hold:
                del _holds[self._name]

    def _close(self) -> None:
        if (descriptor := self._hold.descriptor) is not None:
            try:
                _unlock(descriptor)
            finally:
                self._hold.descriptor = None
                os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        """Tell whether the file could be locked for this process."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in _HELD_ELSEWHERE:
                return False
            raise
        return True

    def _unlock(descriptor: int) -> None:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        except OSError:
            return  # it was not locked

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        """Tell whether the file could be locked for this process."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD_ELSEWHERE:
                return False
            raise
        return True

    def _unlock(descriptor: int) -> None:
        # Not left to `close`: a child that somebody forked may have a copy of the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _forget_the_parents() -> None:
        """A forked child has copies of its parent's descriptors, and would hold the locks on after the parent's end."""
        for hold in _holds.values():
            descriptor, hold.descriptor = hold.descriptor, None
            if descriptor is not None:
                os.close(descriptor)
        _holds.clear()

    os.register_at_fork(after_in_child=_forget_the_parents)
