"""What %token does with each of its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ..auth import Auth
from ..display.card import Card, table
from ..display.cards import route_of_response
from ..display.claims import claim_rows, decode_unverified, sections_of, shown, token_view
from ..display.panel import panel, show
from ..errors import NotSignedIn
from ..flows.clock import utc_now
from ..flows.session import all_sign_ins

if TYPE_CHECKING:
    from argparse import Namespace

    from ..callback.routes import Route
    from ..protocol.grant import Grant
    from ..settings.params import ParamsAuth0
    from .magics import Auth0Magics, Settings


def token(magics: Auth0Magics, options: Namespace) -> dict[str, Any] | None:
    """Do what *options* ask; return a dict for `--json` only."""
    if options.list:
        _list(magics)
        return None
    if options.config:
        _config(*_settings(magics, options.name))
        return None
    found = _find(magics, options.name)
    if not isinstance(found, Auth):
        return _foreign(options, found)
    if options.json:
        return _as_dict(found)
    if options.clear:
        _clear(magics, found)
    elif options.renew:
        _renew(magics, found)
    elif options.raw:
        print(str(found.access_token))
    else:
        show(_view(found))
    return None


def _find(magics: Auth0Magics, name: str | None) -> Auth | str:
    """Return the sign-in that *name* stands for, or the text of any other variable."""
    if name is None:
        latest = next(reversed(all_sign_ins()), None)
        if latest is None:
            raise NotSignedIn
        return latest
    value = magics.shell.user_ns.get(name)
    if isinstance(value, Auth):
        return value
    if (own := magics.sign_in_of(name)) is not None:
        return own
    if isinstance(value, str):
        same = [auth for auth in all_sign_ins() if auth.holds(value)]
        return same[-1] if same else value
    raise UsageError(f"{name[:60]} holds no token and no Auth.")


def _settings(magics: Auth0Magics, name: str | None) -> Settings:
    """Return what *name* signed in for, and how; without a name the last cell's, also of one that failed."""
    if name is None and (latest := magics.latest_settings) is not None:
        return latest
    found = _find(magics, name)
    if not isinstance(found, Auth):
        raise UsageError("That token comes from no sign-in of this session.")
    return found.params, found.grant, found.ways()


def _as_dict(auth: Auth) -> dict[str, Any]:
    tokens = auth.tokens
    decoded = decode_unverified(tokens.access_token)
    return {
        "header": dict(decoded.header) if decoded else None,
        "claims": shown(decoded.claims) if decoded else None,
        "id_claims": shown(tokens.claims),
        "expires_at": tokens.expires_at.isoformat(),
        "expires_in": max(0, int((tokens.expires_at - utc_now()).total_seconds())),
        "scope": tokens.scope,
    }


def _view(auth: Auth) -> dict[str, str]:
    tokens = auth.tokens
    sections, said = sections_of(tokens)
    card = auth.card()
    why = "" if card.mood == "good" else card.note  # advice for the next sign-in stands on the sign-in's own card
    card = Card(card.mood, card.title, card.rows, note=" ".join(filter(None, (why, said))))
    left = (tokens.expires_at - utc_now()).total_seconds()
    return token_view(card, sections, left, (tokens.expires_at - tokens.obtained_at).total_seconds())


def _foreign(options: Namespace, text: str) -> dict[str, Any] | None:
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
    card = Card("still", "A token, not verified", note="Nobody has checked who made it.")
    rows = claim_rows(decoded.claims)
    lines = "\n".join(f"  {name}  {value}" for name, value in rows)
    show({"text/html": card.html() + table(rows), "text/plain": f"{card.text()}\n{lines}"})
    return None


def _list(magics: Auth0Magics) -> None:
    rows = []
    for auth in all_sign_ins():
        names = ", ".join(name for name in magics.names if magics.sign_in_of(name) is auth) or "no variable"
        what = (auth.logged_as, auth.params.audience or "no API", auth.scope, f"{auth.time_to_exp} left")
        rows.append((names, ", ".join(what)))
    title = "Sign-ins of this session" if rows else "Nobody has signed in in this session"
    show(Card("still", title, rows).bundle())


def _config(params: ParamsAuth0, grant: Grant, ways: tuple[Route, ...]) -> None:
    unused = ("response_type", "response_mode", "redirect_uri") if grant.flow == "device" else ()
    rows = [("flow", _flow_in_words(grant))]
    rows += [(row.name, f"{row.value}  ({row.origin})") for row in params.explain() if row.name not in unused]
    rows += [("way", f"{way.redirect_uri}: {way.reason}") for way in ways if len(ways) > 1]
    note = route_of_response(grant.flow, params.response_mode, ways)
    show(Card("still", "Settings of the sign-in", rows, note=note).bundle())


def _flow_in_words(grant: Grant) -> str:
    if grant.flow == "implicit":
        return "implicit, which gives no refresh token"
    return f"{grant.flow}, {'with' if grant.renewable else 'without'} a refresh token"


def _clear(magics: Auth0Magics, auth: Auth) -> None:
    magics.drop_names(auth)
    auth.clear()
    print("Forgotten.")


def _renew(magics: Auth0Magics, auth: Auth) -> None:
    """Renew by the refresh token; without one, ask the provider silently, and then the user, once."""
    shown = panel(owns_cell=True)
    if auth.ask_on(shown, timeout=300, open_browser=True, force=False, renew=True):
        shown.end(auth.card())
    else:
        show(auth.card().bundle())
    magics.rebind(auth)
