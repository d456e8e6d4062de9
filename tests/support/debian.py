"""Debian's packages: the servers that the tests run against, installed when they are not there and we are root."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .installing import one_at_a_time

PLACES = ("/usr/sbin", "/usr/bin", "/usr/local/bin")


def program(name: str, package: str) -> str:
    """Return the path of a program; where it is missing, install the Debian *package* that has it."""
    found = _find(name)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        with one_at_a_time():
            if (found := _find(name)) is None:
                install(package)
                found = _find(name)
    if found is None:
        raise RuntimeError(f"{name} is needed for this test: apt-get install {package}")
    return found


def install(package: str) -> None:
    """Install a Debian package, without the services that it would start."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
        subprocess.run(["apt-get", *command], env=environment, check=True, capture_output=True, timeout=600)


def _find(name: str) -> str | None:
    clusters = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, clusters), *PLACES, os.environ.get("PATH", "")]))
