"""One at a time for one key: among the threads of this process, and among all processes of this user.

No lock is taken in the main thread, the only one in which Python raises `KeyboardInterrupt`: `TokenSource` works with
its store in threads of its own.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import StoreBusy
from .private_directory import PrivateFolder
from .warning import Warn, warn_once

if TYPE_CHECKING:
    from filelock import BaseFileLock

TIMEOUT = 75.0
"""Seconds; longer than a renewal takes, with four answers of the provider at their limit of 15 seconds each."""

_PAUSE = 0.025
"""Seconds between two looks at a lock that another process holds."""

_CANNOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
"""The folder takes no file: saving tokens there warns of that."""

_thread_locks: dict[str, threading.Lock] = {}

if hasattr(os, "register_at_fork"):
    # A forked child has copies of locks that threads of its parent hold, and has none of those threads.
    os.register_at_fork(after_in_child=_thread_locks.clear)


@dataclass(frozen=True)
class LockFile:
    """The file that processes lock; its content means nothing."""

    folder: PrivateFolder
    name: str
    warn: Warn

    def acquired(self, timeout: float) -> BaseFileLock | None:
        """Return the lock, held; None where the folder or its file system has none, which costs one warning.

        The operating system's lock ends with its process, so none is ever stale, and a child made by `fork` does not
        hold its parent's.

        Raises:
            TimeoutError: another process has held it for *timeout* seconds.
        """
        from filelock import FileLock, Timeout  # 30 ms, which a sign-in that is kept in memory need not wait for

        try:
            path = self.folder.made() / self.name
        except OSError:
            return None
        # Not `fallback_to_soft`: a file whose existence is the lock stays when its process is killed.
        lock = FileLock(path, timeout, 0o600, thread_local=False, poll_interval=_PAUSE, fallback_to_soft=False)
        try:
            lock.acquire()
        except Timeout:
            raise TimeoutError from None
        except OSError as error:
            if error.errno not in _CANNOT_WRITE:
                self._tell(error)
            return None
        return lock

    def _tell(self, error: OSError) -> None:
        sentence = (
            f"No file can be locked in `{self.folder.path}` ({error.strerror or type(error).__name__}), so two "
            "processes of yours may renew the same tokens at the same moment, and one of them has to sign in again."
        )
        warn_once(f"lock {self.folder.path}", sentence, self.warn)


@contextmanager
def hold(name: str, file: LockFile | None = None, timeout: float = TIMEOUT) -> Iterator[None]:
    """Hold the lock called *name*, and *file*, within the block.

    Raises:
        StoreBusy: another thread or process has held it for *timeout* seconds.
    """
    ends_at = time.monotonic() + timeout
    thread_lock = _thread_locks.setdefault(name, threading.Lock())
    if not thread_lock.acquire(timeout=timeout):
        raise StoreBusy(timeout)
    try:
        file_lock = file.acquired(max(ends_at - time.monotonic(), 0)) if file is not None else None
    except TimeoutError:
        thread_lock.release()
        raise StoreBusy(timeout) from None
    except BaseException:
        thread_lock.release()
        raise
    try:
        yield
    finally:
        try:
            if file_lock is not None:
                with suppress(OSError):  # a file system may refuse to unlock too; the lock ends with the process
                    file_lock.release()
        finally:
            thread_lock.release()
