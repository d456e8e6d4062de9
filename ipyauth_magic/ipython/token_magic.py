"""What %token does with each of its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ..auth import Auth
from ..display.card import Card, table
from ..display.cards import way_of_response
from ..display.claims import claim_rows, decode_unverified, sections_of, shown, token_view
from ..display.panel import panel, show
from ..errors import NotSignedIn
from ..flows.clock import utc_now
from ..flows.session import all_sign_ins
from .auth0_magic import Request, Settings, settings_of

if TYPE_CHECKING:
    from argparse import Namespace as Options

    from ..protocol.grant import Grant
    from .namespace import Namespace


def token(namespace: Namespace, latest: Request | None, options: Options) -> dict[str, Any] | None:
    """Do what *options* ask; return a dict for `--json` only.

    Args:
        namespace: the variables.
        latest: what the last cell of `%%auth0` asked for, also if its sign-in failed.
        options: of the magic's line.
    """
    if options.list:
        _list(namespace)
        return None
    if options.config:
        _config(_settings(options.name, namespace, latest))
        return None
    found = _find(namespace, options.name)
    if not isinstance(found, Auth):
        return _foreign(options, found)
    if options.json:
        return _as_dict(found)
    if options.clear:
        _clear(namespace, found)
    elif options.renew:
        _renew(namespace, found)
    elif options.raw:
        print(str(found.access_token))
    else:
        show(_view(found))
    return None


def _find(namespace: Namespace, name: str | None) -> Auth | str:
    """Return the sign-in that *name* stands for, or the text of any other variable; without a name the latest sign-in.

    Raises:
        NotSignedIn: there has been no sign-in, and no name is given.
        UsageError: the variable holds neither a text nor an `Auth`.
    """
    if name is None:
        latest = next(reversed(all_sign_ins()), None)
        if latest is None:
            raise NotSignedIn
        return latest
    value = namespace.value(name)
    if isinstance(value, Auth):
        return value
    if (own := namespace.find(name)) is not None:
        return own
    if isinstance(value, str):
        same = [auth for auth in all_sign_ins() if auth.holds(value)]
        return same[-1] if same else value
    raise UsageError(f"{name[:60]} holds no token and no Auth.")


def _settings(name: str | None, namespace: Namespace, latest: Request | None) -> Settings:
    if name is None and latest is not None:
        return latest.settings()
    return settings_of(_own(_find(namespace, name)))


def _own(found: Auth | str) -> Auth:
    """Return *found*, which must be a sign-in of this session."""
    if not isinstance(found, Auth):
        raise UsageError("That token comes from no sign-in of this session.")
    return found


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


def _foreign(options: Options, text: str) -> dict[str, Any] | None:
    """Show a JWT that no sign-in of ours gave: read, not verified."""
    if options.renew or options.clear:
        _own(text)
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


def _list(namespace: Namespace) -> None:
    rows = []
    for auth in all_sign_ins():
        names = ", ".join(namespace.names(auth)) or "no variable"
        what = (auth.logged_as, auth.params.audience or "no API", auth.scope, f"{auth.time_to_exp} left")
        rows.append((names, ", ".join(what)))
    title = "Sign-ins of this session" if rows else "Nobody has signed in in this session"
    show(Card("still", title, rows).bundle())


def _config(settings: Settings) -> None:
    params, grant, ways = settings.params, settings.grant, settings.ways
    unused = ("response_type", "response_mode", "redirect_uri") if grant.flow == "device" else ()
    rows = [("flow", _flow_in_words(grant))]
    rows += [(row.name, f"{row.value}  ({row.origin})") for row in params.explain() if row.name not in unused]
    rows += [("way", f"{way.redirect_uri}: {way.reason}") for way in ways if len(ways) > 1]
    note = way_of_response(grant.flow, params.response_mode, ways)
    show(Card("still", "Settings of the sign-in", rows, note=note).bundle())


def _flow_in_words(grant: Grant) -> str:
    if grant.flow == "implicit":
        return "implicit, which gives no refresh token"
    return f"{grant.flow}, {'with' if grant.renewable else 'without'} a refresh token"


def _clear(namespace: Namespace, auth: Auth) -> None:
    namespace.drop(auth)
    auth.clear()
    print("Forgotten.")


def _renew(namespace: Namespace, auth: Auth) -> None:
    """Renew by the refresh token; without one, ask the provider silently, and then the user, once."""
    shown = panel(owns_cell=True)
    if auth.ask_on(shown, timeout=300, open_browser=True, force=False, renew=True):
        shown.end(auth.card())
    else:
        show(auth.card().bundle())
    namespace.rebind(auth)
