"""Tokens in this process only, or in no store."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

from ..protocol.tokens import TokenSet
from .fork import fit_for_child, without_refresh_token
from .lock import hold


class MemoryStore:
    """Keeps tokens in this process (a `Store`). Its lock is among threads. A forked child gets no refresh tokens."""

    def __init__(self) -> None:
        self._tokens: dict[str, TokenSet] = {}
        self._lock = threading.Lock()
        fit_for_child(self)

    def forked(self) -> None:
        """Leave the refresh tokens to the parent, and take a lock that no thread of the parent holds."""
        self._lock = threading.Lock()
        self._tokens.update({key: without_refresh_token(tokens) for key, tokens in self._tokens.items()})

    def load(self, key: str) -> TokenSet | None:
        """Return the tokens under *key*, also expired ones; None if there is no entry."""
        with self._lock:
            return self._tokens.get(key)

    def save(self, key: str, tokens: TokenSet) -> bool:
        """Keep *tokens* under *key*, and return True."""
        with self._lock:
            self._tokens[key] = tokens
        return True

    def forget(self, key: str) -> None:
        """Remove the entry under *key*, if there is one."""
        with self._lock:
            self._tokens.pop(key, None)

    def forget_all(self) -> None:
        """Remove all entries."""
        with self._lock:
            self._tokens.clear()

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold *key* alone among the threads of this process."""
        return hold(f"memory {id(self)} {key}")


class NoStore:
    """Keeps nothing (a `Store`): tokens live in the variables that hold them."""

    def load(self, key: str) -> TokenSet | None:
        """Return None."""
        return None

    def save(self, key: str, tokens: TokenSet) -> bool:
        """Keep nothing, and return False: a missing entry is no sign-out here."""
        return False

    def forget(self, key: str) -> None:
        """Do nothing: there are no entries."""

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold *key* alone among the threads of this process."""
        return hold(f"none {key}")


SHARED = MemoryStore()
"""The store of this session: an equal sign-in in it serves again."""
