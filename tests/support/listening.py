"""A listener on this machine, and a thread that waits for its response."""

from __future__ import annotations

import threading

from ipyauth_magic.callback import listener
from ipyauth_magic.callback.routes import Environment, routes_to


def open_listener(*redirect_uris: str) -> listener.Listener:
    """Return a listener at the first of *redirect_uris* whose port is free."""
    return listener.open_listener(routes_to(redirect_uris, Environment()))


class Waiting:
    """A thread waits for the response, and takes a while to verify it."""

    def __init__(self, listener: listener.Listener, error: Exception | None = None, timeout: float = 30) -> None:
        self.parameters: dict[str, str] | None = None
        self.raised: BaseException | None = None
        self.verify = threading.Event()
        self.has_response = threading.Event()
        self._listener, self._error = listener, error
        listener.give_time(timeout)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._listener.wait() as parameters:
                self.parameters = dict(parameters)
                self.has_response.set()
                self.verify.wait(20)
                if self._error:
                    raise self._error
        except Exception as error:
            self.raised = error
        finally:
            self._listener.close()

    def join(self) -> None:
        """Wait for the end."""
        self.verify.set()
        self._thread.join(20)
