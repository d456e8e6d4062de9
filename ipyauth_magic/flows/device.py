"""The device authorization grant: the user signs in on any device, by a code (RFC 8628)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ..errors import ProviderRefused, ProviderUnreachable
from ..protocol.device_authorization import DeviceAuthorization
from ..protocol.flow import Grant
from ..protocol.id_token import Expected
from ..protocol.pkce import CodeVerifier, code_challenge, new_code_verifier
from ..protocol.token_response import TokenResponse, no_id_token, token_set, token_set_without_id_token
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..settings.params import ParamsAuth0
from .authorization import requested_scope
from .identity import userinfo_of

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"

SLOW_DOWN = 5
"""Seconds that `slow_down` adds to the interval, for this and all later polls (section 3.5)."""

LONGEST_PAUSE = 60
"""Seconds between two polls while the connection is lost, or twice the interval, where that is more (section 3.5)."""


@dataclass(frozen=True)
class Polling:
    """A device authorization, and when to ask for its tokens next.

    Attributes:
        code_verifier: binds the token requests to the device authorization request (RFC 7636, 4.5).
        interval: seconds between two polls, as the provider wants it now.
        pause: seconds before the next poll; longer than the interval while the connection is lost.
    """

    authorization: DeviceAuthorization
    interval: float
    pause: float
    code_verifier: CodeVerifier = field(repr=False)


def begin(params: ParamsAuth0, grant: Grant, provider: Provider) -> Polling:
    """Return the code for the user to enter, and the first pause (sections 3.1 and 3.2).

    PKCE is always used. RFC 8628 does not have it, some providers demand it, and the others ignore its parameters
    (RFC 6749, 3.2).

    Raises:
        SignInFailed: the provider refused, or its answer cannot be trusted.
        ProviderError: the provider cannot be reached, or does not offer this grant.
    """
    metadata = provider.metadata(with_keys=params.wants_id_token)
    if params.wants_id_token:
        metadata.check_id_token()
    verifier = new_code_verifier()
    form = {
        "client_id": params.client_id,
        **({"scope": scope} if (scope := requested_scope(params, grant, metadata)) else {}),
        "code_challenge": code_challenge(verifier),
        "code_challenge_method": "S256",
        **dict(params.passed_on),
    }
    if params.audience:
        form["audience"] = params.audience
    document = provider.request_device_authorization(form)
    authorization = DeviceAuthorization.from_document(document)
    return Polling(authorization, authorization.interval, authorization.interval, verifier)


@dataclass(frozen=True)
class Granted:
    """The token response, not verified yet, and when it was asked for."""

    document: Mapping[str, Any] = field(repr=False)
    asked_at: datetime


def poll(polling: Polling, params: ParamsAuth0, provider: Provider, now: Callable[[], datetime]) -> Granted | Polling:
    """Ask once for the tokens; return the response, or the next pause (sections 3.4 and 3.5).

    Raises:
        SignInFailed: the provider refused, or its answer cannot be trusted.
    """
    form = {
        "grant_type": GRANT_TYPE,
        "device_code": polling.authorization.device_code,
        "client_id": params.client_id,
        "code_verifier": polling.code_verifier,
    }
    asked_at = now()
    try:
        return Granted(provider.request_tokens(form, params.resource, params.client_secret), asked_at)
    except ProviderUnreachable:
        return replace(polling, pause=min(polling.pause * 2, max(LONGEST_PAUSE, polling.interval * 2)))
    except ProviderRefused as error:
        return _after(error, polling)


def tokens(
    granted: Granted, params: ParamsAuth0, grant: Grant, provider: Provider, now: Callable[[], datetime]
) -> TokenSet:
    """Return the verified tokens of *granted*.

    RFC 8628 promises no ID token. Without one, the userinfo endpoint says who signed in, unless the user asked for
    something that only an ID token proves.

    Raises:
        SignInFailed: the response cannot be trusted.
        ProviderError: the keys for the verification cannot be had.
    """
    response = TokenResponse.from_document(
        granted.document, requested_scope(params, grant, provider.metadata(with_keys=False))
    )
    if response.id_token is None and (params.max_age or params.acr_values or params.organization):
        raise no_id_token()
    if response.id_token is None or not params.wants_id_token:
        return token_set_without_id_token(response, userinfo_of(provider, response.access_token), granted.asked_at)
    expected = Expected(
        issuer=provider.metadata().issuer,
        client_id=params.client_id,
        nonce=None,
        access_token=response.access_token,
        at_hash_required=False,
        max_age=int(params.max_age) if params.max_age else None,
        acr_values=params.acr_values,
        organization=params.organization,
        algorithms=provider.metadata().id_token_signing_alg_values_supported,
    )
    claims = provider.verify(response.id_token, expected, now())
    return token_set(response, claims, granted.asked_at)


def _after(error: ProviderRefused, polling: Polling) -> Polling:
    """Return the next pause after *error*; raise it where the user cannot succeed any more."""
    if error.error == "slow_down":
        interval = polling.interval + SLOW_DOWN
        return replace(polling, interval=interval, pause=interval)
    if error.error == "authorization_pending":
        return replace(polling, pause=polling.interval)
    raise error
