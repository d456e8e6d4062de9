"""On the workers of a Dask cluster: a token that the kernel sends, as an auth object of `requests`."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from distributed import WorkerPlugin
from joserfc.jwk import ECKey, OctKey

from ...errors import NoTokenHere
from ...protocol.refusal import Refusal
from ...protocol.tokens import AccessToken, AuthorizationHeader
from ..requests_auth import RequestsAuth
from .message import Message, open_secret

if TYPE_CHECKING:
    from distributed import Worker

R = TypeVar("R")

WAIT_LIMIT = 30.0
"""Seconds for which a request waits for a token that is still good, or for another one than an API refused."""

REQUEST_INTERVAL = 1.0
"""Seconds after which a waiting worker asks the kernel again: a message may have been lost."""


class WorkerAuth:
    """An auth object of `requests` for the workers of a cluster: `requests.get(url, auth=worker_auth)`.

    It contains a name and no token, so a task graph may contain it. Each worker has the token in its memory. After a
    401 with `invalid_token`, the worker asks the kernel for another token. If none comes within 30 seconds, the caller
    gets the 401.

    Args:
        name: of the block in the notebook.
        without_tls: send the token also over plain http to another machine.
        api: an API's address, whose origin alone gets the token; None for any origin.

    Raises:
        OtherOrigin: on sending: the request goes to another origin than *api*.
        InsecureApi: on sending: the request goes to another machine over plain http.
        NoTokenHere: on sending: the code does not run on a worker, the block has ended, or the kernel sends no token.
        SignInNeeded: on sending: the token has expired, and only the user can get another, in the notebook.
        NotSignedIn: on sending: the user has signed out in the notebook.
        ProviderError: on sending: the token has expired, and the provider cannot be reached.
    """

    def __init__(self, name: str, without_tls: bool = False, api: str | None = None) -> None:
        self._name = name
        self._without_tls = without_tls
        self._api = api

    def __call__(self, request: R) -> R:
        """Put the token on *request* (RFC 6750, 2.1), of `requests`, httpx or httpx2."""
        return RequestsAuth(_CacheOf(self._name, self._api), WorkerAuthorization, self._without_tls)(request)

    def __repr__(self) -> str:
        return f"<WorkerAuth {self._name}>"

    def __dask_tokenize__(self) -> str:
        return self._name


class WorkerAuthorization(AuthorizationHeader):
    """The value of an `Authorization` header that is pickled without the token.

    Dask pickles the result of a task, sends it, and may write it to a disk. A `requests.Response` contains its request.
    """

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> Any:
        return str, (repr(self),)


@dataclass(frozen=True)
class CachedToken:
    """A token that the kernel sent."""

    access_token: AccessToken


@dataclass(frozen=True)
class _CacheOf:
    """The cache of the block *name* in the process that asks: a request, and its hooks, may be pickled."""

    name: str
    api: str | None = None

    def get(self) -> CachedToken:
        return self._cache().get()

    def renew_refused(self, access_token: str) -> CachedToken:
        return self._cache().renew_refused(access_token)

    def refused(self, refusal: Refusal) -> None:
        """Do nothing: the task has the API's answer, and a worker shows no cell."""

    def _cache(self) -> TokenCache:
        cache = _caches.get(self.name)
        if cache is None:
            raise NoTokenHere
        return cache


class TokenCache:
    """The token of one block in this process; thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._private_key = ECKey.generate_key("P-256", private=True)
        self._secret: OctKey | None = None
        self._message = Message(serial=0)
        self._good_until = 0.0
        self._is_closed = False
        self._requesters: dict[str, TokenRequester] = {}
        self._next_request = 0.0

    @property
    def public_key(self) -> dict[str, Any]:
        """The key, as a JWK, that the kernel seals the secret for."""
        return dict(self._private_key.as_dict(private=False))

    @property
    def is_filled(self) -> bool:
        """Whether the kernel has answered."""
        return self._message.serial > 0

    def join(self, requester: TokenRequester) -> None:
        """Count *requester*'s worker among those of this process."""
        self._requesters[requester.address] = requester

    def leave(self, address: str) -> bool:
        """Forget the token with the last worker of this process, and tell whether that was the last."""
        self._requesters.pop(address, None)
        if self._requesters:
            return False
        with self._changed:
            self._is_closed = True
            self._message, self._secret, self._good_until = Message(serial=0), None, 0.0
            self._changed.notify_all()
        return True

    def take(self, sealed_secret: str | None, sealed: str) -> None:
        """Take the kernel's message, unless it is older than the last one.

        Raises:
            ValueError: the message is not for this process.
        """
        with self._changed:
            if self._is_closed:
                return
            if sealed_secret is not None:
                self._secret = open_secret(sealed_secret, self._private_key)
            if self._secret is None:
                return  # sent to all before the kernel knew this worker, whose own message comes
            message = Message.opened(sealed, self._secret)
            if message.serial >= self._message.serial:
                self._message, self._good_until = message, time.monotonic() + message.lasts
                self._changed.notify_all()

    def get(self) -> CachedToken:
        """Return a token that is still good; wait for it if need be.

        Raises:
            NoTokenHere: none came in time, or the block has ended.
            IpyauthError: why the kernel has none.
        """
        with self._changed:
            return self._wait_for_token(refused=None)

    def renew_refused(self, access_token: str) -> CachedToken:
        """Return another token than *access_token*, which an API has refused; wait for it if need be.

        Raises:
            NoTokenHere: none came in time, or the block has ended.
            IpyauthError: why the kernel has none.
        """
        with self._changed:
            message = self._message
            # By the serial: a token of the same second may be the same to the letter.
            return self._wait_for_token(refused=message.serial if message.access_token == access_token else None)

    def _wait_for_token(self, refused: int | None) -> CachedToken:
        ends_at = time.monotonic() + WAIT_LIMIT
        while (token := self._good_token(refused)) is None:
            if (left := ends_at - time.monotonic()) <= 0:
                raise NoTokenHere(WAIT_LIMIT)
            self._request(refused)
            self._changed.wait(min(left, REQUEST_INTERVAL))
        return token

    def _good_token(self, refused: int | None) -> CachedToken | None:
        """Return the token if it is good and its serial is not *refused*; raise the kernel's error if there is one."""
        message = self._message
        if self._is_closed:
            raise NoTokenHere
        if message.error is not None:
            raise copy(message.error)  # an error that is raised again grows by the frames of each time
        if message.access_token is None or message.serial == refused or time.monotonic() >= self._good_until:
            return None
        return CachedToken(message.access_token)

    def _request(self, refused: int | None) -> None:
        """Ask the kernel for a token, once in an interval, however many threads wait."""
        if time.monotonic() >= self._next_request:
            self._next_request = time.monotonic() + REQUEST_INTERVAL
            for requester in list(self._requesters.values())[:1]:
                requester.request(refused)


class TokenRequester:
    """Asks the kernel for a token by an event of the cluster, which names the worker and its public key."""

    def __init__(self, topic: str, worker: Worker, cache: TokenCache) -> None:
        self.address: str = worker.address
        self._topic = topic
        self._worker = worker
        self._cache = cache
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Ask until the kernel has answered: an event is dropped if the worker is not connected yet.

        For a limited time: a kernel that died has left its plugin to the scheduler.
        """
        self._task = asyncio.get_running_loop().create_task(self._request_until_answered())

    def stop(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()

    def request(self, refused: int | None = None) -> None:
        """Ask for a token; *refused* is the serial of the one that an API refused."""
        event = {"worker": self.address, "public_key": self._cache.public_key, "refused": refused}
        self._worker.log_event(self._topic, event)

    async def _request_until_answered(self) -> None:
        pause, ends_at = 0.02, time.monotonic() + WAIT_LIMIT
        while not self._cache.is_filled and time.monotonic() < ends_at:
            self.request()
            await asyncio.sleep(pause)
            pause = min(2 * pause, REQUEST_INTERVAL)


_caches: dict[str, TokenCache] = {}
_caches_lock = threading.Lock()


class TokenPlugin(WorkerPlugin):
    """Makes a cache for the token of the block *name* on each worker, also on later ones, and removes it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def setup(self, worker: Worker) -> None:
        """Make the cache and ask for the token; Dask calls this on the worker's event loop."""
        with _caches_lock:
            cache = _caches.setdefault(self.name, TokenCache())
            requester = TokenRequester(self.name, worker, cache)
            cache.join(requester)
        self._requester = requester
        requester.start()

    def teardown(self, worker: Worker) -> None:
        """Forget the token."""
        self._requester.stop()
        with _caches_lock:
            cache = _caches.get(self.name)
            if cache is not None and cache.leave(self._requester.address):
                del _caches[self.name]


def take_message(name: str, sealed_secret: str | None, sealed: str) -> None:
    """Take the kernel's message; runs on a worker, by `Client.run`."""
    if (cache := _caches.get(name)) is not None:
        with suppress(ValueError):  # sealed for the workers of another block, or for none
            cache.take(sealed_secret, sealed)
