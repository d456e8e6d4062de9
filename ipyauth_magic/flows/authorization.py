"""The way to the authorization endpoint and back, as the implicit and the code grant share it (RFC 6749, 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from ..callback.listener import Awaited, Listener
from ..errors import IpyauthError, ProviderError, ProviderRefused, UserNeeded
from ..protocol.grant import Grant
from ..protocol.id_token import Expected
from ..protocol.messages import AuthorizationRequest
from ..protocol.metadata import ProviderMetadata
from ..protocol.tokens import AccessToken
from ..provider.provider import Provider
from ..provider.threads import Errand
from ..settings.params import ParamsAuth0


def authorization_request(
    params: ParamsAuth0, grant: Grant, provider: Provider, listener: Listener, code_challenge: str | None = None
) -> AuthorizationRequest:
    """Return a fresh authorization request for *params*, whose response comes to *listener*.

    Raises:
        ProviderError: the provider had to be asked what it offers, and cannot be reached.
    """
    return AuthorizationRequest(
        response_type=params.response_type,
        response_mode=_response_mode(params, provider, listener),
        client_id=params.client_id,
        redirect_uri=listener.redirect_uri,
        scope=grant.scope(params.scope),
        issuer=params.expected_issuer,
        audience=params.audience,
        # Auth0 gives a refresh token without; others go by OpenID Connect Core, section 11.
        passed_on=grant.passed_on(params.passed_on, needs_consent=not params.domain),
        code_challenge=code_challenge,
    )


@contextmanager
def authorization_response(
    request: AuthorizationRequest,
    params: ParamsAuth0,
    provider: Provider,
    listener: Listener,
    open_url: Callable[[str], None],
) -> Iterator[dict[str, str]]:
    """Send the user to the provider, and give the parameters of the response that came, without `state`.

    How the block ends is what the tab is told, once the listener closes.

    Raises:
        SignInFailed: timed out or cancelled.
        UserNeeded: in place of the block's `ProviderRefused`, where the user was not to be asked.
        ProviderError: the provider cannot be reached, or describes itself wrongly.
    """
    endpoint = _authorization_endpoint(params, provider)
    if provider.is_ready:  # else it is checked as soon as that is known, and before the code is sent on
        _check_metadata(provider.metadata(), request, endpoint)
    listener.announce(request.state)
    open_url(request.url(endpoint))
    listener.serve(_awaited(request, endpoint))
    with _discovery_meanwhile(provider, request, endpoint, listener), listener.wait() as parameters:
        _check_metadata(provider.metadata(), request, endpoint)
        try:
            yield parameters
        except ProviderRefused as error:
            if dict(request.passed_on).get("prompt") == "none" and not params.prompt:
                raise UserNeeded(error) from None
            raise


def expected_id_token(
    request: AuthorizationRequest,
    params: ParamsAuth0,
    grant: Grant,
    metadata: ProviderMetadata,
    access_token: AccessToken,
    at_hash_required: bool,
) -> Expected:
    """Return what the ID token that came of *request*, with *access_token*, must say."""
    return Expected(
        issuer=request.issuer,
        client_id=request.client_id,
        nonce=request.nonce,
        access_token=access_token,
        at_hash_required=at_hash_required,
        subject=grant.subject,
        max_age=int(params.max_age) if params.max_age else None,
        algorithms=metadata.id_token_signing_alg_values_supported,
    )


def _response_mode(params: ParamsAuth0, provider: Provider, listener: Listener) -> str:
    """Return how the response is to come: where others may log the URL's query, a code goes in the fragment."""
    if not listener.way.is_forwarded or params.response_mode != "query" or params.is_response_mode_chosen:
        return params.response_mode
    return "fragment" if "fragment" in provider.metadata().response_modes_supported else "query"


def _awaited(request: AuthorizationRequest, endpoint: str) -> Awaited:
    form_post_origin = _origin(endpoint) if request.response_mode == "form_post" else None
    return Awaited(request.state, form_post_origin, in_query=request.response_mode == "query")


def _authorization_endpoint(params: ParamsAuth0, provider: Provider) -> str:
    """Return the endpoint to open: Auth0's own at once, another provider's from its discovery document."""
    if params.domain:
        return f"{params.expected_issuer}authorize"
    return provider.metadata().authorization_endpoint


@contextmanager
def _discovery_meanwhile(
    provider: Provider, request: AuthorizationRequest, endpoint: str, listener: Listener
) -> Iterator[None]:
    """Load what verifying needs while the user signs in; what is wrong with the provider ends the wait at once.

    It is given up when the wait ends before.
    """
    if provider.is_ready:
        yield
        return

    def discover() -> None:
        try:
            _check_metadata(provider.metadata(), request, endpoint)
        except IpyauthError as error:
            listener.cancel(error)

    discovery = Errand(discover, "ipyauth-discovery")
    discovery.start()
    try:
        yield
    finally:
        discovery.give_up()


def _check_metadata(metadata: ProviderMetadata, request: AuthorizationRequest, opened: str) -> None:
    """Check that the provider answers *request* at the endpoint *opened*, and binds its code to it."""
    if metadata.authorization_endpoint != opened:
        raise ProviderError(
            f"The provider's discovery document names another authorization endpoint than Auth0's own, `{opened}`. "
            "Give `issuer` in place of `domain` if this is not Auth0."
        )
    if request.code_challenge:
        metadata.check_pkce()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    default_port = ":443" if parts.scheme == "https" else ":80"  # a browser leaves it out (RFC 6454, 6.1)
    return f"{parts.scheme}://{parts.netloc.removesuffix(default_port)}".lower()
