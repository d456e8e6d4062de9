"""What the output guard adds to a cell that prints ten megabytes, in a kernel whose messages a front end reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from secrets import token_urlsafe
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
CELL = "for _ in range(LINES):\n    print(LINE, end='')\nsys.stdout.flush()"
DEADLINE = 60.0


def section(rounds: int) -> Section:
    """Print in each state *rounds* times, in turn, in one kernel."""
    took: dict[str, list[float]] = {state: [] for state in STATES}
    manager = KernelManager()
    manager.start_kernel(env=environment())
    client = manager.blocking_client()
    client.start_channels(stdin=False, hb=False)
    try:
        client.wait_for_ready(timeout=DEADLINE)  # else the first answers may come before it listens to them
        _at(client, f"import sys; from time import process_time; from {__name__} import LINE, LINES, enter")
        for _ in range(rounds):
            for state, seconds in took.items():
                started = _at(client, f"enter({state!r})")
                seconds.append(_at(client, CELL) - started)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return _section({state: min(seconds) for state, seconds in took.items()}, rounds)


def _section(least: dict[str, float], rounds: int) -> Section:
    found = Section("A cell that prints 10 MB", ["ms"])
    found.note = (
        f"processor time of the kernel, {LINES:,} lines; the least of {rounds} rounds, since other load only adds to it"
    )
    for state, seconds in least.items():
        ratio = seconds / least[NONE]
        limit, holds = ("", True) if state == NONE else (f"<= {LIMIT:g}", ratio <= LIMIT)
        found.rows.append(Row(state, [milliseconds(seconds)], ratio, limit, holds))
    return found


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
