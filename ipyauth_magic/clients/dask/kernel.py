"""The token follows the work to a Dask cluster: the kernel signs in and renews, the workers are sent what is good."""

from __future__ import annotations

import queue
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakMethod

from distributed import Client

from ...errors import InsecureCluster, IpyauthError
from ...flows.clock import utc_now
from ...flows.token_source import RETRY_AFTER, TokenSource
from ...protocol.tokens import TokenSet
from ...provider.threads import run_in_thread
from .message import Parcel, new_secret, seal_secret
from .worker import TokenPlugin, WorkerAuth, take_parcel, take_refusal

if TYPE_CHECKING:
    from ...auth import Auth

_SAFE_PROTOCOLS = frozenset({"tls", "wss", "gateway", "inproc"})
FAREWELL = 10.0
"""Seconds for which the end of a block waits for workers that do not answer."""

_LONGEST_PAUSE = 30.0
"""Seconds without a look at the clock: a machine that slept must not think that no time has passed."""


@contextmanager
def worker_auth(auth: Auth, kept: TokenSource, client: Client, without_tls: bool) -> Iterator[WorkerAuth]:
    """Give the auth object for the workers of *client*'s cluster, and have the workers hold a token meanwhile."""
    if client.asynchronous:
        raise TypeError("on_dask() needs a Client that is not asynchronous.")
    kept.get()  # nobody is signed in: better said here than on each worker
    if not without_tls:
        check_connections(client)
    name = f"ipyauth-magic-{secrets.token_hex(8)}"
    address, courier = _contact(client), Courier(name, kept, client, without_tls)
    try:
        courier.start()
        client.subscribe_topic(name, courier.ear())
        with auth.followed_by(courier.look):
            _register(client, name)
            yield WorkerAuth(name)
    finally:
        courier.stop()
        # In a thread: neither a worker that hangs nor an interrupt keeps the others from forgetting.
        with suppress(TimeoutError):
            run_in_thread(lambda: _take_away(client, name, address), f"{name}-end", timeout=FAREWELL)


def _register(client: Client, name: str) -> None:
    """Have every worker make a place, now and later."""
    try:
        client.register_plugin(TokenPlugin(name), name=name)
    except OSError:  # a worker that dies just now breaks it off, for all
        client.register_plugin(TokenPlugin(name), name=name)


def _take_away(client: Client, name: str, address: str) -> None:
    """Have every worker forget; one that has died knows nothing any more, nor does a cluster that is gone."""
    with suppress(Exception):
        client.unsubscribe_topic(name)
        client.unregister_worker_plugin(name)
    if client.status in ("closing", "closed"):  # within the block, and the cluster may go on without it
        options = {"security": client.security, "set_as_default": False, "timeout": FAREWELL / 5}
        with suppress(Exception), Client(address, **options) as another:
            another.unregister_worker_plugin(name)


def _contact(client: Client) -> str:
    """Return the address at which *client* has found its scheduler."""
    return str(client.scheduler.address) if client.scheduler is not None else ""


def check_connections(client: Client) -> None:
    """Check that nobody between the machines of the cluster can read along or answer in a worker's place.

    Raises:
        InsecureCluster: a connection goes over a network without TLS.
    """
    info = client.scheduler_info(n_workers=-1)
    for address in (_contact(client), info["address"], *info["workers"]):
        if not is_safe(address):
            raise InsecureCluster(address)


def is_safe(address: str) -> bool:
    """Tell whether nobody can read along on the way to *address*, as `tls://10.0.0.1:8786` or `tcp://127.0.0.1:1`."""
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
class Call:
    """A worker that asks for a token: its address, its public key as a JWK, the serial that an API refused to it."""

    worker: str
    public_key: dict[str, Any]
    refused: int | None


class Courier(threading.Thread):
    """Sends the workers a token before the last one ends, and each worker that asks; renews what an API refuses."""

    def __init__(self, name: str, kept: TokenSource, client: Client, without_tls: bool) -> None:
        super().__init__(name=name, daemon=True)
        self._kept = kept
        self._client = client
        self._without_tls = without_tls
        self._secret = new_secret()
        self._news: queue.SimpleQueue[Call | str] = queue.SimpleQueue()
        self._tokens: TokenSet | None = None
        self._parcel = Parcel(serial=0)

    def ear(self) -> Callable[[tuple[float, Any]], None]:
        """Return a handler of events that does not keep this courier, with all it knows: a client lets none go."""
        hear = WeakMethod(self.hear)

        def handle(event: tuple[float, Any]) -> None:
            if (alive := hear()) is not None:
                alive(event[1])

        return handle

    def hear(self, message: Any) -> None:
        """Take a worker's message; what is none of theirs is left."""
        try:
            call = Call(str(message["worker"]), dict(message["public_key"]), message["refused"])
        except (TypeError, ValueError, KeyError):
            return
        self._news.put(call)

    def look(self) -> None:
        """Look at the tokens again; they may have changed. Waits for nobody."""
        self._news.put("look")

    def stop(self) -> None:
        """End, when what is being asked of the provider is answered."""
        self._news.put("stop")

    def run(self) -> None:
        """Serve until stopped."""
        news: Call | str = "look"
        while news != "stop":
            try:
                self._work_off(news)
            except Exception:  # nothing that we know of: the user sees it, and the workers are served on
                self._tokens = None
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self)))
            news = self._next()

    def _next(self) -> Call | str:
        """Wait for what comes next, a renewal that is due included."""
        try:
            return self._news.get(timeout=self._until_due())
        except queue.Empty:
            return "look"

    def _work_off(self, news: Call | str) -> None:
        if isinstance(news, Call):
            self._answer(news)
        elif self._refresh():
            self._send()

    def _answer(self, call: Call) -> None:
        """Send *call*'s worker what is good, and where that is something new, the others too."""
        if not self._without_tls and not is_safe(call.worker):
            self._run(take_refusal, str(InsecureCluster(call.worker)), workers=[call.worker])
            return
        is_refused = call.refused == self._parcel.serial
        is_new = self._renew() if is_refused else self._refresh()
        with suppress(ValueError):  # no key: nobody could open it
            self._send([call.worker], seal_secret(self._secret, call.public_key), is_last=is_refused and not is_new)
        if is_new:
            self._send()

    def _renew(self) -> bool:
        """Get another token than the one that an API has refused, and tell whether there is one."""
        if self._tokens is None:
            return self._refresh()
        try:
            return self._take(self._kept.renew(self._tokens))
        except IpyauthError:
            return False  # it is good for others still

    def _refresh(self) -> bool:
        """Bring the parcel up to date, by a renewal where one is due, and tell whether it is another one."""
        try:
            return self._take(self._kept.get())
        except IpyauthError as error:
            is_new = str(self._parcel.error) != str(error)
            if is_new:
                self._tokens, self._parcel = None, Parcel(self._parcel.serial + 1, error=error)
            return is_new

    def _take(self, tokens: TokenSet) -> bool:
        if tokens is self._tokens:
            return False
        self._tokens = tokens
        self._parcel = Parcel(self._parcel.serial + 1, tokens.access_token)
        return True

    def _until_due(self) -> float:
        """Return the seconds until a renewal is due, or may be tried again."""
        if self._tokens is None:
            return RETRY_AFTER
        return min(max(self._left(self._tokens, share=10, most=30), 0.2), _LONGEST_PAUSE)

    def _lasting(self) -> Parcel:
        """Return the parcel with the time for which it is good now; a new token comes at twice that from its end."""
        if self._tokens is None:
            return self._parcel
        return replace(self._parcel, lasts=max(self._left(self._tokens, share=20, most=15), 0))

    @staticmethod
    def _left(tokens: TokenSet, share: int, most: float) -> float:
        """Return the seconds until the last *share*-th of a token's time, or its last *most* seconds."""
        leeway = min(timedelta(seconds=most), (tokens.expires_at - tokens.obtained_at) / share)
        return (tokens.expires_at - leeway - utc_now()).total_seconds()

    def _send(self, workers: list[str] | None = None, sealed_secret: str | None = None, is_last: bool = False) -> None:
        """Send what is good to *workers*, or to all of them that have the secret."""
        parcel = replace(self._lasting(), is_last=is_last)
        self._run(take_parcel, sealed_secret, parcel.sealed(self._secret), workers=workers)

    def _run(self, function: Any, *args: Any, workers: list[str] | None) -> None:
        """Call *function* on all workers, or these, and do not wait: one that has just died holds the call up."""

        def run() -> None:
            try:
                self._client.run(function, self.name, *args, workers=workers, on_error="ignore")
            except Exception:  # the connection is gone, or the client closed: nobody is there to send to
                return

        threading.Thread(target=run, name=f"{self.name}-send", daemon=True).start()
