"""Ports and addresses on loopback for the tests."""

from __future__ import annotations

import errno
import random
import socket
import time


def free_port() -> int:
    """Return a port of 127.0.0.1 (and of ::1, with IPv6) that is free now."""
    while True:
        port = random.randrange(20000, 32000)  # below those that connections take, so that none takes it meanwhile
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
    end = time.monotonic() + deadline
    while not is_free(port):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
