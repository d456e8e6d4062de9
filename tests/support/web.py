"""A small HTTP server in a thread, whose answers a test decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from .http_server import QuietHandler, QuietServer, running


@dataclass
class Web:
    """What a test's server was asked and sent, and what it answers: status, headers and body by path."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answers: dict[str, tuple[int, Mapping[str, str], bytes | Callable[[], Iterator[bytes]]]] = field(
        default_factory=dict
    )


@contextmanager
def serving() -> Iterator[Web]:
    """Give a running server on 127.0.0.1; 404 for any path without an answer."""
    web = Web()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            web.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.do_GET()

        def do_GET(self) -> None:
            web.asked.append(self.path)
            web.headers.append(dict(self.headers.items()))
            status, headers, body = web.answers.get(self.path, (404, {}, b"nothing here"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for part in [body] if isinstance(body, bytes) else body():
                    self.wfile.write(part)
            except OSError:
                self.close_connection = True

    with running(QuietServer(Handler)) as server:
        web.url = f"http://127.0.0.1:{server.port}"
        yield web
