"""How it is served: many connections, slow ones, and an end that cuts nothing off."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from bottle import Bottle

from fruit_service.serving import Server, listen

BODY = "x" * 2000


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server with one small page."""
    app = Bottle()
    app.get("/", callback=lambda: BODY)
    sockets = listen(["127.0.0.1"], 0)
    with Server(app, sockets):
        yield sockets[0].getsockname()[1]


def rate(port: int, connections: int, requests: int = 4000) -> float:
    """Return the answers per second over that many connections, kept open."""

    def client(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(requests // connections):
            connection.request("GET", "/")
            assert connection.getresponse().read() == BODY.encode()
        connection.close()

    with ThreadPoolExecutor(connections) as clients:
        started = time.monotonic()
        list(clients.map(client, range(connections)))
    return requests / (time.monotonic() - started)


def test_many_connections_do_not_bring_it_down(port: int) -> None:
    """With waitress's defaults 256 connections get a hundredth of what 16 get; with ours, half of it at the least."""
    rate(port, 16, 500)
    few = rate(port, 16)
    assert rate(port, 256) > few / 2


def test_idle_connections_keep_nobody_out(port: int) -> None:
    """With waitress's defaults 98 of them would."""
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    started = time.monotonic()
    assert rate(port, 1, 1) > 0
    assert time.monotonic() - started < 2
    for connection in idle:
        connection.close()


def test_answer_that_is_under_way_is_finished() -> None:
    """The server stops after it, not in it."""
    entered, release = threading.Event(), threading.Event()

    def slow() -> str:
        entered.set()
        assert release.wait(10)
        return BODY

    app = Bottle()
    app.get("/", callback=slow)
    sockets = listen(["127.0.0.1"], 0)
    connection = http.client.HTTPConnection("127.0.0.1", sockets[0].getsockname()[1], timeout=10)
    with Server(app, sockets):
        connection.request("GET", "/")
        assert entered.wait(10)
        threading.Timer(0.1, release.set).start()
    assert connection.getresponse().read() == BODY.encode()
    connection.close()


def test_port_0_is_the_same_on_both_loopback_addresses() -> None:
    """Where there is only one address, it is that one's."""
    sockets = listen(["127.0.0.1", "::1"], 0)
    assert len({each.getsockname()[1] for each in sockets}) == 1
    for each in sockets:
        each.close()
