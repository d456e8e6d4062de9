"""Tokens kept in this process alone, or not at all."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

from ..protocol.tokens import TokenSet
from .fork import fit_for_child, without_refresh_token
from .lock import hold


class MemoryStore:
    """Keeps tokens in this process (a `Store`); its lock is among threads. A forked child has no refresh tokens."""

    def __init__(self) -> None:
        self._tokens: dict[str, TokenSet] = {}
        self._lock = threading.Lock()
        fit_for_child(self)

    def forked(self) -> None:
        """Leave the refresh tokens to the parent, and take a lock that no thread of the parent holds."""
        self._lock = threading.Lock()
        self._tokens.update({key: without_refresh_token(tokens) for key, tokens in self._tokens.items()})

    def load(self, key: str) -> TokenSet | None:
        """Return the tokens kept under *key*, ended ones too."""
        with self._lock:
            return self._tokens.get(key)

    def save(self, key: str, tokens: TokenSet) -> bool:
        """Keep *tokens* under *key*, and return True."""
        with self._lock:
            self._tokens[key] = tokens
        return True

    def forget(self, key: str) -> None:
        """Forget what is kept under *key*."""
        with self._lock:
            self._tokens.pop(key, None)

    def forget_all(self) -> None:
        """Forget everything."""
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
        """Keep nothing, and return False: what was never kept cannot be missing later."""
        return False

    def forget(self, key: str) -> None:
        """Do nothing: nothing is kept."""

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold *key* alone among the threads of this process."""
        return hold(f"none {key}")


SHARED = MemoryStore()
"""The store of this session: an equal sign-in in it serves again."""
