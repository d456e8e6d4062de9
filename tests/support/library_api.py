"""A server for each protocol of docs/guide/your-library.md, all of them with leeway 0: a token that has ended is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fruit_service.serving import LOOPBACK, Server, listen

from .strict_api import expiry


@dataclass
class Gate:
    """Lets in what brings a token whose `exp` lies ahead.

    Attributes:
        tokens: the tokens that were let in, in their order.
        refused: the number of requests that were not.
    """

    tokens: list[str] = field(default_factory=list, repr=False)
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def admits(self, authorization: str) -> bool:
        """Tell whether a request with this `Authorization` header may come in."""
        token = authorization.removeprefix("Bearer ")
        is_good = token.count(".") == 2 and expiry(token) > time.time()
        with self._lock:
            if is_good:
                self.tokens.append(token)
            else:
                self.refused += 1
        return is_good


@contextmanager
def http_api(gate: Gate, bodies: dict[str, object]) -> Iterator[str]:
    """Serve *bodies* by their paths, bytes as they are and others as JSON, to each method; give the address."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body, status = bodies.get(environ["PATH_INFO"]), "200 OK"
        headers = [("Content-Type", "application/json")]
        environ["wsgi.input"].read()
        if body is None:
            status, body = "404 Not Found", {"path": environ["PATH_INFO"]}
        elif not gate.admits(environ.get("HTTP_AUTHORIZATION", "")):
            status, body = "401 Unauthorized", {"msg": "not with this token"}
            headers.append(("WWW-Authenticate", 'Bearer error="invalid_token"'))
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        start_response(status, [*headers, ("Content-Length", str(len(content)))])
        return [content]

    sockets = listen(LOOPBACK, 0)
    with Server(app, sockets):
        yield f"http://localhost:{sockets[0].getsockname()[1]}"
