"""Tokens kept in the user's own keyring, across sessions and processes."""

from __future__ import annotations

import re
import secrets
import sys
from contextlib import AbstractContextManager, suppress

from ..protocol.tokens import TokenSet
from .key import checked
from .lock import TIMEOUT, Lock, LockFile
from .memory import MemoryStore
from .private_directory import PrivateFolder, data_folder
from .serialization import Record, decode, encode
from .system_keyring import KeyringFailed, SystemKeyring
from .warning import Warn, issue_warning, warn_once

# CredWriteW takes 2,560 bytes (CRED_MAX_CREDENTIAL_BLOB_SIZE), and `keyring` writes UTF-16: 1,280 characters.
LONGEST = 1200 if sys.platform == "win32" else None
"""Characters of one entry; None where a record fits whole: on macOS each part could be one more question."""

_PARTS = re.compile(r"parts:([0-9a-f]{8}):([0-9]{1,4})")

_unsaved = MemoryStore()
"""What the keyring did not take; the sign-ins of this session share it still."""


class KeyringStore:
    """Keeps each token set in the user's keyring (a `Store`): protected by the desktop's own sign-in.

    A keyring that is locked or breaks costs one warning, is left in peace from then on, and the tokens last as long as
    the session. Any call may wait for the user to unlock it. The lock is a file beside the file store's.

    Args:
        warn: shows the user a sentence.
        timeout: seconds to wait for a lock.
        longest: characters that one entry may have.

    Raises:
        StoreUnavailable: `keyring` is not installed, or has no backend that protects what it keeps.
    """

    def __init__(self, warn: Warn = issue_warning, timeout: float = TIMEOUT, longest: int | None = LONGEST) -> None:
        self._keyring = SystemKeyring()
        self._warn = warn
        self._timeout = timeout
        self._longest = longest
        self._has_failed = False

    def load(self, key: str) -> TokenSet | None:
        """Return the tokens kept under *key*, ended ones too; None where nothing usable is kept."""
        if (unsaved := _unsaved.load(key)) is not None or self._has_failed:
            return unsaved
        try:
            text = self._read(key)
        except KeyringFailed as failure:
            self._fail(failure)
            return None
        record = decode(key, text.encode()) if text is not None else None
        return None if record is None else record.tokens

    def save(self, key: str, tokens: TokenSet) -> None:
        """Keep *tokens* under *key*, in place of what was there; a keyring that fails costs a warning."""
        _unsaved.save(key, tokens)
        if self._has_failed:
            return
        try:
            data = encode(key, Record(tokens))
            if data is None:
                raise KeyringFailed("such tokens cannot be written")
            self._write(key, data.decode("ascii"))
            _unsaved.forget(key)
        except KeyringFailed as failure:
            self._fail(failure)

    def holds(self, key: str) -> bool | None:
        """Tell whether there is an entry for *key*; None where the keyring is locked or broken."""
        if self._has_failed:
            return None
        try:
            return self._keyring.get(key) is not None
        except KeyringFailed as failure:
            self._fail(failure)
            return None

    def forget(self, key: str) -> None:
        """Forget what is kept under *key*."""
        _unsaved.forget(key)
        try:
            parts = self._parts(self._keyring.get(key))
            for name in (key, *(f"{key}.{part}" for part in parts)):
                self._keyring.delete(name)
        except KeyringFailed as failure:
            self._fail(failure)

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold *key* alone among the processes of this user; among threads where its file cannot be made.

        Raises:
            StoreBusy: on entering, if another has held it for too long.
        """
        try:
            file = LockFile(PrivateFolder(data_folder()), f"{checked(key)}.lock", self._tell_of_lock)
        except OSError as error:
            self._tell_of_lock(error)
            file = None
        return Lock(f"keyring {key}", file, self._timeout)

    def _read(self, key: str) -> str | None:
        head = self._keyring.get(key)
        if head is None or not head.startswith("parts:"):
            return head
        texts = [self._keyring.get(f"{key}.{part}") for part in self._parts(head)]
        return None if None in texts else "".join(text for text in texts if text is not None)

    def _write(self, key: str, text: str) -> None:
        """Write the parts under new names, then what names them: who reads meanwhile finds the old record, whole."""
        if self._longest is None:
            return self._keyring.set(key, text)
        before = self._parts(self._keyring.get(key))
        generation, size = secrets.token_hex(4), self._longest
        texts = [text[start : start + size] for start in range(0, len(text), size)] if len(text) > size else []
        after = [f"{generation}:{number}" for number in range(len(texts))]
        try:
            for part, each in zip(after, texts, strict=True):
                self._keyring.set(f"{key}.{part}", each)
            self._keyring.set(key, f"parts:{generation}:{len(texts)}" if texts else text)
        except KeyringFailed:
            self._delete_parts(key, after)
            raise
        self._delete_parts(key, before)
        return None

    def _delete_parts(self, key: str, parts: list[str]) -> None:
        with suppress(KeyringFailed):
            for part in parts:
                self._keyring.delete(f"{key}.{part}")

    @staticmethod
    def _parts(head: str | None) -> list[str]:
        """Return the names of the parts that *head* speaks of."""
        match = _PARTS.fullmatch(head or "")
        return [f"{match[1]}:{number}" for number in range(int(match[2]))] if match else []

    def _fail(self, failure: KeyringFailed) -> None:
        self._has_failed = True  # each further call could ask the user once more
        sentence = f"Tokens cannot be kept in the keyring ({failure}); they last until this session ends."
        warn_once("keyring", sentence, self._warn)

    def _tell_of_lock(self, error: OSError) -> None:
        sentence = (
            f"There is no place for a lock file ({error.strerror or type(error).__name__}), so two processes of yours "
            "may renew the same tokens at the same moment, and one of them be asked to sign in again."
        )
        warn_once("keyring", sentence, self._warn)
