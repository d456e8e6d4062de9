"""The sign-ins of this session: those that gave tokens, those under way, and those of them that cards offer."""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

from ..store import memory

if TYPE_CHECKING:
    from ..auth import Auth
    from ..callback.routes import Way
    from .sign_in import Attempt

KEPT = 100
"""So many sign-ins are listed at the most; an older one lives on in whatever variable holds it."""

_lock = threading.Lock()
_signed_in: list[Auth] = []
_advised: ref[Auth] | None = None
_under_way: WeakSet[Attempt] = WeakSet()
_offered: set[Attempt] = set()
"""Cards hold a port for a sign-in that nobody waits for, and give it up for one that somebody does wait for."""


def remember(auth: Auth) -> None:
    """Make *auth* the latest sign-in."""
    with _lock:
        _signed_in[:] = [*(each for each in _signed_in if each is not auth), auth][-KEPT:]


def is_to_be_advised(auth: Auth) -> bool:
    """Tell whether *auth* is the one sign-in of the session whose card may give advice."""
    global _advised
    with _lock:
        if _advised is None:
            _advised = ref(auth)
        return _advised() is auth


def forget(auth: Auth) -> None:
    """Leave *auth* out from now on."""
    with _lock:
        _signed_in[:] = [each for each in _signed_in if each is not auth]


def all_sign_ins() -> list[Auth]:
    """Return the sign-ins that have tokens, ended ones too, the latest last."""
    with _lock:
        return list(_signed_in)


def end_session() -> None:
    """Forget every token of the session; what a store keeps for other sessions stays there."""
    for auth in all_sign_ins():
        auth.leave()
    memory.SESSION.forget_all()


def begun(attempt: Attempt) -> None:
    """List *attempt*, until it has `ended`."""
    with _lock:
        _under_way.add(attempt)


def offer(attempt: Attempt) -> None:
    """Let *attempt* wait for whoever follows its card's link."""
    with _lock:
        _offered.add(attempt)


def take_over(attempt: Attempt) -> None:
    """Somebody waits for *attempt* now: it keeps its port."""
    with _lock:
        _offered.discard(attempt)


def ended(attempt: Attempt) -> None:
    """List *attempt* no longer."""
    with _lock:
        _offered.discard(attempt)
        _under_way.discard(attempt)


def make_room(ways: Collection[Way]) -> None:
    """End the offers that hold a port of *ways*."""
    ports = {way.port for way in ways} - {None}
    with _lock:
        in_the_way = [attempt for attempt in _offered if attempt.port in ports]
    _end(in_the_way, "another sign-in took its place")


def end_all(reason: str) -> None:
    """End every sign-in under way, and free the ports."""
    with _lock:
        under_way = list(_under_way)
    _end(under_way, reason)


def end_with(shell: Any) -> None:
    """End every sign-in under way when the kernel of *shell* is shut down, so that no link stays in a notebook."""
    if shell.has_trait("exit_now"):
        shell.observe(_kernel_ends, "exit_now")


def outlive(shell: Any) -> None:
    """Do so no longer."""
    with suppress(ValueError):  # there may never have been a sign-in
        shell.unobserve(_kernel_ends, "exit_now")


def _kernel_ends(change: Any) -> None:
    if change.new:
        end_all("the kernel was shut down")


def _end(attempts: list[Attempt], reason: str) -> None:
    for attempt in attempts:
        ended(attempt)
        attempt.cancel(reason)
    for attempt in attempts:
        attempt.join()
