"""What a test can turn at a running issuer, in its own process; nothing of it can be reached over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from waitress.channel import ClientDisconnected

DAY = 24 * 3600
MOST_PATHS = 100
"""That are counted: a server that runs for long must not remember whatever is asked of it."""

Application = Callable[..., Iterable[bytes]]
Answer = Callable[[Application, dict[str, Any], Any], Iterable[bytes]]


@dataclass
class Draft:
    """An ID token about to be signed: header, claims and key may be changed; with `alg` none it stays unsigned."""

    header: dict[str, Any]
    claims: dict[str, Any]
    key: Any = field(repr=False)


@dataclass
class Switches:
    """The issuer's settings, to be changed at any time; what it has issued already stays as it was.

    Lifetimes are in seconds; *api_lifetimes* are of access tokens for APIs with one of their own. *device_interval*
    is what a device is told to wait between two polls; None leaves it out of the response, which means 5 seconds (RFC
    8628, section 3.2). *allow_offline_access* is Auth0's setting of an API; *rotate_refresh_tokens* and *reuse_leeway*
    (for how many seconds a used refresh token is still good) are its settings of an application.

    *tamper* changes every ID token before it goes out. *watch* is called with the path of each request before it is
    answered, in one of the two threads that answer: it may note, wait, or turn another switch. *requests* counts them
    by path, *token_requests* those to the token endpoint that were worked on, by grant type.
    """

    access_token_lifetime: int = 60
    api_lifetimes: dict[str, int] = field(default_factory=dict)
    refresh_token_lifetime: int = 30 * DAY
    device_code_lifetime: int = 900
    device_interval: int | None = 5
    allow_offline_access: bool = True
    rotate_refresh_tokens: bool = True
    reuse_leeway: float = 0
    tamper: Callable[[Draft], None] | None = None
    watch: Callable[[str], None] | None = None
    requests: Counter[str] = field(default_factory=Counter)
    token_requests: Counter[str] = field(default_factory=Counter)
    _ahead: float = field(default=0, repr=False)
    _planned: defaultdict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def lifetime_for(self, audience: str) -> int:
        """Return for how many seconds an access token for *audience* lasts."""
        return self.api_lifetimes.get(audience, self.access_token_lifetime)

    def advance(self, seconds: float) -> None:
        """Put the issuer's clock ahead by *seconds*, or back."""
        self._ahead += seconds

    def now(self) -> float:
        """Return what the issuer takes for the time, in seconds since the epoch."""
        return time.time() + self._ahead

    def elapsed(self) -> float:
        """Return seconds for measuring how long something lasts, which no change of the machine's clock touches."""
        return time.monotonic() + self._ahead

    def answer(
        self, path: str, status: int, body: object = b"", headers: Mapping[str, str] | None = None, times: int = 1
    ) -> None:
        """Give the next requests to *path* this answer, unlooked at; a *body* that is not bytes goes out as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})}

        def instead(_: Application, __: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            start_response(f"{status} {_phrase(status)}", [*fields.items(), ("Content-Length", str(len(content)))])
            return [content]

        self._plan(path, instead, times)

    def drop(self, path: str, times: int = 1, *, processed: bool = False) -> None:
        """Cut the next connections that ask for *path*; *processed*: after the work, so that its answer gets lost."""

        def cut(app: Application, environ: dict[str, Any], _: Any) -> Iterable[bytes]:
            if processed:
                list(app(environ, lambda *_: None))
            raise ClientDisconnected

        self._plan(path, cut, times)

    def restore(self) -> None:
        """Take back what was planned by `answer` and `drop`, and is still to come."""
        with self._lock:
            self._planned.clear()

    def count_token_request(self, grant_type: str) -> None:
        """Count a request to the token endpoint."""
        with self._lock:
            self.token_requests[grant_type] += 1

    def wrap(self, app: Application) -> Application:
        """Return *app* with its requests counted, and answered as planned."""

        def switched(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            path = environ.get("PATH_INFO", "")
            planned = self._next(path)
            if self.watch:
                self.watch(path)
            return planned(app, environ, start_response) if planned else app(environ, start_response)

        return switched

    def _plan(self, path: str, answer: Answer, times: int) -> None:
        with self._lock:
            self._planned[path].extend([answer] * times)

    def _next(self, path: str) -> Answer | None:
        with self._lock:
            if path in self.requests or len(self.requests) < MOST_PATHS:
                self.requests[path] += 1
            planned = self._planned.get(path)
            return planned.popleft() if planned else None


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
