"""Ports and addresses on loopback for the tests."""

from __future__ import annotations

import errno
import os
import random
import socket

from .threads import wait_for

FIRST, END = 20000, 32000
"""Below the ports that connections take, so that none of those takes one meanwhile."""


def free_port() -> int:
    """Return a port of 127.0.0.1 (and of ::1, where there is IPv6) that no process holds now.

    Each worker of pytest-xdist has ports of its own: the port may stay free for long until its test listens there.
    """
    share = (END - FIRST) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first = FIRST + share * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = random.randrange(first, first + share)
        try:
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                if family == socket.AF_INET or socket.has_ipv6:
                    with socket.socket(family) as bound:
                        bound.bind((address, port))
        except OSError as error:
            if is_taken(error):
                continue
        return port


def is_taken(error: OSError) -> bool:
    """Return whether *error* means that the address is in use, and not that there is no IPv6."""
    return error.errno in {errno.EADDRINUSE, errno.EACCES}


def is_free(port: int) -> bool:
    """Tell whether *port* of 127.0.0.1 can be bound now."""
    with socket.socket(socket.AF_INET) as four:
        four.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            four.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until_free(port: int, deadline: float = 10) -> bool:
    """Wait until *port* can be bound again, at most *deadline* seconds; tell whether it can."""
    return wait_for(lambda: is_free(port), deadline)
