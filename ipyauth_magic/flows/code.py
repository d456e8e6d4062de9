"""The authorization code grant with PKCE (RFC 6749, 4.1; RFC 7636; OpenID Connect Core, 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from ..protocol.messages import AuthorizationRequest
from ..protocol.token_response import TokenResponse, no_id_token, token_set, token_set_without_id_token
from ..protocol.tokens import Received, TokenSet
from ..provider.provider import Provider
from .authorization import expected_id_token
from .identity import userinfo_of


def tokens(
    request: AuthorizationRequest, parameters: Mapping[str, str], provider: Provider, now: Callable[[], datetime]
) -> TokenSet:
    """Return the verified tokens for the code in the response *parameters*, whose `state` has been compared.

    Without the scope `openid` there is no ID token. PKCE alone binds the tokens to the request then.

    Raises:
        SignInFailed: the provider refused, or a response cannot be trusted.
        ProviderError: the provider cannot be reached, or describes itself wrongly.
    """
    metadata = provider.metadata(with_keys=request.wants_id_token)
    iss_promised = metadata.authorization_response_iss_parameter_supported
    code = request.validate_code(parameters, iss_promised=iss_promised)
    asked_at = now()
    resource = dict(request.passed_on).get("resource")
    document = provider.request_tokens(_token_request(request, code), resource, request.client_secret)
    response = TokenResponse.from_document(document, request.scope)
    if not request.wants_id_token:
        return token_set_without_id_token(response, userinfo_of(provider, response.access_token), asked_at)
    if response.id_token is None:
        raise no_id_token()
    # OpenID Connect Core, 3.1.3.6: `at_hash` may be left out here.
    expected = expected_id_token(request, metadata, response.access_token, at_hash_required=False)
    claims = provider.verify(response.id_token, expected, now())
    return token_set(response, claims, asked_at)


def _token_request(request: AuthorizationRequest, code: Received) -> dict[str, str]:
    """Return the token request (RFC 6749, 4.1.3; RFC 7636, 4.5); a code is sent once, even if no answer comes."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": request.redirect_uri,
        "client_id": request.client_id,
        "code_verifier": str(request.code_verifier),
    }
