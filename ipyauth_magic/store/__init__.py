"""Where tokens are kept: one class for each place, all with the methods of `Store`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..protocol.tokens import TokenSet


class StoreFailed(Exception):
    """A place cannot be read or written; `store` is its name, the message the reason, without any secret."""

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(reason)
        self.store = store


class BadRecord(StoreFailed):
    """There is a record under the key, and it cannot be used; the next `save` replaces it."""

    def __init__(self, store: str) -> None:
        super().__init__(store, "the record there cannot be used")


class Store(Protocol):
    """A place for token sets, each under the digest of what makes two sign-ins different; thread-safe."""

    def load(self, key: str) -> TokenSet | None:
        """Return the tokens kept under *key*, ended ones too; None where nothing is kept.

        None after a `save` that returned True means that another program has signed the user out.

        Raises:
            StoreFailed: the place cannot be read.
            BadRecord: what is kept cannot be used.
        """

    def save(self, key: str, tokens: TokenSet) -> bool:
        """Keep *tokens* under *key*, in place of what was there; return whether a later `load` can miss them.

        Raises:
            StoreFailed: the place did not take them; what was there before is gone where that can be.
        """

    def forget(self, key: str) -> None:
        """Forget what is kept under *key*.

        Raises:
            StoreFailed: the place cannot be written.
        """

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold *key* alone, among all programs that share the place: one renews, the others find the new tokens.

        Raises:
            StoreBusy: on entering, if another program has held it for too long.
        """
