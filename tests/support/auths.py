"""What an `Auth` works with, beyond its contract: for tests that have to look inside."""

from __future__ import annotations

from dataclasses import replace

from ipyauth_magic.auth import Auth, authenticator_of
from ipyauth_magic.display.card import Card
from ipyauth_magic.display.view import card_of as card
from ipyauth_magic.flows.sign_in import SignIn
from ipyauth_magic.flows.token_source import TokenSource
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.settings.params import ParamsAuth0


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
