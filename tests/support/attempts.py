"""A sign-in without an `Auth` around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipyauth_magic.errors import SignInCancelled
from ipyauth_magic.flows.response_sources import new_response_source
from ipyauth_magic.flows.sign_in import Progress, SignIn
from ipyauth_magic.flows.sign_in_request import SignInRequest
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.settings.params import ParamsAuth0


class Attempt(SignIn):
    """A sign-in for *params*, with the words of a test; its port is held when this returns."""

    def __init__(
        self,
        params: ParamsAuth0,
        timeout: float,
        flow: str | None = None,
        renewable: bool | None = False,
        open_browser: bool = False,
        **how: Any,
    ) -> None:
        request = SignInRequest.of(params, flow, "none", renewable)
        self.params, self.grant = request.params, request.grant
        super().__init__(new_response_source(request, request.routes), timeout, **how)
        self._opens = open_browser

    @property
    def url(self) -> str | None:
        """The link, once it is known."""
        return self.progress.url

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.progress.is_over

    @property
    def redirect_uri(self) -> str:
        """The redirect URI with its real port."""
        return self.progress.redirect_uri

    def begin(self) -> None:
        """Start it."""
        self.start(self._opens)

    def wait_for_url(self, timeout: float) -> None:
        """Start it, and wait until the link is known."""
        self.begin()
        self.pause(timeout, until=lambda: self.progress.url is not None)

    def result(self, tick: Callable[[Progress], None] = lambda progress: None) -> TokenSet:
        """Start it, and wait for the end."""
        self.begin()
        return self.wait(tick)

    def stop(self, reason: str) -> None:
        """Cancel it for a *reason*."""
        self.cancel(SignInCancelled(reason))

    def join(self, timeout: float = 2.0) -> None:
        """Wait until its port is free."""
        self.response_source.join(timeout)
