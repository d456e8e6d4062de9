"""The goals of the fruit service, and how its figures stand to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .servers import FASTAPI, FLASK, REFERENCE, SERVICE


@dataclass(frozen=True)
class Goal:
    """One goal: what is measured, and the bound it keeps to, from below or above."""

    name: str
    value: float
    bound: float
    is_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the figure keeps to the bound."""
        return self.value <= self.bound if self.is_most else self.value >= self.bound

    @property
    def required(self) -> str:
        """The bound, with the side on which a figure is to be."""
        return f"{'<=' if self.is_most else '>='} {self.bound}"

    def __str__(self) -> str:
        """Say whether it is met."""
        return f"{'met   ' if self.is_met else 'MISSED'} {self.name}: {self.value:.2f} ({self.required})"


def goals(results: Mapping[str, Any]) -> Iterator[Goal]:
    """Yield each goal with what *results* say of it."""
    by = {(each["server"], each["request"], each["connections"]): each for each in results["loads"]}

    def figure(name: str, connections: int, server: str = SERVICE, kind: str = "GET") -> float:
        return float(by[server, kind, connections][name])

    for connections in (16, 64, 256):
        ours = figure("per_second", connections)
        for server, bound in ((REFERENCE, 0.88), (FLASK, 2), (FASTAPI, 2)):
            ratio = ours / figure("per_second", connections, server)
            yield Goal(f"GET over {connections} connections, times the rate of {server}", ratio, bound)
    yield Goal("GET over 256, times its rate over 16", figure("per_second", 256) / figure("per_second", 16), 0.95)
    for connections in (16, 64):
        ratio = figure("p99_ms", connections) / figure("p50_ms", connections)
        yield Goal(f"GET over {connections}, p99 as times p50", ratio, 3, True)
    for connections in (16, 64, 256):
        for kind in ("no token", "same bad token"):
            cost = figure("cpu_us", connections, kind=kind) / figure("cpu_us", connections)
            yield Goal(f"CPU of a refusal ({kind}) over {connections}, times that of a GET", cost, 1.05, True)
    start = results["start"]
    yield Goal("start to first answer, times the imports", start["first_answer"] / start["imports"], 1.5, True)
    memory = results["memory"]["mib"]
    yield Goal(f"growth in {results['memory']['requests']} requests, MiB", memory[-1] - memory[0], 5, True)
