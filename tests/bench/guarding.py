"""What the output guard adds to a cell that prints ten megabytes: measured in a kernel, by the processor's time."""

from __future__ import annotations

import ast
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jupyter_client.manager import KernelManager

from ipyauth_magic.display.guards import guard_outputs, unguard_outputs
from ipyauth_magic.flows.live_tokens import LIVE
from ipyauth_magic.protocol.tokens import AccessToken, IdToken, RefreshToken, TokenSet

from .field import environment
from .table import Row, Section, milliseconds

NONE, IDLE, LIVING = "without the guard", "guard, no live token", "guard, a live sign-in"
LIMIT = 1.02
LINE, LINES = (
    "2026-01-01 12:00:00 INFO some.library: a line such as a program prints, one hundred characters long\n",
    100_000,
)
DEADLINE = 600.0


def section(rounds: int) -> Section:
    """Print in each state *rounds* times, in turn."""
    took = _in_kernel(rounds)
    found = Section("A cell that prints 10 MB", ["ms"])
    base = took[NONE]
    for name, seconds in took.items():
        ratio = statistics.median(each / other for each, other in zip(seconds, base, strict=True))
        limit, holds = ("", True) if name == NONE else (f"<= {LIMIT:g}", ratio <= LIMIT)
        found.rows.append(Row(name, [milliseconds(statistics.median(seconds))], ratio, limit, holds))
    return found


def _in_kernel(rounds: int) -> dict[str, list[float]]:
    """Return what `measured` returns in a kernel whose messages no front end reads."""
    manager = KernelManager()
    manager.start_kernel(env=environment())
    try:
        client = manager.blocking_client()
        client.start_channels(iopub=False, stdin=False, hb=False)
        client.execute(f"from {__name__} import measured", user_expressions={"took": f"measured({rounds})"})
        reply: dict[str, Any] = client.get_shell_msg(timeout=DEADLINE)
        while reply["msg_type"] != "execute_reply":
            reply = client.get_shell_msg(timeout=DEADLINE)
        client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)
    took: dict[str, list[float]] = ast.literal_eval(reply["content"]["user_expressions"]["took"]["data"]["text/plain"])
    return took


def measured(rounds: int) -> dict[str, list[float]]:
    """Return the seconds of processor time that printing takes in each state; the rounds are in turn."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    states: dict[str, Callable[[], None]] = {NONE: lambda: unguard_outputs(shell), IDLE: LIVE.forget_all, LIVING: _live}
    took: dict[str, list[float]] = {name: [] for name in states}
    for _ in range(rounds):
        for name, enter in states.items():
            guard_outputs(shell)
            enter()
            took[name].append(_printed())
    LIVE.forget_all()
    return took


class _SignIn:
    """Holds tokens of usual sizes."""

    tokens: TokenSet | None = None


_SIGN_IN = _SignIn()


def _live() -> None:
    texts = [f"eyJhbGciOiJSUzI1NiJ9.{number}{'aZ3_x-' * 150}" for number in range(3)]
    access, identity, refresh = AccessToken(texts[0]), IdToken(texts[1]), RefreshToken(texts[2])
    now = datetime.now(UTC)
    _SIGN_IN.tokens = TokenSet(access, identity, "openid", None, now, {}, refresh)
    LIVE.add(_SIGN_IN, _SIGN_IN.tokens)


def _printed() -> float:
    sys.stdout.flush()
    started = time.process_time()
    for _ in range(LINES):
        sys.stdout.write(LINE)
    sys.stdout.flush()
    return time.process_time() - started
