"""The tokens of one sign-in as they are here, and under their key in the store that several processes share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import NamedTuple

from ..errors import NotSignedIn, StoreBusy
from ..protocol.tokens import TokenSet
from ..store import Store, StoreFailed
from ..store.fallback import FallbackStore
from ..store.fork import fit_for_child, without_refresh_token
from ..store.key import Requested
from .facts import describe
from .last_users import LAST_USERS, Application
from .live_tokens import LIVE


class Entry(NamedTuple):
    """A place in the store.

    Attributes:
        key: the name of the sign-in there.
        requested: what the tokens are for.
        noted: what the store keeps of the request.
    """

    key: str
    requested: Requested
    noted: Mapping[str, str]


class Kept:
    """The tokens here, and those that the store keeps under *key*.

    Args:
        store: the place.
        key: the name of the sign-in there.
        requested: what the tokens are for.
        noted: what the store keeps of the request, so that it can list its sign-ins.
        changed: called when the tokens here have changed, from any thread, perhaps with *key* locked; it must not
            block.

    Attributes:
        tokens: those here, ended or not.
        is_stored: the store has taken them, or given them, so that they can be missing from it later.
        place: the store, if it is one outside this process that may fail.
        is_parents: this process was forked, and its parent alone renews the tokens, unless both share the store.
    """

    def __init__(
        self, store: Store, key: str, requested: Requested, noted: Mapping[str, str], changed: Callable[[], None]
    ) -> None:
        self._store = store
        self.place = store if isinstance(store, FallbackStore) else None
        self._key = key
        self._requested = requested
        self._application = Application.of(requested)
        self._asked_for = dict(noted)
        self._former: tuple[str, ...] = ()
        self._changed = changed
        self.tokens: TokenSet | None = None
        self.is_stored = False
        self.is_parents = False
        fit_for_child(self)

    def forked(self) -> None:
        """Leave the refresh token to the parent; a store that both share still gives it, to one of them at a time."""
        own = self.tokens
        if own is not None and own.refresh_token is not None:
            self.tokens, self.is_parents = without_refresh_token(own), True

    def locked(self) -> AbstractContextManager[None]:
        """Hold the key alone.

        Raises:
            StoreBusy: on entering, if another thread or process has held it for too long.
        """
        return self._store.lock(self._key)

    def load(self) -> TokenSet | None:
        """Return what the store keeps, unless it is another user's: two people may sign in for the same.

        Raises:
            StoreFailed: the store cannot be asked.
        """
        stored, own = self._store.load(self._key), self.tokens
        return stored if own is None or stored is None or stored.is_of_same_user(own) else None

    def adopt(self) -> None:
        """Take over what the store keeps, if it can be asked."""
        with suppress(StoreFailed):
            if (stored := self.load()) is not None:
                LAST_USERS.adopted(self._application, stored)
                self.set(stored)
                self.is_stored = True

    def latest(self) -> TokenSet:
        """Return the latest tokens, those that another process has stored meanwhile included.

        Raises:
            NotSignedIn: the user was signed out meanwhile, here or by another process.
        """
        if (own := self.tokens) is None:
            raise NotSignedIn
        stored = self._stored_or_signed_out()
        # What is stored is the latest, whatever the clock said when it came.
        if stored is not None and stored.is_of_same_user(own):
            self.set(stored)
            return stored
        return own

    def save(self, tokens: TokenSet, entry: Entry | None = None) -> None:
        """Keep the *tokens* of a new sign-in, here and in the store; if the store raises, neither.

        With *entry* they are for more than before, and kept there from now on: no other sign-in finds rights in the
        store that it has not asked for.
        """
        with self._locked_if_can_be():
            if entry is None or entry.key == self._key:
                self._save(tokens)
                return
            self._former = (*self._former, self._key)
            self._key, self._requested, self._asked_for = entry.key, entry.requested, dict(entry.noted)
            with self._locked_if_can_be():
                self._save(tokens)

    def _save(self, tokens: TokenSet) -> None:
        tokens, stored = replace(tokens, asked_for=self._asked_for), None
        with suppress(StoreFailed):
            stored = self._store.load(self._key)
        self.is_stored = self._store.save(self._key, tokens)
        LAST_USERS.signed_in(self._application, tokens, stored)
        self.is_parents = False
        self.set(tokens)

    def replace(self, tokens: TokenSet) -> None:
        """Keep renewed *tokens*: stored before a caller uses them, unless another user's have taken their place.

        Raises:
            NotSignedIn: another process, which did not get the lock in time, has signed the user out.
        """
        tokens = replace(tokens, asked_for=self._asked_for)
        stored = self._stored_or_signed_out()
        try:
            is_free = stored is None or stored.is_of_same_user(tokens)
            self.is_stored = is_free and self._store.save(self._key, tokens)
        finally:
            if self.tokens is not None:  # else the caller has left: the store alone keeps them
                self.set(tokens)

    def set(self, tokens: TokenSet | None) -> None:
        """Let *tokens* be those here."""
        if tokens is self.tokens:
            return
        if tokens is not None:
            describe(tokens, self._requested)
            LIVE.add(self, tokens)  # before anything can show them
        self.tokens = tokens
        if tokens is None:
            LIVE.forget(self)
        self._changed()

    def take_out(self) -> TokenSet | None:
        """Forget the tokens, here and in the store, and return the last of them; another user's in the store stay."""
        with self._locked_if_can_be():
            own, stored = self.tokens, None
            with suppress(StoreFailed):
                stored = self._store.load(self._key)
            self.set(None)
            if own is not None and stored is not None and not stored.is_of_same_user(own):
                return own
            self._store.forget(self._key)
        self._forget_former(stored or own)
        return stored or own

    def _forget_former(self, own: TokenSet | None) -> None:
        """Forget what the store keeps of *own* user under earlier keys."""
        for key in self._former:
            with suppress(StoreFailed):
                stored = self._store.load(key)
                if stored is not None and own is not None and stored.is_of_same_user(own):
                    self._store.forget(key)

    @contextmanager
    def _locked_if_can_be(self) -> Iterator[None]:
        """Hold the key alone; a process that hangs with the lock must not keep the user from signing in or out."""
        with ExitStack() as stack:
            with suppress(StoreBusy):
                stack.enter_context(self._store.lock(self._key))
            yield

    def _stored_or_signed_out(self) -> TokenSet | None:
        """Return what the store keeps; None also where it cannot be asked, which is no sign-out.

        Raises:
            NotSignedIn: the store had the tokens, and has none now.
        """
        try:
            stored = self._store.load(self._key)
        except StoreFailed:
            return None
        if stored is None and self.is_stored:
            self.set(None)
            raise NotSignedIn(elsewhere=True)
        return stored
