"""A sign-in that an event loop awaits: on a panel while it is under way, and by a card at its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import SignInCancelled
from ..flows.authenticator import Authenticator
from ..flows.follow import follow
from ..protocol.step_up import StepUp
from .panel import panel
from .view import card_of, error_page_hint

if TYPE_CHECKING:
    from asyncio import Future


async def authenticate_async(
    authenticator: Authenticator,
    ready: Callable[[], str],
    timeout: float | None,
    open_browser: bool,
    force: bool,
    more: StepUp,
) -> None:
    """Get good tokens in a thread, and show the sign-in if there is one; cancelling the task ends it.

    *ready* returns the last sentence of its card.

    Raises:
        SignInCancelled: the user interrupted the kernel.
        SignInFailed, ProviderError: there is no token.
    """
    import asyncio

    shown, seconds = panel(), authenticator.request.time_to_wait(timeout)
    with shown.interruptible(lambda: error_page_hint(authenticator)):
        if not force and await asyncio.to_thread(authenticator.without_user) and authenticator.serves(more):
            return
        begin = asyncio.to_thread(authenticator.begin, seconds, shown, open_browser, anew=force, more=more)
        beginning = asyncio.ensure_future(begin)
        try:
            if (sign_in := await asyncio.shield(beginning)) is None:
                return
            await asyncio.to_thread(follow, sign_in, shown, open_browser)
        except asyncio.CancelledError:
            beginning.add_done_callback(_cancel_begun)  # also if the task is cancelled again while it waits here
            await asyncio.wait({beginning})
            raise
    shown.end(card_of(authenticator, ready()))


def _cancel_begun(beginning: Future[Any]) -> None:
    """Cancel the sign-in that *beginning*, which is done, has brought, if it has."""
    if not beginning.cancelled() and beginning.exception() is None and (begun := beginning.result()) is not None:
        begun.cancel(SignInCancelled("it was interrupted"))
