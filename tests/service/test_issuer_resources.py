"""Resource indicators at the local issuer, from outside (RFC 8707)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from tests.service.oauth_requests import (
    CALLBACK,
    CODE,
    IMPLICIT,
    OFFLINE,
    ask_for_codes,
    authorize,
    claims,
    exchange,
    poll,
    refresh,
)
from tests.support.form_browser import FormBrowser

from .running import running_service

HERE = "http://127.0.0.1:5000/api/fruit"
NAMED = "https://market.example/api"
TOLD = {"http://127.0.0.1:5001/api/fruit": "api/market", "https://fruit.example/v1": "api/fruit"}


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer where alice has always just allowed everything, with some APIs, of which one is named by a URL."""
    apis = {"api/market": 10, NAMED: 10}
    with LocalIssuer(port=0, auto_approve="alice", other_apis=apis, resources=TOLD) as running:
        yield running


def by_resource(issuer: LocalIssuer, *resources: str, **changes: str) -> dict[str, str]:
    """Return the authorization response for *resources*, without an `audience`."""
    request = {**OFFLINE, "audience": "", **changes}
    url = authorize(issuer, request) + "".join(f"&resource={requests.utils.quote(each, '')}" for each in resources)
    return FormBrowser(issuer.issuer).open(url).parameters


def audience(issuer: LocalIssuer, token: str) -> Any:
    """Return the audiences of a token but the issuer's own."""
    return [each for each in claims(issuer, token)["aud"] if each != f"{issuer.issuer}userinfo"]


@pytest.mark.parametrize(
    ("resource", "identifier"),
    [
        (HERE, "api/fruit"),
        ("http://localhost:5123/api/fruit", "api/fruit"),
        ("http://[::1]/api/fruit", "api/fruit"),
        ("http://127.0.0.1:5001/api/market", "api/market"),
        (NAMED, NAMED),
        ("http://127.0.0.1:5001/api/fruit", "api/market"),
        ("http://localhost:5001/api/fruit", "api/market"),
        ("https://fruit.example/v1", "api/fruit"),
    ],
)
def test_resource_is_the_api_at_that_address(resource: str, identifier: str, issuer: LocalIssuer) -> None:
    """At any port of this machine, or where the issuer was told; the token names the API both ways."""
    token = exchange(issuer, by_resource(issuer, resource)["code"], resource=resource).json()["access_token"]
    assert audience(issuer, token) == list(dict.fromkeys([identifier, resource]))
    assert "read:usual-fruit" in claims(issuer, token)["scope"]


@pytest.mark.parametrize(
    "resource",
    [
        "https://fruit.test/api/fruit",
        "http://evil.test/api/fruit",
        "https://127.0.0.1:5000/api/fruit",
        "http://127.0.0.1:5000/api/fruit/",
        "http://127.0.0.1:5000/api/fruit#x",
        "http://127.0.0.1:5000/api/fruit?x",
        "http://user@127.0.0.1:5000/api/fruit",
        "http://127.0.0.1:5000/",
        "http://[::1",
        "api/fruit",
        "x",
        f"{NAMED}#x",
    ],
)
@pytest.mark.parametrize("request_of", [CODE, IMPLICIT], ids=["code", "implicit"])
def test_unknown_resource_is_an_invalid_target(resource: str, request_of: dict[str, str], issuer: LocalIssuer) -> None:
    """Section 2: it is told to the client, by the redirect."""
    answer = by_resource(issuer, resource, **{**request_of, "audience": ""})
    assert answer["error"] == "invalid_target"
    assert answer["state"] == "st 1"


def test_user_sees_the_url_of_the_api() -> None:
    """On the page for consent, as the client named it."""
    with LocalIssuer(port=0) as issuer:
        browser = FormBrowser(issuer.issuer).open(authorize(issuer, CODE, audience="", resource=HERE)).press("Alice")
        assert browser.page is not None
        assert f"<code>{HERE}</code>" in browser.page.text


def test_audience_and_resources_name_one_api(issuer: LocalIssuer) -> None:
    """Two URLs of one API are one API; another API is refused."""
    again = HERE.replace("127.0.0.1", "localhost")
    assert "code" in by_resource(issuer, HERE, again, audience="api/fruit")
    for resources, other in (((HERE, NAMED), ""), ((HERE,), "api/market")):
        assert by_resource(issuer, *resources, audience=other)["error"] == "invalid_target"


@pytest.mark.parametrize("resource", [NAMED, "http://localhost:5000/api/fruit", "x"])
def test_token_is_for_no_other_resource_than_the_user_allowed(resource: str, issuer: LocalIssuer) -> None:
    """Section 2.2: neither with the code, nor with a refresh token."""
    refused = exchange(issuer, by_resource(issuer, HERE)["code"], resource=resource)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
    given = exchange(issuer, by_resource(issuer, HERE)["code"]).json()
    refused = refresh(issuer, given["refresh_token"], resource=resource)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")


def test_refresh_keeps_the_resource(issuer: LocalIssuer) -> None:
    """Named again, or not."""
    given = exchange(issuer, by_resource(issuer, HERE)["code"]).json()
    following = refresh(issuer, given["refresh_token"], resource=HERE).json()
    last = refresh(issuer, following["refresh_token"]).json()
    for each in (given, following, last):
        assert audience(issuer, each["access_token"]) == ["api/fruit", HERE]


def test_resource_without_audience_at_the_code_is_refused_later(issuer: LocalIssuer) -> None:
    """The user allowed no API."""
    refused = exchange(issuer, by_resource(issuer)["code"], resource=HERE)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")


def test_device_may_name_its_api_by_resource(issuer: LocalIssuer) -> None:
    """As it may by audience."""
    codes = ask_for_codes(issuer, audience="", resource=HERE).json()
    requests.get(codes["verification_uri_complete"], timeout=5)
    assert audience(issuer, poll(issuer, codes["device_code"]).json()["access_token"]) == ["api/fruit", HERE]
    refused = ask_for_codes(issuer, resource="https://evil.test/")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")


def test_token_for_the_resource_opens_the_fruit_service(issuer: LocalIssuer) -> None:
    """From the API's address alone: its metadata name issuer and resource, and the token is accepted."""
    with running_service(issuer.issuer) as address:
        metadata = requests.get(f"{address}/.well-known/oauth-protected-resource/api/fruit", timeout=5).json()
        assert metadata["authorization_servers"] == [issuer.issuer]
        code = by_resource(issuer, metadata["resource"], scope="read:usual-fruit", redirect_uri=CALLBACK)["code"]
        token = exchange(issuer, code, resource=metadata["resource"]).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(metadata["resource"], headers=headers, timeout=5).status_code == 200
