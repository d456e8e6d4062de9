"""The redirect URI's port, held by us alone before any browser opens.

A browser that is sent to `http://localhost:P` tries `::1` first, so a program that holds `[::1]:P` beside our
`127.0.0.1:P` would receive the response: for `localhost` both are bound, or none (RFC 8252, 8.3).
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..protocol.urls import port_of

BACKLOG = 128
# The first address of each must be there.
_ADDRESSES = {"127.0.0.1": ("127.0.0.1",), "::1": ("::1",), "localhost": ("127.0.0.1", "::1")}
_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT, errno.ENODEV}
_TRIES_FOR_A_COMMON_PORT = 20


class PortInUse(OSError):
    """Another program holds the port; `port` names it."""

    def __init__(self, port: int, reason: str) -> None:
        super().__init__(errno.EADDRINUSE, reason)
        self.port = port
        self.reason = reason


@dataclass(frozen=True)
class BoundUri:
    """A redirect URI whose port is ours: the listening sockets, and the URI with its real port."""

    redirect_uri: str
    sockets: tuple[socket.socket, ...]

    @property
    def port(self) -> int | None:
        """The port that is held; None where nothing is."""
        return int(self.sockets[0].getsockname()[1]) if self.sockets else None

    def close(self) -> None:
        """Give the port back."""
        for bound in self.sockets:
            stop_listening(bound)
            bound.close()


def stop_listening(bound: socket.socket) -> None:
    """Take no more connections, also where a forked process still holds the socket."""
    with contextlib.suppress(OSError):  # not every system lets a listening socket be shut down
        bound.shutdown(socket.SHUT_RDWR)


def bind_redirect_uri(redirect_uri: str, bind: str | None = None) -> BoundUri:
    """Return *redirect_uri* bound and listening on its loopback addresses, or on the address *bind*.

    Port 0 takes a free port.

    Raises:
        PortInUse: somebody else holds the port, on any of the addresses.
    """
    parts = urlsplit(redirect_uri)
    host, port = str(parts.hostname), port_of(redirect_uri)
    addresses = (bind,) if bind else _ADDRESSES[host]
    sockets = _listen_on_free_port(addresses) if port == 0 else _listen(addresses, port, addresses[1:])
    if port == 0:
        port = sockets[0].getsockname()[1]
        netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        redirect_uri = parts._replace(netloc=netloc).geturl()
    return BoundUri(redirect_uri, tuple(sockets))


def _listen_on_free_port(addresses: Sequence[str]) -> list[socket.socket]:
    for _ in range(_TRIES_FOR_A_COMMON_PORT):
        [first] = _listen(addresses[:1], 0, optional=())
        try:
            return [first, *_listen(addresses[1:], first.getsockname()[1], optional=addresses[1:])]
        except PortInUse:
            first.close()
    raise PortInUse(0, "no port is free on all loopback addresses")


def _listen(addresses: Sequence[str], port: int, optional: Sequence[str]) -> list[socket.socket]:
    """Listen on every address but those *optional* ones that this machine does not have."""
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            try:
                sockets.append(_listen_on(address, port))
            except OSError as error:
                # Without IPv6 nobody can hold ::1 either, so nothing is lost.
                if address not in optional or error.errno not in _NO_SUCH_FAMILY:
                    raise
    except BaseException as error:
        for bound in sockets:
            bound.close()
        if isinstance(error, OSError):
            raise PortInUse(port, f"on {address}: {error.strerror or error}") from error
        raise
    return sockets


def _listen_on(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        _hold_alone(bound)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address, port))
        bound.listen(BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound


def _hold_alone(unbound: socket.socket) -> None:
    """Let us bind again right after a restart, and nobody beside us; never SO_REUSEPORT, which would let them."""
    if sys.platform == "win32":
        unbound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        unbound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
