"""The request log and the metrics: what they say of a request, and what they never say."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from fruit_service.request_log import _now
from tests.support.scripted_browser import send

from .running import running_service


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    """One issuer for all tests."""
    with LocalIssuer(port=0) as running:
        yield running


def asked(issuer: LocalIssuer, *paths: str, **headers: str) -> list[dict[str, Any]]:
    """Ask the service for *paths*; return the lines of its log."""
    lines: list[str] = []
    with running_service(issuer.issuer, write_log=lines.append) as address:
        for path in paths:
            requests.get(f"{address}{path}", headers=headers, timeout=5)
    assert all(line.count("\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


def test_each_request_is_one_line(issuer: LocalIssuer) -> None:
    """With the time, an id, the route, the status, the subject and the duration."""
    token = issuer.access_token("read:usual-fruit")
    [line] = asked(issuer, "/api/fruit", Authorization=f"Bearer {token}")
    assert set(line) == {"time", "request_id", "method", "route", "status", "subject", "ms"}
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/fruit", 200)
    assert line["subject"] == "auth0|alice"
    assert line["ms"] >= 0


def test_subject_is_that_of_a_verified_token(issuer: LocalIssuer) -> None:
    """A token without the scope has one, a forged token has none."""
    good = issuer.access_token("openid")
    [line] = asked(issuer, "/api/fruit", Authorization=f"Bearer {good}")
    assert (line["status"], line["subject"]) == (403, "auth0|alice")
    [line] = asked(issuer, "/api/fruit", Authorization=f"Bearer {good[:-8]}AAAAAAAA")
    assert (line["status"], line["subject"]) == (401, None)


def test_no_token_is_in_the_log(issuer: LocalIssuer) -> None:
    """Wherever it was put: header, query, path, request id."""
    token = issuer.access_token("read:usual-fruit")
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": token}
    lines = asked(issuer, f"/api/fruit?access_token={token}", f"/{token}", f"/api/fruit/{token}", **headers)
    assert [line["route"] for line in lines] == ["/api/fruit", "none", "none"]
    assert not any(part in json.dumps(lines) for part in token.split("."))


@pytest.mark.parametrize(
    ("given", "is_taken"), [("0123456789abcdef0123456789ABCDEF", True), ("x" * 32, False), ('ab"c', False)]
)
def test_request_id_of_a_proxy_is_taken_over(issuer: LocalIssuer, given: str, is_taken: bool) -> None:
    """Where it looks like one; it is in the answer and in the log."""
    lines: list[str] = []
    with running_service(issuer.issuer, write_log=lines.append) as address:
        answer = requests.get(f"{address}/healthz", headers={"X-Request-Id": given}, timeout=5)
    identifier = answer.headers["X-Request-Id"]
    assert json.loads(lines[0])["request_id"] == identifier
    assert (identifier == given) is is_taken


def test_log_that_cannot_be_written_holds_nobody_up(issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk behind standard error: what is asked is answered."""

    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    with running_service(issuer.issuer) as address:
        for path, status in (("/healthz", 200), ("/api/fruit", 401), ("/nothing", 404)):
            assert requests.get(f"{address}{path}", timeout=20).status_code == status


def test_log_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under any time zone."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert _now()[:16] == time.strftime("%Y-%m-%dT%H:%M", time.gmtime())
        assert _now().endswith("Z")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert os.environ.get("TZ") != "Asia/Kathmandu"


def test_metrics_count_what_was_answered(issuer: LocalIssuer) -> None:
    """By method, route and status; what clients make up is one series and no more."""
    with running_service(issuer.issuer, metrics=True) as address:
        headers = {"Authorization": f"Bearer {issuer.access_token('read:usual-fruit')}"}
        for _ in range(3):
            requests.get(f"{address}/api/fruit", headers=headers, timeout=5)
        for number in range(20):
            send("GET", f"{address}/made-up-{number}")
        response = requests.get(f"{address}/metrics", timeout=5)
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'fruit_requests_total{method="GET",route="/api/fruit",status="200"} 3.0' in response.text
    assert 'fruit_requests_total{method="GET",route="none",status="404"} 20.0' in response.text
    assert "process_open_fds" in response.text
    assert "made-up" not in response.text


def test_metrics_are_off_by_default(issuer: LocalIssuer) -> None:
    """404."""
    with running_service(issuer.issuer) as address:
        assert requests.get(f"{address}/metrics", timeout=5).status_code == 404
