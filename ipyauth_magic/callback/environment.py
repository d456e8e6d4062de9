"""The environment of this process: the Jupyter server that started it, and the place where it runs."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from .jupyter_handoff import runtime_folder, server_hands_over
from .routes import Environment, JupyterServer

_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman create in a container."""

_FILE_LIMIT = 64 * 1024


def this_environment() -> Environment:
    """Return the environment of this process."""
    return Environment.of(os.environ, sys.modules, own_server(), _is_in_container())


def where_no_browser_is() -> str | None:
    """Return the place of this process as words if the user's browser never runs there, else None."""
    return Environment.of(os.environ, sys.modules).where


@cache  # a process does not move
def _is_in_container() -> bool:
    return any(os.path.exists(mark) for mark in _CONTAINER_MARKS)


def own_server() -> JupyterServer | None:
    """Return the Jupyter server that started this process (`JPY_PARENT_PID`, `jpserver-<pid>.json`), or None."""
    pid = os.environ.get("JPY_PARENT_PID", "")
    folder = runtime_folder() if pid.isdigit() else None
    described = _read(folder / f"jpserver-{pid}.json") if folder else {}
    port, base_url = described.get("port"), described.get("base_url")
    if folder is None or not isinstance(port, int) or not isinstance(base_url, str):
        return None
    return JupyterServer(port, base_url, server_hands_over(folder, int(pid)))


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        with path.open("rb") as file:
            found = json.loads(file.read(_FILE_LIMIT))
        if isinstance(found, dict):
            return found
    return {}
