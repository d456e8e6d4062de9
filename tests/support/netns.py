"""A machine that only SSH reaches: a network namespace with a loopback of its own, and nothing else.

    with RemoteMachine() as remote, JupyterLab(folder, launcher=remote.launcher) as lab: ...
    with remote.local_forward(8888): ...  # ssh -L 8888:127.0.0.1:8888: our port leads to its
    with remote.remote_forward(8080): ...  # ssh -R 8080:127.0.0.1:8080: its port leads to ours

What runs there sees our files and processes; a tunnel goes through a Unix socket, which belongs to no network.
`unshare` and `nsenter` are on every Linux; the kernel of the machine must let us make a namespace, which root may, and
on most machines everybody. Nothing is left of it when its last process has ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from .lab import ROOT

WAYS = (("--net",), ("--net", "--user", "--map-root-user"))
"""How a namespace is made by root, and by others."""

LOOPBACK = """
import fcntl, socket, struct, sys
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))
print("ready", flush=True)
sys.stdin.read()
"""


class RemoteMachine:
    """The namespace as a context manager: it is there within the block."""

    launcher: Sequence[str]
    """What stands before a command that is to run there."""

    def __enter__(self) -> Self:
        """Make the namespace, and switch its loopback on."""
        self._open = ExitStack()
        with self._open:
            way = possible_way()
            held = self._open.enter_context(ending_with_us(["unshare", *way, sys.executable, "-c", LOOPBACK]))
            user = ("--user", "--preserve-credentials") if "--user" in way else ()
            self.launcher = ("nsenter", "--target", str(held.pid), "--net", *user)
            self._sockets = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="netns-")))
            self._open = self._open.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the namespace go."""
        self._open.close()

    def run(self, source: str, *arguments: str) -> str:
        """Run Python *source* there, to its end, and return what it printed."""
        command = [*self.launcher, sys.executable, "-c", source, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    @contextmanager
    def local_forward(self, port: int, remote_port: int = 0) -> Iterator[None]:
        """Lead our *port* of 127.0.0.1 to its port of the same number, or to *remote_port*, as `ssh -L` does."""
        middle = str(self._sockets / f"L{port}")
        with self._end(str(port), middle), self._end(middle, str(remote_port or port), there=True):
            yield

    @contextmanager
    def remote_forward(self, port: int, local_port: int = 0) -> Iterator[None]:
        """Lead its *port* of 127.0.0.1 to our port of the same number, or to *local_port*, as `ssh -R` does."""
        middle = str(self._sockets / f"R{port}")
        with self._end(middle, str(local_port or port)), self._end(str(port), middle, there=True):
            yield

    @contextmanager
    def _end(self, listen: str, connect: str, *, there: bool = False) -> Iterator[None]:
        command = [sys.executable, "-m", "tests.support.forwarder", listen, connect]
        try:
            with ending_with_us([*self.launcher, *command] if there else command):
                yield
        finally:
            if not listen.isdecimal():
                Path(listen).unlink(missing_ok=True)


def possible_way() -> Sequence[str]:
    """Return the options of `unshare` by which this machine lets us make a network namespace."""
    said = ""
    for way in WAYS:
        tried = subprocess.run(["unshare", *way, "true"], capture_output=True, text=True, check=False, timeout=60)
        if tried.returncode == 0:
            return way
        said += tried.stderr
    raise RuntimeError(f"this machine lets us make no network namespace: run the tests as root, or allow it:\n{said}")


@contextmanager
def ending_with_us(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Run *command*, which says `ready` and ends when its standard input does, within the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"{' '.join(command)} did not start")
            yield process
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
