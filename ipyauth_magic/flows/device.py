"""The device authorization grant: the user signs in on any device, by a code (RFC 8628)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from ..errors import IpyauthError, ProviderRefused, ProviderUnreachable, SignInCancelled, SignInTimeout
from ..protocol.device_authorization import DeviceAuthorization
from ..protocol.grant import Grant
from ..protocol.id_token import Expected
from ..protocol.token_response import TokenResponse, no_id_token, token_set
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..settings.params import ParamsAuth0
from .clock import utc_now

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"

SLOW_DOWN = 5
"""Seconds that `slow_down` adds to the interval, for this and all later polls (section 3.5)."""

LONGEST_PAUSE = 60
"""Seconds between two polls while the connection is lost, each pause twice the last (section 3.5); or twice the
interval, where that is more."""


class Pauses:
    """The pauses between two polls; used from any thread, as a listener is, and ended as one is."""

    redirect_uri = ""
    has_response = False

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._cancelled: IpyauthError | None = None
        self._timeout = self._ends_at = 0.0

    def give_time(self, timeout: float) -> None:
        """Let the wait end *timeout* seconds from now, whatever was said before."""
        with self._changed:
            self._timeout, self._ends_at = timeout, time.monotonic() + timeout
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait *seconds*.

        Raises:
            SignInTimeout: the wait as a whole has ended.
            IpyauthError: what `cancel` was called with.
        """
        until = time.monotonic() + seconds
        with self._changed:
            while self._cancelled is None and time.monotonic() < min(until, self._ends_at):
                self._changed.wait(min(until, self._ends_at) - time.monotonic())
            if self._cancelled is not None:
                raise self._cancelled
            if time.monotonic() >= self._ends_at:
                raise SignInTimeout(self._timeout, None)

    def cancel(self, error: IpyauthError) -> None:
        """End the wait by *error*."""
        with self._changed:
            self._cancelled = self._cancelled or error
            self._changed.notify_all()

    def close(self) -> None:
        """End the wait, if it has not ended."""
        self.cancel(SignInCancelled())

    def join(self, timeout: float = 0.0) -> None:
        """End the wait; nothing is left behind."""
        self.close()


def sign_in_with_device(
    params: ParamsAuth0,
    grant: Grant,
    provider: Provider,
    pauses: Pauses,
    show: Callable[[DeviceAuthorization], None],
    accept: Callable[[TokenSet], None],
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Give *accept* verified tokens for *params*; the user enters the code that *show* is given.

    Raises:
        SignInFailed: refused, timed out, cancelled, or a response that cannot be trusted.
        ProviderError: the provider cannot be reached, or does not offer this grant.
    """
    scope = grant.scope(params.scope)
    form = {"client_id": params.client_id, "scope": scope, **dict(params.passed_on)}
    begun = time.monotonic()
    document = provider.request_device_authorization(form | ({"audience": params.audience} if params.audience else {}))
    authorization = DeviceAuthorization.from_document(document)
    show(authorization)
    document, asked_at = _poll(params, provider, authorization, begun + authorization.expires_in, pauses, now)
    response = TokenResponse.from_document(document, scope)
    if response.id_token is None:
        raise no_id_token()
    expected = Expected(
        issuer=params.expected_issuer,
        client_id=params.client_id,
        nonce=None,
        access_token=response.access_token,
        at_hash_required=False,
        max_age=int(params.max_age) if params.max_age else None,
        algorithms=provider.metadata().id_token_signing_alg_values_supported,
    )
    claims = provider.verify(response.id_token, expected, now())
    accept(token_set(response, claims, asked_at))


def _poll(
    params: ParamsAuth0,
    provider: Provider,
    authorization: DeviceAuthorization,
    ends_at: float,
    pauses: Pauses,
    now: Callable[[], datetime],
) -> tuple[dict[str, object], datetime]:
    """Return the answer to the first token request that the user's consent lets succeed (sections 3.4 and 3.5).

    With it comes when that was asked.
    """
    form = {
        "grant_type": GRANT_TYPE,
        "device_code": authorization.device_code,
        "client_id": params.client_id,
    }
    interval = pause = authorization.interval
    while True:
        pauses.pause(max(0.0, min(pause, ends_at - time.monotonic())))
        if time.monotonic() >= ends_at:
            raise ProviderRefused("expired_token", None)
        asked_at = now()
        try:
            return provider.request_tokens(form, params.resource), asked_at
        except ProviderUnreachable:
            pause = min(pause * 2, max(LONGEST_PAUSE, interval * 2))
        except ProviderRefused as error:
            if error.error == "slow_down":
                interval += SLOW_DOWN
            elif error.error != "authorization_pending":
                raise
            pause = interval
