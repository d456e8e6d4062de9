"""Where tokens are kept: one door for each place."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..protocol.tokens import TokenSet


class Store(Protocol):
    """A place for token sets, each under the digest of what makes two sign-ins different; thread-safe."""

    def load(self, key: str) -> TokenSet | None:
        """Return the tokens kept under *key*, ended ones too; None where nothing usable is kept."""

    def save(self, key: str, tokens: TokenSet) -> None:
        """Keep *tokens* under *key*, in place of what was there; a place that cannot be written costs a warning."""

    def holds(self, key: str) -> bool | None:
        """Tell whether the place itself has anything under *key*, usable or not; None where it cannot be asked."""

    def forget(self, key: str) -> None:
        """Forget what is kept under *key*."""

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Hold *key* alone, among everybody who shares the place: one renews, the others find what it brought."""
