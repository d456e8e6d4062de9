"""HTTP servers of the tests: each runs in a thread of its own until the end of a block."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .threads import joined


class QuietServer(ThreadingHTTPServer):
    """A server on a free port of 127.0.0.1, which prints nothing where a client breaks a connection off."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.port: int = self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what is a defect of the handler."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class QuietHandler(BaseHTTPRequestHandler):
    """Answers without a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def running(server: QuietServer) -> Iterator[QuietServer]:
    """Let *server* answer in a thread until the end of the block; then its port is free, and the thread has ended."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="test-server", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        joined([thread], 10)
