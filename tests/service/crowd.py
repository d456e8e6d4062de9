"""A process that holds connections: idle ones, and ones that send a byte a second of a request that never ends."""

from __future__ import annotations

import socket
import sys
import threading

from fruit_service.open_files import allow_many_files

REQUEST = b"GET /api/fruit HTTP/1.1\r\nHost: fruit.test\r\nX-Slow: "


def main() -> None:
    """Connect to a port so often; say when all are there; drip until the input ends."""
    port, idle, dripping = map(int, sys.argv[1:])
    allow_many_files()
    held = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(idle)]
    slow = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(dripping)]
    for connection in slow:
        connection.sendall(REQUEST)
    print(len(held) + len(slow), flush=True)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.wait(1):
        slow = [connection for connection in slow if is_dripped(connection)]


def is_dripped(connection: socket.socket) -> bool:
    """Send one byte; tell whether the connection is still there."""
    try:
        connection.sendall(b"x")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
