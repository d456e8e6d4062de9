"""The implicit grant with an ID token (RFC 6749, 4.2; OpenID Connect Core, 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from ..protocol.messages import AuthorizationRequest
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from .authorization import expected_id_token


def tokens(
    request: AuthorizationRequest, parameters: Mapping[str, str], provider: Provider, now: Callable[[], datetime]
) -> TokenSet:
    """Return the verified tokens in the authorization response *parameters*, whose `state` has been compared.

    They end `expires_in` from now; without it, the end is not known.

    Raises:
        SignInFailed: the provider refused, or the response cannot be trusted.
        ProviderError: the provider cannot be reached, or describes itself wrongly.
    """
    metadata = provider.metadata()
    iss_promised = metadata.authorization_response_iss_parameter_supported
    response = request.validate(parameters, iss_promised=iss_promised)
    received_at = now()
    expected = expected_id_token(request, metadata, response.access_token, at_hash_required=True)
    claims = provider.verify(response.id_token, expected, received_at)
    expires_at = None if response.expires_in is None else received_at + timedelta(seconds=response.expires_in)
    return TokenSet(response.access_token, response.id_token, response.scope, expires_at, received_at, claims)
