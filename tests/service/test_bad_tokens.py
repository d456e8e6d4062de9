"""The corpus of access tokens, over real HTTP: every one gets the answer that its standard asks for."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import requests

from fruit_service.app import create_app
from fruit_service.config import Config
from fruit_service.keys import IssuerKeys
from fruit_service.serving import Server, listen
from fruit_service.store import FruitStore
from tests.support.bad_inputs import Case, Fixtures, base64url, build_token, cases, jwks, substituted
from tests.support.key_publisher import KeyPublisher
from tests.support.threads import until

from .running import running_service

PLUMS = b'{"usual": ["plum"]}'


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    challenge: str
    body: str
    seconds: float


@pytest.fixture(scope="module")
def publisher() -> Iterator[KeyPublisher]:
    """An issuer that publishes what a case says."""
    with KeyPublisher() as publisher:
        yield publisher


@pytest.fixture(scope="module")
def canary() -> Iterator[socket.socket]:
    """A port in a token's header that must not be requested."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.fixture(scope="module")
def fixtures(publisher: KeyPublisher, canary: socket.socket) -> Fixtures:
    """The keys and constants of all cases."""
    return Fixtures(ISS=publisher.issuer, CANARY_PORT=str(canary.getsockname()[1]))


@pytest.mark.parametrize("profile", ["auth0", "rfc9068"])
@pytest.mark.parametrize("case", cases("api_token"), ids=str)
def test_every_token_of_the_corpus_gets_its_answer(
    case: Case,
    profile: str,
    publisher: KeyPublisher,
    fixtures: Fixtures,
    canary: socket.socket,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Status, challenge and time are as expected; the token is repeated nowhere and no foreign key is fetched."""
    publisher.jwks, publisher.fetches = jwks(case, fixtures), 0
    token = build_token(case, fixtures) or ""
    with running_service(publisher.issuer, token_profile=profile) as service:
        answer = send(service, request_bytes(case, token, fixtures))
    expected = {**case.expect, **(case.expect.get("profile_rfc9068", {}) if profile == "rfc9068" else {})}
    assert answer.status in expected["http"], answer
    assert answer.seconds < expected.get("max_seconds", 2)
    assert publisher.fetches <= expected.get("jwks_fetches_max", 1)
    assert_challenge(answer, expected.get("www_authenticate"))
    captured = capfd.readouterr()
    assert_nothing_of(token, [answer.body, answer.challenge, caplog.text, captured.out, captured.err])
    assert "Traceback" not in captured.err
    with pytest.raises(BlockingIOError):
        canary.accept()


def test_a_token_ends_with_its_key(publisher: KeyPublisher, fixtures: Fixtures) -> None:
    """The issuer publishes another one in its place: what was verified by the old one is refused, though known."""
    [good] = [case for case in cases("api_token") if case.expect["http"] == [200]][:1]
    publisher.jwks = jwks(good, fixtures)
    headers = {"Authorization": f"Bearer {build_token(good, fixtures)}"}
    store, keys = FruitStore("sqlite://"), IssuerKeys(publisher.issuer, refresh_interval=0.05)
    sockets = listen(["127.0.0.1"], 0)
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/api/fruit"
    app = create_app(Config(issuer=publisher.issuer), store, keys, lambda line: None)
    with closing(store), closing(keys), Server(app, sockets):
        assert requests.get(url, headers=headers, timeout=20).status_code == 200
        [key] = publisher.jwks["keys"][:1]
        publisher.jwks = {"keys": [{**fixtures.jwk("K2"), "kid": key["kid"]}]}
        until(lambda: requests.get(url, headers=headers, timeout=20).status_code == 401)


def test_storm_of_made_up_keys(publisher: KeyPublisher, fixtures: Fixtures) -> None:
    """1,000 tokens, each with a key name of its own, 50 at once: all are refused, and the keys are fetched twice."""
    publisher.jwks, publisher.fetches = {"keys": [fixtures.jwk("K1")]}, 0
    headers = [json.dumps({"alg": "RS256", "typ": "JWT", "kid": f"made up {number}"}) for number in range(1000)]

    def status(header: str) -> int:
        fields = f"Host: fruit.test\r\nAuthorization: Bearer {base64url(header.encode())}.e30.AA\r\nConnection: close"
        return send(service, f"GET /api/fruit HTTP/1.1\r\n{fields}\r\n\r\n".encode()).status

    with (
        running_service(publisher.issuer, write_log=lambda line: None) as service,
        ThreadPoolExecutor(50) as pool,
    ):
        assert list(pool.map(status, headers)) == [401] * 1000
    assert publisher.fetches <= 2


def request_bytes(case: Case, token: str, fixtures: Fixtures) -> bytes:
    """Return the request of *case* as it goes over the wire."""
    request = case.build.get("request", {})
    fields = request.get("headers", [["Authorization", "Bearer {{TOKEN}}"]] if token else [])
    query = f"?{request['query']}" if "query" in request else ""
    body = PLUMS if request.get("op") == "write" else b""
    lines = [
        f"{'POST' if body else 'GET'} /api/fruit{query} HTTP/1.1",
        "Host: fruit.test",
        *(f"{name}: {value}" for name, value in fields),
        *(["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []),
        "Connection: close",
    ]
    text = substituted("\r\n".join(lines) + "\r\n\r\n", fixtures, {"TOKEN": token})
    return str(text).encode() + body


def send(service: str, request: bytes) -> Answer:
    """Send *request* as it is."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", urlsplit(service).port or 0), timeout=10) as connection:
        try:
            connection.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            # Refused before it was all sent: as it should be with a header of a megabyte.
            return Answer(431, "", "", time.monotonic() - started)
        response = http.client.HTTPResponse(connection)
        try:
            response.begin()
            body = response.read().decode()
        except ConnectionResetError:
            return Answer(431, "", "", time.monotonic() - started)
        challenge = response.headers.get("WWW-Authenticate", "")
        return Answer(response.status, challenge, body, time.monotonic() - started)


def assert_challenge(answer: Answer, expected: dict[str, str | None] | None) -> None:
    """A 401 always has a challenge with a realm; its error code is the expected one."""
    if answer.status == 401:
        assert answer.challenge.startswith('Bearer realm="')
    if expected:
        found = re.search(r'error="([^"]*)"', answer.challenge)
        assert answer.challenge.startswith(str(expected["scheme"]))
        assert (found and found[1]) == expected["error"]


def assert_nothing_of(token: str, places: list[str]) -> None:
    """No segment of the token that could be of use is in any of *places*."""
    secrets = [segment for segment in token.split(".") if len(segment) > 20]
    assert not [place[:200] for place in places if any(secret in place for secret in secrets)]
