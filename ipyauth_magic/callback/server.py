"""waitress on sockets that are bound already: it survives idle, dripping and many sockets, and ends by itself.

All that depends on the insides of waitress stands in this file and in `connection.py`. `tests/magic/test_listener.py`
speaks to it over raw sockets, and fails if a new waitress works otherwise.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .jupyter_handoff import QUERY_HEADER
from .ports import BoundUri, stop_listening
from .receiver import Answer, Request

BODY_LIMIT = 64 * 1024
"""Bytes; a response with two large tokens has a tenth of it."""

CONNECTION_LIFETIME = 10
"""Seconds after which a connection without a whole request ends, however it drips."""

COMPLETION_LIMIT = 60.0
"""Seconds for which a stopped server goes on with a request that it has begun: the provider may be slow to answer."""

TURN = 0.5
"""Seconds after which the loop looks at the latest whether it is to stop, where nothing wakes it."""


class Server:
    """Answers requests on the sockets of *bound*, in a thread of its own.

    The thread makes waitress's objects too: the caller shows the link meanwhile, and may be interrupted halfway.

    Args:
        bound: listening sockets; the server closes them when it ends.
        answer: returns the answer to a request; called in one of two worker threads.
        ended: called at the end, with the error that ended the server, or None.
        is_for_one_user: find out for each request whether a program of another user of this machine sent it.
    """

    def __init__(
        self,
        bound: BoundUri,
        answer: Callable[[Request], Answer],
        ended: Callable[[BaseException | None], None],
        is_for_one_user: bool,
    ) -> None:
        self._bound = bound
        self._answer = answer
        self._ended = ended
        self._is_for_one_user = is_for_one_user
        self._map: dict[int, Any] = {}
        self._servers: list[Any] = []
        self._dispatcher: Any = None
        self._stop_at = math.inf
        self._lock = threading.Lock()
        self._is_begun = False
        self._is_running = False
        self._has_port = True
        self._thread = threading.Thread(target=self._run, name="ipyauth-callback", daemon=True)

    def start(self) -> None:
        """Begin to answer; what a fast browser sent before stands in the sockets' queue."""
        self._thread.start()

    def stop(self, after: float) -> None:
        """Give the port back in *after* seconds; from any thread, any number of times.

        Requests that were begun are still answered.
        """
        with self._lock:
            self._stop_at = min(self._stop_at, time.monotonic() + after)
            if not self._is_begun:
                self._bound.close()  # the thread, if it ever starts, finds nothing left to do
                self._has_port = False
            elif self._is_running and after < TURN:
                self._servers[0].pull_trigger()

    def wait_for_port(self) -> None:
        """Wait until a stopped server has given its port back, which takes it less than a millisecond."""
        ends_at = time.monotonic() + TURN
        # In small steps: an interrupt here must leave no lock held that the server's thread needs.
        while self._has_port and time.monotonic() < ends_at:
            time.sleep(0.0005)

    def join(self, timeout: float) -> None:
        """Wait until it has ended, at most *timeout* seconds."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        with self._lock:
            self._is_begun = is_begun = self._stop_at == math.inf
        why: BaseException | None = None
        if is_begun:
            try:
                self._make()
                self._serve()
            except BaseException as error:  # `_ended` tells it
                why = error
            self._end()
        self._ended(why)

    def _make(self) -> None:
        from waitress.server import create_server

        from .connection import CONNECTIONS, LOGGER, Connection

        server = create_server(
            self._application,
            map=self._map,
            sockets=list(self._bound.sockets),
            threads=2,  # one may wait for the provider while the other answers
            ident=None,
            channel_timeout=CONNECTION_LIFETIME,
            cleanup_interval=1,
            connection_limit=(len(self._bound.sockets) + 1) * CONNECTIONS,  # it counts those of every family
            max_request_body_size=BODY_LIMIT + 1,  # waitress refuses what is equal
            max_request_header_size=32 * 1024,
            clear_untrusted_proxy_headers=True,
            log_socket_errors=False,
        )
        self._dispatcher = server.task_dispatcher
        self._dispatcher.queue_logger = self._dispatcher.logger = LOGGER
        # One for each socket; the map also holds the pipes by which workers wake the loop.
        self._servers = [part for part in self._map.values() if hasattr(part, "pull_trigger") and hasattr(part, "adj")]
        for part in self._servers:
            part.logger = LOGGER
            part.channel_class = Connection
            part.is_for_one_user = self._is_for_one_user

    def _serve(self) -> None:
        from waitress import wasyncore

        with self._lock:
            self._is_running = True
        while (left := self._stop_at - time.monotonic()) > 0:
            wasyncore.loop(timeout=min(left, TURN), use_poll=True, map=self._map, count=1)
        self._give_port_back()
        ends_at = time.monotonic() + COMPLETION_LIMIT
        while self._is_answering() and time.monotonic() < ends_at:
            wasyncore.loop(timeout=TURN, use_poll=True, map=self._map, count=1)

    def _give_port_back(self) -> None:
        for part in self._servers:
            part.del_channel(self._map)  # only the listening socket: the connections and the pipe stay
        self._bound.close()
        self._has_port = False

    def _is_answering(self) -> bool:
        channels = [channel for part in self._servers for channel in part.active_channels.values()]
        return any(channel.requests or channel.total_outbufs_len for channel in channels)

    def _end(self) -> None:
        from waitress import wasyncore

        with self._lock:
            self._is_running = False
        for listening in self._bound.sockets:
            stop_listening(listening)
        # Workers first: one that still ran could write to a pipe whose number belongs to another file by then.
        if self._dispatcher is not None:
            self._dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._map, ignore_all=True)
        self._bound.close()
        self._has_port = False

    def _application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> _Body:
        """Answer one request (PEP 3333)."""
        answer = self._answer(_request(environ))
        headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
        start_response(answer.status_line, headers)
        return _Body(answer.body, (lambda: self.stop(0.0)) if answer.is_last else (lambda: None))


class _Body:
    """A body that calls *sent* once it has been handed to the network (PEP 3333: the server calls `close`)."""

    def __init__(self, body: bytes, sent: Callable[[], None]) -> None:
        self._body = body
        self.close = sent

    def __iter__(self) -> Iterator[bytes]:
        yield self._body


def _request(environ: dict[str, Any]) -> Request:
    """Return the request as it was sent: waitress folds slashes, and takes the path out of another host's address."""
    from .connection import ANOTHER_USER

    return Request(
        method=environ["REQUEST_METHOD"],
        target=environ["REQUEST_URI"],
        host=environ.get("HTTP_HOST", ""),
        origin=environ.get("HTTP_ORIGIN"),
        fetch_site=environ.get("HTTP_SEC_FETCH_SITE", "same-origin"),
        is_navigation=environ.get("HTTP_SEC_FETCH_DEST") == "document",
        takes_html="text/html" in environ.get("HTTP_ACCEPT", ""),
        content_type=environ.get("CONTENT_TYPE", ""),
        is_of_another_user=environ[ANOTHER_USER],
        stood_in=environ.get(_variable(QUERY_HEADER), ""),
        body=environ["wsgi.input"].read(BODY_LIMIT),
    )


def _variable(header: str) -> str:
    """Return the name of *header* in a WSGI environment (PEP 3333)."""
    return f"HTTP_{header.upper().replace('-', '_')}"
