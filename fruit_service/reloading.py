"""Reloading: restarts the service when one of its files changes, for development."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

INTERVAL = 0.3
"""Seconds between two checks of the files."""
SUFFIXES = frozenset({".py", ".html", ".css", ".svg", ".json"})


def run_reloading(arguments: Sequence[str], folder: Path = Path(__file__).parent) -> None:
    """Run the service with *arguments* in a child process, until a signal. Each change starts a new child process."""
    while True:
        seen = _times(folder)
        process = subprocess.Popen([sys.executable, "-m", "fruit_service", *arguments])
        try:
            while _times(folder) == seen:
                time.sleep(INTERVAL)
        finally:
            process.terminate()
            process.wait()
        print("A file has changed: restarting.", flush=True)


def _times(folder: Path) -> dict[Path, int]:
    """Return the time of the last change of each file; 0 for a file that was removed meanwhile."""
    files = [path for path in folder.rglob("*") if path.suffix in SUFFIXES]
    return {path: path.stat().st_mtime_ns if path.exists() else 0 for path in files}
