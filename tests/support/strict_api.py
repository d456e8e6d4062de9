"""An API that forgives nothing: a token whose `exp` does not lie ahead when its request arrives is refused."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fruit_service.serving import LOOPBACK, Server, listen


@dataclass(frozen=True)
class Arrival:
    """One request: its `User-Agent`, its token, and the seconds that the token had left."""

    caller: str
    token: str = field(repr=False)
    seconds_left: float


@dataclass
class StrictApi:
    """What arrived, in its order."""

    url: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    now: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer 200, or 401 `invalid_token` (RFC 6750, 3.1)."""
        now = self.now()
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        arrival = Arrival(environ.get("HTTP_USER_AGENT", ""), token, expiry(token) - now)
        with self._lock:
            self.arrivals.append(arrival)
        headers = [("Content-Length", "0")]
        if arrival.seconds_left > 0:
            start_response("200 OK", headers)
        else:
            start_response("401 Unauthorized", [*headers, ("WWW-Authenticate", 'Bearer error="invalid_token"')])
        return [b""]

    @property
    def tokens(self) -> set[str]:
        """The distinct tokens that came."""
        return {arrival.token for arrival in self.arrivals}

    @property
    def least_left(self) -> float:
        """How near to its end a token came, in seconds; negative: beyond it."""
        return min(arrival.seconds_left for arrival in self.arrivals)


def expiry(access_token: str) -> float:
    """Return the `exp` of a token, as it says itself."""
    payload = access_token.split(".")[1]
    return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])


@contextmanager
def strict_api(now: Callable[[], float] = time.time) -> Iterator[StrictApi]:
    """Run the API by the clock *now*."""
    api = StrictApi(now=now)
    sockets = listen(LOOPBACK, 0)
    api.url = f"http://localhost:{sockets[0].getsockname()[1]}/"
    with Server(api, sockets):
        yield api
