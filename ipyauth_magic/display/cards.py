"""The cards of a sign-in: with its link while it waits, and with its result.

The card with the link does not change while it waits: an update each second would take the keyboard focus from the link
and make the URL impossible to select. Only the countdown beside it changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from ..callback.routes import Route
from ..flows import clock
from ..protocol.flow import Flow
from .card import AS_IT_IS, QUIET, Address, Card, Code, Folded, Link, Row, bar, escaped

OPEN = "Open the sign-in page"
"""The label of the button that leads to the provider."""

PASTE = (
    "Sign in on that page. Then copy the address from your browser's address bar, even if the page shows an error, and "
    "paste it below."
)

COMPARE = "If the page shows a code, compare it with this one. Once you have allowed it, this updates automatically."

NO_LIFETIME = "not known: the token works until an API refuses it"

HINT = (
    "An error page at the provider? Check `client_id`, and register this exact address there "
    "(at Auth0: Allowed Callback URLs):"
)
"""Stands before the redirect URI: a provider that does not know it never answers, and shows a page of its own."""

HINT_OF_OWN = (
    "An error page at the provider? The application was registered there for you. Interrupt, and run the line again: "
    "if the provider has forgotten the application, it is registered anew."
)
"""Stands in its place where this package registered the application, so that the user has nothing to register."""

NOT_GRANTED = "Not granted"

IN_VAIN = "but with none of the scopes that you asked for"
"""Follows the name of a user whose sign-in brought none of them."""

ASK_OWNER = (
    "Check the names of these scopes, and ask the API's owner for them. Or sign out (`%logout`), and sign in with an "
    "account that has them."
)
"""What to do then."""

_OPENID_SCOPES = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
"""OpenID Connect Core, 5.4 and 11."""


def waiting_card(
    url: str | None,
    redirect_uri: str,
    scope: str,
    why_no_browser: str | None,
    wants_browser: bool,
    route: Route | None,
    audience: str | None = None,
    is_registered_here: bool = False,
) -> Card:
    """Return the card with the link *url*; with None, the card for the time before the provider's metadata is there."""
    if url is None:
        return Card("waiting", "Sign in", _asked(audience, scope), note="Asking the provider for its address…")
    hint = Address(HINT, redirect_uri) if redirect_uri else None
    return Card(
        "waiting",
        f"Sign in at {urlsplit(url).netloc}",
        _asked(audience, scope),
        link=Link(OPEN, url),
        note=_first_of_all(route, how_to_open(why_no_browser, wants_browser)),
        hint=Address(HINT_OF_OWN) if is_registered_here else hint,
        folded=_getting_back(route) if route else None,
    )


def how_to_open(why_no_browser: str | None, wants_browser: bool) -> str:
    """Return the sentence about the tab that opens, or why none does; empty where none is to open."""
    if why_no_browser:
        return f'{why_not_opened(why_no_browser)} Use "{OPEN}".'
    return f'If no browser tab opens by itself, use "{OPEN}".' if wants_browser else ""


def why_not_opened(why_no_browser: str) -> str:
    """Return the sentence about the tab that does not open; a terminal has said already what to do then."""
    return f"No browser tab opens: {why_no_browser}."


def over_card(is_good: bool) -> Card:
    """Return the card of a sign-in that ended while an input box is still open for its response."""
    title = "You are signed in" if is_good else "The sign-in failed"
    return Card("good" if is_good else "bad", title, note="Press Enter in the empty box to continue.")


def device_card(
    user_code: str,
    verification_uri: str,
    verification_uri_complete: str | None,
    scope: str,
    audience: str | None = None,
) -> Card:
    """Return the card with the code for another device, and with a link that contains it if the provider gives one."""
    complete = verification_uri_complete
    return Card(
        "waiting",
        f"Sign in at {urlsplit(verification_uri).netloc}",
        _asked(audience, scope),
        link=Link("Open with the code filled in", complete) if complete else Link("Open the page", verification_uri),
        note=COMPARE,
        code=Code(user_code, verification_uri),
    )


def countdown_text(seconds: float) -> str:
    """Return the time left, for a notebook, which updates it each second."""
    return f"Waiting for the sign-in: {_clock(seconds)} left. Interrupt the kernel to stop."


def countdown_html(seconds: float, share: float) -> str:
    """Return the time left as a thin bar and text; *share* of it, 0 to 1, is left."""
    text = f'<div style="{QUIET};margin-top:2px">{escaped(countdown_text(seconds))}</div>'
    return f'<div class="{AS_IT_IS}" style="margin:4px 0">{bar(share, "waiting")}{text}</div>'


def patience_text(seconds: float) -> str:
    """Return the time limit, for a terminal, where the line does not change."""
    return f"Waiting for the sign-in, {_clock(seconds)} at most. Press Ctrl-C to stop."


def signed_in_card(
    logged_as: str,
    issuer: str,
    audience: str | None,
    scope: str,
    expires_at: datetime | None,
    left: float,
    renewable: bool = False,
    account: Sequence[Row] = (),
    is_opaque: bool = True,
    not_granted: str = "",
    is_in_vain: bool = False,
) -> Card:
    """Return the card of a successful sign-in. Its end is an absolute time, which stays true in a saved notebook.

    Args:
        logged_as: the user's name.
        issuer: the provider.
        audience: the API that was asked for, or None.
        scope: the granted scopes.
        expires_at: None if the provider does not tell it.
        left: seconds until then.
        renewable: the token is renewed by itself.
        account: rows that stand first: they tell the user from others of the same name.
        is_opaque: the access token is not a JWT.
        not_granted: the scopes that were asked for and not granted.
        is_in_vain: they are all the scopes of an API that were asked for.
    """
    no_api = "none: the access token is opaque" if is_opaque else "none was asked for"
    rows = [
        *account,
        ("Provider", issuer),
        ("API", audience or no_api),
        *scope_rows(scope, not_granted),
        end_row(expires_at, left, renewable),
    ]
    mood, title = (
        ("warning", f"Signed in as {logged_as}, {IN_VAIN}") if is_in_vain else ("good", f"Signed in as {logged_as}")
    )
    return Card(mood, title, rows, warned=(NOT_GRANTED,))


def scope_rows(scope: str, not_granted: str = "") -> list[Row]:
    """Return the rows of the scopes."""
    return [("Scopes", scope or "none"), *([(NOT_GRANTED, _with_advice(not_granted))] if not_granted else [])]


def _with_advice(not_granted: str) -> str:
    """Return the scopes that were *not_granted*, with what may have been meant where a comma stands in one of them."""
    if "," not in not_granted:
        return not_granted
    return f"{not_granted}. Spaces separate scopes: scope={' '.join(not_granted.replace(',', ' ').split())}"


def end_row(expires_at: datetime | None, left: float, renewable: bool) -> Row:
    """Return the row of a token's end, in *left* seconds or before now."""
    if expires_at is None:
        return "Expires", NO_LIFETIME
    moment = clock.time_of_day(expires_at)
    if left <= 0:
        return "Expired", f"{moment}, renewed when it is next used" if renewable else moment
    return "Expires", f"{moment} ({about(left)}){', then renewed automatically' if renewable else ''}"


def ready(auth_name: str, token_name: str = "", api_name: str = "") -> str:
    """Return the sentence about the variables that a sign-in has bound."""
    token = f" `{token_name}` is the access token." if token_name else ""
    if api_name:
        return (
            f"`{api_name}` is ready, a session for this API: `{api_name}.get(path)`. `{auth_name}` is the Auth.{token}"
        )
    return f"`{auth_name}` is ready: `requests.get(url, auth={auth_name})`.{token}"


def not_granted(granted: str, requested: str) -> str:
    """Return the *requested* scopes that are not among the *granted* ones (RFC 6749, 3.3), separated by spaces.

    Scopes of OpenID Connect never count as not granted, because some providers grant them under other names.
    """
    names = {_short_name(each) for each in granted.split()}
    missing = [
        each
        for each in _scopes_of_api(requested)
        if _short_name(each) not in names and not (names and each.endswith("/.default"))
    ]
    return " ".join(missing)


def is_in_vain(granted: str, requested: str) -> bool:
    """Return whether scopes of an API were *requested*, and none of them is among the *granted* ones."""
    asked = _scopes_of_api(requested)
    return bool(asked) and not_granted(granted, requested).split() == asked


def _scopes_of_api(requested: str) -> list[str]:
    return [each for each in requested.split() if each not in _OPENID_SCOPES]


def _short_name(scope: str) -> str:
    """Return what stays the same where a provider grants *scope* in other letters, or without its API's address.

    `https://api.example.com/User.Read` may be granted as `user.read`. A scope `.default` of an API is never granted by
    that name: it stands for all that an administrator has granted.
    """
    return scope.rpartition("/")[2].lower()


def route_of_response(flow: Flow, response_mode: str, routes: Sequence[Route]) -> str:
    """Return sentences for the user about the first of *routes*, by which the response reaches the kernel."""
    if not routes:
        return flow.explanation
    how = {"query": "in the query", "fragment": "in the fragment", "form_post": "by form_post"}[response_mode]
    if routes[0].is_forwarded and response_mode == "query":
        how = "in the fragment, or in the query if the provider supports nothing else"
    sentences = (f"The response, {flow.response}, comes {how}.", routes[0].reason, flow.explanation, routes[0].advice)
    return " ".join(filter(None, sentences))


def local_time(moment: datetime) -> str:
    """Return *moment* in the local time zone, with its offset."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z").strip()


def about(seconds: float) -> str:
    """Return the time until then in one unit: `in 15 minutes`."""
    units = (("second", 1, 60), ("minute", 60, 60), ("hour", 3600, 48), ("day", 86400, math.inf))
    counted = ((max(1, round(seconds / length)), unit, most) for unit, length, most in units)
    count, unit = next((count, unit) for count, unit, most in counted if count < most)
    return f"in {count} {unit}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return *seconds* as `HH:MM:SS`; `00:00:00` for a negative number."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


def _clock(seconds: float) -> str:
    """Return *seconds* as `M:SS`."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    return f"{minutes}:{rest:02}"


def introduction_card(api: str, server: str, scope: str, page: str, is_named_by_api: bool) -> Card:
    """Return the card that names the host of an *api* and its *server*, before anything opens.

    *page* is the host of the sign-in page where that is not the server's own. *is_named_by_api* tells whether the API
    named the server, and not the user. *scope* is what is asked for.
    """
    title = f"{api} names {server} as its authorization server" if is_named_by_api else f"{api} is used with {server}"
    asked = ("Asks for", scope) if scope else ("Asks for", "no scope by name")
    return Card("still", title, [asked, *([("Sign-in page at", page)] if page else [])])


def _asked(audience: str | None, scope: str) -> list[Row]:
    """Return the rows that say what the sign-in asks for."""
    return [*([("API", audience)] if audience else []), *scope_rows(scope)]


def _first_of_all(route: Route | None, opening: str) -> str:
    """Return what the user does now: with the address that comes, before the sign-in, or about *opening* the page."""
    if route and route.paste:
        return PASTE
    return f"{route.advice} {opening}".rstrip() if route and route.is_advice_first else opening


def _getting_back(route: Route) -> Folded:
    """Return how the response comes by *route*, and what helps if it does not."""
    is_plain = route.listen_at == route.redirect_uri and not (route.paste or route.bind or route.advice)
    otherwise = "If your browser cannot get back here, run the cell again with `--paste`, or with `--flow device`."
    is_said = route.is_advice_first and not route.paste  # above, by `_first_of_all`
    advice = "" if is_said else route.advice
    sentences = (route.reason, advice or ("" if route.paste else otherwise))
    return Folded("Trouble getting back?", tuple(filter(None, sentences)), is_said=not is_plain)
