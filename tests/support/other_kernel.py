"""A kernel in another virtual environment than the server's: it has this project and ipykernel, and no Jupyter server.

kernel = OtherKernel(folder)            # makes the environment: once per session
kernel.register(lab.folder / "data")    # where the server looks for kernels: its JUPYTER_DATA_DIR
lab.write_notebook("other.ipynb", ["import sys"], kernel=kernel.name)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .lab import ROOT

PACKAGES = ("ipykernel>=7", "--editable", str(ROOT))
INSTALLING = 600
"""Seconds within which the packages must be there."""


class OtherKernel:
    """A virtual environment of its own, and the kernel that runs in it."""

    name = "other-environment"

    def __init__(self, folder: Path) -> None:
        """Make the environment in *folder*, with packages from PyPI."""
        self.folder = folder
        self.python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        for command in ([sys.executable, "-m", "venv", str(folder)], [str(self.python), *pip, *PACKAGES]):
            done = subprocess.run(command, env=clean(), capture_output=True, text=True, check=False, timeout=INSTALLING)
            if done.returncode:
                raise RuntimeError(f"{command} failed:\n{done.stdout}{done.stderr}")

    def has(self, module: str) -> bool:
        """Tell whether *module* can be imported there."""
        source = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        return subprocess.run([self.python, "-c", source], env=clean(), check=False, timeout=60).returncode == 0

    def register(self, data: Path) -> None:
        """Tell the servers whose JUPYTER_DATA_DIR is *data* of this kernel."""
        spec = {
            "argv": [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Other environment",
            "language": "python",
            # Else the kernel finds the tests' own modules before its own.
            "env": {"PYTHONPATH": ""},
        }
        folder = data / "kernels" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kernel.json").write_text(json.dumps(spec))


def clean() -> dict[str, str]:
    """Return this process's environment without what would lend another Python our packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
