"""The places for tokens: one class for each place, all with the methods of `Store`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..protocol.tokens import TokenSet


class StoreFailed(Exception):
    """A place cannot be read or written. The message is the reason, without any secret.

    Attributes:
        store: the name of the place.
    """

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(reason)
        self.store = store


class BadRecord(StoreFailed):
    """There is a record under the key, and it cannot be used. The next `save` replaces it."""

    def __init__(self, store: str) -> None:
        super().__init__(store, "the record there cannot be used")


class Store(Protocol):
    """A place for token sets, with one entry for each sign-in; thread-safe.

    The key of an entry is a hexadecimal digest of all parameters of the request, so different sign-ins never share an
    entry. Under the key `trial`, a sign-in tries the place out before it asks the user.
    """

    def load(self, key: str) -> TokenSet | None:
        """Return the tokens under *key*, also expired ones; None if there is no entry.

        If `save` returned True before, None means that the user has signed out, perhaps in another program.

        Raises:
            StoreFailed: the place cannot be read.
            BadRecord: there is an entry, and it cannot be used.
        """

    def save(self, key: str, tokens: TokenSet) -> bool:
        """Keep *tokens* under *key*, and replace an earlier entry.

        Return True if the place keeps them, so that a missing entry means a sign-out later; False if it keeps nothing.

        Raises:
            StoreFailed: the place did not take the tokens. The earlier entry is removed, if that is possible.
        """

    def forget(self, key: str) -> None:
        """Remove the entry under *key*, if there is one.

        Raises:
            StoreFailed: the place cannot be written.
        """

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Return a context that holds the lock of *key*, among all threads and programs that share the place.

        So only one of them renews, and the others find the new tokens.

        Raises:
            StoreBusy: on entering, if another thread or program has held the lock for too long.
        """
