"""What a forked child does not take over: locks that threads of its parent hold, and its parent's refresh token.

Parent and child would use up one refresh token each on its own, and a provider that sees the second use ends the
sign-in of both (RFC 9700, 4.14.2).
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Protocol
from weakref import WeakSet

from ..protocol.tokens import TokenSet


class Forked(Protocol):
    """An object that a forked child has a copy of."""

    def forked(self) -> None:
        """Become fit for the child; called there, before any other code of the child."""


_known: WeakSet[Forked] = WeakSet()


def fit_for_child(copied: Forked) -> None:
    """Have `copied.forked()` called in each child that this process forks."""
    _known.add(copied)


def without_refresh_token(tokens: TokenSet) -> TokenSet:
    """Return *tokens* as a child may use them: until they end."""
    return tokens if tokens.refresh_token is None else replace(tokens, refresh_token=None)


def _fit() -> None:
    for copied in list(_known):
        copied.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fit)
