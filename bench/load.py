"""The load: wrk asks one server for some seconds; what it counted, and what the server used for it."""

from __future__ import annotations

import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.debian import program

from .servers import Serving

SCRIPT = Path(__file__).with_name("load.lua")
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Figures:
    """What one load gave: answers, also per second; latencies in ms; CPU time of the server for each answer in us."""

    requests: float
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True)
class Load:
    """Requests of one kind (`load.lua` knows each) over so many connections, with *token* or one that is like it."""

    kind: str
    connections: int
    token: str

    def on(self, server: Serving, seconds: int) -> Figures:
        """Let wrk ask *server*; `SystemExit` where it says something else than figures."""
        command = [_wrk(), "-t1", f"-c{self.connections}", f"-d{seconds}s", "--latency", "-s", str(SCRIPT), server.url]
        before = server.cpu()
        told = subprocess.run([*command, "--", self.kind, self.token], capture_output=True, text=True, check=True)
        figures = figures_of(told.stdout, server.cpu() - before)
        check_answers(told.stdout, figures, refused=self.kind not in ("GET", "POST"))
        return figures


@cache
def _wrk() -> str:
    return program("wrk", "wrk")


def check_answers(text: str, figures: Figures, refused: bool) -> None:
    """Check that every answer was one of those meant: a server that fails fast must not look like a fast one."""
    found = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if int(found[1] if found else 0) != (figures.requests if refused else 0):
        raise SystemExit(f"Other answers than those meant: {text}")


def figures_of(text: str, cpu: float) -> Figures:
    """Return what wrk told in *text*, with the server's *cpu* time in seconds."""
    count = int(_found(r"(\d+) requests in", text)[0])
    p50, p99 = (_latency(percent, text) for percent in (50, 99))
    return Figures(count, float(_found(r"Requests/sec:\s+([\d.]+)", text)[0]), p50, p99, cpu / max(count, 1) * 1e6)


def _latency(percent: int, text: str) -> float:
    value, unit = _found(rf"{percent}%\s+([\d.]+)(us|ms|s|m)", text)
    return float(value) * UNITS[unit]


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    if match is None or "Socket errors" in text:
        raise SystemExit(f"wrk says something else: {text}")
    return tuple(match.groups())


def medians(figures: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return Figures(*(statistics.median(getattr(each, name) for each in figures) for name in Figures.__annotations__))
