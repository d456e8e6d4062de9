"""What %token does with each of its options."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ..auth import Auth, authenticator_of
from ..display.card import Card, table
from ..display.cards import route_of_response
from ..display.claims import claim_rows, decode_unverified, sections_of, shown, token_view
from ..display.panel import panel, show
from ..display.view import card_of, seconds_left, signed_in, time_left, view_of
from ..errors import NotSignedIn
from ..flows.last_users import User
from ..provider.provider import Provider

if TYPE_CHECKING:
    import argparse

    from ..flows.authenticator import Authenticator
    from .namespace import Namespace


def token(namespace: Namespace, latest: Authenticator | None, options: argparse.Namespace) -> dict[str, Any] | None:
    """Do what *options* ask; return a dict for `--json` only.

    Args:
        namespace: the variables.
        latest: what the last cell was to sign in for, also if that failed.
        options: of the magic's line.
    """
    if options.list:
        _list(namespace)
        return None
    if options.config:
        _config(latest if options.name is None and latest is not None else _required(namespace, options.name))
        return None
    found = _find(namespace, options.name)
    if isinstance(found, str):
        return _foreign(options, found)
    if options.json:
        return _as_dict(found)
    if options.clear:
        _clear(namespace, found)
    elif options.renew:
        _renew(namespace, found)
    elif options.raw:
        print(str(found.source.get().access_token))
    else:
        show(_view(found))
    return None


def _find(namespace: Namespace, name: str | None) -> Authenticator | str:
    """Return the sign-in that *name* stands for, or the text of any other variable."""
    if name is None:
        latest = next(reversed(signed_in()), None)
        if latest is None:
            raise NotSignedIn
        return latest
    value = namespace.value(name)
    if isinstance(value, Auth):
        return authenticator_of(value)
    if (own := namespace.find(name)) is not None:
        return authenticator_of(own)
    if isinstance(value, str):
        same = [each for each in signed_in() if each.source.current.access_token == value]
        return same[-1] if same else value
    raise UsageError(f"{name[:60]} holds no token and no Auth.")


def _required(namespace: Namespace, name: str | None) -> Authenticator:
    found = _find(namespace, name)
    if isinstance(found, str):
        raise UsageError("That token comes from no sign-in of this session.")
    return found


def _as_dict(authenticator: Authenticator) -> dict[str, Any]:
    tokens = authenticator.source.current
    decoded = decode_unverified(tokens.access_token)
    return {
        "header": dict(decoded.header) if decoded else None,
        "claims": shown(decoded.claims) if decoded else None,
        "id_claims": shown(tokens.claims) if tokens.id_token else None,
        "expires_at": tokens.expires_at.isoformat() if tokens.expires_at else None,
        "expires_in": max(0, int(seconds_left(tokens.expires_at))) if tokens.expires_at else None,
        "scope": tokens.scope,
    }


def _view(authenticator: Authenticator) -> dict[str, str]:
    tokens = authenticator.source.current
    sections, note = sections_of(tokens)
    card = card_of(authenticator)
    why = "" if view_of(authenticator).serves else card.note  # advice stands on the sign-in's own card
    card = Card(card.mood, card.title, card.rows, note=" ".join(filter(None, (why, note))))
    lifetime = (tokens.expires_at - tokens.obtained_at).total_seconds() if tokens.expires_at else math.inf
    return token_view(card, sections, seconds_left(tokens.expires_at), lifetime)


def _foreign(options: argparse.Namespace, text: str) -> dict[str, Any] | None:
    """Show a JWT that no sign-in of ours gave: read, not verified."""
    if options.renew or options.clear:
        raise UsageError("That token comes from no sign-in of this session.")
    decoded = decode_unverified(text)
    if decoded is None:
        raise UsageError("That variable holds no JWT, and no token of this session.")
    if options.raw:
        print(str(text))
        return None
    if options.json:
        return {
            "header": dict(decoded.header),
            "claims": shown(decoded.claims),
            "id_claims": None,
            "expires_at": None,
            "expires_in": None,
            "scope": decoded.claims.get("scope"),
        }
    card = Card("still", "A token, not verified", note="Its signature was not checked.")
    rows = claim_rows(decoded.claims)
    lines = "\n".join(f"  {name}  {value}" for name, value in rows)
    show({"text/html": card.html() + table(rows), "text/plain": f"{card.text()}\n{lines}"})
    return None


def _list(namespace: Namespace) -> None:
    rows = []
    for each in signed_in():
        names = [name for name in namespace.names() if _is_of(namespace, name, each)]
        tokens = each.source.current
        facts = (
            User.of(tokens).name,
            each.params.audience or "no API",
            tokens.scope,
            f"{time_left(tokens.expires_at)} left" if tokens.expires_at else "lifetime unknown",
        )
        rows.append((", ".join(names) or "no variable", ", ".join(facts)))
    title = "Sign-ins of this session" if rows else "There are no sign-ins in this session"
    show(Card("still", title, rows).bundle())


def _is_of(namespace: Namespace, name: str, authenticator: Authenticator) -> bool:
    auth = namespace.find(name)
    return auth is not None and authenticator_of(auth) is authenticator


def _auths(namespace: Namespace, authenticator: Authenticator) -> list[Auth]:
    """Return the `Auth` objects of *authenticator* that variables hold."""
    found = [namespace.find(name) for name in namespace.names()]
    return [auth for auth in found if auth is not None and authenticator_of(auth) is authenticator]


def _config(authenticator: Authenticator) -> None:
    params, grant, routes = authenticator.params, authenticator.grant, authenticator.routes()
    unused = {"flow"} | (set() if grant.flow.needs_redirect else {"response_type", "response_mode", "redirect_uri"})
    origin = next((f"  ({row.origin})" for row in params.explain() if row.name == "flow"), "")
    rows = [("flow", f"{grant.in_words}{origin}")]
    rows += [(row.name, f"{row.value}  ({row.origin})") for row in params.explain() if row.name not in unused]
    rows += [("route", f"{route.redirect_uri}: {route.reason}") for route in routes if len(routes) > 1]
    rows += _endpoints_elsewhere(params.expected_issuer)
    note = route_of_response(grant.flow, params.response_mode, routes)
    show(Card("still", "Settings of the sign-in", rows, note=note).bundle())


def _endpoints_elsewhere(issuer: str) -> list[tuple[str, str]]:
    """Return the endpoints on other hosts than *issuer*, as far as its metadata is known: nothing is asked here."""
    known = [each for each in Provider.known_metadata() if each.issuer.rstrip("/") == issuer.rstrip("/")]
    return [(name, f"{url}  (not the issuer's host)") for each in known for name, url in each.endpoints_elsewhere()]


def _clear(namespace: Namespace, authenticator: Authenticator) -> None:
    for auth in _auths(namespace, authenticator):
        namespace.drop(auth)
    authenticator.leave(lambda source: source.clear())
    print(
        "Forgotten here. The provider was not told: only auth.sign_out(), in place of --clear, signs you out there too."
    )


def _renew(namespace: Namespace, authenticator: Authenticator) -> None:
    """Renew by the refresh token; without one, ask the user."""
    shown_on = panel(owns_cell=True)
    if authenticator.authenticate(shown_on, renew=True):
        shown_on.end(card_of(authenticator))
    else:
        show(card_of(authenticator).bundle())
    for auth in _auths(namespace, authenticator):
        namespace.rebind(auth)
