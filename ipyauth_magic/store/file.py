"""Tokens in files that only this user can read, for all sessions and processes; the files are not encrypted."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from pathlib import Path

from ..errors import StoreUnavailable
from ..protocol.tokens import TokenSet
from . import BadRecord, StoreFailed
from .key import checked, is_store_key
from .lock import TIMEOUT, LockFile, hold
from .private_directory import PrivateFolder, UnusableFile, data_folder
from .record import LIMIT, decode, encode
from .warning import Warn, issue_warning


class FileStore:
    """Keeps each token set as JSON in a file, 0600 in a 0700 folder (a `Store`).

    Args:
        folder: of the files; by default the user's data folder.
        warn: shows the user a sentence, if the folder has no locks.
        timeout: seconds to wait for a lock.

    Raises:
        StoreUnavailable: the user has no home folder.
    """

    name = "file"
    ending = "json"  # no file of one store is taken for one of another
    longest = LIMIT

    def __init__(self, folder: Path | None = None, warn: Warn = issue_warning, timeout: float = TIMEOUT) -> None:
        try:
            self._folder = PrivateFolder(folder or data_folder())
        except FileNotFoundError as error:
            raise StoreUnavailable(self.name, str(error.strerror)) from error
        self._warn = warn
        self._timeout = timeout

    @property
    def place(self) -> str:
        """A name of the place, equal for all stores there."""
        return f"{self.name} {self._folder.path}"

    @property
    def folder(self) -> PrivateFolder:
        """The folder of the files."""
        return self._folder

    def load(self, key: str) -> TokenSet | None:
        """Return the tokens under *key*, also expired ones; None if there is no file.

        Raises:
            StoreFailed: the folder cannot be read, or is not this user's alone.
            BadRecord: the file is incomplete, too big, a link, of another user, or not a record of this package.
        """
        try:
            data = self._folder.load(self._file(key), self.longest)
        except UnusableFile:
            raise BadRecord(self.name) from None
        except OSError as error:
            raise self._failure(error) from error
        if data is None:
            return None
        if (tokens := self._decoded(key, data)) is None:
            raise BadRecord(self.name)
        return tokens

    def save(self, key: str, tokens: TokenSet) -> bool:
        """Keep *tokens* under *key*, in the place of an earlier record, and return True.

        Raises:
            StoreFailed: the file cannot be written. The earlier record is removed, if that is possible.
        """
        name = self._file(key)
        try:
            self._folder.replace(name, self._encoded(key, tokens))
        except (OSError, StoreFailed) as error:
            # The refresh token in the old record may be a used one, and using it again ends all of them.
            with suppress(OSError):
                self._folder.remove(name)
            raise error if isinstance(error, StoreFailed) else self._failure(error) from None
        return True

    def forget(self, key: str) -> None:
        """Remove the file of *key*.

        Raises:
            StoreFailed: the folder cannot be written.
        """
        try:
            self._folder.remove(self._file(key))
        except OSError as error:
            raise self._failure(error) from error

    def keys(self) -> list[str]:
        """Return the keys of all sign-ins here, also of those whose record cannot be used.

        Raises:
            StoreFailed: the folder cannot be read, or is not this user's alone.
        """
        try:
            found = [name.rpartition(".") for name in self._folder.names()]
        except OSError as error:
            raise self._failure(error) from error
        return sorted(key for key, _, ending in found if ending == self.ending and is_store_key(key))

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Return a context that holds the lock of *key* among the processes of this user.

        If there can be no lock file, the lock is among the threads of this process only.

        Raises:
            StoreBusy: on entering, if another thread or process has held the lock for the timeout.
        """
        return self._hold(checked(key))

    def _hold(self, name: str) -> AbstractContextManager[None]:
        file = LockFile(self._folder, f"{name}.lock", self._warn)
        return hold(f"{self._folder.path}/{name}", file, self._timeout)

    def _encoded(self, key: str, tokens: TokenSet) -> bytes:
        """Return the content of the file of *key*."""
        data = encode(key, tokens)
        if data is None:
            raise StoreFailed(self.name, "such tokens cannot be written")
        return data

    def _decoded(self, key: str, data: bytes) -> TokenSet | None:
        """Return the tokens in the content of the file of *key*; None if it is not a record of ours."""
        return decode(key, data)

    def _file(self, key: str) -> str:
        return f"{checked(key)}.{self.ending}"

    def _failure(self, error: OSError) -> StoreFailed:
        return StoreFailed(self.name, f"`{self._folder.path}`: {error.strerror or type(error).__name__}")
