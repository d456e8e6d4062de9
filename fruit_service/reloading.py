"""Reloading: the service is started anew whenever a file of it changes; for development."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

INTERVAL = 0.3
"""Between two looks at the files, in seconds."""
SUFFIXES = frozenset({".py", ".html", ".css", ".svg", ".json"})


def run_reloading(arguments: Sequence[str], folder: Path = Path(__file__).parent) -> None:
    """Run the service with *arguments* in a process of its own, and a new one after each change, until a signal."""
    while True:
        seen = _times(folder)
        process = subprocess.Popen([sys.executable, "-m", "fruit_service", *arguments])
        try:
            while _times(folder) == seen:
                time.sleep(INTERVAL)
        finally:
            process.terminate()
            process.wait()
        print("A file has changed: starting anew.", flush=True)


def _times(folder: Path) -> dict[Path, int]:
    """Return when each file was changed last; one that vanishes meanwhile counts as changed."""
    files = [path for path in folder.rglob("*") if path.suffix in SUFFIXES]
    return {path: path.stat().st_mtime_ns if path.exists() else 0 for path in files}
