"""On the workers of a Dask cluster: a token that the kernel sends, as an auth object of `requests`."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin
from joserfc.jwk import ECKey, OctKey

from ...errors import IpyauthError, NoTokenHere, SignInNeeded
from ...protocol.tokens import AccessToken, AuthorizationHeader
from ..retry import second_try
from .message import Parcel, open_secret

if TYPE_CHECKING:
    import requests
    from distributed import Worker

PATIENCE = 30.0
"""Seconds to wait for a token that is still good."""

CALL_INTERVAL = 1.0
"""Seconds after which a worker that waits asks again: a message may have been lost."""


class WorkerAuth:
    """An auth object of `requests` for the workers of a cluster: `requests.get(url, auth=worker_auth)`.

    It carries a name and no token, so it may stand in a task graph; the token is where the tasks run.

    Raises:
        NoTokenHere: on sending: not on a worker, the block has ended, or no good token comes from the kernel.
        SignInNeeded: the token has ended, and only the user can get another, in the notebook.
        NotSignedIn: the user has signed out there.
        ProviderError: the token has ended, and the provider cannot be reached.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token on *request* (RFC 6750, 2.1); a 401 that says `invalid_token` is tried once more."""
        request.headers["Authorization"] = WorkerAuthorization.bearer(self._place().token())
        request.hooks["response"].append(self._try_once_more)
        return request

    def renewed_token(self, ended: str) -> AccessToken:
        """Return an access token other than *ended*, which an API has refused."""
        return self._place().token(other_than=ended)

    def _try_once_more(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        return second_try(self, response, kwargs)

    def _place(self) -> TokenPlace:
        place = _places.get(self._name)
        if place is None:
            raise NoTokenHere
        return place

    def __repr__(self) -> str:
        return f"<WorkerAuth {self._name}>"

    def __dask_tokenize__(self) -> str:
        return self._name


class WorkerAuthorization(AuthorizationHeader):
    """The value of an `Authorization` header that is pickled without the token.

    What a task returns is pickled, spilled to a disk and sent about; a `requests.Response` holds its request.
    """

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> Any:
        return str, (repr(self),)


class TokenPlace:
    """The token of one block in this process: taken when it comes, and waited for; thread-safe."""

    def __init__(self) -> None:
        self._arrival = threading.Condition()
        self._private_key = ECKey.generate_key("P-256", private=True)
        self._secret: OctKey | None = None
        self._parcel = Parcel(serial=0)
        self._arrivals = 0
        self._good_until = 0.0
        self._is_closed = False
        self._callers: dict[str, TokenCaller] = {}
        self._next_call = 0.0

    @property
    def public_key(self) -> dict[str, Any]:
        """The key, as a JWK, that what comes is to be sealed for."""
        return dict(self._private_key.as_dict(private=False))

    @property
    def has_anything(self) -> bool:
        """Whether the kernel has answered."""
        return self._parcel.serial > 0

    def join(self, caller: TokenCaller) -> None:
        """Count *caller*'s worker among those of this process."""
        self._callers[caller.address] = caller

    def leave(self, address: str) -> bool:
        """Forget the token with the last worker of this process, and tell whether that was it."""
        self._callers.pop(address, None)
        if self._callers:
            return False
        with self._arrival:
            self._is_closed = True
            self._parcel, self._secret, self._good_until = Parcel(serial=0), None, 0.0
            self._arrival.notify_all()
        return True

    def take(self, sealed_secret: str | None, sealed: str) -> None:
        """Take what the kernel sent; what is older than what is here, or not for us, is left."""
        with self._arrival:
            if self._is_closed:
                return
            if sealed_secret is not None:
                self._secret = open_secret(sealed_secret, self._private_key)
            if self._secret is None:
                return  # sent to all, before this worker was known; its own comes
            parcel = Parcel.opened(sealed, self._secret)
            if parcel.serial >= self._parcel.serial:
                self._parcel, self._good_until = parcel, time.monotonic() + parcel.lasts
                self._arrivals += 1
                self._arrival.notify_all()

    def refuse(self, error: IpyauthError) -> None:
        """Take it that the kernel sends nothing, because of *error*."""
        with self._arrival:
            self._parcel = Parcel(self._parcel.serial + 1, error=error)
            self._arrival.notify_all()

    def token(self, other_than: str | None = None) -> AccessToken:
        """Return a token that is still good, and *other_than* one that was refused; wait for it if need be."""
        ends_at = time.monotonic() + PATIENCE
        with self._arrival:
            since = self._arrivals
            # By the serial: a token of the same second may be the same to the letter.
            refused = self._parcel.serial if other_than is not None and self._parcel.token == other_than else None
            while (token := self._good(refused, since)) is None:
                if (left := ends_at - time.monotonic()) <= 0:
                    raise NoTokenHere(PATIENCE)
                self._call(refused)
                self._arrival.wait(min(left, CALL_INTERVAL))
            return token

    def _good(self, refused: int | None, since: int) -> AccessToken | None:
        """Return the token if it is good, and not the one of the serial *refused*; raise what else has come.

        What came before the arrival *since* answers somebody else.
        """
        parcel = self._parcel
        if self._is_closed:
            raise NoTokenHere
        if parcel.error is not None:
            raise copy(parcel.error)  # an error that is raised again grows by the frames of each time
        if parcel.serial == refused:
            if parcel.is_last and self._arrivals > since:
                raise SignInNeeded
            return None
        return parcel.token if time.monotonic() < self._good_until else None

    def _call(self, refused: int | None) -> None:
        """Ask the kernel for a token, once in a while, however many threads wait."""
        if time.monotonic() >= self._next_call:
            self._next_call = time.monotonic() + CALL_INTERVAL
            for caller in list(self._callers.values())[:1]:
                caller.call(refused)


class TokenCaller:
    """Asks the kernel for a token by an event of the cluster: who asks, for which key, and never more."""

    def __init__(self, topic: str, worker: Worker, place: TokenPlace) -> None:
        self.address: str = worker.address
        self._topic = topic
        self._worker = worker
        self._place = place
        self._calling: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Ask until the kernel has answered: before a worker is connected, what it says is dropped.

        For a while only: a kernel that died has left its plugin to the scheduler.
        """
        self._calling = asyncio.get_running_loop().create_task(self._call_until_answered())

    def end(self) -> None:
        """Ask no more."""
        if self._calling is not None:
            self._calling.cancel()

    def call(self, refused: int | None = None) -> None:
        """Ask for a token; *refused* is the serial of the one that an API did not take."""
        message = {"worker": self.address, "public_key": self._place.public_key, "refused": refused}
        self._worker.log_event(self._topic, message)

    async def _call_until_answered(self) -> None:
        pause, ends_at = 0.02, time.monotonic() + PATIENCE
        while not self._place.has_anything and time.monotonic() < ends_at:
            self.call()
            await asyncio.sleep(pause)
            pause = min(2 * pause, CALL_INTERVAL)


_places: dict[str, TokenPlace] = {}
_joining = threading.Lock()


class TokenPlugin(WorkerPlugin):
    """Makes a place for a token on each worker, also on those that come later, and takes it away; carries a name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def setup(self, worker: Worker) -> None:
        """Make the place and ask for the token; Dask calls this on the worker's event loop."""
        with _joining:
            place = _places.setdefault(self.name, TokenPlace())
            caller = TokenCaller(self.name, worker, place)
            place.join(caller)
        self._caller = caller
        caller.begin()

    def teardown(self, worker: Worker) -> None:
        """Forget the token."""
        self._caller.end()
        with _joining:
            place = _places.get(self.name)
            if place is not None and place.leave(self._caller.address):
                del _places[self.name]


def take_parcel(name: str, sealed_secret: str | None, sealed: str) -> None:
    """Take what the kernel sent; runs on a worker, by `Client.run`."""
    if (place := _places.get(name)) is not None:
        with suppress(ValueError):  # of another block that went by the same name
            place.take(sealed_secret, sealed)


def take_refusal(name: str, sentence: str) -> None:
    """Take it that the kernel sends no token here; runs on a worker, by `Client.run`."""
    if (place := _places.get(name)) is not None:
        place.refuse(NoTokenHere(reason=sentence))
