"""What brings the response of each flow to a sign-in, and by which route."""

from __future__ import annotations

from collections.abc import Sequence

from ..callback.environment import this_environment
from ..callback.routes import Route, routes_to
from ..protocol.flow import Grant
from ..settings.params import ParamsAuth0
from .device import DevicePoll
from .redirect import Redirect
from .sign_in import ResponseSource


def routes_here(params: ParamsAuth0, grant: Grant, bind: str | None = None, paste: bool = False) -> tuple[Route, ...]:
    """Return how a response may come to this process, in the order to try; none where the flow needs no redirect URI.

    Raises:
        InvalidParams: the response mode does not go with any route.
    """
    if not grant.flow.needs_redirect:
        return ()
    return routes_to(params.redirect_uris, this_environment(), params.response_mode, bind, paste)


def new_response_source(
    params: ParamsAuth0, grant: Grant, routes: Sequence[Route], is_repeated: bool = False
) -> ResponseSource:
    """Return what asks the provider and brings its response; it holds a port of *routes*, where there are any.

    Raises:
        PortTaken: no redirect URI's port is free.
    """
    if grant.flow.needs_redirect:
        return Redirect(params, grant, routes, is_repeated)
    return DevicePoll(params, grant)
