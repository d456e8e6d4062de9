"""A process of its own for one contender: it does what standard input says, and prints how long it took.

Each line is a JSON object; so is each answer.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import sys
import time
import webbrowser
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from .contenders import MAKERS, Contender

REPEATS = 200
"""Calls of `again` of which one time is told."""


class RemoteBrowser(webbrowser.BaseBrowser):
    """What `webbrowser` opens: it tells the browser's process the URL, and comes back when told to."""

    def __init__(self, port: int) -> None:
        super().__init__("scripted")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self.order: dict[str, Any] = {}
        self.comes_back_after = 0.0
        self.opened_at = 0.0

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        """Have *url* opened."""
        self.opened_at = time.perf_counter()
        self._socket.send(json.dumps({"url": url} | self.order).encode())
        time.sleep(self.comes_back_after)  # as a browser that takes its time to start
        return True


class Measured:
    """A contender, made by its first sign-in."""

    def __init__(self, name: str, provider: str, browser: RemoteBrowser) -> None:
        self._name = name
        self._provider = provider
        self._browser = browser
        # All have a shell, as in a notebook, so its imports do not count for any of them.
        self._shell = InteractiveShell.instance()
        self._contender: Contender | None = None
        self._sockets = 0
        self._cpu = 0.0
        sys.addaudithook(self._count_sockets)

    def _count_sockets(self, event: str, _: object) -> None:
        if event == "socket.__new__":
            self._sockets += 1

    def prepare(self) -> dict[str, Any]:
        """Make the contender before its first sign-in, as `%load_ext` stands in a cell before."""
        self._contender = MAKERS[self._name](self._provider, self._shell)
        return {}

    def sign_in(self, user: float = 0.0, idle: float = 0.0, comes_back_after: float = 0.0) -> dict[str, Any]:
        """Sign in; return the seconds until the token was there and until the browser was opened, or the error.

        `got_at` is the moment of the token, by a clock that all processes of the machine share.
        """
        self._browser.comes_back_after = comes_back_after
        self._cpu = time.process_time()
        started = time.perf_counter()
        try:
            if self._contender is None:
                self._contender = MAKERS[self._name](self._provider, self._shell)
            self._browser.order = {"relay": self._contender.relay, "user": user, "idle": idle}
            got_at = self._contender.sign_in()
            return {"seconds": got_at - started, "opened": self._browser.opened_at - started, "got_at": got_at}
        except Exception as error:  # a peer fails as it likes
            return {"failed": type(error).__name__}

    def cpu(self) -> dict[str, Any]:
        """Return the processor's seconds since the last sign-in began, closing work included."""
        return {"seconds": time.process_time() - self._cpu}

    def again(self) -> dict[str, Any]:
        """Return the seconds of one more request for the same token, and the sockets that all of them opened."""
        assert self._contender is not None
        before, took = self._sockets, []
        for _ in range(REPEATS):
            started = time.perf_counter()
            self._contender.again()
            took.append(time.perf_counter() - started)
        return {"seconds": statistics.median(took), "sockets": self._sockets - before}


def main(name: str, provider: str, browser_port: int) -> None:
    """Obey standard input until it ends."""
    # What a contender prints is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.environ.pop("BROWSER", None)
    browser = RemoteBrowser(browser_port)
    webbrowser.register("scripted", None, browser, preferred=True)
    measured = Measured(name, provider, browser)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        command: dict[str, Any] = json.loads(line)
        answer = getattr(measured, command.pop("do"))(**command)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
