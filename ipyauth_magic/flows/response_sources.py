"""What brings the response of each flow to a sign-in, and by which route."""

from __future__ import annotations

from collections.abc import Sequence

from ..callback.browser import why_no_browser
from ..callback.routes import Route
from ..errors import NobodyCanAnswer
from ..protocol.flow import Flow
from ..store.redirect_uris import RedirectUris
from .redirect import Redirect
from .sign_in import ResponseSource
from .sign_in_request import SignInRequest


def check_unattended(flow: Flow, open_browser: bool) -> None:
    """Check that a response may come although no person can follow a link.

    Raises:
        NobodyCanAnswer: no browser can be opened, or *flow* needs a person.
    """
    reason = flow.needs_person or (why_no_browser() if open_browser else "open_browser is off")
    if reason:
        raise NobodyCanAnswer(reason)


def new_response_source(request: SignInRequest, routes: Sequence[Route]) -> ResponseSource:
    """Return what asks the provider and brings its response; it holds a port of *routes*, where there are any.

    For a code, routes whose redirect URI belongs to another provider are tried last (RFC 9700, 4.4.2). Beside the store
    of *request* stands which one that is.

    Raises:
        PortTaken: no redirect URI's port is free.
    """
    flow = request.grant.flow
    if not flow.needs_redirect:
        from .device_poll import DevicePoll

        return DevicePoll(request.params, request.grant)
    if not flow.uses_pkce:
        return Redirect(request, routes)
    issuer, owners = request.params.expected_issuer, RedirectUris.beside(request.store)
    in_order = sorted(routes, key=lambda route: owners.is_of_another(issuer, route.redirect_uri))
    return Redirect(request, in_order, owners)
