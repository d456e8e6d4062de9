"""Binding the redirect URI's port, exclusively, before a browser opens.

For `http://localhost:P` a browser tries `::1` first. Another program with `[::1]:P` would receive the response although
`127.0.0.1:P` is ours. For `localhost`, both addresses are therefore bound, or none (RFC 8252, 8.3).
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
# The first address is required. The others may be absent on this machine.
_ADDRESSES = {"127.0.0.1": ("127.0.0.1",), "::1": ("::1",), "localhost": ("127.0.0.1", "::1")}
_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT, errno.ENODEV}
_TRIES_FOR_A_COMMON_PORT = 20


class PortInUse(OSError):
    """Another program holds `port`."""

    def __init__(self, port: int, reason: str) -> None:
        super().__init__(errno.EADDRINUSE, reason)
        self.port = port
        self.reason = reason


@dataclass(frozen=True)
class BoundUri:
    """A redirect URI with its listening sockets, and with the port that was bound where it had 0 or none."""

    redirect_uri: str
    sockets: tuple[socket.socket, ...]

    @property
    def port(self) -> int | None:
        """The bound port; None if there is no socket."""
        return int(self.sockets[0].getsockname()[1]) if self.sockets else None

    def close(self) -> None:
        """Close the sockets and free the port."""
        for bound in self.sockets:
            stop_listening(bound)
            bound.close()


def stop_listening(bound: socket.socket) -> None:
    """Refuse new connections, even if a forked process still has the socket open."""
    with contextlib.suppress(OSError):  # not every system can shut down a listening socket
        bound.shutdown(socket.SHUT_RDWR)


def bind_redirect_uri(redirect_uri: str, bind: str | None = None) -> BoundUri:
    """Bind the port of *redirect_uri* on its loopback addresses, or on the address *bind*, and listen there.

    Port 0 chooses a free port. So does no port without *bind*: some providers compare a loopback URI without its port
    (RFC 8252, 7.3).

    Raises:
        PortInUse: another program holds the port on one of the addresses.
    """
    parts = urlsplit(redirect_uri)
    # A published port (--bind) is a particular one, so that none stands for the scheme's own there.
    host, port = str(parts.hostname), port_of(redirect_uri) if bind else parts.port or 0
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
    """Listen on each of *addresses*. Those that are also *optional* may be absent on this machine."""
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            try:
                sockets.append(_listen_on(address, port))
            except OSError as error:
                # Without IPv6, no other program can hold ::1 either.
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
    """Allow a new bind right after a restart, but no second program. SO_REUSEPORT would allow one."""
    if sys.platform == "win32":
        unbound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        unbound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
