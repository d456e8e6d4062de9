"""The authorization request, and what the implicit and the code grant check alike (RFC 6749, 3.1)."""

from __future__ import annotations

from ..callback.receiver import Awaited
from ..errors import ProviderError
from ..protocol import auth0
from ..protocol.flow import OFFLINE_ACCESS, Grant
from ..protocol.id_token import Expected
from ..protocol.messages import AuthorizationRequest
from ..protocol.metadata import ProviderMetadata
from ..protocol.pkce import new_code_verifier
from ..protocol.tokens import AccessToken
from ..protocol.urls import origin_of
from ..settings.params import ParamsAuth0


def authorization_request(
    params: ParamsAuth0,
    grant: Grant,
    redirect_uri: str,
    response_mode: str,
    metadata: ProviderMetadata | None = None,
) -> AuthorizationRequest:
    """Return a fresh authorization request, with its own `state`, `nonce` and, for a code, PKCE verifier.

    Args:
        params: what is asked for.
        grant: the flow, and whether a refresh token is wanted.
        redirect_uri: where the response is to come, with its real port.
        response_mode: how it is to come.
        metadata: what the provider announces; None only with `domain`.
    """
    return AuthorizationRequest(
        response_type=_response_type(params, grant, metadata),
        response_mode=response_mode,
        client_id=params.client_id,
        redirect_uri=redirect_uri,
        scope=requested_scope(params, grant, metadata),
        issuer=params.expected_issuer if metadata is None else metadata.issuer,
        audience=params.audience,
        passed_on=params.passed_on,
        code_verifier=new_code_verifier() if grant.flow.uses_pkce else None,
        client_secret=params.client_secret,
    )


def requested_scope(params: ParamsAuth0, grant: Grant, metadata: ProviderMetadata | None) -> str:
    """Return the scopes to ask for; *metadata* may be None with `domain`, because Auth0 knows `offline_access`."""
    if params.domain or metadata is None:
        return grant.scope(params.scope, (OFFLINE_ACCESS,))
    return grant.scope(params.scope, metadata.scopes_supported)


def added_scopes(params: ParamsAuth0, scope: str) -> tuple[str, ...]:
    """Return the words of *scope*, as requested, that the user did not write; none with `domain`: Auth0 knows them."""
    written = f"{params.typed.get('scope', '')} {params.typed.get('default_scope', '')}".split()
    return () if params.domain else tuple(each for each in scope.split() if each not in written)


def endpoint_known_at_once(params: ParamsAuth0) -> str | None:
    """Return Auth0's own authorization endpoint; None where only the discovery document tells it."""
    return auth0.authorization_endpoint(params.expected_issuer) if params.domain else None


def response_mode(params: ParamsAuth0, is_forwarded: bool, metadata: ProviderMetadata | None = None) -> str | None:
    """Return how the response is to come; None where that depends on *metadata*, and *metadata* is None.

    Where other programs may log the URL's query, a code comes in the fragment, if the provider offers that or does not
    say what it offers.
    """
    if not is_forwarded or params.response_mode != "query" or params.is_response_mode_chosen:
        return params.response_mode
    if metadata is None:
        return None
    offered = metadata.response_modes_supported
    return "fragment" if "fragment" in offered or not offered else "query"


def awaited(request: AuthorizationRequest, endpoint: str, metadata: ProviderMetadata | None = None) -> Awaited:
    """Return the response that *request*, sent to *endpoint*, is answered by.

    A provider whose *metadata* list no response modes may answer in the query, whatever was asked for. A code is taken
    there: who reads it has no use for it without the PKCE verifier.
    """
    form_post_origin = origin_of(endpoint) if request.response_mode == "form_post" else None
    is_silent = metadata is not None and not metadata.response_modes_supported
    in_query = request.response_mode == "query" or (is_silent and request.code_verifier is not None)
    return Awaited(request.state, form_post_origin, in_query)


def check_metadata(metadata: ProviderMetadata, request: AuthorizationRequest, endpoint: str) -> None:
    """Check that the provider answers *request* at *endpoint*, and binds its code to it.

    Raises:
        ProviderError: it names another endpoint, no PKCE method that can be used, or no keys or algorithm of ID tokens.
    """
    if metadata.authorization_endpoint != endpoint:
        raise ProviderError(
            f"The provider's discovery document names another authorization endpoint than Auth0's own, `{endpoint}`. "
            "Give `issuer` in place of `domain` if this is not Auth0."
        )
    if request.code_verifier:
        metadata.check_pkce()
    if request.wants_id_token:
        metadata.check_id_token()


def expected_id_token(
    request: AuthorizationRequest, metadata: ProviderMetadata, access_token: AccessToken, at_hash_required: bool
) -> Expected:
    """Return what the ID token that answers *request*, with *access_token*, must say."""
    asked = dict(request.passed_on)
    return Expected(
        issuer=request.issuer,
        client_id=request.client_id,
        nonce=request.nonce,
        access_token=access_token,
        at_hash_required=at_hash_required,
        max_age=int(asked["max_age"]) if "max_age" in asked else None,
        acr_values=asked.get("acr_values"),
        organization=asked.get("organization"),
        algorithms=metadata.id_token_signing_alg_values_supported,
    )


def _response_type(params: ParamsAuth0, grant: Grant, metadata: ProviderMetadata | None) -> str:
    """Return the response type as the user typed it, else as the provider announces it; with `domain` as Auth0 does."""
    typed = params.typed.get("response_type")
    if typed or params.domain or metadata is None:
        return typed or params.response_type
    return grant.flow.spelled(metadata.response_types_supported)
