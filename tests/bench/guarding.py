"""What the output guard adds to a cell that prints ten megabytes, in a kernel whose messages a front end reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from secrets import token_urlsafe
from time import perf_counter
from typing import Any

from jupyter_client.manager import KernelManager

from ipyauth_magic.display.output_guard import guard_outputs, unguard_outputs
from ipyauth_magic.flows.live_tokens import LIVE
from ipyauth_magic.protocol.tokens import AccessToken, IdToken, RefreshToken, TokenSet

from .field import environment
from .table import Row, Section, milliseconds

NONE, IDLE, LIVING = "without the guard", "guard, no live token", "guard, three live tokens"
LIMIT = 1.02
LINE = "2026-01-01 12:00:00 INFO some.library: a line such as a program prints, one hundred characters long\n"
LINES = 100_000
CELLS = {
    "A cell that prints 10 MB": "for _ in range(LINES):\n    print(LINE, end='')\nsys.stdout.flush()",
    "A cell that prints 10 MB at once": "print(TEXT, end='', flush=True)",
}
DEADLINE = 60.0


@dataclass(frozen=True)
class _Run:
    """A run of a cell: its time for a front end, until all has come, and the processor time of the kernel."""

    whole: float
    processor: float


def sections(rounds: int) -> list[Section]:
    """Run each cell in each state *rounds* times, in turn, in one kernel."""
    runs = {title: {state: list[_Run]() for state in STATES} for title in CELLS}
    manager = KernelManager()
    manager.start_kernel(env=environment())
    client = manager.blocking_client()
    client.start_channels(stdin=False)
    try:
        client.wait_for_ready(timeout=DEADLINE)  # else the first messages of the kernel may be missed
        _at(client, f"import sys; from time import process_time; from {__name__} import LINE, LINES, enter, text")
        _at(client, "TEXT = text()")
        for title, state in [each for _ in range(rounds) for each in product(CELLS, STATES)]:
            runs[title][state].append(_run(client, CELLS[title], state))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return [_section(title, by, rounds) for title, by in runs.items()]


def _section(title: str, runs: dict[str, list[_Run]], rounds: int) -> Section:
    found = Section(title, ["whole ms", "CPU ms"])
    found.note = (
        "whole: until a front end has all; CPU: of the kernel; ratio: the whole time with the processor time that the "
        f"guard adds, to that without; the least of {rounds} rounds, since other load only adds to it"
    )
    whole = {state: min(run.whole for run in those) for state, those in runs.items()}
    processor = {state: min(run.processor for run in those) for state, those in runs.items()}
    for state in STATES:
        ratio = 1 + (processor[state] - processor[NONE]) / whole[NONE]
        limit, holds = ("", True) if state == NONE else (f"<= {LIMIT:g}", ratio <= LIMIT)
        figures = [milliseconds(whole[state]), milliseconds(processor[state])]
        found.rows.append(Row(state, figures, ratio, limit, holds))
    return found


def _run(client: Any, cell: str, state: str) -> _Run:
    before, start = _at(client, f"enter({state!r})"), perf_counter()
    after = _at(client, cell)
    return _Run(perf_counter() - start, after - before)


def _at(client: Any, code: str) -> float:
    """Run *code* and return the processor time of the kernel after it, in seconds."""
    reply = client.execute_interactive(
        code,
        user_expressions={"at": "process_time()"},
        allow_stdin=False,
        output_hook=lambda message: None,
        timeout=DEADLINE,
    )
    if reply["content"]["status"] != "ok":
        raise RuntimeError(reply["content"]["evalue"])
    return float(reply["content"]["user_expressions"]["at"]["data"]["text/plain"])


# In the kernel


def text() -> str:
    """Return lines in which every character of a token occurs often: what needs the longest search."""
    return "".join(LINE.replace("library", token_urlsafe(5)) for _ in range(LINES))


class _SignIn:
    """Holds tokens of usual sizes."""

    def __init__(self) -> None:
        access, identity, refresh = (f"eyJhbGciOiJSUzI1NiJ9.{token_urlsafe(size)}" for size in (600, 700, 40))
        tokens = AccessToken(access), IdToken(identity), RefreshToken(refresh)
        self.tokens: TokenSet | None = TokenSet(*tokens[:2], "openid", None, datetime.now(UTC), {}, tokens[2])


def _live(shell: Any) -> None:
    guard_outputs(shell)
    sign_in = _SignIn()
    assert sign_in.tokens
    LIVE.add(sign_in, sign_in.tokens)


STATES: dict[str, Callable[[Any], None]] = {NONE: unguard_outputs, IDLE: guard_outputs, LIVING: _live}


def enter(state: str) -> None:
    """Have the kernel be in *state*."""
    from IPython.core.getipython import get_ipython

    LIVE.forget_all()
    STATES[state](get_ipython())
