"""Which user signed in last at each application, so that a card can say when it is another one now."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple

from ..protocol.tokens import TokenSet
from ..store.key import Requested


class Application(NamedTuple):
    """The same `sub` of another issuer is another user (OpenID Connect Core, 5.7)."""

    issuer: str
    client_id: str

    @classmethod
    def of(cls, requested: Requested) -> Application:
        """Return the application of what is *requested*."""
        return cls(requested.expected_issuer, requested.client_id)


@dataclass(frozen=True)
class User:
    """A user of one application, and how a card names the user."""

    sub: str
    name: str

    @classmethod
    def of(cls, tokens: TokenSet) -> User:
        """Return the user of *tokens*."""
        name, account = tokens.logged_as, tokens.account
        return cls(tokens.subject or "", name if name == account else f"{name}, {account}")


class LastUsers:
    """The last two users of each application, as long as this process lives; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[Application, tuple[User, User | None]] = {}

    def signed_in(self, application: Application, tokens: TokenSet, stored: TokenSet | None = None) -> None:
        """Make the user of *tokens* the last one.

        Args:
            application: what the user signed in to.
            tokens: of the sign-in.
            stored: what the store has kept of an earlier sign-in, perhaps in another process.
        """
        if tokens.subject is None:
            return  # the provider does not say whether it is another user
        user = User.of(tokens)
        with self._lock:
            earlier = User.of(stored) if stored is not None and stored.subject is not None else user
            last, _ = self._users.get(application) or (earlier, None)
            self._users[application] = (user, last if last.sub != user.sub else None)

    def adopted(self, application: Application, tokens: TokenSet) -> None:
        """Make the user of *tokens*, which an earlier sign-in got, the last one, unless it is already."""
        with self._lock:
            last, _ = self._users.get(application, (None, None))
        if last is None or last.sub != User.of(tokens).sub:
            self.signed_in(application, tokens)

    def before(self, application: Application, tokens: TokenSet) -> User | None:
        """Return the last user before the user of *tokens*; None if there was none, or if it was the same one."""
        with self._lock:
            last, before = self._users.get(application, (None, None))
        return before if last is not None and last.sub == User.of(tokens).sub else None

    def forget(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._users.clear()


LAST_USERS = LastUsers()
"""Those of this process."""
