"""In the kernel of a notebook: signs in and renews for a Dask cluster, and sends each token to its workers."""

from __future__ import annotations

import queue
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit
from weakref import WeakMethod

from distributed import Client
from joserfc.jwk import OctKey

from ...errors import InsecureCluster, IpyauthError, NoTokenHere
from ...flows.clock import utc_now
from ...protocol.tokens import TokenSet
from ...provider.threads import run_in_thread, start_thread
from ..retry import TokenProvider
from .message import Message, new_secret, seal_secret
from .worker import TokenPlugin, WorkerAuth, take_message

Subscribe = Callable[[Callable[[], None]], AbstractContextManager[object]]
"""Returns a context in which its argument is called, from any thread, after the tokens have changed."""

SHUTDOWN_TIMEOUT = 10.0
"""Seconds for which the end of a block waits for workers that do not answer."""

RETRY_INTERVAL = 5.0
"""Seconds until a renewal is tried again that an API's refusal asked for, and until a missing token is."""

_LONGEST_PAUSE = 30.0
"""Seconds between two looks at the clock: a monotonic wait may stand still while the machine sleeps."""

_UNKNOWN = 3600.0
"""Seconds for which a worker uses a token whose end the provider does not tell, before it asks the kernel again."""

_SAFE_PROTOCOLS = frozenset({"tls", "wss", "gateway", "inproc"})


@contextmanager
def worker_auth(
    provider: TokenProvider[TokenSet], subscribe: Subscribe, client: Client, without_tls: bool
) -> Iterator[WorkerAuth]:
    """Yield the auth object for the workers of *client*'s cluster, which have a token until the block ends.

    Raises:
        TypeError: *client* is asynchronous.
        InsecureCluster: a connection goes over a network without TLS, and *without_tls* does not allow that.
        IpyauthError: there is no good token.
    """
    if client.asynchronous:
        raise TypeError("on_dask() needs a Client that is not asynchronous.")
    provider.get()  # the error is better raised here than on each worker
    if not without_tls:
        check_connections(client)
    name = f"ipyauth-magic-{secrets.token_hex(8)}"
    address, publisher = _scheduler_address(client), TokenPublisher(name, provider, client, without_tls)
    try:
        publisher.start()
        client.subscribe_topic(name, _weak_handler(publisher))
        with subscribe(publisher.check):
            _register(client, name)
            yield WorkerAuth(name, without_tls, provider.api)
    finally:
        publisher.stop()
        # In a thread: neither a worker that hangs nor an interrupt keeps the other workers from forgetting.
        with suppress(TimeoutError):
            run_in_thread(lambda: _remove(client, name, address), f"{name}-end", timeout=SHUTDOWN_TIMEOUT)


def _register(client: Client, name: str) -> None:
    """Have every worker make a cache, now and later."""
    try:
        client.register_plugin(TokenPlugin(name), name=name)
    except OSError:  # one worker that dies during the call ends it for all
        client.register_plugin(TokenPlugin(name), name=name)


def _remove(client: Client, name: str, address: str) -> None:
    """Have every worker forget the token; a worker or a cluster that is gone has forgotten it."""
    with suppress(Exception):
        client.unsubscribe_topic(name)
        client.unregister_worker_plugin(name)
    if client.status in ("closing", "closed"):  # within the block, and the cluster may go on without it
        options = {"security": client.security, "set_as_default": False, "timeout": SHUTDOWN_TIMEOUT / 5}
        with suppress(Exception), Client(address, **options) as another:
            another.unregister_worker_plugin(name)


def _scheduler_address(client: Client) -> str:
    """Return the address at which *client* has found its scheduler."""
    return str(client.scheduler.address) if client.scheduler is not None else ""


def check_connections(client: Client) -> None:
    """Check that no other machine can read what passes between those of the cluster, or answer as a worker.

    Raises:
        InsecureCluster: a connection goes over a network without TLS.
    """
    info = client.scheduler_info(n_workers=-1)
    for address in (_scheduler_address(client), info["address"], *info["workers"]):
        if not is_safe(address):
            raise InsecureCluster(address)


def is_safe(address: str) -> bool:
    """Tell whether *address* is reached by TLS or on this machine, as `tls://10.0.0.1:8786` or `tcp://127.0.0.1:1`."""
    try:
        parts = urlsplit(address)
        return (
            parts.scheme in _SAFE_PROTOCOLS
            or parts.hostname == "localhost"
            or ip_address(parts.hostname or "").is_loopback
        )
    except ValueError:
        return False


@dataclass(frozen=True)
class TokenRequest:
    """A worker's request: its address, its public key as a JWK, and the serial of a token that an API refused."""

    worker: str
    public_key: dict[str, Any]
    refused: int | None


class TokenPublisher(threading.Thread):
    """Sends all workers a token before the last one ends, and each worker that asks; renews what an API refuses."""

    def __init__(self, name: str, provider: TokenProvider[TokenSet], client: Client, without_tls: bool) -> None:
        super().__init__(name=name, daemon=True)
        self._provider = provider
        self._client = client
        self._without_tls = without_tls
        self._secret = new_secret()
        self._events: queue.SimpleQueue[TokenRequest | Literal["check", "stop"]] = queue.SimpleQueue()
        self._tokens: TokenSet | None = None
        self._message = Message(serial=0)
        self._renew_at = 0.0

    def on_event(self, event: Any) -> None:
        """Take an event of the block's topic; one that is not a worker's request is ignored."""
        try:
            request = TokenRequest(str(event["worker"]), dict(event["public_key"]), event["refused"])
        except (TypeError, ValueError, KeyError):
            return
        self._events.put(request)

    def check(self) -> None:
        """Have the tokens checked, which may have changed; returns at once."""
        self._events.put("check")

    def stop(self) -> None:
        """End, after the provider's answer to a request that is under way."""
        self._events.put("stop")

    def run(self) -> None:
        """Serve until stopped."""
        event: TokenRequest | str = "check"
        while event != "stop":
            try:
                if isinstance(event, TokenRequest):
                    self._answer(event)
                elif self._update():
                    self._send()
            except Exception:  # a defect: the user sees it, and the workers are served on
                self._tokens = None
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self)))
            event = self._next_event()

    def _next_event(self) -> TokenRequest | str:
        """Wait for the next event, or until a renewal is due."""
        try:
            return self._events.get(timeout=self._seconds_until_due())
        except queue.Empty:
            return "check"

    def _answer(self, request: TokenRequest) -> None:
        """Send the latest message to *request*'s worker, and if it is new to all workers."""
        if not self._without_tls and not is_safe(request.worker):
            error = NoTokenHere(reason=str(InsecureCluster(request.worker)))
            # With a secret of its own: that of the block opens the token.
            self._send(request, Message(self._message.serial, error=error), new_secret())
            return
        is_new = self._renew() if request.refused == self._message.serial else self._update()
        self._send(request)
        if is_new:
            self._send()

    def _renew(self) -> bool:
        """Get another token than the one that an API has refused, and tell whether there is one."""
        if self._tokens is None:
            return self._update()
        if time.monotonic() < self._renew_at:
            return False  # a worker that waits asks every second
        try:
            return self._take(self._provider.renew_refused(self._tokens.access_token))
        except IpyauthError:
            self._renew_at = time.monotonic() + RETRY_INTERVAL
            return False  # another API may accept the token

    def _update(self) -> bool:
        """Get a token that is good, by a renewal where one is due, and tell whether it, or the error, is another."""
        try:
            return self._take(self._provider.get())
        except IpyauthError as error:
            is_new = str(self._message.error) != str(error)
            if is_new:
                self._tokens, self._message = None, Message(self._message.serial + 1, error=error)
            return is_new

    def _take(self, tokens: TokenSet) -> bool:
        if tokens is self._tokens:
            return False
        self._tokens = tokens
        self._message = Message(self._message.serial + 1, tokens.access_token)
        return True

    def _seconds_until_due(self) -> float:
        """Return the seconds until a renewal is due, or may be tried again."""
        if self._tokens is None:
            return RETRY_INTERVAL
        return min(max(_seconds_left(self._tokens, share=10, most=30), 0.2), _LONGEST_PAUSE)

    def _latest(self) -> Message:
        """Return the message, with the time left for the token; the next one comes at twice that from its end."""
        if self._tokens is None:
            return self._message
        return replace(self._message, lasts=max(_seconds_left(self._tokens, share=20, most=15), 0))

    def _send(
        self, request: TokenRequest | None = None, message: Message | None = None, secret: OctKey | None = None
    ) -> None:
        """Send a message to *request*'s worker with the *secret* that opens it, or to all that have the secret.

        By default it is the latest message, and the secret of the block.
        """
        secret = secret or self._secret
        sealed_secret, workers = None, None
        if request is not None:
            try:
                sealed_secret, workers = seal_secret(secret, request.public_key), [request.worker]
            except ValueError:
                return  # without a key the worker cannot open it
        sealed = (message or self._latest()).sealed(secret)

        def run() -> None:
            try:
                self._client.run(take_message, self.name, sealed_secret, sealed, workers=workers, on_error="ignore")
            except Exception:  # the connection is gone, or the client closed: there is no worker to send to
                return

        # In a thread: the call waits for a worker that has just died.
        start_thread(run, f"{self.name}-send")


def _seconds_left(tokens: TokenSet, share: int, most: float) -> float:
    """Return the seconds until the last *share*-th of a token's time, or until its last *most* seconds.

    A token whose end is not known has `_UNKNOWN` seconds, at any time.
    """
    if tokens.expires_at is None:
        return _UNKNOWN
    leeway = min(timedelta(seconds=most), (tokens.expires_at - tokens.obtained_at) / share)
    return (tokens.expires_at - leeway - utc_now()).total_seconds()


def _weak_handler(publisher: TokenPublisher) -> Callable[[tuple[float, Any]], None]:
    """Return a handler of events with a weak reference: Dask never drops handlers, and the publisher holds tokens."""
    on_event = WeakMethod(publisher.on_event)

    def handle(timed_event: tuple[float, Any]) -> None:
        if (alive := on_event()) is not None:
            alive(timed_event[1])

    return handle
