"""The loopback listener: serves the relay page, takes one response with the right state, tells the tab how it ended.

Where the Jupyter server receives the response, it hands it over here; where the user pastes it, nothing is served.

Bottle on waitress: worker threads and a poll loop, so that a browser's idle or slow sockets hold nothing up. Whatever
is not the awaited response gets a short answer, and the wait goes on.
"""

from __future__ import annotations

import atexit
import hmac
import io
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from ..errors import IpyauthError, PortTaken, SignInCancelled, SignInFailed, SignInTimeout
from ..protocol.messages import MalformedResponse, parse_pasted, parse_response
from ..protocol.tokens import Received
from ..provider.threads import Bell
from . import pages
from .jupyter_handoff import HANDOVER_PATH, QUERY_HEADER, SECRET_HEADER, HandOff, Published
from .ports import BoundUri, PortInUse, bind_redirect_uri, stop_listening
from .routes import Route

if TYPE_CHECKING:
    from bottle import Bottle, HTTPResponse

BODY_LIMIT = 64 * 1024
"""Bytes; a response with two large tokens has a tenth of it."""

CONNECTIONS = 128
"""So many connections are held; one more takes the place of the oldest that says nothing."""

CONNECTION_LIFETIME = 10
"""Seconds after which a connection without a whole request ends, however it drips."""

OUTCOME_TIMEOUT = 60.0
"""Seconds for which the tab waits to be told; verifying takes a key fetch at the most."""

LINGER = 0.9
"""Seconds for which the page that a 303 leads to is still served."""

TURN = 0.5
"""Seconds after which the server looks at the latest whether it is to stop, where nothing wakes it."""

QUICK = 0.05
"""Seconds in which a response is verified, unless keys have to be fetched."""

SLICE = 0.2
"""Seconds of one wait: on Windows a longer one would hold back an interrupt."""

FORM = "application/x-www-form-urlencoded"

_OUTCOME = "signed-in"
"""Where a 303 leads to, beside the redirect URI."""

_FIRST_BYTES = frozenset(bytes([byte]) for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n")
"""What an HTTP request begins with (RFC 9112, 2.2 lets an empty line go before it)."""

_logger = logging.getLogger("ipyauth_magic.callback")
_logger.addHandler(logging.NullHandler())

_NOWHERE = io.StringIO()
"""Where Bottle writes what it thinks of a request: a notebook is no log."""

_serving: dict[Listener, int | None] = {}
"""The listeners that answer, with their ports; one whose wait is over still shows the tab how it ended."""

_serving_lock = threading.Lock()


@dataclass(frozen=True)
class Awaited:
    """The response that a listener waits for.

    Attributes:
        state: of the authorization request.
        form_post_origin: origin of the authorization endpoint if `form_post` was asked for, else None.
        in_query: the response was asked for in the query: a code may come so, a token never.
    """

    state: str = field(repr=False)
    form_post_origin: str | None = None
    in_query: bool = False


class Listener:
    """One wait for one authorization response at one redirect URI; its port is held from the start.

    Use `open_listener` to make one, `wait` to take the response, `close` to end it whatever happened.

    Attributes:
        meanwhile: called by `wait` as it begins, and every 0.2 s until the response is there.
    """

    def __init__(self, bound: BoundUri, way: Route) -> None:
        self.redirect_uri = bound.redirect_uri
        self.way = way
        self.port = bound.port
        self._bound = bound
        self._parts = urlsplit(bound.redirect_uri)
        # A proxy may strip the front of the path, or leave it.
        self._paths = {self._parts.path or "/", urlsplit(way.listen_at or "").path or "/"}
        self._hand_off = HandOff(self.port) if way.through_server and self.port else None
        self._published: Published | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self._awaited: Awaited | None = None
        self._server: _Server | None = None
        # One lock and one signal for all that the waiting thread, the workers and the caller tell each other.
        # The wait is for a bell, and takes the bare lock: an interrupt amidst a condition would leave its lock held.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._news = Bell()
        self._timeout = 0.0
        self._deadline = 0.0
        self._parameters: dict[str, str] | None = None
        self._cancelled: BaseException | None = None
        self._outcome: pages.Outcome | None = None
        self._may_tell = False

    @property
    def origin(self) -> str:
        """The redirect URI's origin (RFC 6454, section 4)."""
        return f"{self._parts.scheme}://{self._host}"

    @property
    def _host(self) -> str:
        default_port = ":443" if self._parts.scheme == "https" else ":80"
        return self._parts.netloc.lower().removesuffix(default_port)

    @property
    def is_over(self) -> bool:
        """Whether the wait is over, so that the port will be free soon."""
        return self._outcome is not None

    @property
    def has_response(self) -> bool:
        """Whether the response is there, and may be under verification."""
        return self._parameters is not None

    def give_time(self, timeout: float) -> None:
        """Let the wait end *timeout* seconds from now, whatever was said before."""
        with self._lock:
            self._timeout, self._deadline = timeout, time.monotonic() + timeout
            self._notify()

    def announce(self, state: str) -> None:
        """Let the Jupyter server find this listener by *state*, where it receives the response; before the link is out.

        Raises:
            SignInFailed: Jupyter's runtime folder cannot be used.
        """
        with self._lock:
            if self._hand_off is None or self._cancelled is not None:
                return
            try:
                self._published = self._hand_off.publish(state)
            except OSError as error:
                raise SignInFailed(
                    "The Jupyter server cannot be told that this kernel waits: its runtime folder cannot be used "
                    f"({error.strerror or error}). Mend that, or use --flow device."
                ) from None

    def serve(self, awaited: Awaited) -> None:
        """Begin to answer; what a fast browser sent before stands in the sockets' queue."""
        with self._lock:
            if self._cancelled is None:
                self._awaited = awaited
                if self.port is None:
                    return  # the user brings the response
                self._server = _Server(self._serve_request, self._bound, self._ended)
                with _serving_lock:
                    _serving[self] = self.port
                self._server.start()

    @contextmanager
    def wait(self) -> Iterator[dict[str, str]]:
        """Give the parameters of the response that came, without `state`; how the block ends is what the tab is told.

        That is `done` if it ends well, else the error's sentence; `close` tells it.

        Raises:
            SignInTimeout: nothing came in the time given.
            IpyauthError: what `cancel` was called with, also during the block.
        """
        try:
            yield self._wait_for_response()
            with self._lock:
                self._check_cancelled()
                self._outcome = pages.DONE
        except IpyauthError as error:
            self._outcome = pages.failed(str(error))
            raise
        except BaseException:
            self._outcome = pages.failed("The sign-in was interrupted. Run the cell again.")
            raise

    def _wait_for_response(self) -> dict[str, str]:
        while True:
            self.meanwhile()
            with self._lock:
                self._check_cancelled()
                if self._parameters is not None:
                    return self._parameters
                left = self._deadline - time.monotonic()
                if left <= 0:
                    raise SignInTimeout(self._timeout, self.redirect_uri)
            self._news.wait(min(left, SLICE))

    def _notify(self) -> None:
        self._news.ring()
        self._changed.notify_all()

    def _check_cancelled(self) -> None:
        if self._cancelled is not None:
            raise self._cancelled

    def cancel(self, error: IpyauthError) -> None:
        """End the wait by *error* from another thread; a response that is being verified is dropped."""
        self._cancel(error)

    def _cancel(self, error: BaseException) -> None:
        with self._lock:
            if self._cancelled is None and self._outcome is None:
                self._cancelled = error
                self._notify()

    def close(self) -> None:
        """Give the port back: at once, or as soon as the tab has been told."""
        with self._lock:
            self._cancelled = self._cancelled or SignInCancelled()
            self._outcome = self._outcome or pages.failed("The sign-in has ended. Run the cell again.")
            self._may_tell = True
            self._notify()
            self._withdraw()
            server = self._server
        if server is None:
            self._bound.close()
        else:
            server.stop(0.0 if self._parameters is None else LINGER)

    def join(self, timeout: float = 2.0) -> None:
        """Close, and wait until port, threads and sockets are gone; at most *timeout* seconds."""
        self.close()
        if self._server is not None:
            self._server.stop(0.0)
            self._server.join(timeout)
            self._forget()  # it may never have begun

    def _ended(self, why: BaseException | None) -> None:
        self._forget()
        if why is not None:
            self._cancel(why)

    def linger(self) -> None:
        """Wait until the tab has been told how it ended; for a second or so at the most."""
        if self._server is not None:
            self._server.join(LINGER + TURN)

    def _forget(self) -> None:
        with _serving_lock:
            _serving.pop(self, None)

    def _withdraw(self) -> None:
        if self._published is not None:
            self._published.unpublish()

    def take_pasted(self, text: str) -> pages.Outcome | None:
        """Take the response in *text*, the URL at which the user's browser ended, or the end of it.

        Return what is wrong with it, or None once it is taken.
        """
        try:
            parameters, in_query = parse_pasted(text)
        except MalformedResponse as error:
            return pages.not_ours(str(error))
        return self._take(parameters, in_query)

    # What follows answers requests, in waitress's worker threads.

    def _serve_request(self, environ: dict[str, Any], start_response: Any) -> Any:
        environ["ipyauth.listener"] = self
        environ["wsgi.errors"] = _NOWHERE
        return _app()(environ, start_response)

    def answer(self) -> HTTPResponse:
        """Return the answer to Bottle's current request."""
        from bottle import HTTPResponse, request

        # As it was sent: waitress folds slashes, and takes the path out of an address of another host.
        path = request.environ["REQUEST_URI"].partition("?")[0]
        if self._hand_off is not None:
            return self._answer_jupyter(request, path, self._hand_off)
        if request.environ.get("HTTP_HOST", "").lower() != self._host:
            return _short(400, "This listener serves one address only.")
        if self._may_tell and request.method == "GET" and self._is_outcome(path):
            return self._page(self._outcome or pages.DONE, "outcome.js")  # served while it lingers, to whoever asks
        if not any(_same_path(path, own) for own in self._paths):
            return _short(404, "Nothing is served here.")
        if request.method == "GET":
            return self._answer_get(request.environ.get("QUERY_STRING", ""))
        if request.method == "POST":
            return self._answer_post(request)
        return HTTPResponse("", 405, dict([*pages.COMMON_HEADERS, ("Allow", "GET, POST")]))

    def _is_outcome(self, path: str) -> bool:
        return any(_same_path(path, urljoin(own, _OUTCOME)) for own in self._paths)

    def _answer_jupyter(self, request: Any, path: str, hand_off: HandOff) -> HTTPResponse:
        """Take what the Jupyter server hands over; it alone could read the secret."""
        secret = request.environ.get(_variable(SECRET_HEADER), "")
        is_known = hmac.compare_digest(secret.encode(), hand_off.secret.encode())
        if not is_known or request.method != "POST" or path != HANDOVER_PATH:
            return _short(403, "This listener takes responses from the Jupyter server only.")
        outcome, is_final = self._outcome_of(request)
        return self._json(outcome, then_close=is_final)

    def _answer_get(self, query: str) -> HTTPResponse:
        """Serve the relay page, or take the response in the query; there some providers put errors in any case."""
        if not query:
            return self._page(pages.RELAY, "relay.js")
        try:
            parameters = parse_response(query)
        except MalformedResponse as error:
            return self._page(pages.not_ours(str(error)), "outcome.js", 400)
        if "state" not in parameters:
            return self._page(pages.RELAY, "relay.js")
        if refusal := self._take(parameters, in_query=True):
            return self._page(refusal, "outcome.js", 400)
        outcome = self._wait_for_outcome()
        return self._page(outcome, "outcome.js", _status(outcome), then_close=True)

    def _answer_post(self, request: Any) -> HTTPResponse:
        relayed = self._is_relay(request)
        if not relayed and not self._is_form_post(request):
            return _short(403, "This listener takes responses from its own page only.")
        if request.environ.get("CONTENT_TYPE", "").split(";")[0].strip().lower() != FORM:
            return _short(415, "A response is a form.")
        outcome, is_final = self._outcome_of(request)
        if relayed:
            return self._json(outcome, then_close=is_final)
        if outcome == pages.DONE:
            # 303, not 200: the browser would keep the form with the token in its session files.
            return _response(b"", 303, [*pages.COMMON_HEADERS, ("Location", urljoin(self._parts.path, _OUTCOME))])
        return self._page(outcome, "outcome.js", 400, then_close=is_final)

    def _outcome_of(self, request: Any) -> tuple[pages.Outcome, bool]:
        """Return what to tell about the response in the body of *request*, and whether it was taken."""
        try:
            parameters = parse_response(request.environ["wsgi.input"].read(BODY_LIMIT).decode("ascii"))
        except (MalformedResponse, UnicodeDecodeError):
            return pages.not_ours("It is malformed."), False
        in_query = request.environ.get(_variable(QUERY_HEADER)) == "query"
        refusal = self._take(parameters, in_query)
        return refusal or self._wait_for_outcome(), refusal is None

    def _is_relay(self, request: Any) -> bool:
        # Not by Bottle's get_header: it stumbles over bytes that are not UTF-8.
        fetched_by = request.environ.get("HTTP_SEC_FETCH_SITE", "same-origin")
        return bool(request.environ.get("HTTP_ORIGIN") == self.origin and fetched_by == "same-origin")

    def _is_form_post(self, request: Any) -> bool:
        asked_for = self._awaited.form_post_origin if self._awaited else None
        return asked_for is not None and request.environ.get("HTTP_ORIGIN") in (asked_for, "null")

    def _take(self, parameters: dict[str, str], in_query: bool) -> pages.Outcome | None:
        """Take the response if it is the awaited one; else return what to tell the tab. The first one is final."""
        awaited = self._awaited
        state = parameters.pop("state", "")
        if awaited is None or not hmac.compare_digest(state.encode(), awaited.state.encode()):
            return pages.not_ours("It belongs to another sign-in. Go on in the tab that your notebook opened last.")
        if in_query and not awaited.in_query and "error" not in parameters:
            parameters = {"error": "invalid_response_mode", "error_description": "the response came in the query"}
        with self._lock:
            if self._parameters is not None or self._cancelled is not None:
                return pages.not_ours("This sign-in has ended already.")
            self._parameters = {name: Received(value) for name, value in parameters.items()}
            self._notify()
        return None

    def _wait_for_outcome(self) -> pages.Outcome:
        with self._changed:
            if not self._changed.wait_for(lambda: self._may_tell, QUICK) and self._server is not None:
                self._server.add_worker()  # this one is taken, and others may ask meanwhile
                self._changed.wait_for(lambda: self._may_tell, OUTCOME_TIMEOUT)
            return self._outcome or pages.failed("The notebook did not say how the sign-in ended. Look there.")

    def _page(
        self, outcome: pages.Outcome, script: str | None = None, status: int = 200, then_close: bool = False
    ) -> HTTPResponse:
        if outcome is self._outcome:
            status = _status(outcome)
        return _response(pages.page(outcome, script), status, pages.headers(script), self._sent if then_close else None)

    def _json(self, outcome: pages.Outcome, then_close: bool) -> HTTPResponse:
        headers = [*pages.COMMON_HEADERS, ("Content-Type", "application/json")]
        body = json.dumps(outcome.__dict__).replace("<", "\\u003c").encode()  # inert, were it ever taken for HTML
        return _response(body, _status(outcome), headers, self._sent if then_close else None)

    def _sent(self) -> None:
        """The tab has all that it needs."""
        if self._server is not None:
            self._server.stop(0.0)


def open_listener(ways: Sequence[Route]) -> Listener:
    """Return a listener by the first of *ways* whose port is free.

    Where none is and the user can paste the response, nothing listens.

    Raises:
        PortTaken: none is free; all ports are named.
    """
    _finish_closing({way.port for way in ways})
    taken: list[PortInUse] = []
    for way in ways:
        try:
            return Listener(_bind(way), way)
        except PortInUse as error:
            taken.append(error)
    for way in ways:
        if way.paste:
            return Listener(BoundUri(way.redirect_uri, ()), way)
    raise PortTaken([error.port for error in taken], "; ".join(error.reason for error in taken)) from taken[-1]


def _bind(way: Route) -> BoundUri:
    if way.through_server:
        return replace(bind_redirect_uri("http://127.0.0.1:0/"), redirect_uri=way.redirect_uri)
    if way.listen_at is None:
        return BoundUri(way.redirect_uri, ())
    bound = bind_redirect_uri(way.listen_at, way.bind)
    return replace(bound, redirect_uri=way.redirect_uri) if way.is_forwarded else bound


def _finish_closing(ports: Collection[int | None]) -> None:
    """Let our own listeners that still show how the last sign-in ended make room."""
    with _serving_lock:
        over = [listener for listener, port in _serving.items() if port in ports and listener.is_over]
    for listener in over:
        listener.join()


def _variable(header: str) -> str:
    """Return the name of *header* in a WSGI environment (PEP 3333)."""
    return f"HTTP_{header.upper().replace('-', '_')}"


@atexit.register
def _let_tabs_be_told() -> None:
    """Keep a script or a command that ends with its sign-in from leaving the tab without an answer."""
    with _serving_lock:
        over = [listener for listener in _serving if listener.is_over]
    for listener in over:
        listener.linger()


def _same_path(sent: str, path: str) -> bool:
    return sent.startswith("/") and unquote_to_bytes(sent) == unquote_to_bytes(path)


def _status(outcome: pages.Outcome) -> int:
    return 200 if outcome == pages.DONE else 400


def _short(status: int, sentence: str) -> HTTPResponse:
    return _response(sentence.encode(), status, [*pages.COMMON_HEADERS, ("Content-Type", "text/plain; charset=utf-8")])


def _response(
    body: bytes, status: int, headers: Iterable[tuple[str, str]], sent: Callable[[], None] | None = None
) -> HTTPResponse:
    from bottle import HTTPResponse

    return HTTPResponse(
        _Body(body, sent) if sent else body, status, headers=[*headers, ("Content-Length", str(len(body)))]
    )


class _Body:
    """A body that says when it has been handed to the network (PEP 3333: the server calls `close`)."""

    def __init__(self, body: bytes, sent: Callable[[], None]) -> None:
        self._body = body
        self._sent = sent

    def __iter__(self) -> Iterator[bytes]:
        yield self._body

    def close(self) -> None:
        self._sent()


@cache
def _app() -> Bottle:
    """Return the application of all listeners: the request's environment tells which of them is asked."""
    from bottle import Bottle, request

    app = Bottle()
    app.default_error_handler = lambda error: error.status_line  # Bottle's own page repeats the URL
    app.route("<path:path>", "ANY", lambda path: request.environ["ipyauth.listener"].answer())
    return app


class _Server:
    """waitress on sockets that are bound already, in a thread of its own that makes it, and ends by itself.

    Made there and not by the caller, who shows the link meanwhile, and who may be interrupted halfway.
    """

    def __init__(self, app: Callable[..., Any], bound: BoundUri, ended: Callable[[BaseException | None], None]) -> None:
        self._app = app
        self._bound = bound
        self._ended = ended
        self._map: dict[int, Any] = {}
        self._servers: list[Any] = []
        self._dispatcher: Any = None
        self._stop_at = math.inf
        self._lock = threading.Lock()
        self._begun = False
        self._running = False
        self._thread = threading.Thread(target=self._run, name="ipyauth-callback", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self, after: float) -> None:
        """End within *after* seconds; from any thread, any number of times."""
        with self._lock:
            self._stop_at = min(self._stop_at, time.monotonic() + after)
            if not self._begun:
                self._bound.close()  # its thread, if ever there is one, finds nothing left to do
            elif self._running and after < TURN:
                self._servers[0].pull_trigger()

    def add_worker(self) -> None:
        """Have two workers from now on."""
        with self._lock:
            if self._running:
                self._dispatcher.set_thread_count(2)

    def join(self, timeout: float) -> None:
        """Wait until it has ended; at most *timeout* seconds."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        with self._lock:
            self._begun = begun = self._stop_at == math.inf
        why: BaseException | None = None
        if begun:
            try:
                self._make()
                self._answer()
            except BaseException as error:
                why = error
            self._end()
        self._ended(why)

    def _make(self) -> None:
        from waitress.server import create_server

        _app()  # loads Bottle
        server = create_server(
            self._app,
            map=self._map,
            sockets=list(self._bound.sockets),
            threads=1,
            ident=None,
            channel_timeout=CONNECTION_LIFETIME,
            cleanup_interval=1,
            connection_limit=2 * CONNECTIONS,
            max_request_body_size=BODY_LIMIT + 1,  # waitress refuses what is equal
            max_request_header_size=32 * 1024,
            clear_untrusted_proxy_headers=True,
            log_socket_errors=False,
        )
        self._dispatcher = server.task_dispatcher
        self._dispatcher.queue_logger = self._dispatcher.logger = _logger
        self._servers = [part for part in self._map.values() if hasattr(part, "pull_trigger") and hasattr(part, "adj")]
        for part in self._servers:
            part.logger = _logger
            part.channel_class = _bounded_channel()

    def _answer(self) -> None:
        from waitress import wasyncore

        with self._lock:
            self._running = True
        while (left := self._stop_at - time.monotonic()) > 0:
            wasyncore.loop(timeout=min(left, TURN), use_poll=True, map=self._map, count=1)

    def _end(self) -> None:
        from waitress import wasyncore

        with self._lock:
            self._running = False
        for listening in self._bound.sockets:
            stop_listening(listening)
        # Workers first: one that still ran could write to a trigger whose number is somebody else's by then.
        if self._dispatcher is not None:
            self._dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._map, ignore_all=True)
        self._bound.close()


@cache
def _bounded_channel() -> type:
    from waitress.channel import HTTPChannel

    class BoundedChannel(HTTPChannel):
        """A connection whose time counts from its beginning, and that makes room when there are too many.

        waitress's own clock is reset by every dripped byte, and at its limit it takes no new connection.
        """

        def __init__(self, server: Any, *args: Any, **kwargs: Any) -> None:
            super().__init__(server, *args, **kwargs)
            if len(server.active_channels) > CONNECTIONS:
                oldest = next((each for each in server.active_channels.values() if not each.requests), self)
                oldest.will_close = True

        @property
        def last_activity(self) -> float:
            return float(self.creation_time)

        @last_activity.setter
        def last_activity(self, value: float) -> None:
            pass

        def received(self, data: bytes) -> bool:
            if self.request is None and data[:1] not in _FIRST_BYTES:
                self.will_close = True  # TLS, or noise: there will be no line end to wait for
                return False
            return bool(super().received(data))

    return BoundedChannel
