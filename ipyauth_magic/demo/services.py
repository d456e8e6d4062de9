"""The programs of the demonstration: the local issuer, fruit APIs and JupyterLab, each a process of its own."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from itertools import chain, count
from pathlib import Path
from types import MappingProxyType

import requests

STARTING = 60
"""Seconds within which each service must answer."""

ENDING = 10
"""Seconds for a process to end after it was told to."""

LIFETIME = 900
"""Seconds of an access token. A reader needs more time for a notebook than the issuer's default of 60."""


@dataclass(frozen=True)
class Ports:
    """Where things listen: on the usual ports, or on free ones where another process is in the way."""

    issuer: int = 9400
    fruit: int = 5000
    market: int = 5001
    callback: int = 8765
    jupyter: int = 8888

    @classmethod
    def available(cls) -> Ports:
        """Return the usual ports, with a free one in place of each that is taken."""
        return cls(*(port if is_free(port) else _free_port() for port in astuple(cls())))

    def written_into(self, text: str) -> str:
        """Return *text*, of a notebook or a dotenv file, with these ports in place of the usual ones."""
        now = {f":{before}": f":{after}" for before, after in zip(astuple(Ports()), astuple(self), strict=True)}
        return re.sub(rf"({'|'.join(now)})\b", lambda found: now[found[0]], text)

    @property
    def callback_urls(self) -> tuple[str, str]:
        """The redirect URIs that the issuer allows: a port of the kernel, and Jupyter's own."""
        return f"http://127.0.0.1:{self.callback}/callback/", f"http://localhost:{self.jupyter}/callback/"


def is_free(port: int) -> bool:
    """Return whether no process listens on *port* of this machine's loopback addresses."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as bound:
                if os.name == "posix":  # on Windows this option would allow a second process on the port
                    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                bound.bind((address, port))
        except OSError as error:  # any other one means that there is no IPv6
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
    return True


def _free_port() -> int:
    while True:
        with socket.socket(socket.AF_INET) as bound:
            bound.bind(("127.0.0.1", 0))
            port: int = bound.getsockname()[1]
        if is_free(port):
            return port


@dataclass(frozen=True)
class Service:
    """A module that Python runs, and the URL that answers once it is ready."""

    name: str
    command: Sequence[str]
    url: str

    @contextmanager
    def running(self, folder: Path) -> Iterator[Callable[[], None]]:
        """Run it until the end of the block, its log in *folder*; yield what waits until it is ready."""
        log = folder / f"{self.name}.log"
        with log.open("wb") as lines:
            process = subprocess.Popen([sys.executable, "-m", *self.command], stdout=lines, stderr=lines)
        try:
            yield lambda: self._wait(process, log)
        finally:
            _end(process)

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        ends_at = time.monotonic() + STARTING
        with requests.Session() as session:
            session.trust_env = False  # no proxy for loopback
            while True:
                try:
                    session.get(self.url, timeout=5).raise_for_status()
                    return
                except requests.RequestException as error:
                    if process.poll() is not None or time.monotonic() > ends_at:
                        said = log.read_text(encoding="utf-8", errors="replace")
                        raise SystemExit(f"The {self.name} does not answer at {self.url}. It said:\n{said}") from error
                    time.sleep(0.05)


def issuer(ports: Ports, other_apis: Mapping[str, int] = MappingProxyType({}), *options: str) -> Service:
    """Return the local issuer. It knows *other_apis* too, each with the lifetime of its access tokens in seconds."""
    command = ["fruit_service.issuer", "--port", str(ports.issuer), "--lifetime", str(LIFETIME)]
    for name, lifetime in other_apis.items():
        command += ["--api", f"{name}={lifetime}"]
    for url in ports.callback_urls:
        command += ["--callback-url", url]
    return Service("issuer", [*command, *options], f"http://localhost:{ports.issuer}/.well-known/openid-configuration")


def api(name: str, port: int, ports: Ports, folder: Path, *options: str) -> Service:
    """Return the API `api/NAME` on *port*, whose fruits are in *folder*."""
    command = ["fruit_service", "--port", str(port), "--issuer", f"http://localhost:{ports.issuer}/"]
    command += ["--audience", f"api/{name}", "--database", f"sqlite:///{(folder / name).as_posix()}.sqlite"]
    return Service(name, [*command, *options], f"http://127.0.0.1:{port}/readyz")


@contextmanager
def running(services: Sequence[Service], folder: Path) -> Iterator[None]:
    """Run *services*, their logs in *folder*, until the end of the block.

    Raises:
        SystemExit: one of them does not answer. The sentence has its log.
    """
    with ExitStack() as stack:
        for wait in [stack.enter_context(each.running(folder)) for each in services]:  # they start side by side
            wait()
        yield


def run_jupyterlab(folder: Path, name: str, port: int, browser: bool) -> int:
    """Run JupyterLab on *port* in *folder*, the notebook *name* first, until it ends or by Ctrl-C; return its status.

    With *browser* it opens a browser. Without, the link that it prints leads there.
    """
    # `default_url`, not an argument: the printed link leads to the notebook too.
    command = [sys.executable, "-m", "jupyterlab", f"--port={port}", f"--LabApp.default_url=/lab/tree/{name}"]
    command += ["--ServerApp.port_retries=0", "--Application.log_level=ERROR"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    if not browser:
        command.append("--no-browser")
    with _without_news() as environ:
        # A group of its own: at a terminal's Ctrl-C JupyterLab would ask a question. It ends its kernels.
        group = 0 if os.name == "posix" else None
        process = subprocess.Popen(command, cwd=folder, env=environ, process_group=group)
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _end(process)


@contextmanager
def _without_news() -> Iterator[dict[str, str]]:
    """Return an environment in which JupyterLab does not ask in a pop-up whether to fetch news.

    This is a default of its settings, which those of the user prevail over. `LabApp.news_url` does not do it.
    """
    with tempfile.TemporaryDirectory(prefix="ipyauth-demo-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "labconfig" / "default_setting_overrides.json"
        path.parent.mkdir()
        path.write_text('{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}', encoding="utf-8")
        others = [each] if (each := os.environ.get("JUPYTER_CONFIG_PATH")) else []
        yield {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join([folder, *others])}


def exit_on_signals() -> None:
    """Let the signals that end a program, and that of a closed terminal, end the services too."""
    for name in ("SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):  # Windows has one of them
            signal.signal(number, lambda received, _: sys.exit(128 + received))


def has_display() -> bool:
    """Return whether a user can see a display of this machine."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def unused(folder: Path, name: str, suffix: str = "") -> Path:
    """Return a path in *folder* that is not there yet: what a user changed, or has open, in an earlier one stays."""
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(path for each in names if not (path := folder / f"{each}{suffix}").exists())


def _end(process: subprocess.Popen[bytes]) -> None:
    """End *process*, by force if it does not end when it is told to."""
    if process.poll() is None:
        process.terminate()
        if not _wait_for(process):
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=ENDING)
    except subprocess.TimeoutExpired:
        return False
    return True
