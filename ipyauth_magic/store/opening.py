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
        name: `none` keeps nothing, `memory` keeps tokens for this session, `keyring` and `file` for later sessions too.
        warn: shows the user a sentence, once in a process, if the place fails later.
        is_attended: a person can unlock a keyring. If not, the wait for its answer ends after 30 seconds.

    Raises:
        StoreUnavailable: the place does not work here.
        ValueError: there is no store of that name.
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
