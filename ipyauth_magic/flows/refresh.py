"""The refresh token grant: the next access token without the user (RFC 6749, section 6; OpenID Connect Core, 12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ..errors import SignInNeeded
from ..protocol.id_token import Expected
from ..protocol.token_response import TokenResponse, renewed
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..settings.params import ParamsAuth0
from .clock import utc_now


def refresh(
    params: ParamsAuth0,
    provider: Provider,
    tokens: TokenSet,
    now: Callable[[], datetime] = utc_now,
    keep: Callable[[TokenSet], None] = lambda tokens: None,
) -> TokenSet:
    """Return *tokens* renewed by their refresh token; a new ID token must be the same user's.

    The old refresh token may be used up afterwards (RFC 9700, 4.14.2): keep what this returns before using it.

    Args:
        params: what they were asked for with.
        provider: who gave them.
        tokens: with a refresh token.
        now: the time.
        keep: is given *tokens* with the new refresh token, if there is one, before anything else may fail.

    Raises:
        SignInNeeded: there is no refresh token.
        ProviderRefused: the provider does not take the refresh token.
        ProviderUnreachable: no answer; the refresh token may still be good.
        ProviderError: the keys cannot be had that its answer is to be checked with.
        OutOfTime: this machine's clock is wrong.
        InvalidResponse, InvalidIdToken: the answer cannot be trusted.
    """
    if tokens.refresh_token is None:
        raise SignInNeeded
    form = {"grant_type": "refresh_token", "client_id": params.client_id, "refresh_token": tokens.refresh_token}
    asked_at = now()
    document = provider.request_tokens(form, params.resource)
    response = TokenResponse.from_document(document, tokens.scope)
    if response.refresh_token is not None and response.refresh_token != tokens.refresh_token:
        keep(replace(tokens, refresh_token=response.refresh_token))
    claims = tokens.claims
    if response.id_token is not None:
        expected = Expected(
            issuer=params.expected_issuer,
            client_id=params.client_id,
            nonce=tokens.claims.get("nonce"),
            nonce_may_be_absent=True,
            access_token=response.access_token,
            at_hash_required=False,
            subject=str(tokens.claims["sub"]),
            algorithms=provider.metadata().id_token_signing_alg_values_supported,
        )
        claims = provider.verify(response.id_token, expected, now())
    return renewed(tokens, response, claims, asked_at)
