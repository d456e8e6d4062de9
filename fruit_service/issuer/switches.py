"""Settings of a running issuer that a test can change, in the same process only and not over HTTP."""

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
"""In seconds."""
MOST_PATHS = 100
"""Most paths that are counted: clients must not be able to fill the memory."""

Application = Callable[..., Iterable[bytes]]
Answer = Callable[[Application, dict[str, Any], Any], Iterable[bytes]]


@dataclass
class Draft:
    """An ID token before its signature. Header, claims and key may be changed. With `alg` none it stays unsigned."""

    header: dict[str, Any]
    claims: dict[str, Any]
    key: Any = field(repr=False)


@dataclass
class Switches:
    """The issuer's settings. They may change at any time, and do not affect tokens that exist already.

    Lifetimes are in seconds.

    Attributes:
        api_lifetimes: lifetimes of access tokens for APIs that differ from `access_token_lifetime`.
        device_interval: the interval between two polls in a response; None leaves it out, which means 5 seconds (RFC
            8628, section 3.2).
        allow_offline_access: Auth0's setting of an API.
        rotate_refresh_tokens: Auth0's setting of an application.
        reuse_leeway: seconds for which a used refresh token stays valid; Auth0's setting of an application.
        allow_registration: whether applications can register themselves (RFC 7591), and the metadata say so.
        honours_acr_values: whether a request for a sign-in in two steps gets one, and for another class an error (RFC
            9470, section 5). Otherwise `acr_values` is ignored, as providers may (OpenID Connect Core, 5.5.1.1).
        names_issuer: whether authorization responses have `iss`, and the metadata promise it (RFC 9207).
        tamper: changes each ID token before its signature.
        watch: called with the path of each request before its answer, in one of the two worker threads. It may record
            the path, wait, or change another setting.
        requests: number of requests by path.
        token_requests: number of requests that the token endpoint processed, by grant type.
    """

    access_token_lifetime: int = 60
    api_lifetimes: dict[str, int] = field(default_factory=dict)
    refresh_token_lifetime: int = 30 * DAY
    device_code_lifetime: int = 900
    device_interval: int | None = 5
    allow_offline_access: bool = True
    rotate_refresh_tokens: bool = True
    reuse_leeway: float = 0
    allow_registration: bool = True
    honours_acr_values: bool = True
    names_issuer: bool = True
    tamper: Callable[[Draft], None] | None = None
    watch: Callable[[str], None] | None = None
    requests: Counter[str] = field(default_factory=Counter)
    token_requests: Counter[str] = field(default_factory=Counter)
    _ahead: float = field(default=0, repr=False)
    _planned: defaultdict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def lifetime_for(self, audience: str) -> int:
        """Return the lifetime of an access token for *audience*, in seconds."""
        return self.api_lifetimes.get(audience, self.access_token_lifetime)

    def advance(self, seconds: float) -> None:
        """Set the issuer's clock forward by *seconds*, or back."""
        self._ahead += seconds

    def now(self) -> float:
        """Return the issuer's time, in seconds since 1970."""
        return time.time() + self._ahead

    def elapsed(self) -> float:
        """Return a time for measuring durations, in seconds, independent of changes of the machine's clock."""
        return time.monotonic() + self._ahead

    def answer(
        self, path: str, status: int, body: object = b"", headers: Mapping[str, str] | None = None, times: int = 1
    ) -> None:
        """Give the next requests to *path* this answer, without processing. *body* is bytes, or becomes JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})}

        def instead(_: Application, __: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            start_response(f"{status} {_phrase(status)}", [*fields.items(), ("Content-Length", str(len(content)))])
            return [content]

        self._plan(path, instead, times)

    def drop(self, path: str, times: int = 1, *, processed: bool = False) -> None:
        """Close the connections of the next requests to *path* without an answer; if *processed*, after the work."""

        def cut(app: Application, environ: dict[str, Any], _: Any) -> Iterable[bytes]:
            if processed:
                list(app(environ, lambda *_: None))
            raise ClientDisconnected

        self._plan(path, cut, times)

    def restore(self) -> None:
        """Cancel the remaining plans of `answer` and `drop`."""
        with self._lock:
            self._planned.clear()

    def count_token_request(self, grant_type: str) -> None:
        """Count a request to the token endpoint."""
        with self._lock:
            self.token_requests[grant_type] += 1

    def wrap(self, app: Application) -> Application:
        """Return *app* with counted requests and planned answers."""

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
