"""The implicit grant with an ID token (RFC 6749, 4.2; OpenID Connect Core, 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ..callback.listener import Listener
from ..protocol.grant import Grant
from ..protocol.messages import ImplicitResponse
from ..protocol.token_response import lifetime
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..settings.params import ParamsAuth0
from .authorization import authorization_request, authorization_response, expected_id_token
from .clock import utc_now


def sign_in_with_implicit(
    params: ParamsAuth0,
    grant: Grant,
    provider: Provider,
    listener: Listener,
    open_url: Callable[[str], None],
    keep: Callable[[TokenSet], None],
    go_on: Callable[[], None],
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Give *keep* verified tokens for *params*; the user signs in at the URL given to *open_url*.

    Then *go_on* lets whoever waits for them go on; nobody can cancel any more. The listener holds its port already, and
    is closed when this ends, however it ends.

    Raises:
        SignInFailed: refused, timed out, cancelled, or a response that cannot be trusted.
        ProviderError: the provider cannot be reached, or describes itself wrongly.
    """
    try:
        request = authorization_request(params, grant, provider, listener)
        with authorization_response(request, params, provider, listener, open_url) as parameters:
            metadata = provider.metadata()
            iss_promised = metadata.authorization_response_iss_parameter_supported
            response = request.validate(parameters, iss_promised=iss_promised)
            received_at = now()
            expected = expected_id_token(request, params, grant, metadata, response.access_token, at_hash_required=True)
            claims = provider.verify(response.id_token, expected, received_at)
            keep(_token_set(response, claims, received_at))  # here: an interrupt meanwhile fails the tab too
        go_on()  # before `close` tells the tab: who waits for the tokens goes on first
    finally:
        listener.close()


def _token_set(response: ImplicitResponse, claims: dict[str, Any], received_at: datetime) -> TokenSet:
    """Return the tokens with their end: `expires_in` from now, or else the ID token's own."""
    expires_at = received_at + timedelta(seconds=lifetime(response.expires_in, claims, received_at))
    return TokenSet(response.access_token, response.id_token, response.scope, expires_at, received_at, claims)
