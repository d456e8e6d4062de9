"""`python -m bench`: the fruit service beside a reference, Flask and FastAPI; results.json and a table, in one run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

from fruit_service.issuer.server import LocalIssuer
from tests.support.debian import program
from tests.support.ports import free_port

HERE = Path(__file__).parent
CONNECTIONS = (1, 16, 64, 256)
POST = 'wrk.method = "POST"\nwrk.body = \'{"usual": ["apple"]}\'\nwrk.headers["Content-Type"] = "application/json"\n'
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


def main() -> None:
    """Measure all; write results.json, print the table."""
    seconds = int(os.environ.get("BENCH_SECONDS", "3"))
    with tempfile.TemporaryDirectory() as folder, LocalIssuer(port=0, lifetime=36_000) as issuer:
        good = issuer.access_token("read:exotic-fruit write:exotic-fruit")
        settings = {"FRUIT_ISSUER": issuer.issuer, "FRUIT_DATABASE": f"sqlite:///{folder}/fruits.sqlite"}
        post = Path(folder) / "post.lua"
        post.write_text(POST)
        results: list[dict[str, Any]] = []
        size = 0
        for name, command in contenders().items():
            with running(command, size, good, settings) as (url, process, start):
                size = size or len(get(url, good).content)
                for what, token, script in (
                    ("GET", good, None),
                    ("POST", good, post),
                    ("refusal", good[:-8] + "AAAAAAAA", None),
                ):
                    for connections in CONNECTIONS:
                        figures = measured(url, process, token, script, connections, seconds)
                        results.append({"server": name, "request": what, "connections": connections, **figures})
                        print(row(results[-1]), flush=True)
                results.append({"server": name, "request": "start", "seconds": round(start, 3)})
    (HERE / "results.json").write_text(json.dumps({"seconds": seconds, "results": results}, indent=1) + "\n")


def contenders() -> Mapping[str, list[str]]:
    """Return the commands; PORT and SIZE stand for what is known later. The service goes first and makes the data."""
    gunicorn = str(shutil.which("gunicorn", path=str(Path(sys.executable).parent)))
    python = sys.executable
    return {
        "fruit service": [python, "-m", "fruit_service", "--port", "PORT"],
        "reference": [python, "-m", "bench.reference", "PORT", "SIZE"],
        "flask": [gunicorn, "--workers", "1", "--bind", "127.0.0.1:PORT", "bench.flask_app:app"],
        "fastapi": [
            *(python, "-m", "uvicorn", "bench.fastapi_app:app", "--port", "PORT"),
            *("--no-access-log", "--log-level", "error"),
        ],
    }


@contextmanager
def running(
    command: list[str], size: int, token: str, settings: Mapping[str, str]
) -> Iterator[tuple[str, psutil.Process, float]]:
    """Start a server; yield its URL, its process and the seconds to its first answer."""
    port = str(free_port())
    full = [word.replace("PORT", port).replace("SIZE", str(size)) for word in command]
    began = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(full, env={**os.environ, **settings}, cwd=HERE.parent, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}/api/fruit"
            while not is_there(url, token):
                if process.poll() is not None or time.monotonic() - began > 60:
                    raise SystemExit(f"{' '.join(full)} does not start")
                time.sleep(0.005)
            yield url, psutil.Process(process.pid), time.monotonic() - began
        finally:
            process.terminate()
            process.wait(20)


def get(url: str, token: str) -> requests.Response:
    """Ask once."""
    return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)


def is_there(url: str, token: str) -> bool:
    """Tell whether the server answers yet."""
    try:
        return get(url, token).status_code == 200
    except requests.ConnectionError:
        return False


def measured(
    url: str, process: psutil.Process, token: str, script: Path | None, connections: int, seconds: int
) -> dict[str, float]:
    """Load the server with wrk; return its rate, latencies in ms and its own CPU time for each request in us."""
    command = [program("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["-s", str(script)] if script else []
    before = cpu(process)
    ended = subprocess.run([*command, "-H", f"Authorization: Bearer {token}", url], capture_output=True, text=True)
    used = cpu(process) - before
    count = int(found(r"(\d+) requests in", ended.stdout)[0])
    p50, p99 = (float(value) * UNITS[unit] for value, unit in latencies(ended.stdout))
    rate = float(found(r"Requests/sec:\s+([\d.]+)", ended.stdout)[0])
    return {"per_second": rate, "p50_ms": p50, "p99_ms": p99, "cpu_us": round(used / max(count, 1) * 1e6, 1)}


def latencies(text: str) -> Iterator[tuple[str, str]]:
    """Return the median and the 99th percentile with their units."""
    for percent in ("50", "99"):
        value, unit = found(rf"{percent}%\s+([\d.]+)(us|ms|s|m)", text)
        yield value, unit


def found(pattern: str, text: str) -> tuple[str, ...]:
    """Return the groups of *pattern* in what wrk printed."""
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk says something else: {text}")
    return tuple(match.groups())


def cpu(process: psutil.Process) -> float:
    """Return the CPU time of a server and its workers, in seconds."""
    return sum(sum(each.cpu_times()[:2]) for each in (process, *process.children(recursive=True)))


def row(result: Mapping[str, Any]) -> str:
    """Return one line of the table."""
    return (
        f"{result['server']:14} {result['request']:8} {result['connections']:4} {result['per_second']:9.0f}/s  "
        f"p50 {result['p50_ms']:7.2f} ms  p99 {result['p99_ms']:7.2f} ms  {result['cpu_us']:7.1f} us CPU"
    )


if __name__ == "__main__":
    main()
