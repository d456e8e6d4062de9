"""What %token does with each of its options."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ..auth import Auth, authenticator_of
from ..display.card import Card
from ..display.claims import claim_rows, decode_unverified, sections_of, shown, token_view
from ..display.output_guard import print_past_guard
from ..display.panel import panel, show
from ..display.view import card_of, interrupted, seconds_left, signed_in, view_of
from ..errors import NotSignedIn
from ..text import plain
from .token_tables import auths_of, names_of, show_settings, show_sign_ins

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..flows.authenticator import Authenticator
    from .namespace import Namespace


def token(namespace: Namespace, options: argparse.Namespace) -> dict[str, Any] | None:
    """Do what *options* ask; return a dict for `--json` only.

    Args:
        namespace: the variables.
        options: of the magic's line.
    """
    if options.list:
        show_sign_ins(namespace)
        return None
    if options.config:
        latest = None if options.name else namespace.latest
        show_settings(latest or _required(namespace, options.name))
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
        print_past_guard(str(found.source.get().access_token))
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
    raise UsageError(
        f"`{name[:60]}` holds no token and no Auth. `%token --list` lists the sign-ins and their variables."
    )


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
    card, view = card_of(authenticator), view_of(authenticator)
    why = view.next_step if view.serves else card.note  # advice stands on the sign-in's own card
    card = Card(card.mood, card.title, card.rows, note=" ".join(filter(None, (why, note))), warned=card.warned)
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
        print_past_guard(str(text))
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
    note = "Its signature was not checked."
    show(Card("still", "A token, not verified", claim_rows(decoded.claims), note=note).bundle())
    return None


def _clear(namespace: Namespace, authenticator: Authenticator) -> None:
    """Forget the tokens and the variables, and say which."""
    tokens, names = authenticator.source.tokens, names_of(namespace, authenticator)
    for auth in auths_of(namespace, authenticator):
        namespace.drop(auth)
    authenticator.clear()
    if tokens is None:
        print("There was no token to forget.")
        return
    account = f" ({plain(tokens.account)})" if tokens.account != tokens.logged_as else ""
    print(f"Forgot the sign-in of {plain(tokens.logged_as)}{account} {_purpose(authenticator)}.")
    if names:
        print(f"{_in_words(names)} gone.")
    print("The provider was not told. To sign out there too, use %logout instead.")


def _purpose(authenticator: Authenticator) -> str:
    params = authenticator.params
    api = params.audience or params.resource
    return plain(f"for {api}" if api else f"at {params.expected_issuer}")


def _in_words(names: Sequence[str]) -> str:
    """Return the subject of a sentence about variables, and its verb."""
    quoted = [f"`{name}`" for name in names]
    if len(quoted) == 1:
        return f"The variable {quoted[0]} is"
    return f"The variables {', '.join(quoted[:-1])} and {quoted[-1]} are"


def _renew(namespace: Namespace, authenticator: Authenticator) -> None:
    """Renew by the refresh token; without one, ask the user."""
    shown_on = panel(owns_cell=True)
    try:
        has_asked = authenticator.authenticate(shown_on, renew=True)
    except KeyboardInterrupt:
        raise UsageError(interrupted(authenticator)) from None
    if has_asked:
        shown_on.end(card_of(authenticator))
    else:
        show(card_of(authenticator).bundle())
    for auth in auths_of(namespace, authenticator):
        namespace.rebind(auth)
