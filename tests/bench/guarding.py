"""What the output guard adds to a cell that prints ten megabytes, in a kernel whose messages a front end reads."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from secrets import token_urlsafe
from statistics import median
from time import perf_counter, process_time, thread_time
from typing import Any

from jupyter_client.manager import KernelManager

from ipyauth_magic.display.output_guard import OutputGuard
from ipyauth_magic.flows.live_tokens import LIVE
from ipyauth_magic.protocol.tokens import AccessToken, IdToken, RefreshToken, TokenSet

from .field import environment
from .table import Row, Section, milliseconds

NONE, IDLE, LIVING = "without the guard", "guard, no live token", "guard, three live tokens"
STATES = (NONE, IDLE, LIVING)
LIMIT = 0.02
LINE = "2026-01-01 12:00:00 INFO some.library: a line such as a program prints, one hundred characters long\n"
LINES = 100_000
CELLS = {
    "A cell that prints 10 MB": "for _ in range(LINES):\n    print(LINE, end='')\nsys.stdout.flush()",
    "A cell that prints 10 MB at once": "print(TEXT, end='', flush=True)",
}
WHY = {
    "A cell that prints 10 MB at once": (
        "; the text has each character of a token, so that no search is saved, and a token of fewer than 256 "
        "characters, as the refresh token here, takes one of more than a millisecond, where packing takes little"
    )
}
DEADLINE = 60.0


@dataclass(frozen=True)
class _Run:
    """A run of a cell, in seconds: until a front end has all, and the processor time of the kernel and of the guard."""

    whole: float
    kernel: float
    guard: float


def sections(rounds: int) -> list[Section]:
    """Run each cell in each state *rounds* times, in turn, in one kernel."""
    runs = {title: {state: list[_Run]() for state in STATES} for title in CELLS}
    manager = KernelManager()
    manager.start_kernel(env=environment())
    client = manager.blocking_client()
    client.start_channels(stdin=False)
    try:
        client.wait_for_ready(timeout=DEADLINE)  # else the first messages of the kernel may be missed
        _at(client, f"import sys; from {__name__} import LINE, LINES, enter, text, used")
        _at(client, "TEXT = text()")
        for title, state in [each for _ in range(rounds) for each in product(CELLS, STATES)]:
            runs[title][state].append(_run(client, CELLS[title], state))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return [_section(title, by, rounds) for title, by in runs.items()]


def _section(title: str, runs: dict[str, list[_Run]], rounds: int) -> Section:
    found = Section(title, ["whole ms", "CPU ms", "guard's ms"])
    found.note = (
        "whole: until a front end has all; CPU: of the kernel; guard's: what it uses of that beside the packing; "
        f"ratio: the guard's to the whole; medians of {rounds} rounds{WHY.get(title, '')}"
    )
    for state, those in runs.items():
        whole, kernel, guard = (median(getattr(run, name) for run in those) for name in ("whole", "kernel", "guard"))
        figures = [milliseconds(seconds) for seconds in (whole, kernel, guard)]
        required = (guard / whole, f"<= {LIMIT:g}", guard <= LIMIT * whole) if state != NONE else ()
        found.rows.append(Row(state, figures, *required))
    return found


def _run(client: Any, cell: str, state: str) -> _Run:
    (kernel, guard), start = _at(client, f"enter({state!r})"), perf_counter()
    kernel_after, guard_after = _at(client, cell)
    return _Run(perf_counter() - start, kernel_after - kernel, guard_after - guard)


def _at(client: Any, code: str) -> tuple[float, float]:
    """Run *code* and return the processor time of the kernel after it, and that of the guard, in seconds."""
    reply = client.execute_interactive(
        code,
        user_expressions={"used": "used()"},
        allow_stdin=False,
        output_hook=lambda message: None,
        timeout=DEADLINE,
    )
    if reply["content"]["status"] != "ok":
        raise RuntimeError(reply["content"]["evalue"])
    kernel, guard = literal_eval(reply["content"]["user_expressions"]["used"]["data"]["text/plain"])
    return kernel, guard


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


class _Timed:
    """A packer that adds up the processor time of its calls."""

    def __init__(self, pack: Callable[[Any], bytes]) -> None:
        self.pack = pack
        self.seconds = 0.0

    def __call__(self, content: Any) -> bytes:
        start = thread_time()
        packed = self.pack(content)
        self.seconds += thread_time() - start
        return packed


_TIMED: list[_Timed] = []
"""The guard, and the packer within it."""


def used() -> tuple[float, float]:
    """Return the processor time of this kernel, and of the guard in it, in seconds."""
    whole, packing = (timed.seconds for timed in _TIMED) if _TIMED else (0.0, 0.0)
    return process_time(), whole - packing


def enter(state: str) -> None:
    """Have the kernel be in *state*."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    session = shell.kernel.session
    if _TIMED:
        session.pack = _TIMED[1].pack
        _TIMED.clear()
    LIVE.forget_all()
    if state != NONE:
        guard = OutputGuard(shell, session)
        guard.pack = _Timed(guard.pack)
        session.pack = _Timed(guard)
        _TIMED[:] = session.pack, guard.pack
    if state == LIVING:
        sign_in = _SignIn()
        assert sign_in.tokens
        LIVE.add(sign_in, sign_in.tokens)
        session.pack({})  # it gets to know the tokens now, as it does once after each sign-in
