"""What the provider is asked about a signed-in user: the userinfo, and to end the session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from ..callback.browser import open_in_browser
from ..errors import IpyauthError, ProviderRefused
from ..protocol import auth0
from ..protocol.flow import Flow
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..provider.threads import run_in_thread
from ..settings.params import ParamsAuth0
from .authenticator import Authenticator

T = TypeVar("T")

OPENING = 10.0
"""Seconds for a browser to start; one that runs in the terminal lasts for as long as its user wants."""


@dataclass(frozen=True)
class SignedOut:
    """How a sign-out went at the provider; the tokens are erased here.

    Attributes:
        url: where the user's browser ends its session with the provider; None if the provider has no such address.
        why_not_opened: the reason, if the browser was not opened there.
        revocation: why the tokens could not be revoked, as a sentence; None if that did not fail.
        session: why the address could not be found out, as a sentence; None if that did not fail.
    """

    issuer: str
    url: str | None
    why_not_opened: str | None
    revocation: str | None
    session: str | None


def userinfo(authenticator: Authenticator) -> dict[str, Any]:
    """Return what the userinfo endpoint tells about the user now (OpenID Connect Core, 5.3).

    Raises:
        NotSignedIn: before any sign-in.
        SignInNeeded: the token has ended, and only the user can get another.
        InvalidResponse: the answer is about another user than the ID token.
        ProviderError: the provider cannot be reached, offers no userinfo, or does not take the token.
    """
    tokens, provider = authenticator.source.get(), Provider.of(authenticator.params.expected_issuer)
    return run_in_thread(lambda: provider.userinfo(tokens.access_token, tokens.subject), "ipyauth-userinfo")


def sign_out(authenticator: Authenticator, open_browser: bool = True) -> SignedOut:
    """Forget the tokens, have them revoked, and end the provider's session in the user's browser.

    Raises:
        NotSignedIn: there are no tokens, here or in the store.
    """
    params, tokens = authenticator.params, authenticator.leave(lambda source: source.take_out())
    provider = Provider.of(params.expected_issuer)
    _, revocation = _tried(lambda: revoke(params, provider, tokens))
    url, session = _tried(lambda: end_session_url(params, provider))
    opens = url is not None and session is None
    why_not_opened = _why_not_opened(str(url), authenticator.grant.flow, open_browser) if opens else None
    return SignedOut(params.expected_issuer, url, why_not_opened, revocation, session)


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

    Auth0's own address with `domain`, else that of RP-Initiated Logout 1.0 (section 2). A browser keeps addresses, so
    no token stands in it, not even as `id_token_hint`.
    """
    endpoint = auth0.logout_endpoint(params.expected_issuer)
    if not params.domain:
        offered = provider.metadata().optional_endpoints.get("end_session_endpoint")
        if offered is None:
            return None
        endpoint = offered
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode({'client_id': params.client_id})}"


def _why_not_opened(url: str, flow: Flow, open_browser: bool) -> str | None:
    """Open *url* in the user's browser; return why that was not done."""
    if not open_browser:
        return "none was opened here"
    if not flow.needs_redirect:
        return "it may be on another device"
    opened: SimpleQueue[str | None] = SimpleQueue()
    open_in_browser(url, opened.put)
    try:
        return opened.get(timeout=OPENING)
    except Empty:
        return None


def _tried(work: Callable[[], T]) -> tuple[T | None, str | None]:
    """Return what *work* returns, or why it could not be done, as a sentence."""
    try:
        return run_in_thread(work, "ipyauth-sign-out"), None
    except ProviderRefused as error:
        return None, f"it refused ({error.error})."
    except IpyauthError as error:
        return None, str(error)
