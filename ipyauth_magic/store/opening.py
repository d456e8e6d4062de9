"""A store by its name."""

from __future__ import annotations

from ..settings.options import STORES
from . import Store
from .memory import SHARED, NoStore
from .warning import Warn, issue_warning

NAMES = STORES
"""What `store=` takes is what `--store` does."""


def open_store(name: str, warn: Warn = issue_warning, is_attended: bool = True) -> Store:
    """Return the store called *name*, one of `NAMES`.

    Args:
        name: `none` keeps nothing, `memory` for this session, `keyring` and `file` across sessions.
        warn: shows the user a sentence, once in a process, should the place fail later.
        is_attended: a person may unlock a keyring; if not, the wait for its answer has an end.

    Raises:
        StoreUnavailable: there is no such place here.
        ValueError: there is no such name.
    """
    if name not in NAMES:
        raise ValueError(f"store must be one of {', '.join(NAMES)}")
    if name == "none":
        return NoStore()
    if name == "memory":
        return SHARED
    from .fallback import FallbackStore
    from .file import FileStore

    if name == "file":
        place = FileStore(warn=warn)
    else:
        from .keyring import KeyringStore

        place = KeyringStore(warn=warn, is_attended=is_attended)
    return FallbackStore(place, place.place, warn)
