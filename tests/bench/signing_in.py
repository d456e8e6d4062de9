"""What sign-ins cost: warm, beside a silent socket, with a slow browser, cold, and once more."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from .contenders import AUTH, CELL, FLOOR, LIKE, MSAL, OURS, REQUESTS_AUTH, REQUESTS_AUTH_CELL
from .field import Field, Helper, SignIn
from .table import Row, Section, microseconds, milliseconds

WARM_LIMIT = 1.25
HUNDREDTH = 0.01
IDLE = 3.0
SLOW_OPEN = 1.0
USER = 0.3


def sections(rounds: int, names: Sequence[str], slow_rounds: int) -> list[Section]:
    """Let the contenders *names* sign in, in turn, in every way that is measured."""
    with Field() as field, ExitStack() as running:
        contenders = {name: running.enter_context(field.contender(name)) for name in names}
        for each in contenders.values():
            field.sign_in(each)
        # msal looks once a second whether the response is there: a few rounds show that.
        quick = {name: each for name, each in contenders.items() if name != MSAL}
        _in_turn(field, quick, 2)
        warm = _in_turn(field, quick, rounds)
        warm |= _in_turn(field, {name: each for name, each in contenders.items() if name not in quick}, slow_rounds)
        usual = {name: median(times, lambda each: each.total) for name, times in warm.items()}
        real = {name: each for name, each in contenders.items() if name not in (FLOOR, REQUESTS_AUTH_CELL)}
        found = [_warm(warm), _led(warm), _again(real)]
        idle = _in_turn(field, real, slow_rounds, idle=IDLE)
        found.append(_added(f"an idle socket held {IDLE:g} s on the port", idle, usual))
        slow = _in_turn(field, real, slow_rounds, comes_back_after=SLOW_OPEN)
        found.append(_added(f"a webbrowser.open that takes {SLOW_OPEN:g} s", slow, usual))
    found.append(_cold(names, slow_rounds))
    return found


Measured = dict[str, list[SignIn | str]]


def _in_turn(field: Field, contenders: dict[str, Helper], rounds: int, **circumstances: float) -> Measured:
    measured: Measured = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            measured[name].append(field.sign_in(contender, **circumstances))
    return measured


def median(times: Sequence[SignIn | str], figure: Callable[[SignIn], float]) -> float | None:
    """Return the median of *figure*, or None if most of them failed."""
    good = [figure(each) for each in times if isinstance(each, SignIn)]
    return statistics.median(good) if len(good) * 2 > len(times) else None


def _warm(measured: Measured) -> Section:
    found = Section("Warm sign-in, call to token", ["total ms", "net ms", "CPU ms"])
    found.note = (
        "net: without the provider's own time; ratio: of the totals, to requests-auth, which validates nothing, "
        "and for %%auth0 to requests-auth from a cell"
    )
    totals = {name: median(times, lambda each: each.total) for name, times in measured.items()}
    for name, times in measured.items():
        total, reference = totals[name], totals.get(LIKE.get(name, REQUESTS_AUTH))
        if total is None:
            found.rows.append(Row(name, [failure(times)]))
            continue
        others = [median(times, figure) or 0.0 for figure in (lambda each: each.net, lambda each: each.cpu)]
        ratio = total / reference if reference else None
        limit = f"<= {WARM_LIMIT:g}" if name in OURS else ""
        holds = not limit or ratio is None or ratio <= WARM_LIMIT
        found.rows.append(Row(name, [milliseconds(each) for each in (total, *others)], ratio, limit, holds))
    return found


def _led(measured: Measured) -> Section:
    found = Section("Of it, the address that leads to the link", ["ms"])
    found.note = "the browser is started with a local address, so that no parameter of the request is in `ps`"
    for name, times in measured.items():
        if name in OURS:
            seconds = median(times, lambda each: each.led_in)
            found.rows.append(Row(name, [failure(times) if seconds is None else milliseconds(seconds)]))
    return found


def _added(title: str, measured: Measured, usual: dict[str, float | None]) -> Section:
    found = Section(f"Added by {title}", ["added ms"])
    found.note = "ratio: to requests-auth; msal hides a slow browser in the second that it sleeps anyway"
    totals = {name: median(times, lambda each: each.total) for name, times in measured.items()}
    added = {name: total - (usual[name] or 0.0) for name, total in totals.items() if total is not None}
    reference = added.get(REQUESTS_AUTH)
    for name, times in measured.items():
        if name not in added:
            found.rows.append(Row(name, [failure(times)]))
            continue
        # Noise may make it negative.
        ratio = max(added[name], 0.0) / reference if reference else None
        limit = f"<= {HUNDREDTH:g}" if name in OURS else ""
        holds = not limit or ratio is None or ratio <= HUNDREDTH
        found.rows.append(Row(name, [milliseconds(added[name])], ratio, limit, holds))
    return found


def _again(contenders: dict[str, Helper]) -> Section:
    found = Section("The same token again", ["us", "sockets"])
    answers = {name: contender.ask(do="again") for name, contender in contenders.items()}
    reference = answers.get(REQUESTS_AUTH)
    for name, answer in answers.items():
        shown = {CELL: "%%auth0 -q", AUTH: "Auth.access_token"}.get(name, name)
        limit = "< 1 ms, none" if name in OURS else ""
        holds = not limit or (answer["seconds"] < 1e-3 and answer["sockets"] == 0)
        ratio = answer["seconds"] / reference["seconds"] if reference else None
        found.rows.append(Row(shown, [microseconds(answer["seconds"]), str(answer["sockets"])], ratio, limit, holds))
    return found


def _cold(names: Sequence[str], rounds: int) -> Section:
    found = Section(f"Cold: imports and first sign-in, user {USER:g} s", ["excess ms"])
    found.note = "excess: beyond the user's own time"
    measured: Measured = {name: [] for name in names if name not in (FLOOR, REQUESTS_AUTH_CELL)}
    with Field() as field:
        for _ in range(rounds):
            for name, times in measured.items():
                with field.contender(name) as fresh:
                    times.append(field.sign_in(fresh, user=USER))
    totals = {name: median(times, lambda each: each.total) for name, times in measured.items()}
    reference = totals.get(REQUESTS_AUTH)
    for name, total in totals.items():
        if total is None:
            found.rows.append(Row(name, [failure(measured[name])]))
            continue
        ratio = (total - USER) / (reference - USER) if reference else None
        found.rows.append(Row(name, [milliseconds(total - USER)], ratio))
    return found


def failure(times: Sequence[SignIn | str]) -> str:
    """Return the first error among *times*, for the table."""
    return "fails: " + next(str(each) for each in times if isinstance(each, str))
