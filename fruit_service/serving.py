"""Serving: where we listen, and waitress with the settings that keep it fast and let it stop at once."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.trigger import trigger
from waitress.wasyncore import close_all

from .errors import BadConfig, FruitError, PortTaken

LOOPBACK = ("127.0.0.1", "::1")
MAX_BODY = 64 * 1024
"""What a request body may hold, in bytes."""

_NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}


def listen(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """Return sockets bound to *port* of each of *addresses*; port 0 is one free port, the same on all of them.

    An IPv6 address that this machine does not have is left out, if another address is there.
    """
    for _ in range(20 if port == 0 else 1):
        try:
            return _bind_all(addresses, port)
        except PortTaken as error:  # port 0: free on the first address, taken on the next one
            taken = error
    raise taken


def _bind_all(addresses: Iterable[str], port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for address in addresses:
        try:
            sockets.append(_bind(address, port))
        except OSError as error:
            if sockets and error.errno in _NO_SUCH_ADDRESS:
                continue
            for each in sockets:
                each.close()
            raise _refusal(address, port, error) from error
        port = sockets[0].getsockname()[1]
    return sockets


def _bind(address: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        if bound.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if os.name == "posix":  # elsewhere this option would let another process in
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        bound.listen(1024)
    except OSError:
        bound.close()
        raise
    return bound


def _refusal(address: str, port: int, error: OSError) -> FruitError:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(address, port)
    return BadConfig(f"Cannot listen on port {port} of {address}: {error.strerror}.")


class Server:
    """A WSGI application served from threads of its own; a context manager that stops them and frees the port."""

    def __init__(self, app: Callable[..., Any], sockets: Sequence[socket.socket], threads: int = 2) -> None:
        self._map: Any = {}
        self._workers = _Workers()
        self._server = _waitress(app, self._map, self._workers, sockets, threads)
        self._trigger: Any = trigger(self._map)
        self._loop = threading.Thread(target=self._server.run, name="fruit-server", daemon=True)

    def __enter__(self) -> Server:
        self._loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.finish()
        self._wait_for_answers()
        # The loop sleeps up to a second; the trigger wakes it, and it ends when its map is empty.
        self._trigger.pull_trigger(lambda: close_all(self._map, ignore_all=True))
        self._loop.join()

    def _wait_for_answers(self, timeout: float = 1) -> None:
        """Let the loop send what the threads have answered."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and any(_pending(channel) for channel in list(self._map.values())):
            time.sleep(0.005)


def _pending(channel: Any) -> int:
    return getattr(channel, "total_outbufs_len", 0)


class _Workers(ThreadedTaskDispatcher):
    """Waitress's threads, which can be waited for until they have really ended."""

    def __init__(self) -> None:
        super().__init__()
        self._started: list[threading.Thread] = []

    def start_new_thread(self, target: Callable[..., Any], thread_no: int) -> None:
        thread = threading.Thread(target=target, name=f"fruit-worker-{thread_no}", args=(thread_no,), daemon=True)
        self._started.append(thread)
        thread.start()

    def finish(self, timeout: int = 5) -> None:
        """Let the threads finish what they are at, for *timeout* seconds at most, and end."""
        self.shutdown(timeout=timeout)
        for thread in self._started:
            thread.join(timeout)


class _JsonErrorTask(ErrorTask):
    """Waitress's own refusals (broken HTTP, a header or body over its limits), in the shape of all our errors."""

    response_headers: list[tuple[str, str]]

    def execute(self) -> None:
        error = cast(Any, self.request).error
        body = json.dumps({"msg": f"{error.reason}: {error.body}"}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    error_task_class = _JsonErrorTask


def _waitress(
    app: Callable[..., Any],
    socket_map: Any,
    workers: ThreadedTaskDispatcher,
    sockets: Sequence[socket.socket],
    threads: int,
) -> Any:
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    workers.set_thread_count(threads)
    with warnings.catch_warnings():
        # `send_bytes` is to go in waitress 4; without it a busy server sends little but wake-ups.
        warnings.filterwarnings("ignore", "send_bytes will be removed", DeprecationWarning)
        server = create_server(app, socket_map, _dispatcher=workers, sockets=list(sockets), **_SETTINGS)
    for listener in socket_map.values():
        if isinstance(listener, BaseWSGIServer):
            listener.channel_class = _Channel
    return server


_SETTINGS: Any = {
    # Above the largest answer: the thread hands it over whole, and waitress does not collapse under load.
    "send_bytes": 256 * 1024,
    # With select(), one descriptor above 1,023 ends the process.
    "asyncore_use_poll": True,
    "connection_limit": 1000,
    "channel_timeout": 10,
    "cleanup_interval": 2,
    "max_request_header_size": 32 * 1024,
    # More than the application allows, so that it can say what its limit is.
    "max_request_body_size": 1024 * 1024,
    "ident": None,
}


@contextmanager
def until_signal() -> Iterator[None]:
    """Run the block until it ends, or Ctrl-C or SIGTERM ends it, which is how a server is meant to end."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, previous)


def wait() -> None:
    """Wait until a signal ends it."""
    while True:
        time.sleep(3600)
