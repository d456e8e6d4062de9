"""A notebook's kernel with a Dask cluster, as a program: calls from its workers, which are killed and added meanwhile.

`python -m tests.support.cluster_day URL CALLS SECONDS FOLDER` takes the parameters of the sign-in as JSON on its
standard input; the tokens are those of the file store. It calls URL at least CALLS times and for SECONDS, and leaves in
FOLDER the state of the cluster and what its workers spilled. In the end it prints what the calls came to, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import webbrowser
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import dask
import requests
from distributed import Client, LocalCluster
from distributed.comm.core import CommClosedError

from ipyauth_magic import Auth, ParamsAuth0

from .caller import no_browser

AT_ONCE = 40
KEPT = 200
"""Answers that stay on the cluster, more than its memory may hold: they are spilled."""


def get(url: str, auth: Any) -> requests.Response:
    """Call the API: a task. What it brings is large enough to be spilled."""
    answer = requests.get(url, auth=auth, timeout=30)
    answer.headers["X-Ballast"] = "x" * 50_000
    return answer


def main(url: str, calls: int, seconds: float, folder: Path) -> None:
    """Call until there were enough calls and enough time has passed."""
    webbrowser.get = no_browser
    auth = Auth(ParamsAuth0(**json.load(sys.stdin)), flow="code", store="file").sign_in()
    spilling = {f"distributed.worker.memory.{name}": 1e-4 for name in ("target", "spill")}
    places = {"local_directory": str(folder), "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set({**spilling, "distributed.worker.memory.pause": False}),
        LocalCluster(n_workers=2, threads_per_worker=4, silence_logs=False, **places) as cluster,
        Client(cluster) as client,
        auth.on_dask(client) as on_workers,
    ):
        kept = [client.submit(get, url, on_workers, pure=False) for _ in range(KEPT)]
        outcomes = Counter(outcome(each.result(60)) for each in kept)
        end, killings = time.monotonic() + seconds, 0
        while outcomes.total() < calls or time.monotonic() < end:
            tasks = [client.submit(get, url, on_workers, pure=False, retries=10) for _ in range(AT_ONCE)]
            if outcomes.total() > calls * (killings + 1) / 4 and killings < 3:
                killings += 1
                kill_one(client)
                cluster.scale(2 + killings % 2)
            outcomes.update(outcome(each.result(60)) for each in tasks)
            time.sleep(AT_ONCE * seconds / calls / 2)
        client.dump_cluster_state(str(folder / "state"), format="yaml")
        (folder / "events").write_text(repr(client.get_events()), encoding="utf-8")
        copy_spilled(client, folder)
        print(json.dumps({"outcomes": outcomes, "killings": killings}), flush=True)


def outcome(answer: requests.Response) -> str:
    """Return what came of a call, the tries before it included."""
    return " ".join(str(each.status_code) for each in (*answer.history, answer))


def kill_one(client: Client) -> None:
    """End a worker's process as the system does where memory is short; its nanny starts another."""
    first = next(iter(client.scheduler_info()["workers"]))
    with suppress(CommClosedError, OSError):
        client.run(lambda: os.kill(os.getpid(), signal.SIGKILL), workers=[first], on_error="ignore")


def copy_spilled(client: Client, folder: Path) -> None:
    """Copy what the workers have spilled: it goes with them."""

    def copy(dask_worker: Any) -> int:
        place = folder / f"spilled-{os.getpid()}"
        place.mkdir()
        spilled = [path for path in Path(dask_worker.local_directory).rglob("*") if path.is_file()]
        for number, path in enumerate(spilled):
            (place / str(number)).write_bytes(path.read_bytes())
        return len(spilled)

    client.run(copy)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
