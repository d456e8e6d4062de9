"""A browser in its own process, as quick as one can be: it is told a URL in a datagram, and follows it to the end.

It keeps a connection where the listener does, waits for nothing, and draws nothing. Ends when its standard input does.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


class Connection:
    """One HTTP connection, opened when first used."""

    def __init__(self, netloc: str) -> None:
        self.netloc = netloc
        self._socket: socket.socket | None = None

    def send(self, method: str, target: str, headers: str = "", body: str = "") -> tuple[dict[str, str], bytes]:
        """Send one request; return the answer's headers and body."""
        if self._socket is None:
            self._socket = _connect(self.netloc)
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        self._socket.sendall(
            f"{method} {target} HTTP/1.1\r\nHost: {self.netloc}\r\n{headers}{length}\r\n{body}".encode()
        )
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, content = received.partition(b"\r\n\r\n")
        lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
        answered = {name.lower(): value.strip() for name, _, value in lines}
        if "content-length" in answered:
            while len(content) < int(answered["content-length"]):
                content += self._more()
        else:  # HTTP/1.0: the answer ends with the connection
            with suppress(ConnectionError):
                while True:
                    content += self._more()
            self.close()
        return answered, content

    def _more(self) -> bytes:
        assert self._socket is not None
        if more := self._socket.recv(65536):
            return more
        raise ConnectionResetError("the listener closed the connection")

    def close(self) -> None:
        """Close it; the next request opens it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _connect(netloc: str) -> socket.socket:
    host, _, port = netloc.rpartition(":")
    connected = socket.create_connection((host, int(port)), timeout=20)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


class QuickBrowser:
    """Follows links, one after the other; its connection to the provider stays open."""

    def __init__(self) -> None:
        self._provider: Connection | None = None
        self.responded_at = 0.0
        """The moment at which the listener was sent the last response."""
        self.led_in = 0.0
        """The seconds that the last local address took to lead to its link; 0 if there was none."""

    def follow(self, url: str, relay: str, user: float, idle: float) -> None:
        """Follow *url* to the end.

        Args:
            url: the link.
            relay: how the callback page's script hands a fragment on: `post` (ours) or `query` (requests-auth).
            user: seconds that the user takes at the provider.
            idle: seconds for which a connection to the callback port is held without a word, opened before any other.
        """
        started = time.perf_counter()
        link = self._link_behind(url)
        self.led_in = time.perf_counter() - started if link != url else 0.0
        parts = urlsplit(link)
        if self._provider is None or self._provider.netloc != parts.netloc:
            self._provider = Connection(parts.netloc)
        time.sleep(user)  # as a person does, where the measurement says so
        headers, body = self._provider.send("GET", f"{parts.path}?{parts.query}")
        if "location" in headers:
            callback, form = headers["location"], ""
        else:  # form_post
            callback, _, form = body.decode().partition("\n")
        target = urlsplit(callback)
        path = target.path or "/"
        if idle:
            held = _connect(target.netloc)
            threading.Timer(idle, held.close).start()
        listener = Connection(target.netloc)
        try:
            self.responded_at = time.perf_counter()
            if form:
                listener.send("POST", path, f"Origin: {parts.scheme}://{parts.netloc}\r\n{FORM}", form)
                return
            listener.send("GET", f"{path}?{target.query}" if target.query else path)
            if target.fragment:  # this was but the page whose script hands the response on
                self.responded_at = time.perf_counter()
            if target.fragment and relay == "query":
                listener.send("GET", f"{path}?{target.fragment}&requests_auth_redirect=1")
            elif target.fragment:
                listener.send("POST", path, f"Origin: http://{target.netloc}\r\n{FORM}", target.fragment)
        finally:
            listener.close()

    @staticmethod
    def _link_behind(url: str) -> str:
        """Return the link that *url* leads to if it is an address of the listener, else *url*."""
        parts = urlsplit(url)
        if parts.query:  # a link to the provider has parameters
            return url
        listener = Connection(parts.netloc)
        try:
            return listener.send("GET", parts.path)[0]["location"]
        finally:
            listener.close()


def _serve(told: socket.socket) -> None:
    browser = QuickBrowser()
    while True:
        message, sender = told.recvfrom(65536)
        order: dict[str, Any] = json.loads(message)
        if order:
            with suppress(OSError):  # a listener that gave up; its own process tells
                browser.follow(**order)
        else:  # "are you done?"
            told.sendto(json.dumps({"responded_at": browser.responded_at, "led_in": browser.led_in}).encode(), sender)


if __name__ == "__main__":
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(datagrams,), daemon=True).start()
    print(datagrams.getsockname()[1], flush=True)
    sys.stdin.read()
