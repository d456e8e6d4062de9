"""Tokens that a place refuses are kept in memory, so a full disk or a locked keyring does not end a sign-in."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime

from ..errors import StoreBusy
from ..protocol.tokens import AccessToken, IdToken, TokenSet
from ..provider.threads import run_in_thread
from . import Store, StoreFailed
from .memory import MemoryStore
from .warning import Warn, issue_warning, warn_once

_unsaved = MemoryStore()
"""All sign-ins of this process share it."""

_TRIAL = "trial"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TOKENS = TokenSet(
    AccessToken("none"), IdToken("none"), "", _EPOCH, _EPOCH, {"sub": "none", "as long as a record": "-" * 4000}
)


class FallbackStore:
    """Keeps tokens in *store*; if that fails, in memory until this process ends (a `Store`).

    The first failure of a place causes one warning in a process.

    Args:
        store: the place.
        place: a name of the place, equal for all stores there.
        warn: shows the user a sentence.

    Attributes:
        folder: the folder of *store*; None if it keeps no files.
    """

    def __init__(self, store: Store, place: str, warn: Warn = issue_warning) -> None:
        self._store = store
        self._place = place
        self._warn = warn
        self.folder = getattr(store, "folder", None)

    def load(self, key: str) -> TokenSet | None:
        """Return the tokens under *key*, also expired ones; None if there is no entry.

        Raises:
            StoreFailed: the place cannot be read, or its record cannot be used, and there is no entry in memory.
        """
        if (unsaved := _unsaved.load(self._name(key))) is not None:
            return unsaved
        return self._store.load(
            key
        )  # without a warning if it fails: the next `save` there warns, or mends a bad record

    def save(self, key: str, tokens: TokenSet) -> bool:
        """Keep *tokens* under *key*; return True if the place itself keeps them."""
        try:
            is_taken = self._store.save(key, tokens)
        except StoreFailed as failure:
            _unsaved.save(self._name(key), tokens)
            self._tell(failure)
            return False
        _unsaved.forget(self._name(key))
        return is_taken

    def forget(self, key: str) -> None:
        """Remove the entry under *key*, in the place and in memory."""
        _unsaved.forget(self._name(key))
        try:
            self._store.forget(key)
        except StoreFailed as failure:
            self._tell(failure)

    def keys(self) -> list[str]:
        """Return the keys of the sign-ins in the place; an empty list if the place cannot be listed.

        Raises:
            StoreFailed: the place cannot be read.
        """
        return list(getattr(self._store, "keys", list)())

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Return a context that holds the lock of *key* among all programs that share the place.

        Raises:
            StoreBusy: on entering, if another program has held the lock for too long.
        """
        return self._store.lock(key)

    def try_out(self) -> None:
        """Save and remove a record without a token, under a name and a lock of its own.

        Raises:
            StoreFailed: the place does not keep it.
            StoreBusy: another process that tries out the place hangs.
        """
        run_in_thread(self._try_out, "ipyauth-store", daemon=False)

    def _try_out(self) -> None:
        with self._store.lock(_TRIAL):
            self._store.save(_TRIAL, _NO_TOKENS)
            self._store.forget(_TRIAL)

    def warn_if_it_fails(self) -> None:
        """Show the warning of a failing place now, and not only after the user has signed in."""
        try:
            self.try_out()
        except StoreFailed as failure:
            self._tell(failure)
        except StoreBusy:
            return  # the sign-in need not wait for that process

    def _name(self, key: str) -> str:
        return f"{self._place} {key}"

    def _tell(self, failure: StoreFailed) -> None:
        sentence = f"Tokens cannot be kept in the {failure.store} store ({failure}); they last until this session ends."
        warn_once(self._place, sentence, self._warn)
