"""The API's table of answers (INTERFACE, section 5), over HTTP with tokens of a real issuer."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from joserfc import jws

from fruit_service import baskets
from fruit_service.access_token import MAX_LENGTH as MAX_TOKEN
from fruit_service.errors import BadRequest
from fruit_service.issuer.server import LocalIssuer
from fruit_service.serving import SEND_BYTES
from fruit_service.snapshot import Snapshot
from tests.support.key_publisher import KeyPublisher
from tests.support.scripted_browser import send

from .running import running_service

STARTING = {
    "usual": ["apple", "orange", "cherry", "apricot"],
    "exotic": ["kiwi", "lychee", "papaya", "durian"],
}


@dataclass(frozen=True)
class Api:
    """The running service, and an issuer that it trusts."""

    address: str
    issuer: LocalIssuer

    def get(self, scope: str) -> requests.Response:
        """Read with a fresh token of *scope*."""
        return requests.get(f"{self.address}/api/fruit", headers=self.bearer(scope), timeout=5)

    def post(self, scope: str, body: Any, **headers: str) -> requests.Response:
        """Write with a fresh token of *scope*; bytes are sent as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **self.bearer(scope), **headers}
        return requests.post(f"{self.address}/api/fruit", data, headers=sent, timeout=5)

    def bearer(self, scope: str) -> dict[str, str]:
        """Return the header with a fresh token of *scope*."""
        return {"Authorization": f"Bearer {self.issuer.access_token(scope)}"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    """One issuer for all tests."""
    with LocalIssuer(port=0) as running:
        yield running


@pytest.fixture
def api(issuer: LocalIssuer) -> Iterator[Api]:
    """A service with the starting lists."""
    with running_service(issuer.issuer) as address:
        yield Api(address, issuer)


@pytest.mark.parametrize(
    ("scope", "baskets"),
    [
        ("read:usual-fruit", ["usual"]),
        ("read:exotic-fruit", ["usual", "exotic"]),
        ("openid read:usual-fruit read:exotic-fruit", ["usual", "exotic"]),
    ],
)
def test_read_shows_what_the_scopes_allow(api: Api, scope: str, baskets: list[str]) -> None:
    """Only those baskets are in the answer, with the claims of the token."""
    response = api.get(scope)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"msg", "fruits", "token_info"}
    assert answer["fruits"] == {basket: STARTING[basket] for basket in baskets}
    assert answer["token_info"]["sub"] == "auth0|alice"
    assert answer["token_info"]["scope"] == scope


@pytest.mark.parametrize(
    ("scope", "added", "refused"),
    [
        ("write:usual-fruit", {"usual": ["plum"]}, {"exotic": ["mango"]}),
        ("write:exotic-fruit", {"usual": ["plum"], "exotic": ["mango"]}, {}),
    ],
)
def test_write_adds_what_the_scopes_allow(api: Api, scope: str, added: Any, refused: Any) -> None:
    """A basket that the scopes do not allow is refused, the rest is added and stays."""
    response = api.post(scope, {"usual": ["plum"], "exotic": ["mango"]})
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"msg", "fruits_added", "fruits_refused", "token_info"}
    assert (answer["fruits_added"], answer["fruits_refused"]) == (added, refused)
    fruits = api.get("read:exotic-fruit").json()["fruits"]
    assert fruits == {basket: STARTING[basket] + added.get(basket, []) for basket in STARTING}


def test_what_is_there_is_not_added_twice(api: Api) -> None:
    """After NFC, trim and casefold; in the spelling that came first."""
    body = {"usual": ["  Plum ", "PLUM", "Apple", "reine-claude dore\u0301e", "Reine-Claude dor\u00e9e"]}
    assert api.post("write:usual-fruit", body).json()["fruits_added"] == {"usual": ["Plum", "reine-claude dor\u00e9e"]}
    assert api.post("write:usual-fruit", body).json()["fruits_added"] == {"usual": []}


def test_no_token_is_challenged_without_an_error(api: Api) -> None:
    """RFC 6750, section 3.1."""
    response = requests.get(f"{api.address}/api/fruit", timeout=5)
    assert response.status_code == 401
    metadata = f"{api.address}/.well-known/oauth-protected-resource/api/fruit"
    assert response.headers["WWW-Authenticate"] == f'Bearer realm="fruit", resource_metadata="{metadata}"'
    assert list(response.json()) == ["msg"]


def test_token_of_another_issuer_is_invalid(api: Api) -> None:
    """With the reason in words, and no part of the token."""
    with LocalIssuer(port=0) as other:
        token = other.access_token("read:usual-fruit")
        headers = {"Authorization": f"Bearer {token}"}
        response = requests.get(f"{api.address}/api/fruit", headers=headers, timeout=5)
    assert response.status_code == 401
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="fruit", error="invalid_token", error_description="')
    assert token.split(".")[2] not in challenge + response.text


@pytest.mark.parametrize(
    ("method", "scope", "asked_for"),
    [
        ("GET", "openid profile", "read:usual-fruit"),
        ("GET", "write:exotic-fruit", "read:usual-fruit"),
        ("POST", "read:exotic-fruit", "write:usual-fruit"),
    ],
)
def test_token_without_a_scope_that_serves_is_told_which(api: Api, method: str, scope: str, asked_for: str) -> None:
    """403 with the least scope that would do (RFC 6750, section 3.1)."""
    response = api.get(scope) if method == "GET" else api.post(scope, {"usual": ["plum"]})
    assert response.status_code == 403
    challenge = response.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="{asked_for}"' in challenge


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"plum",
        b"[" * 60_000,
        b'{"usual": ["\xff"]}',
        '{"usual": ["plum"]}'.encode("utf-16"),
        [],
        {},
        None,
        {"usual": "plum"},
        {"usual": [1]},
        {"usual": [["plum"]]},
        {"usual": None},
        {"usuall": ["plum"]},
        {"usual": ["plum"], "other": []},
        {"usual": [""]},
        {"usual": ["   "]},
        {"usual": ["p" * 65]},
        {"usual": ["pl\u0000um"]},
        {"usual": ["pl\num"]},
        {"usual": ["\tplum\n"]},
        {"usual": ["\x85plum\x1f"]},
        {"usual": ["\u0958" * 33]},  # composed, each is two
        {"usual": ["\ud800"]},
    ],
)
def test_body_of_another_shape_is_refused(api: Api, body: Any) -> None:
    """400 in one sentence, and nothing is added."""
    response = api.post("write:usual-fruit", body)
    assert response.status_code == 400
    assert list(response.json()) == ["msg"]
    assert api.get("read:usual-fruit").json()["fruits"]["usual"] == STARTING["usual"]


def test_long_name_is_refused_before_it_is_composed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Normalization of 32,000 accents takes most of a second, and would block other requests."""
    monkeypatch.setattr(baskets, "_tidy", lambda name: pytest.fail("it was composed"))
    with pytest.raises(BadRequest, match="64 characters"):
        baskets.checked({"usual": ["a" + "\u0315\u0300" * 16_000]})


def test_largest_answer_is_sent_in_one_piece() -> None:
    """Two full baskets of the longest names, and a token as large as may be: else throughput collapses."""
    names = ["\U0001f34e" * 60 + f"{number:04}" for number in range(baskets.MAX_FRUITS)]
    lists = Snapshot(dict.fromkeys(baskets.BASKETS, names))
    assert len(names[0]) == baskets.MAX_NAME
    assert len(lists.json(baskets.BASKETS).encode()) + MAX_TOKEN + 4096 < SEND_BYTES


@pytest.mark.parametrize("size", [64 * 1024 + 1, 300_000, 2_000_000])
def test_large_body_is_refused(api: Api, size: int) -> None:
    """413 over 64 KiB; up to there it is read."""
    assert api.post("write:usual-fruit", b" " * (64 * 1024)).status_code == 400
    response = api.post("write:usual-fruit", b" " * size)
    assert response.status_code == 413
    assert list(response.json()) == ["msg"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "text/plain; application/json"]
)
def test_another_content_type_is_refused(api: Api, content_type: str) -> None:
    """415; the bottle of old took the last one for JSON (CVE-2014-3137)."""
    response = api.post("write:usual-fruit", {"usual": ["plum"]}, **{"Content-Type": content_type})
    assert response.status_code == 415
    assert list(response.json()) == ["msg"]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_have_parameters(api: Api, content_type: str) -> None:
    """RFC 9110, section 8.3.1."""
    headers = {"Content-Type": content_type}
    assert api.post("write:usual-fruit", {"usual": ["plum"]}, **headers).status_code == 200


def test_full_basket_takes_no_more(api: Api) -> None:
    """1,000 fruits, then 409, and nothing of that request is added."""
    more = [f"fruit {number}" for number in range(996)]
    assert api.post("write:exotic-fruit", {"usual": more}).status_code == 200
    response = api.post("write:exotic-fruit", {"exotic": ["mango"], "usual": ["plum"]})
    assert response.status_code == 409
    assert list(response.json()) == ["msg"]
    fruits = api.get("read:exotic-fruit").json()["fruits"]
    assert (len(fruits["usual"]), fruits["exotic"]) == (1000, STARTING["exotic"])
    assert api.post("write:exotic-fruit", {"usual": ["fruit 1"]}).json()["fruits_added"] == {"usual": []}


@pytest.mark.parametrize("path", ["/api/fruit/", "/api", "/nothing", "/openapi.yaml", "/pages/../app.py"])
def test_unknown_path(api: Api, path: str) -> None:
    """404 as JSON."""
    answer = send("GET", f"{api.address}{path}")
    assert (answer.status, list(json.loads(answer.body))) == (404, ["msg"])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_wrong_method(api: Api, method: str) -> None:
    """405 as JSON, with what is allowed."""
    response = requests.request(method, f"{api.address}/api/fruit", timeout=5)
    assert response.status_code == 405
    assert {"GET", "POST"} <= set(response.headers["Allow"].replace(" ", "").split(","))
    assert list(response.json()) == ["msg"]


def test_issuer_that_cannot_be_reached() -> None:
    """503 with `Retry-After`, and the readiness says so; the service is alive and refuses what needs no key."""
    with LocalIssuer(port=0) as issuer:
        token = issuer.access_token("read:usual-fruit")
    with running_service(issuer.issuer) as address:
        response = requests.get(f"{address}/api/fruit", headers={"Authorization": f"Bearer {token}"}, timeout=5)
        statuses = [requests.get(f"{address}{path}", timeout=5).status_code for path in ("/readyz", "/healthz")]
        refused = requests.get(f"{address}/api/fruit", headers={"Authorization": "Bearer x"}, timeout=5)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert statuses == [503, 200]
    assert refused.status_code == 401


def test_database_that_is_gone(issuer: LocalIssuer, tmp_path: Path) -> None:
    """Writing and readiness are 503 with `Retry-After`; reading goes on with the fruits as last seen; it recovers."""
    database, away = tmp_path / "fruits.sqlite", tmp_path / "away.sqlite"
    with running_service(issuer.issuer, f"sqlite:///{database}") as address:
        api = Api(address, issuer)
        assert api.post("write:usual-fruit", {"usual": ["plum"]}).status_code == 200
        database.rename(away)
        response = api.post("write:usual-fruit", {"usual": ["pear"]})
        assert (response.status_code, "Retry-After" in response.headers) == (503, True)
        assert requests.get(f"{address}/readyz", timeout=5).status_code == 503
        assert api.get("read:usual-fruit").json()["fruits"]["usual"] == [*STARTING["usual"], "plum"]
        assert not database.exists()
        away.rename(database)
        assert api.post("write:usual-fruit", {"usual": ["pear"]}).status_code == 200
        assert api.get("read:usual-fruit").json()["fruits"]["usual"] == [*STARTING["usual"], "plum", "pear"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health(api: Api, path: str) -> None:
    """200 where all is well, without a token."""
    assert requests.get(f"{api.address}{path}", timeout=5).status_code == 200


def test_page_for_people(api: Api) -> None:
    """It names the issuer, the four scopes and the starting lists; its style sheet is there."""
    response = requests.get(f"{api.address}/", timeout=5)
    assert response.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    words = [api.issuer.issuer, "read:usual-fruit", "read:exotic-fruit", "write:usual-fruit", "write:exotic-fruit"]
    words += [name for names in STARTING.values() for name in names]
    words += ["Get a token", "%%login", "auth=auth", f"%login {api.address}/api/fruit"]
    assert [word for word in words if word not in response.text] == []
    assert requests.get(f"{api.address}/pages/style.css", timeout=5).headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize("hosts", [[], ["a.test", "b.test"]])
def test_request_for_no_host_or_two_is_refused(api: Api, hosts: list[str]) -> None:
    """RFC 9112, section 3.2."""
    lines = ["GET /healthz HTTP/1.1", *(f"Host: {host}" for host in hosts), "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", urlsplit(api.address).port or 0), timeout=5) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_errors_do_not_tell_how_we_are_made(api: Api) -> None:
    """No version, no path, no exception in any answer."""
    response = api.post("write:usual-fruit", b"[" * 60_000)
    assert "Server" not in response.headers
    assert "Recursion" not in response.text


def test_rotated_key_is_found(issuer: LocalIssuer) -> None:
    """A token signed by a key published later is good after one more fetch of the keys."""
    with KeyPublisher() as publisher, LocalIssuer(port=0) as first, LocalIssuer(port=0) as second:
        with running_service(publisher.issuer) as address:
            for signer in (first, second):
                publisher.jwks = signer._signer.jwks()
                token = signer.sign(claims(publisher.issuer))
                headers = {"Authorization": f"Bearer {token}"}
                assert requests.get(f"{address}/api/fruit", headers=headers, timeout=5).status_code == 200
        assert publisher.fetches == 2


@pytest.mark.parametrize("depth", [100, 300, 500, 900, 940, 960, 980, 1000, 3000])
def test_deep_claim_is_no_error_of_ours(api: Api, depth: int) -> None:
    """A claim may be as deep as a token is long: it is repeated, or the token refused."""
    nested = {**claims(api.issuer.issuer), "deep": "PLACE"}
    text = json.dumps(nested).replace('"PLACE"', "[" * depth + "]" * depth)
    token = signed(api.issuer, text)
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{api.address}/api/fruit", headers=headers, timeout=5).status_code in (200, 401)


def signed(issuer: LocalIssuer, payload: str) -> str:
    """Return *payload*, whatever it is, signed with the issuer's key."""
    signer = issuer._signer
    return jws.serialize_compact(dict(signer.header), payload, signer.key, ["RS256"])


def claims(issuer: str) -> dict[str, Any]:
    """Return the claims of a token that is good for as long as a test takes."""
    return {"iss": issuer, "sub": "u", "aud": "api/fruit", "exp": 4_000_000_000, "scope": "read:usual-fruit"}
