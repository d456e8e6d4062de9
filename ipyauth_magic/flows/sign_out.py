"""Signing out: the tokens revoked, the provider's session ended; what could not be done is told."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from ..callback.browser import open_in_browser
from ..display.card import Card, Link
from ..display.panel import panel
from ..errors import IpyauthError, ProviderRefused, SignOutIncomplete
from ..protocol.grant import Grant
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..provider.threads import run_out_of_sight
from ..settings.params import ParamsAuth0

T = TypeVar("T")

OPENING = 10.0
"""Seconds for a browser to start; one that runs in the terminal lasts for as long as its user wants."""

NO_SESSION_END = "The provider says no address at which its session ends: sign out on its own pages."


def sign_out(params: ParamsAuth0, grant: Grant, tokens: TokenSet, open_browser: bool = True) -> None:
    """End at the provider what *tokens*, erased here already, came from; show what the user is still to do.

    Raises:
        SignOutIncomplete: not everything could be done.
    """
    provider = Provider.of(params.expected_issuer)
    _, revocation = _tried(lambda: revoke(params, provider, tokens))
    url, session = _tried(lambda: end_session_url(params, provider))
    if session is None:
        panel().end(_card(params, url, _why_not_opened(url, grant, open_browser) if url else None))
    if revocation or session:
        raise SignOutIncomplete(revocation, session)


def revoke(params: ParamsAuth0, provider: Provider, tokens: TokenSet) -> None:
    """Have the refresh token revoked, and with it what it gave (RFC 7009, 2.1); without one, the access token.

    A provider that revokes nothing, or nothing of this kind (2.2.1), has no more to do.
    """
    if "revocation_endpoint" not in provider.metadata().optional_endpoints:
        return
    hint = "access_token" if tokens.refresh_token is None else "refresh_token"
    token = tokens.refresh_token or tokens.access_token
    try:
        provider.revoke({"token": token, "token_type_hint": hint, "client_id": params.client_id})
    except ProviderRefused as error:
        if error.error != "unsupported_token_type":
            raise


def end_session_url(params: ParamsAuth0, provider: Provider) -> str | None:
    """Return where the user's browser ends its session with the provider; None if the provider does not say.

    Auth0's own address with `domain`, else that of RP-Initiated Logout 1.0 (section 2). No token stands in it, so an
    `id_token_hint` does not either: a browser keeps addresses.
    """
    endpoint = f"{params.expected_issuer}v2/logout"
    if not params.domain:
        offered = provider.metadata().optional_endpoints.get("end_session_endpoint")
        if offered is None:
            return None
        endpoint = offered
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode({'client_id': params.client_id})}"


def _why_not_opened(url: str, grant: Grant, open_browser: bool) -> str | None:
    """Open *url* in the user's browser; return why that was not done."""
    if not open_browser:
        return "none was opened here"
    if grant.flow == "device":
        return "it may be on another device"
    said: SimpleQueue[str | None] = SimpleQueue()
    open_in_browser(url, said.put)
    try:
        return said.get(timeout=OPENING)
    except Empty:
        return None


def _card(params: ParamsAuth0, url: str | None, why_not_opened: str | None) -> Card:
    rows = [("Provider", params.expected_issuer)]
    if url is None:
        return Card("still", "Signed out here", rows, note=NO_SESSION_END)
    if why_not_opened is None:
        return Card("still", "Signed out", rows, note="The browser tab that opens ends the provider's session.")
    note = f"Follow the link in the browser that you signed in with: {why_not_opened}."
    return Card("still", "Signed out here", rows, Link("End the provider's session too", url), note)


def _tried(work: Callable[[], T]) -> tuple[T | None, str | None]:
    """Return what *work* returns, or why it could not be done, as a sentence."""
    try:
        return run_out_of_sight(work, "ipyauth-sign-out"), None
    except ProviderRefused as error:
        return None, f"it refused ({error.error})."
    except IpyauthError as error:
        return None, str(error)
