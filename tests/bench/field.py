"""The field on which contenders run: a stub provider, a browser, and a process for each contender."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from typing import Any, Self


def environment() -> dict[str, str]:
    """Return the environment of the processes that are measured: what is installed is compiled, so ours is too."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Helper:
    """A module of ours that runs in a process of its own, from `with` to the end of its block."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", f"tests.bench.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self.said: Any = self._read()

    def ask(self, **command: Any) -> Any:
        """Send *command*, and return the answer."""
        assert self._process.stdin
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self._process.args[4:])} ended by itself")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=20)


@dataclass(frozen=True)
class SignIn:
    """The seconds of one sign-in.

    Attributes:
        total: from the call to the token.
        net: *total* without the provider's own time.
        cpu: of the processor, closing work included.
        to_browser: from the call to the start of the browser.
        to_token: from the response, sent to the listener, to the token.
        led_in: for the local address that a browser is started with to lead to the link; 0 where it gets the link.
    """

    total: float
    net: float
    cpu: float
    to_browser: float
    to_token: float
    led_in: float


class Field:
    """Provider and browser, and sign-ins measured between them."""

    def __init__(self) -> None:
        self._provider = Helper("stub_provider")
        self._browser = Helper("quick_browser")
        self._url = f"http://127.0.0.1:{self._provider.said}"
        self._to_browser = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._to_browser.connect(("127.0.0.1", self._browser.said))
        self._to_browser.settimeout(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._to_browser.close()
        for helper in (self._browser, self._provider):
            helper.__exit__()

    def contender(self, name: str) -> Helper:
        """Start the process of the contender *name*."""
        return Helper("contender", name, self._url, str(self._browser.said))

    def sign_in(self, contender: Helper, **circumstances: float) -> SignIn | str:
        """Let *contender* sign in; return what it took, or the error that it ended with."""
        self._busy()
        result = contender.ask(do="sign_in", **circumstances)
        # The tab has its last page, and what has to be closed is closed: nothing runs into the next one's time.
        self._to_browser.send(b"{}")
        browser = json.loads(self._to_browser.recv(200))
        time.sleep(0.03)  # no message tells that
        if "failed" in result:
            return str(result["failed"])
        total = result["seconds"]
        cpu = contender.ask(do="cpu")["seconds"]
        to_token = result["got_at"] - browser["responded_at"]
        return SignIn(total, total - self._busy(), cpu, result["opened"], to_token, browser["led_in"])

    def _busy(self) -> float:
        with urllib.request.urlopen(f"{self._url}/busy") as answer:
            return float(json.load(answer))
