"""`python -m bench`: the fruit service beside a reference, Flask and FastAPI; results.json and a table, in one run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from fruit_service.issuer.server import LocalIssuer

from .goals import goals
from .load import Figures, Load, medians
from .machine import circumstances
from .servers import FASTAPI, FLASK, REFERENCE, ROOT, SERVICE, Serving, answer, serving

CONNECTIONS = (1, 16, 64, 256)
KINDS = {
    "GET": (SERVICE, REFERENCE, FLASK, FASTAPI),
    "POST": (SERVICE, REFERENCE, FLASK, FASTAPI),
    "no token": (SERVICE, FLASK, FASTAPI),
    "same bad token": (SERVICE, FLASK, FASTAPI),
    "other bad token": (SERVICE, FLASK, FASTAPI),  # never the same twice: each signature has to be looked at
}
LIBRARIES = "bottle, waitress.server, requests, joserfc.jwk, joserfc.jws, sqlalchemy"
"""What the service imports of others, for the start."""
PACKAGES = ("bottle", "waitress", "joserfc", "SQLAlchemy", "flask", "fastapi", "gunicorn", "uvicorn", "PyJWT")
"""A figure is of these versions."""
MILLION = 1_000_000
SCOPE = "read:exotic-fruit write:exotic-fruit"


def main() -> None:
    """Measure all; write results.json, print the table and the goals. A goal that is missed is no failure."""
    rounds, seconds = int(os.environ.get("BENCH_ROUNDS", "5")), int(os.environ.get("BENCH_SECONDS", "2"))
    requests = int(os.environ.get("BENCH_REQUESTS", MILLION))
    with tempfile.TemporaryDirectory() as folder, LocalIssuer(port=0, lifetime=36_000) as issuer:
        settings = {"FRUIT_ISSUER": issuer.issuer, "FRUIT_DATABASE": f"sqlite:///{folder}/fruits.sqlite"}
        token = issuer.access_token(SCOPE)
        start = starting(token, settings, 2 * rounds + 1)
        loads = loading(token, settings, rounds, seconds)
        memory = holding(issuer, settings, requests)
    results = {
        **circumstances(PACKAGES),
        "rounds": rounds,
        "seconds": seconds,
        "loads": loads,
        "start": start,
        "memory": memory,
    }
    results["goals"] = [asdict(goal) for goal in goals(results)]
    (ROOT / "bench" / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print()
    for goal in goals(results):
        print(goal)


def loading(token: str, settings: Mapping[str, str], rounds: int, seconds: int) -> list[dict[str, Any]]:
    """Load all servers in turn, in several rounds, so that what else the machine does hits all alike; the medians."""
    with ExitStack() as stack:
        # The service goes first: it makes the data of the others, and its answer has the size of the reference's.
        servers: dict[str, Serving] = {SERVICE: stack.enter_context(serving(SERVICE, token, settings))}
        size = len(answer(servers[SERVICE].url, token).partition(b"\r\n\r\n")[2])
        for name in (REFERENCE, FLASK, FASTAPI):
            servers[name] = stack.enter_context(serving(name, token, settings, size))
        found: list[dict[str, Any]] = []
        for connections in CONNECTIONS:
            # All kinds of a number of connections too: a refusal is held against a GET of the same minutes.
            cases = [(name, Load(kind, connections, token)) for kind, names in KINDS.items() for name in names]
            seen: dict[tuple[str, str], list[Figures]] = {(name, load.kind): [] for name, load in cases}
            for number in range(rounds):
                for name, load in cases if number % 2 else cases[::-1]:
                    seen[name, load.kind].append(load.on(servers[name], seconds))
            for (name, kind), figures in seen.items():
                result = asdict(medians(figures))
                found.append({"server": name, "request": kind, "connections": connections, **result})
                print(row(found[-1]), flush=True)
    return found


def starting(token: str, settings: Mapping[str, str], rounds: int) -> dict[str, float]:
    """Return the seconds from the start to the first authenticated answer, and those that the imports need."""
    answered, imported = [], []
    for _ in range(rounds):
        with serving(SERVICE, token, settings) as server:
            answered.append(server.start)
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", f"import {LIBRARIES}"], check=True)
        imported.append(time.monotonic() - began)
    return {"first_answer": statistics.median(answered), "imports": statistics.median(imported)}


def holding(issuer: LocalIssuer, settings: Mapping[str, str], requests: int) -> dict[str, Any]:
    """Return the service's memory (MiB) after each tenth of so many requests of all kinds, after a first tenth."""
    token = issuer.access_token(SCOPE)
    with serving(SERVICE, token, settings) as server:
        counts: list[float] = [0]
        memory: list[float] = []
        while counts[-1] < requests * 1.1:
            before = counts[-1]
            while counts[-1] < before + requests / 10:
                for kind in KINDS:
                    figures = Load(kind, 16, token).on(server, 1)
                    counts[-1] += figures.requests
            memory.append(round(server.memory() / 2**20, 1))
    return {"requests": round(counts[-1]), "mib": memory}


def row(result: Mapping[str, Any]) -> str:
    """Return one line of the table."""
    return (
        f"{result['server']:14} {result['request']:16} {result['connections']:4} {result['per_second']:9.0f}/s  "
        f"p50 {result['p50_ms']:7.2f} ms  p99 {result['p99_ms']:7.2f} ms  {result['cpu_us']:7.1f} us CPU"
    )


if __name__ == "__main__":
    main()
