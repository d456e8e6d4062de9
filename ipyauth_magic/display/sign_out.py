"""A sign-out: the tokens forgotten and revoked, the session ended in the browser, and the card that tells it."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..errors import NotSignedIn
from ..flows.authenticator import Authenticator
from ..flows.sign_out import SignedOut
from ..flows.sign_out import sign_out as signed_out_of
from .card import Card, Link
from .panel import panel, show_text

NO_SESSION_END = "The provider names no address at which its session ends. Sign out on its own pages."
LOOK = "The page there shows whether you are signed out. If you are not, sign out on the provider's own pages."
MAY_REFUSE = "The provider may refuse: it asks for more than this address has, usually an ID token."
STAYS_VALID = "The provider cannot revoke refresh tokens. Yours is erased here, and stays valid there until it ends."


def sign_out(authenticator: Authenticator | None, open_browser: bool = True) -> None:
    """Do what `Auth.sign_out` says, for *authenticator*; without tokens, here or in the store, a line says so.

    Raises:
        SignOutIncomplete: the tokens are erased, but not everything at the provider could be done.
    """
    try:
        if authenticator is None:
            raise NotSignedIn
        signed_out = signed_out_of(authenticator, open_browser)
    except NotSignedIn:
        show_text("You are not signed in, so there is nothing to sign out of.")
        return
    if signed_out.session is None:
        panel().end(signed_out_card(signed_out))
    if signed_out.incomplete:
        raise signed_out.incomplete


def signed_out_card(signed_out: SignedOut) -> Card:
    """Return the card of a sign-out: what was done, and what the user is still to do."""
    host = urlsplit(signed_out.issuer).netloc
    if signed_out.url is None:
        notes = [NO_SESSION_END]
    elif signed_out.why_not_opened is None:
        notes = [f"A browser tab asks {host} to sign you out. {LOOK}"]
    else:
        why = f"({signed_out.why_not_opened})"
        notes = [f"To sign out of {host} as well, open this in the browser that you used {why}. {LOOK}"]
    notes += [MAY_REFUSE] if signed_out.lacks_hint else []
    notes += [STAYS_VALID] if signed_out.is_refresh_token_alive else []
    has_link = signed_out.url and not signed_out.is_hint_posted  # by the address alone the provider refuses
    link = Link(f"Sign out of {host}", str(signed_out.url)) if has_link else None
    return Card("still", "Signed out on this machine", [("Provider", signed_out.issuer)], link, " ".join(notes))
