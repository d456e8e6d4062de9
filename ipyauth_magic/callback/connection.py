"""waitress's connection, changed: it ends in time, makes room for others, and knows whose program opened it.

It prints nothing, and refuses a broken request in our own words.
"""

from __future__ import annotations

import logging
from socket import socket
from typing import Any, cast

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask

from .peer import is_of_another_user
from .receiver import refusal

CONNECTIONS = 128
"""Most connections held at once; beyond that, the oldest idle one is dropped."""

ANOTHER_USER = "ipyauth_magic.another_user"
"""Where the environment of a request (PEP 3333) says whether a program of another user sent it."""

_FIRST_BYTES = frozenset(bytes([byte]) for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n")
"""What an HTTP request begins with (RFC 9112, 2.2 lets an empty line go before it)."""

LOGGER = logging.getLogger("ipyauth_magic.callback")
LOGGER.addHandler(logging.NullHandler())


class _Parser(HTTPRequestParser):
    def parse_header(self, header_plus: bytes) -> None:
        """Refuse a target or a length that cannot be read. Waitress would print an exception, and not answer."""
        try:
            super().parse_header(header_plus)
        except ValueError:
            raise ParsingError("the request cannot be read") from None


class _Task(WSGITask):
    logger = LOGGER

    def get_environment(self) -> dict[str, Any]:
        """Return waitress's environment, and in it whose program sent the request."""
        environ: dict[str, Any] = super().get_environment()
        environ[ANOTHER_USER] = cast(Connection, self.channel).is_of_another_user
        return environ


class _Refusal(ErrorTask):
    """The answer to a request that waitress does not pass on: broken, or too large."""

    logger = LOGGER

    def execute(self) -> None:
        """Send it."""
        answer = refusal(cast(Any, self.request).error.code)
        self.status = answer.status_line
        self.response_headers = list(answer.headers)
        self.set_close_on_finish()
        self.content_length = len(answer.body)
        self.write(answer.body)


class Connection(HTTPChannel):
    """A connection whose time counts from its beginning, and that makes room when there are too many.

    waitress's own clock is reset by every dripped byte, and at its limit it takes no new connection.

    Attributes:
        is_of_another_user: the listener is for one user, and a program of another one opened the connection.
    """

    task_class = _Task
    error_task_class = _Refusal
    parser_class = _Parser
    logger = LOGGER

    def __init__(self, server: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(server, *args, **kwargs)
        if len(server.active_channels) > CONNECTIONS:
            oldest = next((each for each in server.active_channels.values() if not each.requests), self)
            oldest.will_close = True
        # At once: Linux forgets the owner soon after the other end was closed.
        self.is_of_another_user = server.is_for_one_user and is_of_another_user(
            cast(socket, self.socket), self.addr[:2]
        )

    @property
    def last_activity(self) -> float:
        """When the connection began."""
        return float(self.creation_time)

    @last_activity.setter
    def last_activity(self, value: float) -> None:
        pass

    def writable(self) -> bool:
        """Return whether the loop has something to send, or to close.

        A worker sends its answer itself, and wakes the loop after it. Until then the loop would spin.
        """
        return not self.requests and bool(super().writable())

    def received(self, data: bytes) -> bool:
        """Read *data*, unless no HTTP request begins with it."""
        if self.request is None and data[:1] not in _FIRST_BYTES:
            self.will_close = True  # TLS, or noise: no line end will follow
            return False
        return bool(super().received(data))
