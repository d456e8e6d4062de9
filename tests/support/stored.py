"""Token sets to keep; also a program that saves one after another, to be killed or raced with.

`python -m tests.support.stored FOLDER KEY LETTER COUNT` saves COUNT times (0: without end), each time a set whose
tokens all carry the same mark, so that a mixture of two would show.
"""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ipyauth_magic.protocol.tokens import AccessToken, IdToken, RefreshToken, TokenSet
from ipyauth_magic.store import Store, StoreFailed
from ipyauth_magic.store.fallback import FallbackStore
from ipyauth_magic.store.file import FileStore
from ipyauth_magic.store.warning import Warn, issue_warning

KEY = "0123456789abcdef" * 4
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def token_set(mark: str = "one", refresh_token: bool = True, filling: int = 1000) -> TokenSet:
    """Return tokens that carry *mark*, each of about *filling* characters."""
    return TokenSet(
        access_token=AccessToken(f"access-{mark}-" + "A" * filling),
        id_token=IdToken(f"id-{mark}-" + "I" * filling),
        scope=f"openid profile mark:{mark}",
        expires_at=NOON + timedelta(hours=1),
        obtained_at=NOON,
        claims={"sub": f"auth0|{mark}", "name": "Ålice", "groups": [1, 2.5, None, {"a": True}]},
        refresh_token=RefreshToken(f"refresh-{mark}-" + "R" * 40) if refresh_token else None,
    )


def is_whole(tokens: TokenSet) -> bool:
    """Tell whether all of *tokens* were written at once."""
    mark = tokens.scope.rpartition(":")[2]
    filling = len(tokens.id_token or "") - len(f"id-{mark}-")
    return tokens == token_set(mark, tokens.refresh_token is not None, filling)


def file_store(folder: Path | None = None, warn: Warn = issue_warning) -> FallbackStore:
    """Return what `--store file` opens, in a folder of the test's choice."""
    store = FileStore(folder, warn)
    return FallbackStore(store, store.place, warn)


def save_twice(store: Store) -> None:
    """Renew, as it were: under the lock, the last time as "two"."""
    for mark in ("one", "two"):
        with store.lock(KEY):
            store.save(KEY, token_set(mark))


def found(store: Store, key: str = KEY) -> TokenSet | None:
    """Return what a sign-in finds in *store*; None also where it cannot be read, or holds no record of ours."""
    try:
        return store.load(key)
    except StoreFailed:
        return None


def main(folder: str, key: str, letter: str, count: int) -> None:
    """Save until the end, or the count."""
    store = FileStore(Path(folder))
    for number in itertools.count() if count == 0 else range(count):
        store.save(key, token_set(f"{letter}{number}", filling=20_000))
        print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
