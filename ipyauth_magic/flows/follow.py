"""A sign-in that a caller waits for, shown to the user from its link to its end."""

from __future__ import annotations

import threading
from typing import Protocol

from ..errors import IpyauthError, SignInCancelled
from ..protocol.tokens import TokenSet
from .sign_in import Progress, SignIn


class Panel(Protocol):
    """Shows one sign-in from its link to its end."""

    def can_be_answered(self) -> bool:
        """Tell whether a person sees it and may follow a link."""

    def tick(self, progress: Progress) -> None:
        """Show what is new."""

    def ask(self, sign_in: SignIn) -> None:
        """Ask the user for the address at which the browser ended, until it serves or *sign_in* is over."""

    def clear(self) -> None:
        """Take the link away."""


def follow(sign_in: SignIn, panel: Panel, open_browser: bool) -> TokenSet:
    """Show *sign_in* on *panel* until it is over, and return the tokens.

    Raises:
        SignInFailed: no token; its subclasses tell why.
        ProviderError: the provider cannot be reached.
        KeyboardInterrupt: the user interrupted; the port is free again.
    """
    try:
        sign_in.start(open_browser)
        if _may_paste(sign_in) and panel.can_be_answered():
            sign_in.pause(sign_in.progress.seconds_left, until=lambda: sign_in.progress.url is not None)
            panel.tick(sign_in.progress)
            if not sign_in.progress.is_over:
                panel.ask(sign_in)
        return sign_in.wait(panel.tick)
    except BaseException as error:
        if not isinstance(error, IpyauthError):
            sign_in.cancel(SignInCancelled("it was interrupted"))
        panel.clear()
        raise


def _may_paste(sign_in: SignIn) -> bool:
    route = sign_in.progress.route
    return route is not None and route.paste and threading.current_thread() is threading.main_thread()
