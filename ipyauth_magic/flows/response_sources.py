"""What brings the response of each flow to a sign-in, and by which route."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..callback.browser import why_no_browser
from ..callback.routes import Route
from ..errors import NobodyCanAnswer
from ..protocol.flow import Flow, Grant
from ..settings.params import ParamsAuth0
from ..store import Store
from ..store.redirect_uris import RedirectUris
from .redirect import Redirect
from .sign_in import ResponseSource


def check_unattended(flow: Flow, open_browser: bool) -> None:
    """Check that a response may come although no person can follow a link.

    Raises:
        NobodyCanAnswer: no browser can be opened, or *flow* needs a person.
    """
    reason = flow.needs_person or (why_no_browser() if open_browser else "open_browser is off")
    if reason:
        raise NobodyCanAnswer(reason)


def new_response_source(
    params: ParamsAuth0,
    grant: Grant,
    routes: Sequence[Route],
    store: Store | None = None,
) -> ResponseSource:
    """Return what asks the provider and brings its response; it holds a port of *routes*, where there are any.

    For a code, routes whose redirect URI belongs to another provider are tried last (RFC 9700, 4.4.2). Beside *store*
    stands which one that is.

    Raises:
        PortTaken: no redirect URI's port is free.
    """
    if not grant.flow.needs_redirect:
        from .device_poll import DevicePoll

        return DevicePoll(params, grant)
    if not grant.flow.uses_pkce:
        return Redirect(params, grant, routes)
    issuer, redirect_uris = params.expected_issuer, RedirectUris.beside(store)
    in_order = sorted(routes, key=lambda route: redirect_uris.is_of_another(issuer, route.redirect_uri))
    check, take = partial(redirect_uris.check, issuer), partial(redirect_uris.take, issuer)
    return Redirect(params, grant, in_order, check, take)
