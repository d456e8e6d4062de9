"""A folder of this user alone, and the files in it: closed to other users, and never half written."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ABANDONED = 60.0
"""Seconds after which an unfinished file is removed: its writer was killed."""

# Windows has none of the first four, and needs the last two.
_SAFELY = sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_NOINHERIT", "O_BINARY")
)
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_BY_DESCRIPTOR = os.open in os.supports_dir_fd
_PAUSES = (0.02, 0.1, 0.4) if sys.platform == "win32" else ()
"""Seconds; Windows replaces no file that another process has open."""

_OTHERS = 0o077
_OTHERS_WRITE = 0o022


class UnusableFile(OSError):
    """The file is of another user, writable by others, too big, or not a regular file."""


def data_folder() -> Path:
    """Return the folder of this package among the user's data, by the platform's rule; it need not be there.

    Raises:
        FileNotFoundError: the user has no home folder.
    """
    home = Path.home() if os.path.isabs(os.path.expanduser("~")) else None
    if sys.platform == "win32":
        base = _absolute("LOCALAPPDATA") or (home and home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home and home / "Library" / "Application Support"
    else:
        base = _absolute("XDG_DATA_HOME") or (home and home / ".local" / "share")
    if base is None:
        raise FileNotFoundError(errno.ENOENT, "this user has no home folder")
    return base / "ipyauth_magic"


def _absolute(variable: str) -> Path | None:
    """Return the folder that *variable* names; a relative one is to be ignored (XDG Base Directory, Basics)."""
    path = Path(os.environ.get(variable) or "")
    return path if path.is_absolute() else None


@dataclass(frozen=True)
class PrivateFolder:
    """The folder at *path*, 0700, made when it is first written to.

    A folder of another user, a symbolic link in its place, or a folder that cannot be closed to others is refused with
    an `OSError`. Windows has no owners and modes: there the access list of the user's profile protects the folder.
    """

    path: Path

    def read(self, name: str, limit: int) -> bytes | None:
        """Return what the file *name* holds; None if it is not there, not ours alone, or over *limit* bytes."""
        try:
            return self.load(name, limit)
        except OSError:
            return None

    def load(self, name: str, limit: int) -> bytes | None:
        """Return what the file *name* holds; None if it is not there.

        Raises:
            UnusableFile: it is there, and is not ours alone, or over *limit* bytes.
            OSError: the folder cannot be looked into, or is refused.
        """
        try:
            with self._opened() as folder:
                data = folder.read(name, limit)
        except FileNotFoundError:
            return None
        if data is None:
            raise UnusableFile
        return data

    def names(self) -> list[str]:
        """Return the names of the files here; none where the folder is not there.

        Raises:
            OSError: the folder cannot be looked into, or is refused.
        """
        try:
            with self._opened() as folder:
                return folder.names()
        except FileNotFoundError:
            return []

    def replace(self, name: str, data: bytes) -> None:
        """Make *data* the file *name*, 0600, at once and for good: a reader or a crash finds the old one or the new.

        A `remove` of *name* meanwhile comes last, and it stays removed.

        Raises:
            OSError: it cannot be written; the old one is as it was.
        """
        self._make()
        with self._opened() as folder:
            self._sweep(folder, name, older_than=ABANDONED)
            unfinished = f"{name}.{secrets.token_hex(8)}.new"
            try:
                folder.write(unfinished, data)
                with suppress(FileNotFoundError):  # `remove` took it
                    folder.rename(unfinished, name)
            except BaseException:
                with suppress(OSError):
                    folder.unlink(unfinished)
                raise
            folder.sync()

    def remove(self, name: str) -> None:
        """Remove the file *name*, and what a writer of it left unfinished."""
        with suppress(FileNotFoundError), self._opened() as folder:
            self._sweep(folder, name, older_than=0)
            folder.unlink(name)
            folder.sync()

    def made(self) -> Path:
        """Return the path of the folder, which is there and closed to others.

        Raises:
            OSError: it cannot be made, or is refused.
        """
        self._make()
        with self._opened():
            return self.path

    def _make(self) -> None:
        """Make the folder and those above it, each for this user alone."""
        for path in reversed([self.path, *self.path.parents]):
            if not os.path.lexists(path):
                with suppress(FileExistsError):
                    os.mkdir(path, 0o700)

    @contextmanager
    def _opened(self) -> Iterator[_Opened]:
        if not _BY_DESCRIPTOR:
            yield _Opened(str(self.path), None)
            return
        try:
            descriptor = os.open(self.path, os.O_RDONLY | _FOLDER)
        except OSError:
            if self.path.is_symlink():
                target = os.readlink(self.path)
                raise OSError(errno.ELOOP, f"it is a symbolic link to `{target}`, which is not followed") from None
            raise
        try:
            _close_to_others(descriptor)
            yield _Opened("", descriptor)
        finally:
            os.close(descriptor)

    @staticmethod
    def _sweep(folder: _Opened, name: str, older_than: float) -> None:
        """Remove the unfinished files of *name*, which hold tokens too."""
        for each in folder.names():
            if each.startswith(f"{name}.") and each.endswith(".new"):
                with suppress(OSError):
                    if time.time() - folder.stat(each).st_mtime >= older_than:
                        folder.unlink(each)


@dataclass(frozen=True)
class _Opened:
    """A folder held by its descriptor, so that nothing put in the place of its path matters any more."""

    path: str
    descriptor: int | None

    def open(self, name: str, flags: int) -> int:
        # O_NONBLOCK: a named pipe would block the open itself.
        return os.open(os.path.join(self.path, name), flags | _SAFELY, 0o600, dir_fd=self.descriptor)

    def read(self, name: str, limit: int) -> bytes | None:
        """Return what the file holds; None if it is not ours alone, or over *limit* bytes."""
        try:
            with open(self.open(name, os.O_RDONLY), "rb") as file:
                if not _is_ours(file.fileno(), limit):
                    return None
                data = file.read(limit + 1)
        except FileNotFoundError:
            raise
        except OSError:  # a link, a folder, or not readable
            return None
        return data if len(data) <= limit else None

    def write(self, name: str, data: bytes) -> None:
        with open(self.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            if _BY_DESCRIPTOR:
                os.fchmod(file.fileno(), 0o600)  # whatever the umask made of it
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, old: str, new: str) -> None:
        for pause in _PAUSES:
            with suppress(PermissionError):
                return self._replace(old, new)
            time.sleep(pause)  # on Windows another process may have the file open for a moment
        return self._replace(old, new)

    def _replace(self, old: str, new: str) -> None:
        paths = os.path.join(self.path, old), os.path.join(self.path, new)
        os.replace(*paths, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def unlink(self, name: str) -> None:
        os.unlink(os.path.join(self.path, name), dir_fd=self.descriptor)

    def stat(self, name: str) -> os.stat_result:
        return os.stat(os.path.join(self.path, name), dir_fd=self.descriptor, follow_symlinks=False)

    def names(self) -> list[str]:
        return os.listdir(self.path if self.descriptor is None else self.descriptor)

    def sync(self) -> None:
        """Make the new name itself last; some file systems cannot."""
        if self.descriptor is not None:
            with suppress(OSError):
                os.fsync(self.descriptor)


def _is_ours(descriptor: int, limit: int) -> bool:
    """Tell whether a file is a regular one of this user, that no other user may write, and not over *limit* bytes."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
        return False
    if not _BY_DESCRIPTOR:
        return True
    if status.st_uid != os.geteuid() or status.st_mode & _OTHERS_WRITE:
        return False
    if status.st_mode & _OTHERS:
        os.fchmod(descriptor, 0o600)
    return True


def _close_to_others(descriptor: int) -> None:
    """Take every permission of others away from a folder of ours; refuse it where that does not help."""
    if os.fstat(descriptor).st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "the folder belongs to another user")
    if os.fstat(descriptor).st_mode & _OTHERS:
        os.fchmod(descriptor, 0o700)
    if os.fstat(descriptor).st_mode & _OTHERS:
        raise PermissionError(errno.EPERM, "the folder cannot be closed to other users")
