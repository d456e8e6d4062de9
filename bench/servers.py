"""The servers that are compared: how each is started, and what its processes have used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.support.ports import free_port

ROOT = Path(__file__).parents[1]
SERVICE, REFERENCE, FLASK, FASTAPI = "fruit service", "reference", "flask", "fastapi"


@dataclass(frozen=True)
class Serving:
    """A server that answers: its URL, its main process, and the seconds from its start to its first answer."""

    url: str
    process: psutil.Process
    start: float

    def cpu(self) -> float:
        """Return the CPU time of the server and its workers, in seconds."""
        return sum(sum(each.cpu_times()[:2]) for each in self._processes())

    def memory(self) -> int:
        """Return the resident memory of the server and its workers, in bytes."""
        return sum(each.memory_info().rss for each in self._processes())

    def _processes(self) -> Sequence[psutil.Process]:
        return (self.process, *self.process.children(recursive=True))


def command(server: str, port: int, size: int = 0) -> list[str]:
    """Return the command that starts *server*; *size* is that of the reference's answer, in bytes."""
    module = [sys.executable, "-m"]
    return {
        SERVICE: [*module, "fruit_service", "--port", str(port)],
        REFERENCE: [*module, "bench.reference", str(port), str(size)],
        # Threads: gunicorn's own default closes the connection after each answer.
        FLASK: [*module, "gunicorn", "--threads", "2", "--bind", f"127.0.0.1:{port}", "bench.flask_app:app"],
        FASTAPI: [*module, "uvicorn", "bench.fastapi_app:app", "--port", str(port), "--no-access-log"],
    }[server]


@contextmanager
def serving(server: str, token: str, settings: Mapping[str, str], size: int = 0) -> Iterator[Serving]:
    """Run *server* from its first answer to *token* on."""
    port = free_port()
    url, words = f"http://127.0.0.1:{port}/api/fruit", command(server, port, size)
    with tempfile.TemporaryFile() as log:
        began = time.monotonic()
        process = subprocess.Popen(words, env={**os.environ, **settings}, cwd=ROOT, stdout=log, stderr=log)
        try:
            while not _answers(url, token):
                if process.poll() is not None or time.monotonic() - began > 60:
                    log.seek(0)
                    raise SystemExit(f"{server} does not start: {log.read().decode(errors='replace')}")
                time.sleep(0.002)
            yield Serving(url, psutil.Process(process.pid), time.monotonic() - began)
        finally:
            process.terminate()
            process.wait(20)


def _answers(url: str, token: str) -> bool:
    try:
        return answer(url, token).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def answer(url: str, token: str) -> bytes:
    """Ask once; return the whole response."""
    port = urlsplit(url).port or 80
    head = f"GET /api/fruit HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))
