"""The sign-ins that a store keeps."""

from __future__ import annotations

from contextlib import suppress

from ..protocol.tokens import TokenSet
from . import BadRecord, Store


def kept_in(store: Store) -> list[tuple[str, TokenSet]]:
    """Return the key and the tokens of each sign-in in *store*; nothing if it cannot be listed, as a store of a user's.

    Raises:
        StoreFailed: the place cannot be read.
    """
    found = []
    for key in getattr(store, "keys", list)():
        with suppress(BadRecord):  # the next sign-in replaces it
            if (tokens := store.load(key)) is not None:
                found.append((key, tokens))
    return found
