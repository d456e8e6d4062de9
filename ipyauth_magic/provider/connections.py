"""Connections to a provider that another thread can end, while an answer is waited for."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter


class Connections:
    """The connections of one request; used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_over = False

    def take(self, connected: socket.socket) -> None:
        """Count *connected* among them; it ends at once if `end` came before."""
        with self._lock:
            self._sockets.append(connected)
            is_over = self._is_over
        if is_over:
            _end(connected)

    def end(self) -> None:
        """End them, those too that are only being made: whoever reads from one hears that nothing more comes."""
        with self._lock:
            self._is_over = True
            connected = list(self._sockets)
        for each in connected:
            _end(each)


def adapter(connections: Connections) -> HTTPAdapter:
    """Return what makes the connections of a session of `requests`, each of them taken by *connections*."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
            pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
            pool.ConnectionCls = _taken_by(connections, pool.ConnectionCls)
            return pool

    return Adapter()


def _taken_by(connections: Connections, kind: Any) -> Any:
    class Taken(kind):  # type: ignore[misc]  # of HTTP or of HTTPS, as the pool has it
        def connect(self) -> None:
            super().connect()
            connections.take(self.sock)

    return Taken


def _end(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        # Not SSLSocket's own, which takes TLS away from the reader; not `close`: its number could be another's by then.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
