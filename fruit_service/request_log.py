"""The request log: one JSON line for each request, without any field that could contain a token."""

from __future__ import annotations

import itertools
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from .bearer import SUBJECT

REQUEST_ID = "HTTP_X_REQUEST_ID"
WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Write = Callable[[str], object]

# An id must be unique, not secret: a random number for each request would cost a system call.
_PROCESS = secrets.token_hex(8)
_numbers = itertools.count()
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# The forms of proxies: 32 hexadecimal digits from nginx, a UUID from others. Any other text is not trusted.
_REQUEST_ID = re.compile(r"[0-9A-Fa-f-]{8,36}")


def to_stderr(line: str) -> None:
    """Write *line* to standard error, at once and in one piece. A failure does not stop the request."""
    with suppress(OSError, ValueError):  # a full disk, a collector that has ended, a closed stream
        sys.stderr.write(line)
        sys.stderr.flush()


class RequestLog:
    """A WSGI application around another one: writes a line for each answer, and adds `X-Request-Id` to it.

    The line contains the route instead of the path, which may contain anything, and the subject of a verified token.
    """

    def __init__(self, app: WSGI, write: Write = to_stderr) -> None:
        self._app = app
        self._write = write

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer, and write the line."""
        began = time.perf_counter()
        request_id = _request_id(environ)
        status = "500"

        def started(line: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal status
            status = line
            return start_response(line, [*headers, ("X-Request-Id", request_id)], *exc_info)

        try:
            return self._app(environ, started)
        finally:
            self._write(_line(environ, request_id, status[:3], time.perf_counter() - began))

    def refused(self, status: int) -> str:
        """Write the line of a request that the server refused before the application, and return its id."""
        request_id = _request_id({})
        self._write(_line({}, request_id, str(status), 0.0))
        return request_id


def _request_id(environ: dict[str, Any]) -> str:
    given = environ.get(REQUEST_ID, "")
    if given and _REQUEST_ID.fullmatch(given):
        return str(given)
    return f"{_PROCESS}{next(_numbers):016x}"


def _line(environ: dict[str, Any], request_id: str, status: str, seconds: float) -> str:
    """Return the line. It is formatted by hand, for speed; none of the values needs escaping."""
    method, subject = known_method(environ), environ.get(SUBJECT, "null")
    return (
        f'{{"time": "{_now()}", "request_id": "{request_id}", "method": "{method}", "route": "{route_of(environ)}", '
        f'"status": {status}, "subject": {subject}, "ms": {seconds * 1000:.3f}}}\n'
    )


def known_method(environ: dict[str, Any]) -> str:
    """Return the method of a request, or "other" for an unknown one, which could be any word."""
    method = environ.get("REQUEST_METHOD", "")
    return method if method in _METHODS else "other"


def route_of(environ: dict[str, Any]) -> str:
    """Return the rule of the request's route, or "none"."""
    route = environ.get("bottle.route")
    return str(route.rule) if route else "none"


def _now() -> str:
    """Return the current time in UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
