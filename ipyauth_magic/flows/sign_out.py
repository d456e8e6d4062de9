"""A sign-out: the tokens forgotten here and revoked, and the provider's session ended in the user's browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from ..callback.browser import open_in_browser
from ..callback.form_page import FormPage
from ..callback.ports import PortInUse
from ..errors import InvalidParams, IpyauthError, NotSignedIn, ProviderError, ProviderRefused, SignOutIncomplete
from ..protocol import auth0
from ..protocol.tokens import TokenSet
from ..provider.http import ask
from ..provider.provider import Provider
from ..provider.threads import run_in_thread
from ..settings.params import ParamsAuth0
from .authenticator import Authenticator

T = TypeVar("T")

OPENING = 10.0
"""Seconds for a browser to start, and then to fetch a page; one that runs in the terminal lasts as long as its user
wants."""


@dataclass(frozen=True)
class SignedOut:
    """How a sign-out went at the provider; the tokens are erased here.

    It is not known whether the session has ended: the user sees that in the browser.

    Attributes:
        url: where the user's browser asks for the end of its session; None if the provider has no such address.
        why_not_opened: the reason, if no browser was opened.
        is_hint_posted: a page of this machine posts the ID token, which the provider demands, as far as is known.
        lacks_hint: it demands something more than *url* has, mostly the ID token, and does not get it.
        is_refresh_token_alive: the provider revokes no refresh tokens, so that of this sign-in stays valid there.
        revocation: why the tokens could not be revoked, as a sentence; None if that did not fail.
        session: why the address could not be found out, as a sentence; None if that did not fail.
    """

    issuer: str
    url: str | None
    why_not_opened: str | None
    is_hint_posted: bool
    lacks_hint: bool
    is_refresh_token_alive: bool
    revocation: str | None
    session: str | None

    @property
    def incomplete(self) -> SignOutIncomplete | None:
        """The error that tells what could not be done at the provider, if anything."""
        return SignOutIncomplete(self.revocation, self.session) if self.revocation or self.session else None


def sign_out(authenticator: Authenticator, open_browser: bool = True) -> SignedOut:
    """Forget the tokens, have them revoked, and end the provider's session in the user's browser.

    Raises:
        NotSignedIn: there are no tokens, here or in the store.
    """
    params = authenticator.params
    if (tokens := authenticator.clear()) is None:
        raise NotSignedIn
    provider = Provider.of(params.expected_issuer, params.discovery_url)
    is_revoked, revocation = _tried(lambda: revoke(params, provider, tokens))
    endpoint, session = _tried(lambda: end_session_endpoint(params, provider))
    url = _with_client_id(endpoint, params) if endpoint else None
    why_not_opened, demands_more, is_hint_posted = None, False, False
    if endpoint and url:
        demands_more = not params.domain and _demands_more(url)
        page = None
        if demands_more and tokens.id_token:
            page = (endpoint, {"client_id": params.client_id, "id_token_hint": tokens.id_token})
        why_not_opened, is_hint_posted = run_in_thread(
            lambda: _opened(authenticator, url, page, open_browser), "ipyauth-sign-out"
        )
    return SignedOut(
        params.expected_issuer,
        url,
        why_not_opened,
        is_hint_posted=is_hint_posted,
        lacks_hint=demands_more and not is_hint_posted,
        is_refresh_token_alive=tokens.refresh_token is not None and is_revoked is False,
        revocation=revocation,
        session=session,
    )


def revoke(params: ParamsAuth0, provider: Provider, tokens: TokenSet) -> bool:
    """Have the refresh token revoked, and with it what it gave (RFC 7009, 2.1); without one, the access token.

    Return False, without a failure, if the provider revokes nothing, or nothing of this kind (2.2.1).
    """
    if "revocation_endpoint" not in provider.metadata(with_keys=False).optional_endpoints:
        return False
    hint = "access_token" if tokens.refresh_token is None else "refresh_token"
    token = tokens.refresh_token or tokens.access_token
    try:
        form = {"token": token, "token_type_hint": hint, "client_id": params.client_id}
        provider.revoke(form, params.client_secret)
    except ProviderRefused as error:
        if error.error != "unsupported_token_type":
            raise
        return False
    return True


def end_session_endpoint(params: ParamsAuth0, provider: Provider) -> str | None:
    """Return the endpoint at which the user's browser ends its session; None if the provider has none.

    Auth0's own with `domain`, else that of RP-Initiated Logout 1.0 (section 2.1).
    """
    if params.domain:
        return auth0.logout_endpoint(params.expected_issuer)
    return provider.metadata(with_keys=False).optional_endpoints.get("end_session_endpoint")


def _with_client_id(endpoint: str, params: ParamsAuth0) -> str:
    """Return *endpoint* with the client's ID. A browser keeps addresses, so no token stands in it."""
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode({'client_id': params.client_id})}"


def _demands_more(url: str) -> bool:
    """Return whether the provider refuses *url* as it is: it demands a parameter, mostly `id_token_hint`.

    No metadata tells that. The question has no cookie, so it ends no session. A form is posted only where it has to
    be: many providers' cookies are `SameSite=Lax`, and do not come with a form of another site.
    """
    try:
        status = ask("GET", url).status
    except ProviderError:
        return False
    return status >= 400 and status != HTTPStatus.NOT_ACCEPTABLE  # a browser accepts pages, and `ask` JSON


def _opened(
    authenticator: Authenticator, url: str, page: tuple[str, Mapping[str, str]] | None, open_browser: bool
) -> tuple[str | None, bool]:
    """Open the user's browser where its session ends; return why that was not done, and whether a form is posted.

    A *page* of this machine posts the form, with the ID token as `id_token_hint`, because addresses are kept and
    logged. Providers have to take a POST too (RP-Initiated Logout 1.0, section 2). Without a *page*, or where the
    user's browser may be on another machine, the browser goes to *url*.
    """
    if not open_browser:
        return "none was opened here", False
    if not authenticator.grant.flow.needs_redirect:
        return "it may be on another device", False
    if page is None or not _is_browser_here(authenticator):
        return _why_not_opened(url), False
    try:
        served = FormPage(*page)
    except PortInUse:
        return _why_not_opened(url), False
    with closing(served):
        why = _why_not_opened(served.address)
        if why is None and not served.wait(OPENING):
            why = "the one that was opened did not fetch the page of this machine"
    return why, why is None


def _is_browser_here(authenticator: Authenticator) -> bool:
    try:
        return any(route.is_direct for route in authenticator.request.routes)
    except InvalidParams:  # the tokens come from a store, and a sign-in is not possible here
        return False


def _why_not_opened(url: str) -> str | None:
    """Open *url* in the user's browser; return why that was not done."""
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
