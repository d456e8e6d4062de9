"""The refresh token grant: the next access token without the user (RFC 6749, section 6; OpenID Connect Core, 12).

Two calls, so that a new refresh token can be stored between them: the old one may be used up as soon as the provider
has answered (RFC 9700, 4.14.2), and whatever fails after that must not lose the new one.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

from ..errors import (
    InvalidIdToken,
    InvalidResponse,
    IpyauthError,
    OutOfTime,
    ProviderError,
    ProviderRefused,
    SignInNeeded,
)
from ..protocol.id_token import Expected
from ..protocol.token_response import TokenResponse, renewed
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..settings.params import ParamsAuth0
from . import clock
from .kept import Kept

RETRY_AFTER = 5.0
"""Seconds after a renewal that failed, in which a token that has not ended serves without another try."""

_ABOUT_THE_REFRESH_TOKEN = frozenset({"invalid_grant", "status 400", "status 401", "status 403"})
"""Refusals that end a refresh token (RFC 6749, 5.2); some providers leave the code out."""


class Renewal:
    """Renews the tokens in *kept*, and after a failure pauses for a while."""

    def __init__(self, params: ParamsAuth0, kept: Kept) -> None:
        self._params = params
        self._kept = kept
        self._retry_at = 0.0
        self.failure: IpyauthError | None = None

    @property
    def is_paused(self) -> bool:
        """Whether the last renewal failed just now, so that the provider is not asked again yet."""
        return time.monotonic() < self._retry_at

    def pause(self, failure: IpyauthError | None = None) -> None:
        """Ask the provider no more for `RETRY_AFTER` seconds; *failure* is what it would answer again."""
        self._retry_at, self.failure = time.monotonic() + RETRY_AFTER, failure

    def run(self, ended: TokenSet) -> TokenSet:
        """Return tokens newer than *ended*; see `TokenSource.renew`."""
        with self._kept.locked():
            tokens = self._kept.latest()
            if not _is_same_token(tokens, ended) and not tokens.is_expired(clock.utc_now()):
                return tokens
            if tokens.refresh_token is None and self._kept.is_parents:
                raise SignInNeeded(in_child=True)
            provider = Provider.of(self._params.expected_issuer, self._params.discovery_url)
            asked_at = clock.utc_now()
            response = self._response(provider, tokens)
            is_rotated = response.refresh_token not in (None, tokens.refresh_token)
            if is_rotated:
                # Before anything else may fail: the old refresh token is used up.
                tokens = replace(tokens, refresh_token=response.refresh_token)
                self._kept.replace(tokens)
            renewed = self._accepted(provider, tokens, response, asked_at, is_rotated)
            self._kept.replace(renewed)
            return renewed

    def end(self, refused: TokenSet) -> None:
        """Let *refused*, whose end nothing else tells, end now, here and in the store; see `renew_refused`."""
        with self._kept.locked():
            tokens = self._kept.latest()
            if _is_same_token(tokens, refused):
                self._kept.replace(replace(tokens, expires_at=max(clock.utc_now(), tokens.obtained_at)))

    def _response(self, provider: Provider, tokens: TokenSet) -> TokenResponse:
        try:
            return request_refresh(self._params, provider, tokens)
        except ProviderRefused as error:
            needed = SignInNeeded()
            if error.error in _ABOUT_THE_REFRESH_TOKEN:
                self._kept.replace(replace(tokens, refresh_token=None))
            else:
                self.pause(needed)
            raise needed from None
        except InvalidResponse:
            self._kept.replace(replace(tokens, refresh_token=None))  # the provider may have ended it with this answer
            raise

    def _accepted(
        self, provider: Provider, tokens: TokenSet, response: TokenResponse, asked_at: datetime, is_rotated: bool
    ) -> TokenSet:
        try:
            return accept_refresh(self._params, provider, tokens, response, asked_at)
        except OutOfTime as error:
            self.pause(error)  # the refresh token stays: it serves when the clock is right again
            raise
        except ProviderError as error:
            if is_rotated:  # the next try would use up another refresh token
                self.pause(error)
            raise
        except (InvalidResponse, InvalidIdToken):
            self._kept.replace(replace(tokens, refresh_token=None))  # the provider may have ended it with this answer
            raise


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
        claims = provider.verify(response.id_token, expected, clock.utc_now())
    return renewed(tokens, response, claims, asked_at)


def _is_same_token(one: TokenSet, other: TokenSet) -> bool:
    """Tell whether the access token is the same; one of both may lack the refresh token, as in a forked child."""
    return (one.access_token, one.expires_at) == (other.access_token, other.expires_at)
