"""Registration at the local issuer, from outside (RFC 7591)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from tests.service.oauth_requests import CODE, IMPLICIT, OFFLINE, authorize, exchange, refresh
from tests.support.form_browser import FormBrowser

CALLBACK = "http://127.0.0.1:8901/callback/"
GOOD: dict[str, Any] = {"client_name": "My notebook", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer whose pages are to be answered."""
    with LocalIssuer(port=0) as running:
        yield running


def register(issuer: LocalIssuer, document: Any, content_type: str = "application/json") -> requests.Response:
    """Send a registration; bytes as they are, anything else as JSON."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return requests.post(f"{issuer.issuer}oidc/register", data, headers={"Content-Type": content_type}, timeout=5)


def test_registered_client_signs_in(issuer: LocalIssuer) -> None:
    """With its redirect URI, its name on the page beside where the answer goes, and a refresh token."""
    response = register(issuer, GOOD)
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    client = response.json()
    assert {name: client[name] for name in GOOD} == GOOD
    assert "client_secret" not in client
    browser = FormBrowser(issuer.issuer)
    browser.open(authorize(issuer, OFFLINE, client_id=client["client_id"], redirect_uri=CALLBACK)).press("Alice")
    assert browser.page is not None
    assert "My notebook</strong> chose this name itself" in browser.page.text
    assert "127.0.0.1:8901" in browser.page.text
    code = browser.press("Allow").parameters["code"]
    given = exchange(issuer, code, client_id=client["client_id"], redirect_uri=CALLBACK).json()
    again = refresh(issuer, given["refresh_token"], client_id=client["client_id"])
    assert again.json()["access_token"]


def test_registration_outlives_a_restart() -> None:
    """A client registers once, and keeps its identifier; nothing is kept here."""
    with LocalIssuer(port=0) as first:
        client_id = register(first, GOOD).json()["client_id"]
    with LocalIssuer(port=0, auto_approve="bob") as second:
        url = authorize(second, CODE, client_id=client_id, redirect_uri=CALLBACK)
        assert "code" in FormBrowser(second.issuer).open(url).parameters


def test_least_that_is_registered(issuer: LocalIssuer) -> None:
    """Redirect URIs alone: the answer has what the issuer chose (section 3.2.1)."""
    client = register(issuer, {"redirect_uris": [CALLBACK], "unknown": 1, "grant_types": ["implicit", "refresh_token"]})
    assert client.status_code == 201
    assert client.json()["token_endpoint_auth_method"] == "none"
    assert client.json()["response_types"] == ["code"]
    assert "implicit" not in client.json()["grant_types"]


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:8901/callback/",
        "http://[::1]:8901/callback/",
        "https://hub.example/user/a%40b/callback/?x=1",
    ],
)
def test_redirect_uris_on_loopback_and_https_are_good(uri: str, issuer: LocalIssuer) -> None:
    """Those of a notebook, and of a hub."""
    assert register(issuer, {"redirect_uris": [uri]}).json()["redirect_uris"] == [uri]


@pytest.mark.parametrize(
    "uris",
    [
        None,
        [],
        "http://127.0.0.1/",
        [1],
        [[CALLBACK]],
        [CALLBACK, "http://evil.test/"],
        ["http://127.0.0.1.evil.test/"],
        ["http://127.0.0.1@evil.test/"],
        ["https://user@evil.test/"],
        ["https://evil.test/#x"],
        ["https://*.evil.test/"],
        ["https:///callback/"],
        ["https://evil.test:port/"],
        ["https://[::1/"],
        ["javascript:alert(1)"],
        ["com.example.app:/callback"],
        ["https://evil.test/\n"],
        ['https://evil.test/"'],
        ["https://ev\u0456l.test/"],
        ["https://evil.test/" + "x" * 200],
        [f"http://127.0.0.1:{port}/" for port in range(8000, 8011)],
        {"a": CALLBACK},
    ],
)
def test_other_redirect_uris_are_refused(uris: Any, issuer: LocalIssuer) -> None:
    """With the error of section 3.2.2; also if the client made its identifier itself."""
    response = register(issuer, {"redirect_uris": uris})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_redirect_uri")
    assert response.json()["error_description"]
    if isinstance(uris, list):
        assert is_unknown(issuer, [GOOD["client_name"], *uris])


@pytest.mark.parametrize("name", [None, 1, "", " " * 65, "a\nb", "a\u202eb", "\ud800", "x" * 65])
def test_names_that_could_change_a_page_are_refused(name: Any, issuer: LocalIssuer) -> None:
    """Empty, long, or with characters that do not print."""
    response = register(issuer, {**GOOD, "client_name": name})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata")
    assert is_unknown(issuer, [name, CALLBACK])


def is_unknown(issuer: LocalIssuer, values: list[Any]) -> bool:
    """Return whether a made-up identifier with *values* is that of no client."""
    content = base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()
    return not is_known(issuer, f"registered.{content}")


def is_known(issuer: LocalIssuer, client_id: str) -> bool:
    """Return whether the issuer knows this client."""
    url = authorize(issuer, CODE, client_id=client_id, redirect_uri=CALLBACK)
    return requests.get(url, timeout=5).status_code == 200


def test_identifier_contains_the_registration(issuer: LocalIssuer) -> None:
    """So that the tests of made-up ones say something."""
    assert not is_unknown(issuer, [GOOD["client_name"], CALLBACK])


@pytest.mark.parametrize(
    "client_id", ["registered.", "registered.x", "registered.bnVsbA", "registered.Im4i", "registered.\u00e9"]
)
def test_broken_identifier_is_no_client(client_id: str, issuer: LocalIssuer) -> None:
    """No base64url, and JSON of another shape."""
    assert not is_known(issuer, client_id)


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (GOOD, "text/plain"),
        (GOOD, ""),
        (GOOD, "application/x-www-form-urlencoded"),
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[" * 60_000, "application/json"),
        ([], "application/json"),
        (None, "application/json"),
        ({**GOOD, "token_endpoint_auth_method": "client_secret_basic"}, "application/json"),
        ({**GOOD, "token_endpoint_auth_method": None}, "application/json"),
        ({**GOOD, "grant_types": ["client_credentials"]}, "application/json"),
        ({**GOOD, "grant_types": "authorization_code"}, "application/json"),
        ({**GOOD, "response_types": [["code"]]}, "application/json"),
    ],
)
def test_other_metadata_are_refused(document: Any, content_type: str, issuer: LocalIssuer) -> None:
    """Section 3.2.2; only JSON, which a page of another site cannot send."""
    response = register(issuer, document, content_type)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata")


def test_large_registration_is_refused(issuer: LocalIssuer) -> None:
    """Over 64 KiB."""
    assert register(issuer, b" " * (64 * 1024 + 1)).status_code == 413


def test_consent_to_one_client_is_not_that_to_another(issuer: LocalIssuer) -> None:
    """One that registers itself must not profit from what the user has allowed before."""
    browser = FormBrowser(issuer.issuer)
    browser.open(authorize(issuer, CODE)).press("Alice").press("Allow")
    client_id = register(issuer, GOOD).json()["client_id"]
    url = authorize(issuer, CODE, client_id=client_id, redirect_uri=CALLBACK)
    assert "Allow" in browser.open(url).form.buttons
    assert browser.open(f"{url}&prompt=none").parameters["error"] == "consent_required"


def test_other_redirect_uri_stops_at_the_issuer(issuer: LocalIssuer) -> None:
    """With another way out than the issuer's own option, which is for its own client."""
    client_id = register(issuer, GOOD).json()["client_id"]
    page = (
        FormBrowser(issuer.issuer).open(authorize(issuer, CODE, client_id=client_id, redirect_uri=f"{CALLBACK}x")).page
    )
    assert page is not None
    assert (page.status_code, CALLBACK in page.text, "/oidc/register" in page.text) == (403, True, True)
    assert "--callback-url" not in page.text


def test_registered_client_has_no_implicit_grant(issuer: LocalIssuer) -> None:
    """RFC 9700, section 2.1.2."""
    client_id = register(issuer, GOOD).json()["client_id"]
    url = authorize(issuer, IMPLICIT, client_id=client_id, redirect_uri=CALLBACK)
    assert FormBrowser(issuer.issuer).open(url).parameters["error"] == "unauthorized_client"


def test_registration_can_be_switched_off(issuer: LocalIssuer) -> None:
    """Then the metadata do not promise it."""
    issuer.switches.allow_registration = False
    for path in ("openid-configuration", "oauth-authorization-server"):
        assert "registration_endpoint" not in requests.get(f"{issuer.issuer}.well-known/{path}", timeout=5).json()
    assert register(issuer, GOOD).status_code == 403
