"""A program of another user of this machine, which sends bytes to a port. Only root can start one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534


@dataclass(frozen=True)
class Visit:
    """A connection of another user's program: the file that gets what it received, and the process."""

    received: Path
    process: int

    def answer(self) -> bytes:
        """Wait for the end of the connection, and return what was received."""
        os.waitpid(self.process, 0)
        return self.received.read_bytes()


def visit(
    folder: Path, address: tuple[str, int], sent: bytes, uid: int = NOBODY, source: str = "", leaves: bool = False
) -> Visit:
    """Connect to *address* as the user *uid*, and send.

    Args:
        folder: gets a file with what is received.
        address: IPv6, also one that contains an IPv4 address, or IPv4.
        sent: a request that asks for the end of the connection.
        uid: of the user.
        source: the address to connect from.
        leaves: read nothing, and close the connection before this returns.
    """
    file = folder / f"received-{len(list(folder.iterdir()))}"
    file.write_bytes(b"")
    has_sent, tell = os.pipe()
    if not (child := os.fork()):
        with _ending_here(), file.open("wb") as received:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as connection:
                connection.settimeout(30)
                if source:
                    connection.bind((source, 0))
                connection.connect(address)
                connection.sendall(sent)
                while not leaves and (more := connection.recv(65536)):
                    received.write(more)
                received.flush()
            os.write(tell, b"x")  # after the connection was closed
    os.close(tell)
    if leaves:
        os.read(has_sent, 1)
    os.close(has_sent)
    return Visit(file, child)


@contextmanager
def _ending_here() -> Iterator[None]:
    """End the process with the block, whatever happens: nothing of the test may go on in it."""
    try:
        yield
    finally:
        os._exit(0)
