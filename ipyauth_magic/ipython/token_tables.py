"""The tables of `%token --list` and `%token --config`, and the variables of a sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..auth import authenticator_of
from ..display.card import Card
from ..display.cards import route_of_response
from ..display.panel import show
from ..display.view import seconds_left, signed_in
from ..flows import clock
from ..flows.last_users import User
from ..markup import Table
from ..provider.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ..auth import Auth
    from ..flows.authenticator import Authenticator
    from .namespace import Namespace


def show_sign_ins(namespace: Namespace) -> None:
    """Show a table of the sign-ins of this session."""
    rows = []
    for each in signed_in():
        tokens, names = each.source.current, ", ".join(names_of(namespace, each)) or "none"
        api = each.params.audience or each.params.resource or "none"
        rows.append((User.of(tokens).name, api, tokens.scope, _end(tokens.expires_at), names))
    if not rows:
        show(Card("still", "There are no sign-ins in this session").bundle())
        return
    columns = Table(("User", "API", "Scopes", "Ends", "Variables"), rows)
    show(Card("still", "Sign-ins of this session", table=columns).bundle())


def _end(expires_at: datetime | None) -> str:
    if expires_at is None:
        return "unknown"
    return f"{'' if seconds_left(expires_at) > 0 else 'expired '}{clock.time_of_day(expires_at)}"


def names_of(namespace: Namespace, authenticator: Authenticator) -> list[str]:
    """Return the variables of *authenticator*."""
    return [name for auth in auths_of(namespace, authenticator) for name in namespace.names(auth)]


def auths_of(namespace: Namespace, authenticator: Authenticator) -> list[Auth]:
    """Return the `Auth` objects of *authenticator* that variables hold, each once."""
    found = [namespace.find(name) for name in namespace.names()]
    return [each for each in dict.fromkeys(found) if each is not None and authenticator_of(each) is authenticator]


def show_settings(authenticator: Authenticator) -> None:
    """Show a table of the settings of *authenticator*, and say how the response comes."""
    params, grant, routes = authenticator.asked, authenticator.grant, authenticator.request.routes
    unused = {"flow"} | (set() if grant.flow.needs_redirect else {"response_type", "response_mode", "redirect_uri"})
    origin = next((row.origin for row in params.explain() if row.name == "flow"), "")
    rows: list[Sequence[str]] = [("flow", grant.in_words, origin)]
    rows += [row for row in params.explain() if row.name not in unused]
    rows += [("route", route.redirect_uri, route.reason) for route in routes if len(routes) > 1]
    rows += _endpoints_elsewhere(params.expected_issuer)
    note = route_of_response(grant.flow, params.response_mode, routes)
    settings = Table(("Setting", "Value", "From"), rows)
    show(Card("still", "Settings of the sign-in", note=note, table=settings).bundle())


def _endpoints_elsewhere(issuer: str) -> list[tuple[str, str, str]]:
    """Return the endpoints on other hosts than *issuer*, as far as its metadata is known: nothing is asked here."""
    known = [each for each in Provider.known_metadata() if each.issuer.rstrip("/") == issuer.rstrip("/")]
    return [(name, url, "not the issuer's host") for each in known for name, url in each.endpoints_elsewhere()]
