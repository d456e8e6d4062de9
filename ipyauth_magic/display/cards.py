"""The cards of a sign-in: with its link while it waits, and with its result.

The card with the link does not change while it waits: an update each second would take the keyboard focus from the link
and make the URL impossible to select. Only the countdown beside it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from ..callback.routes import Route
from ..protocol.flow import Flow
from .card import Card, Code, Link, Row

PASTE = (
    "Follow the link and sign in. Then copy the address from your browser's address bar, even if the page shows an "
    "error, and paste it when you are asked for it."
)

HINT = (
    "An error page at the provider? Check `client_id`, and register this exact address there "
    "(at Auth0: Allowed Callback URLs):"
)
"""Stands before the redirect URI: a provider that does not know it never answers, and shows a page of its own."""

NO_LIFETIME = "the provider does not tell; until an API refuses it"

_OPENID_SCOPES = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
"""OpenID Connect Core, 5.4 and 11."""


def waiting_card(
    url: str | None,
    redirect_uri: str,
    scope: str,
    why_no_browser: str | None,
    wants_browser: bool,
    route: Route | None,
) -> Card:
    """Return the card with the link *url*; with None, the card for the time before the provider's metadata is there."""
    if url is None:
        return Card("waiting", "Sign in", note="Asking the provider for its address…")
    return Card(
        "waiting",
        f"Sign in at {urlsplit(url).netloc}",
        rows=[("Scopes", scope), *_how_it_comes(route)],
        link=Link("Open the sign-in page", url),
        note=PASTE if route and route.paste else _what_happens(redirect_uri, why_no_browser, wants_browser),
    )


def registration_hint(redirect_uri: str) -> str:
    """Return the sentence for a user who met an error page at the provider; empty where no redirect URI is used."""
    return f"{HINT} {redirect_uri}" if redirect_uri else ""


def over_card(is_good: bool) -> Card:
    """Return the card of a sign-in that ended while an input box is still open for its response."""
    title = "You are signed in" if is_good else "The sign-in failed"
    return Card("good" if is_good else "bad", title, note="Press Enter in the empty box to continue.")


def device_card(user_code: str, verification_uri: str, verification_uri_complete: str | None, scope: str) -> Card:
    """Return the card with the code for another device, and with a link that contains it if the provider gives one."""
    complete = verification_uri_complete
    return Card(
        "waiting",
        f"Sign in at {urlsplit(verification_uri).netloc}",
        rows=[("Scopes", scope)],
        link=Link("Open with the code filled in", complete) if complete else Link("Open the page", verification_uri),
        note="If the page shows a code, compare it with this one. Once you have allowed it, this goes on by itself.",
        code=Code(user_code, verification_uri),
    )


def countdown_text(seconds: float) -> str:
    """Return the time left, for a notebook, which updates it each second."""
    return f"Waiting for the sign-in: {_clock(seconds)} left. Interrupt the kernel to stop."


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
    """
    no_api = "none: the access token is opaque" if is_opaque else "none was asked for"
    until = f"{local_time(expires_at)} ({_left(left, renewable)})" if expires_at else NO_LIFETIME
    rows = [
        *account,
        ("Provider", issuer),
        ("API", audience or no_api),
        ("Scopes", scope),
        ("Valid until", until),
    ]
    return Card("good", f"Signed in as {logged_as}", rows)


def scopes_in_words(granted: str, requested: str) -> str:
    """Return the *granted* scopes, followed by the *requested* scopes that were not granted (RFC 6749, 3.3).

    Scopes of OpenID Connect never count as not granted, because some providers grant them under other names.
    """
    names = {_short_name(each) for each in granted.split()}
    missing = [
        each
        for each in requested.split()
        if each not in _OPENID_SCOPES and _short_name(each) not in names and not (names and each.endswith("/.default"))
    ]
    return f"{granted} (not granted: {' '.join(missing)})" if missing else granted


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


def duration(seconds: float) -> str:
    """Return *seconds* as `HH:MM:SS`; `00:00:00` for a negative number."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


def _left(left: float, renewable: bool) -> str:
    if renewable:
        return "then renewed by itself" if left > 0 else "it is renewed when it is used next"
    return f"{duration(left)} left when shown"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    return f"{minutes}:{rest:02}"


def _how_it_comes(route: Route | None) -> list[Row]:
    """Return rows that explain *route*; none if the browser reaches the kernel directly."""
    if route is None or (route.listen_at == route.redirect_uri and not (route.paste or route.bind or route.advice)):
        return []
    return [("Comes back", route.reason), *([("Or", route.advice)] if route.advice else [])]


def _what_happens(redirect_uri: str, why_no_browser: str | None, wants_browser: bool) -> str:
    back = f"The provider sends you back to {redirect_uri}"
    if why_no_browser:
        return f"Follow the link: {why_no_browser}. {back}"
    if wants_browser:
        return f"A browser tab opens by itself; if none does, follow the link. {back}"
    return f"Follow the link. {back}"
