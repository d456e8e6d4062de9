"""Metrics: number and duration of requests, at `GET /metrics` for Prometheus (the `[metrics]` extra)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from bottle import Bottle, HTTPResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from .request_log import known_method, route_of

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
"""Upper bounds of the durations, in seconds."""


class Measured:
    """A WSGI application around the routes that counts their answers, and shows the figures at `/metrics`.

    The figures are those of one process. With several processes, Prometheus must scrape each of them.
    """

    def __init__(self, app: Bottle) -> None:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        # Labels are route rules and known words only: clients must not be able to create new series.
        self._requests = Counter("fruit_requests", "Answers", ("method", "route", "status"), registry=registry)
        self._seconds = Histogram(
            "fruit_request_seconds", "Time to answer", ("route",), buckets=BUCKETS, registry=registry
        )
        self._running = Gauge("fruit_requests_running", "Requests being answered", registry=registry)
        app.get("/metrics", callback=lambda: _told(registry))
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer, and count."""
        began = time.perf_counter()
        status = "500"

        def started(line: str, *more: Any) -> Any:
            nonlocal status
            status = line[:3]
            return start_response(line, *more)

        with self._running.track_inprogress():
            try:
                answer: Iterable[bytes] = self._app(environ, started)
                return answer
            finally:
                route = route_of(environ)
                self._requests.labels(known_method(environ), route, status).inc()
                self._seconds.labels(route).observe(time.perf_counter() - began)


def _told(registry: CollectorRegistry) -> HTTPResponse:
    headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"}
    return HTTPResponse(generate_latest(registry), 200, headers)
