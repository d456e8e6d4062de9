"""The port of one sign-in: held from the start, served while the response is awaited, given back at the end."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from ..errors import PortTaken, SignInFailed
from ..provider.threads import run_in_thread
from .jupyter_handoff import HandOff, Published
from .ports import BoundUri, PortInUse, bind_redirect_uri
from .receiver import Awaited, Complete, Receiver
from .routes import Route
from .server import TURN, Server

LINGER = 0.9
"""Seconds for which the page that a 303 leads to is still served."""

_serving: dict[Listener, int | None] = {}
"""The listeners that answer, with their ports; one that has ended may still show the tab how it ended."""

_serving_lock = threading.Lock()


class Listener:
    """Holds the port of one redirect URI; use `open_listener` to make one, and `close` it whatever happens.

    Attributes:
        redirect_uri: with its real port.
        route: how the response comes.
        port: that is held; None where the user pastes the response.
    """

    def __init__(self, bound: BoundUri, route: Route) -> None:
        self.redirect_uri = bound.redirect_uri
        self.route = route
        self.port = bound.port
        self._bound = bound
        self._handoff = HandOff(self.port) if route.through_server and self.port else None
        self._published: Published | None = None
        self._receiver: Receiver | None = None
        self._server: Server | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def expect(self, awaited: Awaited, complete: Complete) -> None:
        """Let the response be pasted, and let the Jupyter server find this listener; before the link is out.

        Args:
            awaited: the response.
            complete: takes its parameters and returns what the tab is told.

        Raises:
            SignInFailed: Jupyter's runtime folder cannot be used.
        """
        paths = [urlsplit(self.route.listen_at or "").path]
        self._receiver = Receiver(self.redirect_uri, paths, awaited, complete, self._handoff)
        if self._handoff is None:
            return
        try:
            published = self._handoff.publish(awaited.state)
        except OSError as error:
            raise SignInFailed(
                "The Jupyter server cannot learn that this kernel waits, because its runtime folder cannot be used "
                f"({error.strerror or error}). Mend that, or use --flow device."
            ) from error
        with self._lock:
            self._published, is_closed = published, self._is_closed
        if is_closed:
            published.unpublish()

    def lead_to(self, link: str) -> str | None:
        """Return a short address here that leads a browser of this machine to *link*, once; after `expect`.

        Return None where that browser may not reach this listener.
        """
        route, receiver = self.route, self._receiver
        if receiver is None or self.port is None or not route.is_direct:
            return None
        return receiver.lead_to(link)

    def serve(self, failed: Callable[[BaseException], None]) -> None:
        """Begin to answer, after `expect`; *failed* is called if the server ends by an error."""
        receiver = self._receiver
        assert receiver is not None

        def ended(why: BaseException | None) -> None:
            self._forget()
            if why is not None:
                failed(why)

        with self._lock:
            if self.port is not None and not self._is_closed:
                # --bind opens the port to others.
                self._server = Server(self._bound, receiver.answer, ended, is_for_one_user=self.route.bind is None)
                with _serving_lock:
                    _serving[self] = self.port
                self._server.start()

    def take_pasted(self, text: str) -> str | None:
        """Take the response in *text*; return a sentence that says what is wrong with it, or None once it is taken.

        A thread does that, for the provider may have to be asked: an interrupt of the caller is not held up.
        """
        receiver = self._receiver
        if receiver is None:
            return "The sign-in is not ready yet. Paste the address again."
        refusal = run_in_thread(lambda: receiver.take_pasted(text), "ipyauth-pasted")
        return f"{refusal.title}. {refusal.message}" if refusal else None

    def close(self, linger: bool = False) -> None:
        """Give the port back, at once or a moment later: *linger* serves the page that a 303 leads to."""
        with self._lock:
            self._is_closed = True
            server, published = self._server, self._published
        if server is None:
            self._bound.close()
        else:
            server.stop(LINGER if linger else 0.0)
            if not linger:
                server.wait_for_port()
        if published is not None:
            published.unpublish()  # last: it uses files, and an interrupt there must not cost the port

    def join(self, timeout: float = 2.0) -> None:
        """Close, and wait until port, threads and sockets are gone, at most *timeout* seconds."""
        self.close()
        if self._server is not None:
            self._server.join(timeout)
            self._forget()  # its thread may never have run

    @property
    def is_closed(self) -> bool:
        """Whether the sign-in has ended, so that the port will be free soon."""
        return self._is_closed

    def linger(self) -> None:
        """Wait until the tab has been told how the sign-in ended, for a second or so at the most."""
        if self._server is not None:
            self._server.join(LINGER + TURN)

    def _forget(self) -> None:
        with _serving_lock:
            _serving.pop(self, None)


def open_listener(routes: Sequence[Route]) -> Listener:
    """Return a listener for the first of *routes* whose port is free.

    If no port is free and the user can paste the response, nothing listens.

    Raises:
        PortTaken: no port is free; all are named.
    """
    _finish_closing({route.port for route in routes})
    taken: list[PortInUse] = []
    for route in routes:
        try:
            return Listener(_bind(route), route)
        except PortInUse as error:
            taken.append(error)
    for route in routes:
        if route.paste:
            return Listener(BoundUri(route.redirect_uri, ()), route)
    raise PortTaken([error.port for error in taken], "; ".join(error.reason for error in taken)) from taken[-1]


def _bind(route: Route) -> BoundUri:
    if route.through_server:
        return replace(bind_redirect_uri("http://127.0.0.1:0/"), redirect_uri=route.redirect_uri)
    if route.listen_at is None:
        return BoundUri(route.redirect_uri, ())
    bound = bind_redirect_uri(route.listen_at, route.bind)
    return replace(bound, redirect_uri=route.redirect_uri) if route.is_forwarded else bound


def _finish_closing(ports: Collection[int | None]) -> None:
    """End those of our own listeners on *ports* that still show how the last sign-in ended."""
    with _serving_lock:
        closed = [listener for listener, port in _serving.items() if port in ports and listener.is_closed]
    for listener in closed:
        listener.join()


@atexit.register
def _let_tabs_be_told() -> None:
    """Keep a script that ends with its sign-in alive until the tab has its answer."""
    with _serving_lock:
        closed = [listener for listener in _serving if listener.is_closed]
    for listener in closed:
        listener.linger()
