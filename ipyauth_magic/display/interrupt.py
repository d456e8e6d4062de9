"""An interrupt of the kernel while a cell awaits a sign-in.

ipykernel ignores it there: SIGINT does not end an awaited cell (ipykernel#881). So a handler of our own takes it for as
long as a sign-in is awaited, and the kernel's own is put back.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import SignInCancelled
from ..provider.threads import SLICE

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


@contextmanager
def cancelled_by_interrupt(hint: Callable[[], str] = lambda: "") -> Iterator[None]:
    """Let an interrupt cancel the task that runs the block; without an effect outside the main thread.

    *hint* returns a sentence that the error has after its own.

    Raises:
        SignInCancelled: the user interrupted. Not `KeyboardInterrupt`, which would end the kernel's own loop.
    """
    import asyncio  # here: a script that signs in without it need not load it

    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    is_interrupted = False

    def interrupt() -> None:
        nonlocal is_interrupted
        is_interrupted = True
        task.cancel()

    with _on_interrupt(lambda: loop.call_soon_threadsafe(interrupt)), _ticking(loop):
        try:
            yield
        except asyncio.CancelledError:
            if not is_interrupted:
                raise
            task.uncancel()
            error = SignInCancelled("it was interrupted")
            error.args = (f"{error}\n{hint()}".rstrip(),)
            raise error from None


@contextmanager
def _ticking(loop: AbstractEventLoop) -> Iterator[None]:
    """Let *loop* run some code again and again: Python calls a handler between two steps of it, and never in a wait."""
    is_over = False

    def tick() -> None:
        if not is_over:
            loop.call_later(SLICE, tick)

    tick()
    try:
        yield
    finally:
        is_over = True


_actions: list[Callable[[], object]] = []
"""One for each task that awaits a sign-in; they may end in any order."""

_kernels_own: list[Any] = []
"""The handler that was there before the first of them."""


@contextmanager
def _on_interrupt(action: Callable[[], object]) -> Iterator[None]:
    """Have *action* called by SIGINT, with those of other tasks, in place of the handler that was there."""
    if not _actions:
        _kernels_own[:] = [signal.signal(signal.SIGINT, _interrupted)]
    _actions.append(action)
    try:
        yield
    finally:
        _actions.remove(action)
        if not _actions and signal.getsignal(signal.SIGINT) is _interrupted:
            signal.signal(signal.SIGINT, _kernels_own.pop() or signal.SIG_DFL)


def _interrupted(number: int, frame: object) -> None:
    for action in list(_actions):
        action()
