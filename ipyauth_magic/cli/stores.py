"""The stores that a command works with."""

from __future__ import annotations

import sys
from contextlib import suppress

from ..errors import StoreUnavailable
from ..store import Store
from ..store.opening import open_store
from .output import warn

LISTED = ("keyring", "file")
"""The stores whose sign-ins can be listed."""


def open_stores(name: str | None) -> dict[str, Store]:
    """Return the store called *name*; without a name a real keyring, if there is one, and files.

    The first one keeps a new sign-in.

    Raises:
        StoreUnavailable: it cannot be used here.
    """
    is_attended = sys.stderr.isatty()
    if name is not None:
        return {name: open_store(name, warn, is_attended)}
    found = {}
    with suppress(StoreUnavailable):  # most servers have no keyring
        found["keyring"] = open_store("keyring", warn, is_attended)
    return {**found, "file": open_store("file", warn)}
