"""When, on what and with which versions a benchmark ran; nothing in it names a machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def circumstances(packages: Iterable[str]) -> dict[str, Any]:
    """Return date, machine, and the versions of those *packages* that are installed."""
    versions = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), "versions": versions}


def machine() -> dict[str, Any]:
    """Return what a figure depends on: processor, memory, system and Python."""
    system = f"{platform.system()} {platform.release()}"
    with suppress(OSError):
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "memory_gib": round(memory),
        "system": system,
        "python": platform.python_version(),
    }


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
