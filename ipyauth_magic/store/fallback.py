"""What a place does not take is kept in memory, so that a full disk or a locked keyring ends no sign-in."""

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
    """Keeps tokens in *store*, and until this process ends in memory where that fails (a `Store`).

    The first time that a place does not take what it is given costs one warning in a process.

    Args:
        store: the place.
        place: the same text for every store of the same place.
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
        """Return the tokens kept under *key*, ended ones too; None where nothing is kept.

        Raises:
            StoreFailed: the place cannot be read, or holds no record of ours, and nothing is in memory.
        """
        if (unsaved := _unsaved.load(self._name(key))) is not None:
            return unsaved
        return self._store.load(
            key
        )  # without a warning if it fails: the next `save` there warns, or mends a bad record

    def save(self, key: str, tokens: TokenSet) -> bool:
        """Keep *tokens* under *key*; return whether the place itself has taken them."""
        try:
            is_taken = self._store.save(key, tokens)
        except StoreFailed as failure:
            _unsaved.save(self._name(key), tokens)
            self._tell(failure)
            return False
        _unsaved.forget(self._name(key))
        return is_taken

    def forget(self, key: str) -> None:
        """Forget what is kept under *key*."""
        _unsaved.forget(self._name(key))
        try:
            self._store.forget(key)
        except StoreFailed as failure:
            self._tell(failure)

    def keys(self) -> list[str]:
        """Return the keys of the sign-ins that the place keeps; none where it cannot be listed.

        Raises:
            StoreFailed: the place cannot be read.
        """
        return list(getattr(self._store, "keys", list)())

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold *key* alone among all programs that share the place.

        Raises:
            StoreBusy: on entering, if another program has held it for too long.
        """
        return self._store.lock(key)

    def try_out(self) -> None:
        """Keep a record without a token for a moment, under a name and a lock of its own.

        Raises:
            StoreFailed: the place does not take it.
            StoreBusy: another process tries the place out, and hangs.
        """
        run_in_thread(self._try_out, "ipyauth-store", daemon=False)

    def _try_out(self) -> None:
        with self._store.lock(_TRIAL):
            self._store.save(_TRIAL, _NO_TOKENS)
            self._store.forget(_TRIAL)

    def warn_if_it_fails(self) -> None:
        """Show the warning of a place that takes nothing now, and not when the user has signed in."""
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
