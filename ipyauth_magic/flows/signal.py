"""The one signal that tokens or a sign-in have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..store.fork import fit_for_child


class Signal:
    """Calls functions when something has changed; they must not block, whichever thread emits it.

    A forked child begins without functions: they draw cards, and the notebook's sockets are its parent's.
    """

    def __init__(self) -> None:
        self._functions: tuple[Callable[[], None], ...] = ()
        fit_for_child(self)

    def forked(self) -> None:
        """Call none of the parent's functions."""
        self._functions = ()

    def connect(self, function: Callable[[], None]) -> None:
        """Have *function* called from now on."""
        self._functions = (*self._functions, function)

    @contextmanager
    def connected(self, function: Callable[[], None]) -> Iterator[None]:
        """Have *function* called within the block."""
        self.connect(function)
        try:
            yield
        finally:
            self._functions = tuple(each for each in self._functions if each is not function)

    def emit(self) -> None:
        """Call every function."""
        for function in self._functions:
            function()
