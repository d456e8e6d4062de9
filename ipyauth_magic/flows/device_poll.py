"""The device grant as the source of a response: shows a code, and polls until the user has entered it."""

from __future__ import annotations

import time

from ..callback.routes import Route
from ..errors import ProviderRefused
from ..protocol.flow import Grant
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..settings.params import ParamsAuth0
from . import clock
from .authorization import added_scopes, requested_scope
from .device import Granted, Polling, begin, poll, tokens
from .sign_in import SignIn


class DevicePoll:
    """Shows a code for another device, and polls until the user has entered it (a `ResponseSource`)."""

    redirect_uri = ""
    route: Route | None = None
    port: int | None = None

    def __init__(self, params: ParamsAuth0, grant: Grant) -> None:
        self._params = params
        self._grant = grant
        self._provider = Provider.of(params.expected_issuer, params.discovery_url)
        self.scope = requested_scope(params, grant, None)
        self.is_accepted = False

    @property
    def added_scopes(self) -> tuple[str, ...]:
        """The requested scopes that the user did not write."""
        return added_scopes(self._params, self.scope)

    def start(self, sign_in: SignIn) -> None:
        """Ask for a code, and poll until the user has entered it."""
        self.scope = requested_scope(self._params, self._grant, self._provider.metadata(with_keys=False))
        first = begin(self._params, self._grant, self._provider)
        self.is_accepted = True
        polling: Polling | Granted = first
        asked = first.authorization
        code_ends_at = time.monotonic() + asked.expires_in
        sign_in.show_link(asked.verification_uri_complete or asked.verification_uri, asked)
        while isinstance(polling, Polling):
            sign_in.pause(max(0.0, min(polling.pause, code_ends_at - time.monotonic())))
            if sign_in.progress.is_over:
                return
            if time.monotonic() >= code_ends_at:
                raise ProviderRefused("expired_token")
            polling = poll(polling, self._params, self._provider, clock.utc_now)
        sign_in.complete(polling)

    def tokens(self, response: Granted) -> TokenSet:
        """Return the verified tokens of *response*."""
        return tokens(response, self._params, self._grant, self._provider, clock.utc_now)

    def paste(self, text: str) -> str | None:
        """Do nothing: there is nothing to paste."""
        return None

    def close(self, linger: bool) -> None:
        """Do nothing: no port is held, and the thread ends at the sign-in's end."""

    def join(self, timeout: float) -> None:
        """Do nothing: no port is held."""
