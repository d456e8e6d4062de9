"""What this process finds of its surroundings: the Jupyter server that started it, and where it runs."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..environment import Environment, JupyterServer
from .rendezvous import is_marked, runtime_folder

_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman leave in a container."""

_FILE_LIMIT = 64 * 1024


def this_environment() -> Environment:
    """Return where this process runs."""
    is_container = any(os.path.exists(mark) for mark in _CONTAINER_MARKS)
    return Environment.of(os.environ, sys.modules, own_server(), is_container)


def own_server() -> JupyterServer | None:
    """Return the Jupyter server that started this process, if one did (`JPY_PARENT_PID`, `jpserver-<pid>.json`)."""
    pid = os.environ.get("JPY_PARENT_PID", "")
    folder = runtime_folder() if pid.isdigit() else None
    described = _read(folder / f"jpserver-{pid}.json") if folder else {}
    port, base_url = described.get("port"), described.get("base_url")
    if folder is None or not isinstance(port, int) or not isinstance(base_url, str):
        return None
    return JupyterServer(port, base_url, is_marked(folder, int(pid)))


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        with path.open("rb") as file:
            found = json.loads(file.read(_FILE_LIMIT))
        if isinstance(found, dict):
            return found
    return {}
