"""The waits that a person feels, in a fresh process: from Enter to the browser, and from the response to the token."""

from __future__ import annotations

from collections.abc import Sequence

from .contenders import BY_DOMAIN, BY_ISSUER, FLOOR, OURS, REQUESTS_AUTH, REQUESTS_AUTH_CELL
from .field import Field, SignIn
from .signing_in import USER, failure, median
from .table import Row, Section, milliseconds

AIMS = {BY_DOMAIN: 0.08, BY_ISSUER: 0.2}
"""Seconds from Enter to the browser."""
WARM_ROUNDS = 3


def sections(names: Sequence[str], rounds: int) -> list[Section]:
    """Let ours and the peers among *names* sign in *rounds* times, in turn, each time in a fresh process."""
    contenders = [*AIMS, *(name for name in names if name not in (*OURS, FLOOR, REQUESTS_AUTH_CELL))]
    first: dict[str, list[SignIn | str]] = {name: [] for name in contenders}
    later: dict[str, list[SignIn | str]] = {name: [] for name in contenders}
    with Field() as field:
        for _ in range(rounds):
            for name in contenders:
                with field.contender(name) as fresh:
                    if name in AIMS:
                        fresh.ask(do="prepare")
                    first[name].append(field.sign_in(fresh, user=USER))
                    later[name] += [field.sign_in(fresh, user=USER) for _ in range(WARM_ROUNDS)]
    return [_to_browser(first, rounds), _to_token(first, later)]


def _to_browser(first: dict[str, list[SignIn | str]], rounds: int) -> Section:
    found = Section("From Enter to the browser, in a fresh process", ["ms"])
    found.note = (
        f"{rounds} processes of each; %%auth0 with its card, the extension loaded before; a peer's cell imports it; "
        "issuer= and msal fetch a document first"
    )
    waits = {name: median(times, lambda each: each.to_browser) for name, times in first.items()}
    reference = waits.get(REQUESTS_AUTH)
    for name, seconds in waits.items():
        if seconds is None:
            found.rows.append(Row(name, [failure(first[name])]))
            continue
        aim = AIMS.get(name)
        required = "" if aim is None else f"<= {aim * 1e3:g} ms"
        ratio = seconds / reference if reference else None
        found.rows.append(Row(name, [milliseconds(seconds)], ratio, required, aim is None or seconds <= aim))
    return found


def _to_token(first: dict[str, list[SignIn | str]], later: dict[str, list[SignIn | str]]) -> Section:
    found = Section("From the response to the token", ["first ms", "later ms"])
    found.note = (
        "first: in a fresh process; later: in the same one; google-auth-oauthlib and msal exchange a code, "
        "and msal looks once a second; ratio: of the first"
    )
    waits = {name: median(times, lambda each: each.to_token) for name, times in first.items()}
    reference = waits.get(REQUESTS_AUTH)
    for name, seconds in waits.items():
        again = median(later[name], lambda each: each.to_token)
        if seconds is None or again is None:
            found.rows.append(Row(name, [failure([*first[name], *later[name]])]))
            continue
        ratio = seconds / reference if reference else None
        found.rows.append(Row(name, [milliseconds(seconds), milliseconds(again)], ratio))
    return found
