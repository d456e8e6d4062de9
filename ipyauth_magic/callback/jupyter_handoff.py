"""The hand-off of a response from the Jupyter server to the kernel that waits for it, by files of this user alone.

The kernel writes the port of its listener and a secret into a file, whose name is a digest of `state`. The server reads
`state` from the response and opens that file. It encrypts the response with the secret, and the kernel its answer. So
each side knows that the other one could read the file, and the secret never leaves the two processes.

The response is encrypted because the port alone proves nothing: a kernel that is killed leaves its file, and then any
user may bind its port. A challenge before the response would have to be on the same connection, as the kernel may end
between the two. A Unix socket in the runtime folder would need no secret, but a home folder on a network may not hold
one, its path may be too long, and Windows has none.
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
from typing import TYPE_CHECKING

from ..store.private_directory import PrivateFolder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

QUERY_HEADER = "X-Ipyauth-Response-In"
"""The part of the URL in which the response stood: `query` or `fragment`."""

HANDOVER_PATH = "/handover"

ABANDONED = 2 * 3600.0
"""Age in seconds of an abandoned hand-off file. No sign-in waits for longer than an hour."""

_PREFIX = "ipyauth-waiting-"
_FILE_LIMIT = 1024
_NONCE = 12
"""Bytes of the nonce of AES-GCM (NIST SP 800-38D, 8.2), which stand before what is encrypted."""

SEAL = _NONCE + 16
"""Bytes by which sealing makes a content longer: the nonce, and the tag of AES-GCM."""


@dataclass(frozen=True)
class HandOff:
    """The port of a kernel's listener, and the secret that only this kernel and its Jupyter server know."""

    port: int
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def sealed(self, content: bytes, about: bytes) -> bytes:
        """Return *content* encrypted for the other side, which must open it with the same *about*."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher().encrypt(nonce, content, about)

    def opened(self, sealed: bytes, about: bytes) -> bytes | None:
        """Return the content of *sealed*; None if another secret sealed it, or it is about another thing."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], about)
        except (InvalidTag, ValueError):  # ValueError: it is shorter than a nonce
            return None

    def _cipher(self) -> AESGCM:
        # Imported here: a kernel that is not behind Jupyter never needs it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(hashlib.sha256(self.secret.encode()).digest())

    def publish(self, state: str, folder: Path | None = None) -> Published:
        """Write the hand-off file for *state*, for the Jupyter server. `unpublish` of the result removes it.

        Raises:
            OSError: the runtime folder cannot be written, or belongs to another user.
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
    """A file in the runtime folder, for the other side to read."""

    place: PrivateFolder
    name: str
    process: int = field(default_factory=os.getpid)

    def unpublish(self) -> None:
        """Remove the file. A second call does nothing, and neither does one in a forked child."""
        if self.process == os.getpid():
            with suppress(OSError):
                self.place.remove(self.name)
        atexit.unregister(self.unpublish)


def lookup(state: str, folder: Path | None = None) -> HandOff | None:
    """Return the hand-off of the kernel that waits for a response with *state*, or None.

    A file that other users can write does not count.
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
    """Return Jupyter's runtime folder, which a server shares with its kernels; None without Jupyter."""
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return None
    return Path(jupyter_runtime_dir())


def publish_server(folder: Path) -> Published:
    """Tell the kernels of this Jupyter server, by a file, that it passes responses on.

    Raises:
        OSError: the runtime folder cannot be written, or belongs to another user.
    """
    marker = Published(PrivateFolder(folder), _marker_of(os.getpid()))
    marker.place.replace(marker.name, b"{}")
    atexit.register(marker.unpublish)
    return marker


def server_hands_over(folder: Path, pid: int) -> bool:
    """Return whether the Jupyter server with process id *pid* passes responses on."""
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
    """Remove the files of killed kernels."""
    with suppress(OSError):
        for path in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                if time.time() - path.lstat().st_mtime > ABANDONED:
                    path.unlink()
