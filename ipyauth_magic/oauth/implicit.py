"""The implicit grant with an ID token (RFC 6749, 4.2; OpenID Connect Core, 3.2)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from ..callback.listener import Awaited, Listener
from ..clock import utc_now
from ..errors import ProviderError
from ..params import ParamsAuth0
from ..token import TokenSet
from .id_token import Expected
from .messages import MAX_LIFETIME, AuthorizationRequest, ImplicitResponse
from .provider import Provider


def sign_in_with_implicit(
    params: ParamsAuth0,
    provider: Provider,
    listener: Listener,
    open_url: Callable[[str], None],
    accept: Callable[[TokenSet], None],
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Give *accept* verified tokens for *params*; the user signs in at the URL given to *open_url*.

    The listener holds its port already, and is closed when this ends, however it ends.

    Raises:
        SignInFailed: refused, timed out, cancelled, or a response that cannot be trusted.
        ProviderError: the provider cannot be reached, or describes itself wrongly.
    """
    try:
        request = _request(params, listener.redirect_uri)
        endpoint = _authorization_endpoint(params, provider)
        open_url(request.url(endpoint))
        listener.serve(Awaited(request.state, _origin(endpoint) if request.response_mode == "form_post" else None))
        if not provider.is_ready:
            _discover_meanwhile(provider, endpoint, listener)
        with listener.wait() as parameters:
            metadata = provider.metadata()
            _check_endpoint(metadata.authorization_endpoint, endpoint)
            iss_promised = metadata.authorization_response_iss_parameter_supported
            response = request.validate(parameters, iss_promised=iss_promised)
            received_at = now()
            expected = _expected(params, request, response, metadata.id_token_signing_alg_values_supported)
            claims = provider.verify(response.id_token, expected, received_at)
            tokens = _token_set(response, claims, received_at)
        accept(tokens)  # before `close` tells the tab: who waits for the tokens goes on first
    finally:
        listener.close()


def _discover_meanwhile(provider: Provider, endpoint: str, listener: Listener) -> None:
    """Load what verifying needs while the user signs in; what is wrong with the provider ends the wait at once."""

    def discover() -> None:
        try:
            _check_endpoint(provider.metadata().authorization_endpoint, endpoint)
        except ProviderError as error:
            listener.cancel(error)

    threading.Thread(target=discover, name="ipyauth-discovery", daemon=True).start()


def _request(params: ParamsAuth0, redirect_uri: str) -> AuthorizationRequest:
    return AuthorizationRequest(
        response_type=params.response_type,
        response_mode=params.response_mode,
        client_id=params.client_id,
        redirect_uri=redirect_uri,
        scope=params.scope,
        issuer=params.expected_issuer,
        audience=params.audience,
        passed_on=params.passed_on,
    )


def _authorization_endpoint(params: ParamsAuth0, provider: Provider) -> str:
    """Return the endpoint to open: Auth0's own at once, another provider's from its discovery document."""
    if params.domain:
        return f"{params.expected_issuer}authorize"
    return provider.metadata().authorization_endpoint


def _check_endpoint(announced: str, opened: str) -> None:
    if announced != opened:
        raise ProviderError(
            f"The provider's discovery document names another authorization endpoint than Auth0's own, `{opened}`. "
            "Give `issuer` in place of `domain` if this is not Auth0."
        )


def _expected(
    params: ParamsAuth0, request: AuthorizationRequest, response: ImplicitResponse, algorithms: tuple[str, ...]
) -> Expected:
    return Expected(
        issuer=request.issuer,
        client_id=request.client_id,
        nonce=request.nonce,
        access_token=response.access_token,
        max_age=int(params.max_age) if params.max_age else None,
        algorithms=algorithms,
    )


def _token_set(response: ImplicitResponse, claims: dict[str, Any], received_at: datetime) -> TokenSet:
    """Return the tokens with their end: `expires_in` from now, or else the ID token's own."""
    lifetime = response.expires_in
    if lifetime is None:
        lifetime = max(0, min(int(claims["exp"] - received_at.timestamp()), MAX_LIFETIME))
    expires_at = received_at + timedelta(seconds=lifetime)
    return TokenSet(response.access_token, response.id_token, response.scope, expires_at, received_at, claims)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    default_port = ":443" if parts.scheme == "https" else ":80"  # a browser leaves it out (RFC 6454, 6.1)
    return f"{parts.scheme}://{parts.netloc.removesuffix(default_port)}".lower()
