"""The sign-ins of this process: those with tokens, those under way, and the ports that cards hold."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakSet, ref

from ..callback.routes import Route
from ..errors import SignInCancelled
from ..store import memory
from .last_users import LAST_USERS
from .live_tokens import LIVE
from .sign_in import SignIn

KEPT = 100
"""Most sign-ins that are listed; an older one lives on in the variable that holds it."""


class Holder(Protocol):
    """Holds tokens; `Authenticator` is one."""

    def clear(self, in_store: bool = True) -> Any:
        """Be no sign-in of the session any more, and forget the tokens, here and *in_store*."""


H = TypeVar("H", bound=Holder)


class Session(Generic[H]):
    """What the sign-ins of one process know of each other; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._signed_in: list[H] = []
        self._advised: ref[H] | None = None
        self._under_way: WeakSet[SignIn] = WeakSet()
        # A card holds a port for a link that may never be followed, and gives it to a sign-in that a caller waits for.
        self._offered: WeakSet[SignIn] = WeakSet()

    def remember(self, holder: H) -> None:
        """Make *holder* the latest that has tokens."""
        with self._lock:
            others = [each for each in self._signed_in if each is not holder]
            self._signed_in = [*others, holder][-KEPT:]

    def forget(self, holder: H) -> None:
        """List *holder* no longer."""
        with self._lock:
            self._signed_in = [each for each in self._signed_in if each is not holder]

    def signed_in(self) -> list[H]:
        """Return those that have tokens, ended ones too, the latest last."""
        with self._lock:
            return list(self._signed_in)

    def may_advise(self, holder: H) -> bool:
        """Tell whether *holder* is the one of the session whose card may give advice."""
        with self._lock:
            if self._advised is None:
                self._advised = ref(holder)
            return self._advised() is holder

    def begin(self, sign_in: SignIn, is_offer: bool) -> None:
        """List *sign_in* as under way; *is_offer*: no caller waits for it."""
        with self._lock:
            self._under_way.add(sign_in)
            if is_offer:
                self._offered.add(sign_in)

    def take_over(self, sign_in: SignIn) -> bool:
        """Let *sign_in* keep its port, for a caller waits for it now; return whether none did before."""
        with self._lock:
            was_offered = sign_in in self._offered
            self._offered.discard(sign_in)
        return was_offered

    def release_ports(self, routes: Collection[Route], but_for: SignIn | None) -> None:
        """End the offers of cards that hold a port of *routes*, *but_for* one."""
        ports = {route.port for route in routes} - {None}
        with self._lock:
            offered = [
                each
                for each in self._offered
                if each is not but_for and not each.progress.is_over and each.response_source.port in ports
            ]
        self._end(offered, "another sign-in took its place")

    def end_all(self, reason: str) -> None:
        """End every sign-in under way, and free the ports."""
        with self._lock:
            under_way = [each for each in self._under_way if not each.progress.is_over]
        self._end(under_way, reason)

    def forget_tokens(self) -> None:
        """Forget every token of the process; the files of a store stay for other processes."""
        for holder in self.signed_in():
            holder.clear(in_store=False)
        memory.SHARED.forget_all()
        LAST_USERS.forget()
        LIVE.forget_all()

    def on_exit(self, change: Any) -> None:
        """End every sign-in when the kernel is shut down (an observer of its `exit_now`)."""
        if change.new:
            self.end_all("the kernel was shut down")

    def _end(self, sign_ins: Collection[SignIn], reason: str) -> None:
        with self._lock:
            for sign_in in sign_ins:
                self._under_way.discard(sign_in)
                self._offered.discard(sign_in)
        for sign_in in sign_ins:
            sign_in.cancel(SignInCancelled(reason))
        for sign_in in sign_ins:
            sign_in.response_source.join(2.0)
