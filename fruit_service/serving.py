"""Serving: listening sockets, and waitress with the changes that keep it fast and let it stop at once."""

from __future__ import annotations

import errno
import json
import logging
import os
import selectors
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.trigger import trigger
from waitress.wasyncore import close_all

from .errors import BadConfig, FruitError, PortTaken
from .open_files import connection_limit

LOOPBACK = ("127.0.0.1", "::1")
IDLE_TIMEOUT = 10
"""Seconds after which a connection without a request is closed."""
MAX_REQUEST_DURATION = 15
"""Seconds within which a whole request must arrive."""
ACCEPTED_AT_ONCE = 256
"""Most connections accepted in one round of the loop."""
GRACE = 0.3
"""Seconds for which a stopping server waits for requests on open connections."""
FIRST_REQUEST = 0.7
"""Seconds since its beginning for which a stopping server waits for the first request of a connection."""
SEND_BYTES = 1024 * 1024
"""More than the largest answer in bytes, two full baskets of the longest names. So a thread sends each one whole, and
waitress does not collapse under load."""
MAX_BODY = 64 * 1024
"""Largest request body in bytes."""

_NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}


def listen(addresses: Sequence[str], port: int) -> list[socket.socket]:
    """Return sockets bound to *port* on each of *addresses*. Port 0 chooses one free port, the same on all of them.

    An IPv6 address that this machine does not have is left out if it is not the first one.
    """
    for _ in range(20 if port == 0 else 1):
        try:
            return _bind_all(addresses, port)
        except PortTaken as error:  # port 0: free on the first address, in use on the next one
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
        if os.name == "posix":  # on Windows this option would allow a second process on the port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        bound.listen(2048)
    except OSError:
        bound.close()
        raise
    return bound


def _refusal(address: str, port: int, error: OSError) -> FruitError:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(address, port)
    return BadConfig(f"Cannot listen on port {port} of {address}: {error.strerror}.")


class Server:
    """Serves a WSGI application in threads. The end of its `with` block stops them and frees the port."""

    def __init__(self, app: Callable[..., Any], sockets: Sequence[socket.socket], threads: int = 2) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._map: Any = {}
        self._workers = _Workers()
        self._workers.set_thread_count(threads)
        settings = _settings(sockets)
        self._listeners = [_listener(app, self._map, self._workers, settings, each) for each in sockets]
        self._trigger: Any = trigger(self._map)
        self._loop = threading.Thread(target=self._run, name="fruit-server", daemon=True)

    def __enter__(self) -> Server:
        self._loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._trigger.pull_trigger(self._take_no_more)
        self._wait_for_answers()
        self._workers.finish(1)
        # The trigger wakes the loop, which may sleep for a second. The loop ends when its map is empty.
        self._trigger.pull_trigger(lambda: close_all(self._map, ignore_all=True))
        self._loop.join(1)

    def _run(self) -> None:
        wasyncore.loop(timeout=1, use_poll=True, map=self._map)

    def _take_no_more(self) -> None:
        """Accept the connections that wait, then free the port. From now on each answer closes its connection."""
        for listener in self._listeners:
            listener.handle_accept()
            listener.is_ending = True
            wasyncore.dispatcher.close(listener)  # its own `close` would remove the trigger, which threads still use

    def _wait_for_answers(self, timeout: float = 3) -> None:
        """Wait until the threads have answered all requests, at most *timeout* seconds."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < timeout:
            channels = self._channels()
            is_quiet = passed > GRACE or not channels
            if is_quiet and not self._is_taking() and not any(map(_is_busy, channels)) and not _any_has_data(channels):
                return
            time.sleep(0.005)

    def _is_taking(self) -> bool:
        return not all(listener.is_ending for listener in self._listeners)

    def _channels(self) -> list[_Channel]:
        return [each for each in list(self._map.values()) if isinstance(each, _Channel)]


def _is_busy(channel: _Channel) -> bool:
    """Tell whether *channel* has a request, a part of one, or may soon bring its first one."""
    if channel.requests or channel.total_outbufs_len or channel.reading_since is not None:
        return True
    return not channel.had_data and time.time() - channel.creation_time < FIRST_REQUEST


def _any_has_data(channels: Iterable[_Channel]) -> bool:
    """Tell whether a request stands in a socket, where the loop, on a busy machine, has not read it yet."""
    with selectors.DefaultSelector() as selector:
        for connection in [channel.socket for channel in channels]:
            with suppress(ValueError, OSError):  # the loop has closed it meanwhile
                if connection is not None:
                    selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0))


class _Workers(ThreadedTaskDispatcher):
    """Waitress's threads, with a way to wait for their end."""

    def __init__(self) -> None:
        super().__init__()
        self._started: list[threading.Thread] = []

    def start_new_thread(self, target: Callable[..., Any], thread_no: int) -> None:
        thread = threading.Thread(target=target, name=f"fruit-worker-{thread_no}", args=(thread_no,), daemon=True)
        self._started.append(thread)
        thread.start()

    def finish(self, timeout: int) -> None:
        """Let the threads finish their requests and end, within about *timeout* seconds."""
        self.shutdown(timeout=timeout)
        end = time.monotonic() + 0.2
        for thread in self._started:
            thread.join(max(0.0, end - time.monotonic()))


class _JsonErrorTask(ErrorTask):
    """Refusals by waitress itself (broken HTTP, a header or body above a limit), in the form of all our errors."""

    channel: _Channel
    request: Any
    response_headers: list[tuple[str, str]]

    def execute(self) -> None:
        error = self.request.error
        # Waitress sends 501 for HTTP that it does not support. That is an error of the client, so 400.
        code, reason = (400, "Bad Request") if error.code == 501 else (error.code, error.reason)
        msg = f"A body has at most {MAX_BODY} bytes." if code == 413 else f"{reason}: {error.body}"
        body = json.dumps({"msg": msg}).encode()
        self.status = f"{code} {reason}"
        refused = self.channel.server.refused
        if refused is not None:
            self.response_headers.append(("X-Request-Id", refused(code)))
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _AnswerTask(WSGITask):
    """Waitress's answer to a request. When the server stops, the answer closes its connection."""

    channel: _Channel

    def build_response_header(self) -> bytes:
        if self.channel.server.is_ending:
            self.set_close_on_finish()
        return super().build_response_header()


class _Parser(HTTPRequestParser):
    def parse_header(self, header_plus: bytes) -> None:
        """Answer 400 to an invalid request target. Waitress would print an exception and drop the connection."""
        try:
            super().parse_header(header_plus)
        except ValueError:
            raise ParsingError("Invalid request target") from None


class _Channel(HTTPChannel):
    task_class = _AnswerTask
    error_task_class = _JsonErrorTask
    parser_class = _Parser
    server: _Listener
    reading_since: float | None = None
    """Time of the first byte of an incomplete request, or None."""
    had_data = False
    """Whether a byte of a request has come."""

    def received(self, data: bytes) -> bool:
        """Read *data*. Waitress counts an empty line as a request, which must not restart the time limit."""
        self.had_data = True
        if self.reading_since is None:
            self.reading_since = time.monotonic()
        is_over = bool(super().received(data))
        if self.requests:
            self.reading_since = None
        return is_over


class _Listener(TcpWSGIServer):
    """Waitress's listening socket, changed for thousands of connections."""

    channel_class = _Channel
    is_ending = False
    refused: Callable[[int], str] | None = None
    """Logs a request that waitress refused, and returns its id."""
    active_channels: Any
    _map: Any

    def handle_accept(self) -> None:
        """Accept all waiting connections. Waitress accepts one in each round, and each round polls all connections."""
        for _ in range(ACCEPTED_AT_ONCE):
            before = len(self._map)
            super().handle_accept()
            if not before < len(self._map) < self.adj.connection_limit:
                return

    def maintenance(self, now: int) -> None:
        """Close idle connections, as waitress does, and those with requests that arrive too slowly."""
        super().maintenance(now)
        latest = time.monotonic() - MAX_REQUEST_DURATION
        for channel in self.active_channels.values():
            # With one byte a second, waitress's own timeout never expires.
            if not channel.requests and channel.reading_since is not None and channel.reading_since < latest:
                channel.will_close = True


def _listener(
    app: Callable[..., Any], socket_map: Any, workers: _Workers, settings: Adjustments, bound: socket.socket
) -> _Listener:
    info = (bound.family, bound.type, bound.proto, bound.getsockname())
    listener = _Listener(app, socket_map, True, bound, workers, settings, info, bind_socket=False)
    listener.refused = getattr(app, "refused", None)
    return listener


def _settings(sockets: Sequence[socket.socket]) -> Adjustments:
    with warnings.catch_warnings():
        # Waitress 4 will remove `send_bytes`. Without it a busy server spends its time on wake-ups.
        warnings.filterwarnings("ignore", "send_bytes will be removed", DeprecationWarning)
        return Adjustments(
            sockets=list(sockets),
            send_bytes=SEND_BYTES,
            # With select(), a descriptor above 1,023 ends the process.
            asyncore_use_poll=True,
            connection_limit=connection_limit(),
            backlog=2048,
            channel_timeout=IDLE_TIMEOUT,
            cleanup_interval=2,
            max_request_header_size=32 * 1024,
            # Waitress stores a body before any token is checked. It refuses a body of exactly this size.
            max_request_body_size=MAX_BODY + 1,
            ident=None,
        )


@contextmanager
def until_signal() -> Iterator[None]:
    """Run the block until it ends, or until Ctrl-C or SIGTERM, which are normal ends of a server."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, previous)


def wait() -> None:
    """Wait for a signal."""
    while True:
        time.sleep(3600)
