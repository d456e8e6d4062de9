"""The authorization request, and what the implicit and the code grant check alike (RFC 6749, 3.1)."""

from __future__ import annotations

from ..callback.receiver import Awaited
from ..errors import ProviderError
from ..protocol import auth0
from ..protocol.flow import Grant, PassedOn
from ..protocol.id_token import Expected
from ..protocol.messages import AuthorizationRequest
from ..protocol.metadata import ProviderMetadata
from ..protocol.pkce import new_code_verifier
from ..protocol.tokens import AccessToken
from ..protocol.urls import origin_of
from ..settings.params import ParamsAuth0


def authorization_request(
    params: ParamsAuth0, grant: Grant, redirect_uri: str, response_mode: str, is_repeated: bool = False
) -> AuthorizationRequest:
    """Return a fresh authorization request, with its own `state`, `nonce` and, for a code, PKCE verifier.

    Args:
        params: what is asked for.
        grant: the flow, and whether a refresh token is wanted.
        redirect_uri: where the response is to come, with its real port.
        response_mode: how it is to come.
        is_repeated: the user has signed in for this before, so that consent is not asked for again.
    """
    return AuthorizationRequest(
        response_type=params.response_type,
        response_mode=response_mode,
        client_id=params.client_id,
        redirect_uri=redirect_uri,
        scope=grant.scope(params.scope),
        issuer=params.expected_issuer,
        audience=params.audience,
        passed_on=_with_prompt(params, grant, is_repeated),
        code_verifier=new_code_verifier() if grant.flow.uses_pkce else None,
    )


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
        ProviderError: it names another endpoint, no PKCE method that can be used, or no algorithm of ID tokens.
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


def _with_prompt(params: ParamsAuth0, grant: Grant, is_repeated: bool) -> PassedOn:
    """Return the parameters that the user passes on, with `prompt=consent` where a refresh token needs it.

    OpenID Connect Core, 11. Auth0 gives a refresh token without it. A repeated sign-in is a plain request: the
    provider answers it at once where it still knows the user (3.1.2.1).
    """
    if grant.renewable and not params.domain and not params.prompt and not is_repeated:
        return (*params.passed_on, ("prompt", "consent"))
    return params.passed_on
