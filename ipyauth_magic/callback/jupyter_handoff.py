"""Where a kernel that waits for a response and the Jupyter server that receives it meet: files of this user alone.

The kernel leaves the port of its listener and a secret in a file named by a digest of the state; the server, which
learns the state from the response, finds the kernel by it, and proves by the secret that it could read the file.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..store.private_directory import PrivateFolder

SECRET_HEADER = "X-Ipyauth-Secret"
"""Proves to the kernel's listener that who hands a response over has read the rendezvous file."""

QUERY_HEADER = "X-Ipyauth-Response-In"
"""Tells the kernel's listener where in the URL the response stood: `query` or `fragment`."""

HANDOVER_PATH = "/handover"

ABANDONED = 2 * 3600.0
"""Seconds after which a rendezvous belongs to nobody: no sign-in waits for longer than an hour."""

_PREFIX = "ipyauth-waiting-"
_FILE_LIMIT = 1024


@dataclass(frozen=True)
class HandOff:
    """Where the listener of a kernel is, and what proves that somebody may hand it a response."""

    port: int
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def publish(self, state: str, folder: Path | None = None) -> Published:
        """Let the Jupyter server find this by *state*, until the result is withdrawn.

        Raises:
            OSError: the runtime folder cannot be written to, or belongs to somebody else.
        """
        place = PrivateFolder(folder or _required(runtime_folder()))
        _sweep(place.path)
        name = _name_of(state)
        place.replace(name, json.dumps({"port": self.port, "secret": self.secret}).encode())
        published = Published(place, name)
        atexit.register(published.unpublish)
        return published


@dataclass(frozen=True)
class Published:
    """A rendezvous that the Jupyter server can find."""

    place: PrivateFolder
    name: str

    def unpublish(self) -> None:
        """Take it away; any number of times."""
        with suppress(OSError):
            self.place.remove(self.name)
        atexit.unregister(self.unpublish)


def lookup(state: str, folder: Path | None = None) -> HandOff | None:
    """Return the rendezvous of the kernel that waits for a response with *state*; None if none does.

    A file that is not this user's alone does not count.
    """
    place = folder or runtime_folder()
    data = PrivateFolder(place).read(_name_of(state), _FILE_LIMIT) if place else None
    try:
        document = json.loads(data or b"null")
        port, secret = document["port"], document["secret"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    is_sound = isinstance(port, int) and 0 < port < 65536 and isinstance(secret, str)
    return HandOff(port, secret) if is_sound else None


def runtime_folder() -> Path | None:
    """Return Jupyter's runtime folder, which a server shares with its kernels; None where there is no Jupyter."""
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return None
    return Path(jupyter_runtime_dir())


def mark(folder: Path) -> Published:
    """Let the kernels of this Jupyter server know that it hands responses over, until the result is withdrawn.

    Raises:
        OSError: the runtime folder cannot be written to, or belongs to somebody else.
    """
    marker = Published(PrivateFolder(folder), _marker_of(os.getpid()))
    marker.place.replace(marker.name, b"{}")
    atexit.register(marker.unpublish)
    return marker


def is_marked(folder: Path, pid: int) -> bool:
    """Tell whether the Jupyter server with process id *pid* hands responses over."""
    return PrivateFolder(folder).read(_marker_of(pid), _FILE_LIMIT) is not None


def _name_of(state: str) -> str:
    return f"{_PREFIX}{hashlib.sha256(state.encode()).hexdigest()}.json"


def _marker_of(pid: int) -> str:
    return f"ipyauth-server-{pid}.json"


def _required(folder: Path | None) -> Path:
    if folder is None:
        raise FileNotFoundError("jupyter_core is not installed here")
    return folder


def _sweep(folder: Path) -> None:
    """Remove what killed kernels left."""
    with suppress(OSError):
        for path in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                if time.time() - path.lstat().st_mtime > ABANDONED:
                    path.unlink()
