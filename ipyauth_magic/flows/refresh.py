"""The refresh token grant: the next access token without the user (RFC 6749, section 6; OpenID Connect Core, 12).

Two calls, so that a new refresh token can be stored between them: the old one may be used up as soon as the provider
has answered (RFC 9700, 4.14.2), and whatever fails after that must not lose the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ..errors import SignInNeeded
from ..protocol.id_token import Expected
from ..protocol.token_response import TokenResponse, renewed
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..settings.params import ParamsAuth0
from .clock import utc_now


def request_refresh(params: ParamsAuth0, provider: Provider, tokens: TokenSet) -> TokenResponse:
    """Return the provider's response to the refresh token of *tokens*.

    Raises:
        SignInNeeded: there is no refresh token.
        ProviderRefused: the provider does not take the refresh token.
        ProviderUnreachable: no answer; the refresh token may still be good.
        ProviderError: the provider has no token endpoint, or its answer cannot be read.
        InvalidResponse: the answer breaks its standard.
    """
    if tokens.refresh_token is None:
        raise SignInNeeded
    form = {"grant_type": "refresh_token", "client_id": params.client_id, "refresh_token": tokens.refresh_token}
    document = provider.request_tokens(form, params.resource, params.client_secret)
    return TokenResponse.from_document(document, tokens.scope)


def accept_refresh(
    params: ParamsAuth0,
    provider: Provider,
    tokens: TokenSet,
    response: TokenResponse,
    asked_at: datetime,
    now: Callable[[], datetime] = utc_now,
) -> TokenSet:
    """Return *tokens* renewed by *response*, which was asked for at *asked_at*; a new ID token must be the same user's.

    Where the sign-in gave no ID token, one that comes now is not used.

    Raises:
        ProviderError: the keys cannot be fetched with which the ID token is to be checked.
        OutOfTime: this machine's clock is wrong.
        InvalidIdToken: the ID token cannot be trusted.
    """
    claims = tokens.claims
    if response.id_token is not None and tokens.id_token is not None:
        expected = Expected(
            issuer=provider.metadata().issuer,
            client_id=params.client_id,
            nonce=tokens.claims.get("nonce"),
            nonce_may_be_absent=True,
            access_token=response.access_token,
            at_hash_required=False,
            subject=tokens.subject,
            algorithms=provider.metadata().id_token_signing_alg_values_supported,
        )
        claims = provider.verify(response.id_token, expected, now())
    return renewed(tokens, response, claims, asked_at)
