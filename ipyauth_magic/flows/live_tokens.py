"""The tokens of this process that an API may still take: of every sign-in, those that a renewal replaced included."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol
from weakref import ref

from ..protocol.tokens import Masked, TokenSet
from ..store.fork import fit_for_child, without_refresh_token
from . import clock

MOST_FORMER = 100
"""Most token sets that are known though no sign-in has them any more; the latest count."""

TOLERANCE = timedelta(minutes=5)
"""For how long after its end an API may still take a token, because clocks differ (RFC 7519, 4.1.4)."""


class Holder(Protocol):
    """Holds the tokens of one sign-in; `Kept` is one."""

    tokens: TokenSet | None


@dataclass(frozen=True)
class Live:
    """Tokens that *holder* has, or had: they live on without it, in the variables of the user."""

    holder: ref[Holder]
    tokens: TokenSet

    @property
    def is_held(self) -> bool:
        """Whether a sign-in has them at this moment."""
        holder = self.holder()
        return holder is not None and holder.tokens is self.tokens


class LiveTokens:
    """The live tokens of this process; thread-safe.

    Attributes:
        now: those of this moment, another tuple after each change. To compare it takes no lock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now: tuple[Live, ...] = ()
        fit_for_child(self)

    def forked(self) -> None:
        """Leave the refresh tokens to the parent, as all that holds tokens does."""
        self._lock = threading.Lock()
        self.now = tuple(replace(each, tokens=without_refresh_token(each.tokens)) for each in self.now)

    def add(self, holder: Holder, tokens: TokenSet) -> None:
        """Let *tokens* of *holder* be live; those that it had before stay so until they end."""
        with self._lock:
            now = clock.utc_now()
            held = [each for each in self.now if each.is_held]
            former = [each for each in self.now if not each.is_held and not each.tokens.is_expired(now, -TOLERANCE)]
            self.now = (*former[-MOST_FORMER:], *held, Live(ref(holder), tokens))

    def forget(self, holder: Holder) -> None:
        """Forget the tokens of *holder*, the earlier ones too."""
        with self._lock:
            self.now = tuple(each for each in self.now if each.holder() is not holder)

    def forget_all(self) -> None:
        """Forget every token."""
        with self._lock:
            self.now = ()


LIVE = LiveTokens()
"""The live tokens of this process."""


def secrets(live: tuple[Live, ...]) -> list[Masked]:
    """Return the tokens of *live*, access, ID and refresh tokens, each as often as it is there."""
    sets = [each.tokens for each in live]
    found = [(tokens.access_token, tokens.id_token, tokens.refresh_token) for tokens in sets]
    return [token for triple in found for token in triple if token is not None]
