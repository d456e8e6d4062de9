"""What an `Auth` works with, beyond its contract: for tests that have to look inside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.auth import Auth, authenticator_of
from ipyauth_magic.display.card import Card
from ipyauth_magic.display.view import card_of as card
from ipyauth_magic.flows.sign_in import SignIn
from ipyauth_magic.flows.token_source import TokenSource
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.settings.params import ParamsAuth0


def params_for(issuer: LocalIssuer, /, **changes: Any) -> ParamsAuth0:
    """Return the parameters of a sign-in at *issuer*: by `domain`, unless *changes* name it by `issuer`."""
    values: dict[str, Any] = {
        "client_id": issuer.client_id,
        "redirect_uri": issuer.callback_urls[0],
        "audience": issuer.audience,
        "scope": "read:usual-fruit",
    }
    if "issuer" not in changes:
        values["domain"] = issuer.issuer.rstrip("/")
    return ParamsAuth0(**values | changes)


def source_of(auth: Auth) -> TokenSource:
    """Return where its tokens come from."""
    return authenticator_of(auth).source


def tokens_of(auth: Auth) -> TokenSet:
    """Return its tokens, ended or not."""
    return source_of(auth).current


def end_tokens(auth: Auth) -> None:
    """Let its access token be over, whatever its time says."""
    tokens = tokens_of(auth)
    source_of(auth).save(replace(tokens, expires_at=tokens.obtained_at))


def is_good(auth: Auth) -> bool:
    """Tell whether it has a token that is still good."""
    return source_of(auth).is_good


def params_of(auth: Auth) -> ParamsAuth0:
    """Return what it signs in for."""
    return authenticator_of(auth).params


def sign_in_of(auth: Auth) -> SignIn:
    """Return its sign-in, under way or the last one."""
    sign_in = authenticator_of(auth).sign_in
    assert sign_in is not None
    return sign_in


def card_of(auth: Auth) -> Card:
    """Return the card of its state."""
    return card(authenticator_of(auth))
