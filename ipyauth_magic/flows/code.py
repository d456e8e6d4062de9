"""The authorization code grant with PKCE (RFC 6749, 4.1; RFC 7636; OpenID Connect Core, 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ..callback.listener import Listener
from ..protocol.grant import Grant
from ..protocol.messages import AuthorizationRequest
from ..protocol.pkce import CodeVerifier, code_challenge, new_code_verifier
from ..protocol.token_response import TokenResponse, no_id_token, token_set
from ..protocol.tokens import Received, TokenSet
from ..provider.provider import Provider
from ..settings.params import ParamsAuth0
from .authorization import authorization_request, authorization_response, expected_id_token
from .clock import utc_now


def sign_in_with_code(
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
    code_verifier = new_code_verifier()
    try:
        request = authorization_request(params, grant, provider, listener, code_challenge(code_verifier))
        with authorization_response(request, params, provider, listener, open_url) as parameters:
            metadata = provider.metadata()
            iss_promised = metadata.authorization_response_iss_parameter_supported
            code = request.validate_code(parameters, iss_promised=iss_promised)
            asked_at = now()
            document = provider.request_tokens(_token_request(request, code, code_verifier), params.resource)
            response = TokenResponse.from_document(document, request.scope)
            if response.id_token is None:
                raise no_id_token()
            # OpenID Connect Core, 3.1.3.6: here `at_hash` may be left out.
            expected = expected_id_token(
                request, params, grant, metadata, response.access_token, at_hash_required=False
            )
            claims = provider.verify(response.id_token, expected, now())
            keep(token_set(response, claims, asked_at))  # here: an interrupt meanwhile fails the tab too
        go_on()  # before `close` tells the tab: who waits for the tokens goes on first
    finally:
        listener.close()


def _token_request(request: AuthorizationRequest, code: Received, code_verifier: CodeVerifier) -> dict[str, str]:
    """Return the token request (RFC 6749, 4.1.3; RFC 7636, 4.5); a code is sent once, whatever comes of it."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": request.redirect_uri,
        "client_id": request.client_id,
        "code_verifier": code_verifier,
    }
