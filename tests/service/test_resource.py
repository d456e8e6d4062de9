"""What a client learns from the API's address alone: its metadata (RFC 9728), and the sign-in it needs (RFC 9470)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from fruit_service.sign_in import MULTI_FACTOR, RequiredSignIn

from .running import running_service

METADATA = "/.well-known/oauth-protected-resource/api/fruit"
SCOPES = ["read:usual-fruit", "read:exotic-fruit", "write:usual-fruit", "write:exotic-fruit"]
READ = "read:usual-fruit"


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    """One issuer for all tests."""
    with LocalIssuer(port=0) as running:
        yield running


@pytest.fixture
def address(issuer: LocalIssuer) -> Iterator[str]:
    """The address of a running service."""
    with running_service(issuer.issuer) as running:
        yield running


def ask(url: str, token: str = "", host: str = "") -> requests.Response:
    """Send a request, with a *token* and another *host* if they are given."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(url, headers={**headers, **({"Host": host} if host else {})}, timeout=5)


def named_metadata(response: requests.Response) -> str | None:
    """Return the `resource_metadata` of a challenge."""
    found = re.search(r'resource_metadata="([^"]*)"', response.headers["WWW-Authenticate"])
    return found[1] if found else None


def test_metadata_are_found_by_the_challenge(address: str, issuer: LocalIssuer) -> None:
    """RFC 9728, sections 2 and 5.1: the resource is the URL that the client asked."""
    url = named_metadata(ask(f"{address}/api/fruit"))
    assert url == f"{address}{METADATA}"
    response = ask(url)
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {
        "resource": f"{address}/api/fruit",
        "authorization_servers": [issuer.issuer],
        "scopes_supported": SCOPES,
        "bearer_methods_supported": ["header"],
    }


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [
        ("", "/api/fruit", 401),
        ("x", "/api/fruit", 401),
        ("openid", "/api/fruit", 403),
        (READ, "/api/fruit/recipe", 401),
    ],
    ids=["no token", "bad token", "no scope", "sign-in"],
)
def test_each_challenge_names_the_metadata(
    token: str, path: str, status: int, address: str, issuer: LocalIssuer
) -> None:
    """RFC 9728, section 5.1: with an error code or without."""
    response = ask(address + path, issuer.access_token(token) if len(token) > 1 else token)
    assert (response.status_code, named_metadata(response)) == (status, f"{address}{METADATA}")


@pytest.mark.parametrize("host", ["localhost:5123", "127.0.0.1", "[::1]:80", "LocalHost:1"])
def test_resource_is_the_address_of_the_request_on_this_machine(host: str, address: str) -> None:
    """Under each of its names, at the port that a container or a tunnel gives it."""
    assert named_metadata(ask(f"{address}/api/fruit", host=host)) == f"http://{host.lower()}{METADATA}"
    assert ask(address + METADATA, host=host).json()["resource"] == f"http://{host.lower()}/api/fruit"


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "127.0.0.1.evil.test",
        "localhost:5000@evil.test",
        'localhost" x="',
        "localhost:99999999",
        "a.test:1",
    ],
)
def test_name_of_a_stranger_is_not_repeated(host: str, address: str) -> None:
    """Any request may bear any `Host` (DNS rebinding): without FRUIT_PUBLIC_URL the service then names no URL."""
    challenged = ask(f"{address}/api/fruit", host=host)
    assert (challenged.status_code, named_metadata(challenged)) == (401, None)
    response = ask(address + METADATA, host=host)
    assert (response.status_code, list(response.json())) == (404, ["msg"])
    assert host not in response.text + str(challenged.headers)


@pytest.mark.parametrize("host", ["", "replica-1:5000", "evil.test"])
def test_public_url_is_what_clients_are_told(host: str, issuer: LocalIssuer) -> None:
    """Behind a proxy, whichever `Host` it sends."""
    with running_service(issuer.issuer, public_url="https://fruit.test") as address:
        assert named_metadata(ask(f"{address}/api/fruit", host=host)) == f"https://fruit.test{METADATA}"
        assert ask(address + METADATA, host=host).json()["resource"] == "https://fruit.test/api/fruit"
        assert "https://fruit.test/api/fruit" in ask(f"{address}/", host=host).text


def test_recipe_needs_a_sign_in_in_two_steps(address: str, issuer: LocalIssuer) -> None:
    """RFC 9470, section 3: the challenge has what to request; the same token still reads fruits."""
    token = issuer.access_token(READ)
    response = ask(f"{address}/api/fruit/recipe", token)
    challenge = response.headers["WWW-Authenticate"]
    assert response.status_code == 401
    assert challenge.startswith('Bearer realm="fruit", error="insufficient_user_authentication", error_description="')
    assert f'acr_values="{MULTI_FACTOR}", max_age="300"' in challenge
    assert list(response.json()) == ["msg"]
    assert ask(f"{address}/api/fruit", token).status_code == 200


@pytest.mark.parametrize(("age", "status"), [(0, 200), (290, 200), (370, 401), (-30, 200), (-90, 401)])
def test_recipe_needs_a_recent_sign_in(age: int, status: int, address: str, issuer: LocalIssuer) -> None:
    """At most 300 seconds ago, and not in the future; clocks may differ by a minute."""
    response = ask(f"{address}/api/fruit/recipe", issuer.access_token(READ, acr=MULTI_FACTOR, age=age))
    assert response.status_code == status
    if status == 200:
        assert set(response.json()) == {"msg", "recipe", "token_info"}


def test_recipe_needs_a_scope_too(address: str, issuer: LocalIssuer) -> None:
    """The scope is told first: signing in again could not help."""
    response = ask(f"{address}/api/fruit/recipe", issuer.access_token("openid", acr=MULTI_FACTOR))
    assert response.status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"acr": MULTI_FACTOR},
        {"auth_time": 1000},
        {"acr": "0", "auth_time": 1000},
        {"acr": [MULTI_FACTOR], "auth_time": 1000},
        {"acr": MULTI_FACTOR, "auth_time": "1000"},
        {"acr": MULTI_FACTOR, "auth_time": True},
        {"acr": MULTI_FACTOR, "auth_time": None},
    ],
)
def test_sign_in_of_any_other_kind_is_insufficient(claims: dict[str, object]) -> None:
    """A claim that is missing, or of another type, proves nothing."""
    required = RequiredSignIn(MULTI_FACTOR, 300)
    assert not required.is_met(claims, now=1000, leeway=60)
    assert required.is_met({"acr": MULTI_FACTOR, "auth_time": 1000}, now=1000, leeway=60)
