"""A listener on this machine, and a sign-in that takes its time to verify the response."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from ipyauth_magic.callback import listener, pages
from ipyauth_magic.callback.receiver import Awaited
from ipyauth_magic.callback.routes import Environment, routes_to


def open_listener(*redirect_uris: str) -> listener.Listener:
    """Return a listener at the first of *redirect_uris* whose port is free."""
    return listener.open_listener(routes_to(redirect_uris, Environment()))


class Waiting:
    """Serves *opened*, takes the response of *awaited*, and verifies it when it may: once `verify` is set.

    With *error*, the verification fails. The listener closes then, as a sign-in closes it.
    """

    def __init__(self, opened: listener.Listener, awaited: Awaited, error: Exception | None = None) -> None:
        self.parameters: dict[str, str] | None = None
        self.server_error: BaseException | None = None
        self.verify = threading.Event()
        self.has_response = threading.Event()
        self._is_over = threading.Event()
        self._listener, self._error = opened, error
        self._lock = threading.Lock()
        opened.expect(awaited, self._complete)
        opened.serve(self._failed)

    def _complete(self, parameters: Mapping[str, str]) -> pages.Outcome | None:
        with self._lock:
            if self.parameters is not None:
                return None
            self.parameters = dict(parameters)
        self.has_response.set()
        self.verify.wait(20)
        self._listener.close(linger=True)
        self._is_over.set()
        return pages.failed(str(self._error)) if self._error else pages.DONE

    def _failed(self, error: BaseException) -> None:
        self.server_error = error
        self._is_over.set()

    def join(self) -> None:
        """Let the response be verified, and wait for the end."""
        self.verify.set()
        assert self._is_over.wait(20)
