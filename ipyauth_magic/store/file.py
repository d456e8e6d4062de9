"""Tokens kept in files of this user alone, across sessions and processes."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

from ..errors import StoreUnavailable
from ..protocol.tokens import TokenSet
from .encryption import Seal
from .key import checked
from .lock import TIMEOUT, Lock, LockFile
from .memory import MemoryStore
from .private_directory import PrivateFolder, data_folder
from .serialization import LIMIT, Record, decode, encode
from .system_keyring import KeyringFailed
from .warning import Warn, issue_warning, warn_once

_unsaved = MemoryStore()
"""What no file took; the sign-ins of this session share it still."""


class FileStore:
    """Keeps each token set in a file, 0600 in a 0700 folder (a `Store`), the refresh token sealed by a keyring's key.

    Where there is no keyring it is kept as it is. What is not a record of ours counts as absent. A folder that cannot
    be written costs one warning, and the tokens then last as long as the session.

    Args:
        folder: where; by default the user's data folder.
        warn: shows the user a sentence.
        timeout: seconds to wait for a lock.
    """

    def __init__(self, folder: Path | None = None, warn: Warn = issue_warning, timeout: float = TIMEOUT) -> None:
        try:
            self._folder = PrivateFolder(folder or data_folder())
        except FileNotFoundError as error:
            raise StoreUnavailable("file", str(error.strerror)) from error
        self._warn = warn
        self._timeout = timeout
        self._seal = Seal(lambda: self._lock_on("sealing"))

    def load(self, key: str) -> TokenSet | None:
        """Return the tokens kept under *key*, ended ones too; None where nothing usable is kept."""
        name, place = f"{checked(key)}.json", self._place(key)
        if (unsaved := _unsaved.load(place)) is not None:
            return unsaved
        data = self._folder.read(name, LIMIT)
        record = decode(key, data) if data is not None else None
        if record is None:
            return None
        if record.sealed_refresh_token is None:
            return record.tokens
        try:
            return replace(record.tokens, refresh_token=self._seal.open(record.sealed_refresh_token, key))
        except KeyringFailed as failure:
            self._tell_of_keyring(failure)
            return record.tokens

    def save(self, key: str, tokens: TokenSet) -> None:
        """Keep *tokens* under *key*, in place of what was there; a folder that cannot be written costs a warning."""
        name, place = f"{checked(key)}.json", self._place(key)
        _unsaved.save(place, tokens)
        try:
            record = self._record(key, tokens)
            self._folder.replace(name, _encoded(key, record))
            if record.is_all_of(tokens):
                _unsaved.forget(place)
        except OSError as error:
            with suppress(OSError):
                self._folder.remove(name)  # its refresh token may be a used one, and using it again ends all of them
            self._tell(error)

    def holds(self, key: str) -> bool | None:
        """Tell whether there is a file for *key*; None where the folder cannot be looked into."""
        return self._folder.has(f"{checked(key)}.json")

    def forget(self, key: str) -> None:
        """Forget what is kept under *key*."""
        _unsaved.forget(self._place(key))
        try:
            self._folder.remove(f"{checked(key)}.json")
        except OSError as error:
            self._tell(error)

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold *key* alone among the processes of this user; among threads where the folder cannot be written.

        Raises:
            StoreBusy: on entering, if another has held it for too long.
        """
        return self._lock_on(checked(key))

    def _lock_on(self, name: str) -> Lock:
        return Lock(self._place(name), LockFile(self._folder, f"{name}.lock", self._tell), self._timeout)

    def _record(self, key: str, tokens: TokenSet) -> Record:
        """Return the record of *tokens*: sealed if there is a keyring, open if there is none."""
        _encoded(key, Record(tokens))  # what cannot be written need not be sealed
        if tokens.refresh_token is None:
            return Record(tokens)
        try:
            return Record(tokens, self._seal.seal(tokens.refresh_token, key))
        except StoreUnavailable:
            return Record(tokens)
        except KeyringFailed as failure:  # to leave it open because a keyring is locked is nothing the user chose
            self._tell_of_keyring(failure)
            return Record(replace(tokens, refresh_token=None))

    def _place(self, key: str) -> str:
        return f"{self._folder.path}/{key}"

    def _tell(self, error: OSError) -> None:
        place, reason = f"`{self._folder.path}`", error.strerror or type(error).__name__
        sentence = f"Tokens cannot be kept in {place} ({reason}); they last until this session ends."
        warn_once(str(self._folder.path), sentence, self._warn)

    def _tell_of_keyring(self, failure: KeyringFailed) -> None:
        sentence = (
            f"The keyring cannot be used ({failure}), so the refresh token is not kept in `{self._folder.path}`; "
            "the next session will ask you to sign in again. Unlock it, then sign in once more."
        )
        warn_once("keyring", sentence, self._warn)


def _encoded(key: str, record: Record) -> bytes:
    data = encode(key, record)
    if data is None:
        raise OSError(0, "such tokens cannot be written")
    return data
