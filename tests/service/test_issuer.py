"""The local issuer, from outside: what a browser and a client meet."""

from __future__ import annotations

import base64
import hashlib
import itertools
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from joserfc.jwk import KeySet

from fruit_service.errors import PortTaken
from fruit_service.issuer.directory import CALLBACK_URLS
from fruit_service.issuer.server import LocalIssuer
from tests.service.oauth_requests import (
    CALLBACK,
    CODE,
    IMPLICIT,
    SCOPE,
    authorize,
    claims,
    exchange,
    run_together,
)
from tests.support.form_browser import FormBrowser


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer whose pages are to be answered."""
    with LocalIssuer(port=0) as running:
        yield running


@pytest.fixture
def quick() -> Iterator[LocalIssuer]:
    """An issuer where alice has always just allowed everything."""
    with LocalIssuer(port=0, auto_approve="alice") as running:
        yield running


@pytest.fixture
def browser(issuer: LocalIssuer) -> FormBrowser:
    """A browser that the issuer has not seen."""
    return FormBrowser(issuer.issuer)


def test_implicit_sign_in_walks_through_two_pages(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Sign-in and consent, then both tokens in the fragment, with the state as it was sent."""
    arrival = browser.open(authorize(issuer, IMPLICIT)).press("Bob").press("Allow").arrival
    assert arrival is not None
    assert arrival.url.startswith(f"{CALLBACK}#")
    names = {"access_token", "token_type", "expires_in", "id_token", "iss", "state"}
    assert set(arrival.parameters) == names, "scope is left out: it is what was asked for"
    assert arrival.parameters["state"] == "st 1"
    assert arrival.parameters["expires_in"] == "60"


def test_access_token_is_as_auth0_makes_it(quick: LocalIssuer) -> None:
    """Issuer, subject, both audiences, client, scope and a lifetime of a minute; the key is named by its thumbprint."""
    token = FormBrowser(quick.issuer).open(authorize(quick, IMPLICIT)).parameters["access_token"]
    said = claims(quick, token)
    assert said["exp"] - said.pop("iat") == 60
    assert abs(said.pop("exp") - 60 - time.time()) < 5
    assert said == {
        "iss": f"http://localhost:{quick.port}/",
        "sub": "auth0|alice",
        "aud": ["api/fruit", f"http://localhost:{quick.port}/userinfo"],
        "azp": "ipyauth-demo",
        "scope": SCOPE,
    }
    [key] = requests.get(f"{quick.issuer}.well-known/jwks.json", timeout=5).json()["keys"]
    assert key["kid"] == KeySet.import_key_set({"keys": [key]}).keys[0].thumbprint()
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}, "and nothing private"


def test_id_token_is_bound_to_request_and_access_token(quick: LocalIssuer) -> None:
    """Nonce and `at_hash` (OpenID Connect Core, section 3.2.2.9), and the user's claims by scope."""
    parameters = FormBrowser(quick.issuer).open(authorize(quick, IMPLICIT)).parameters
    said = claims(quick, parameters["id_token"])
    digest = hashlib.sha256(parameters["access_token"].encode()).digest()[:16]
    assert said["at_hash"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert said["exp"] > said["iat"]
    assert {name: said[name] for name in set(said) - {"at_hash", "iat", "exp"}} == {
        "iss": quick.issuer,
        "sub": "auth0|alice",
        "aud": "ipyauth-demo",
        "nonce": "n-1",
        "nickname": "alice",
        "name": "Alice",
        "email": "alice@example.com",
        "email_verified": True,
    }


@pytest.mark.parametrize("response_type", ["token id_token", "id_token token"])
def test_response_types_may_come_in_any_order(quick: LocalIssuer, response_type: str) -> None:
    """OAuth 2.0 Multiple Response Types, section 3."""
    browser = FormBrowser(quick.issuer).open(authorize(quick, IMPLICIT, response_type=response_type))
    assert {"access_token", "id_token"} <= set(browser.parameters)


def test_code_is_exchanged_with_its_verifier(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The code comes in the query; the token response has both tokens and the nonce."""
    arrival = browser.open(authorize(issuer, CODE)).press("Alice").press("Allow").arrival
    assert arrival is not None
    assert arrival.url.startswith(f"{CALLBACK}?")
    assert set(arrival.parameters) == {"code", "iss", "state"}
    response = exchange(issuer, arrival.parameters["code"])
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    answer = response.json()
    assert set(answer) == {"access_token", "token_type", "expires_in", "id_token"}
    assert claims(issuer, answer["id_token"])["nonce"] == "n-1"
    assert claims(issuer, answer["access_token"])["sub"] == "auth0|alice"


def test_code_is_spent_by_its_first_use(quick: LocalIssuer) -> None:
    """RFC 6749, section 4.1.2: a code is used once."""
    code = FormBrowser(quick.issuer).open(authorize(quick, CODE)).parameters["code"]
    assert exchange(quick, code).status_code == 200
    again = exchange(quick, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"redirect_uri": CALLBACK_URLS[1]}, "invalid_grant"),
        ({"client_id": "somebody-else"}, "invalid_client"),
        ({"code": "made-up"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
    ],
)
def test_token_request_that_is_not_in_order_is_refused(quick: LocalIssuer, changes: dict[str, str], error: str) -> None:
    """RFC 6749, section 5.2, and RFC 7636, section 4.6."""
    code = FormBrowser(quick.issuer).open(authorize(quick, CODE)).parameters["code"]
    response = exchange(quick, **{"code": code, **changes})
    assert response.status_code in (400, 401)
    assert response.json()["error"] == error


@pytest.mark.parametrize(
    "changes", [{"code_challenge": ""}, {"code_challenge_method": "plain"}, {"code_challenge_method": ""}]
)
def test_code_needs_an_s256_challenge(quick: LocalIssuer, changes: dict[str, str]) -> None:
    """RFC 9700, section 2.1.1."""
    parameters = FormBrowser(quick.issuer).open(authorize(quick, CODE, **changes)).parameters
    assert (parameters["error"], parameters["state"]) == ("invalid_request", "st 1")


@pytest.mark.parametrize("request_of", [IMPLICIT, CODE])
def test_form_post_carries_the_response_in_a_form(issuer: LocalIssuer, request_of: dict[str, str]) -> None:
    """A form for the callback, which the page's own script file submits."""
    browser = FormBrowser(issuer.issuer).open(authorize(issuer, request_of, response_mode="form_post"))
    arrival = browser.press("Bob").press("Allow").arrival
    assert arrival is not None
    assert (arrival.method, arrival.url) == ("POST", CALLBACK)
    assert arrival.parameters["state"] == "st 1"
    assert {"access_token", "code"} & set(arrival.parameters)
    assert browser.page is not None
    assert browser.page.headers["Cache-Control"] == "no-store"
    assert "form-action http://127.0.0.1:8765" in browser.page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("mode", ["fragment", "form_post"])
def test_denial_is_told_to_the_client(issuer: LocalIssuer, mode: str) -> None:
    """`access_denied` with a description and the state, the same way as a success."""
    browser = FormBrowser(issuer.issuer).open(authorize(issuer, IMPLICIT, response_mode=mode))
    parameters = browser.press("Alice").press("Deny").parameters
    assert (parameters["error"], parameters["state"]) == ("access_denied", "st 1")
    assert parameters["error_description"]


@pytest.mark.parametrize("request_of", [IMPLICIT, CODE], ids=["implicit", "code"])
@pytest.mark.parametrize("mode", ["", "form_post"])
@pytest.mark.parametrize("changes", [{}, {"audience": "api/vegetable"}, {"prompt": "none login"}])
def test_each_authorization_response_names_the_issuer(
    quick: LocalIssuer, request_of: dict[str, str], mode: str, changes: dict[str, str]
) -> None:
    """RFC 9207, section 2: errors too. The metadata promise it (section 3), unless a test switches both off."""
    url = authorize(quick, request_of, **changes, **({"response_mode": mode} if mode else {}))
    discovery = f"{quick.issuer}.well-known/openid-configuration"
    for names_issuer in (True, False):
        quick.switches.names_issuer = names_issuer
        assert FormBrowser(quick.issuer).open(url).parameters.get("iss") == (quick.issuer if names_issuer else None)
        promised = requests.get(discovery, timeout=5).json()["authorization_response_iss_parameter_supported"]
        assert promised is names_issuer


ODD_VALUES = [b"\xff", b"a=\xff\xfe", b"\xc3", b"a@b=1; c=2", b'"', b"\xe4=\xe4"]


ODD_HEADERS = ["Host", "Cookie", "Authorization", "User-Agent", "Accept", "Origin", "Content-Type", "X-Anything"]


@pytest.mark.parametrize("target", ["GET /authorize", "GET /userinfo", "POST /oauth/token", "GET /u/login?state=x"])
def test_header_of_any_bytes_is_no_failure(quick: LocalIssuer, target: str) -> None:
    """RFC 9110, section 5.5: bytes beyond ASCII are opaque. Each request gets the answer of its endpoint."""
    fields = {"Host": b"localhost:%d" % quick.port, "Connection": b"close", "Content-Length": b"0"}
    answers = {}
    for name, value in itertools.product(ODD_HEADERS, ODD_VALUES):
        lines = [b"%s: %s" % (each.encode(), said) for each, said in {**fields, name: value}.items()]
        with socket.create_connection(("127.0.0.1", quick.port), timeout=20) as connection:
            connection.sendall(b"\r\n".join([f"{target} HTTP/1.1".encode(), *lines, b"", b""]))
            answers[name, value] = connection.makefile("rb").read().partition(b"\r\n")[0]
    assert {each: answer for each, answer in answers.items() if not answer.startswith(b"HTTP/1.1 4")} == {}


def test_prompt_none_follows_the_session(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """`login_required` before sign-in, `consent_required` for a new scope; else no page is needed."""
    assert browser.open(authorize(issuer, IMPLICIT, prompt="none")).parameters["error"] == "login_required"
    browser.open(authorize(issuer, IMPLICIT)).press("Alice").press("Allow")
    assert "access_token" in browser.open(authorize(issuer, IMPLICIT, prompt="none")).parameters
    more = f"{SCOPE} write:usual-fruit"
    assert (
        browser.open(authorize(issuer, IMPLICIT, prompt="none", scope=more)).parameters["error"] == "consent_required"
    )


def test_second_sign_in_shows_no_page(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Single sign-on: the session's cookie and the consent are remembered, for this browser only."""
    browser.open(authorize(issuer, IMPLICIT)).press("Alice").press("Allow")
    assert browser.open(authorize(issuer, CODE)).arrival is not None
    assert "Bob" in FormBrowser(issuer.issuer).open(authorize(issuer, CODE)).form.buttons


@pytest.mark.parametrize(("prompt", "button"), [("login", "Bob"), ("select_account", "Bob"), ("consent", "Allow")])
def test_prompt_shows_its_page_again(issuer: LocalIssuer, browser: FormBrowser, prompt: str, button: str) -> None:
    """OpenID Connect Core, section 3.1.2.1."""
    browser.open(authorize(issuer, IMPLICIT)).press("Alice").press("Allow")
    assert button in browser.open(authorize(issuer, IMPLICIT, prompt=prompt)).form.buttons


def test_max_age_asks_again_and_tells_when(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """OpenID Connect Core, section 3.1.2.1: `auth_time` comes where `max_age` is asked for."""
    browser.open(authorize(issuer, IMPLICIT)).press("Alice").press("Allow")
    token = browser.open(authorize(issuer, IMPLICIT, max_age="600")).parameters["id_token"]
    assert abs(claims(issuer, token)["auth_time"] - time.time()) < 10


def test_max_age_of_any_length_is_a_number(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Python reads no integer of more than 4,300 digits."""
    browser.open(authorize(issuer, IMPLICIT)).press("Alice").press("Allow")
    assert "id_token" in browser.open(authorize(issuer, IMPLICIT, max_age="9" * 5000)).parameters


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "http://evil.test/callback/"},
        {"redirect_uri": CALLBACK.rstrip("/")},
        {"redirect_uri": f"{CALLBACK}?x=1"},
        {"redirect_uri": ""},
        {"client_id": "somebody-else"},
        {"client_id": ""},
    ],
)
def test_wrong_destination_stops_at_the_issuer(
    issuer: LocalIssuer, browser: FormBrowser, changes: dict[str, str]
) -> None:
    """As Auth0: a page with status 403, and nothing is sent anywhere."""
    page = browser.open(authorize(issuer, IMPLICIT, **changes)).page
    assert page is not None
    assert (page.status_code, browser.arrival) == (403, None)
    assert "Location" not in page.headers


def test_error_page_escapes_what_it_repeats(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Whatever the redirect URI holds, it is text."""
    page = browser.open(authorize(issuer, IMPLICIT, redirect_uri="<script>alert(1)</script>")).page
    assert page is not None
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"nonce": ""}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": 'é"\\'}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_mode": "query"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"audience": "api/vegetable"}, "access_denied"),
    ],
)
def test_request_that_is_not_in_order_is_told_to_the_client(
    quick: LocalIssuer, changes: dict[str, str], error: str
) -> None:
    """RFC 6749, section 4.2.2.1: with the state."""
    parameters = FormBrowser(quick.issuer).open(authorize(quick, IMPLICIT, **changes)).parameters
    assert (parameters["error"], parameters["state"]) == (error, "st 1")


def test_unknown_audience_is_named(quick: LocalIssuer) -> None:
    """In Auth0's words."""
    parameters = FormBrowser(quick.issuer).open(authorize(quick, IMPLICIT, audience='api/"é')).parameters
    assert parameters["error_description"] == "Service not found: api/??"


def test_repeated_parameter_is_refused(quick: LocalIssuer) -> None:
    """RFC 6749, section 3.1."""
    url = authorize(quick, IMPLICIT)
    assert FormBrowser(quick.issuer).open(f"{url}&state=other").parameters["error"] == "invalid_request"
    page = FormBrowser(quick.issuer).open(f"{url}&redirect_uri=http://evil.test/").page
    assert page is not None
    assert page.status_code == 403


def test_endless_parameters_are_refused(quick: LocalIssuer) -> None:
    """Before anything is done with them."""
    url = authorize(quick, IMPLICIT) + "&x=1" * 200
    assert requests.get(url, allow_redirects=False, timeout=5).status_code == 400


def test_token_without_audience_is_opaque(quick: LocalIssuer) -> None:
    """Good for the userinfo endpoint, and for nothing that can be read; API scopes are not granted."""
    parameters = FormBrowser(quick.issuer).open(authorize(quick, IMPLICIT, audience="")).parameters
    assert "." not in parameters["access_token"]
    assert parameters["scope"] == "openid profile email"
    header = {"Authorization": f"Bearer {parameters['access_token']}"}
    assert requests.get(f"{quick.issuer}userinfo", headers=header, timeout=5).json()["name"] == "Alice"


def test_scope_is_reduced_to_what_exists(quick: LocalIssuer) -> None:
    """RFC 6749, section 3.3: the response says so."""
    scope = "openid write:exotic-fruit admin openid"
    parameters = FormBrowser(quick.issuer).open(authorize(quick, IMPLICIT, scope=scope)).parameters
    assert parameters["scope"] == "openid write:exotic-fruit"
    assert claims(quick, parameters["access_token"])["scope"] == "openid write:exotic-fruit"


@pytest.mark.parametrize(
    ("header", "status"),
    [({}, 401), ({"Authorization": "Bearer unknown"}, 401), ({"Authorization": "Basic dTpw"}, 401)],
)
def test_userinfo_needs_a_token_of_this_issuer(quick: LocalIssuer, header: dict[str, str], status: int) -> None:
    """RFC 6750, section 3."""
    response = requests.get(f"{quick.issuer}userinfo", headers=header, timeout=5)
    assert response.status_code == status
    assert response.headers["WWW-Authenticate"].startswith("Bearer realm=")


def test_userinfo_has_the_claims_of_the_scope(quick: LocalIssuer) -> None:
    """OpenID Connect Core, section 5.4."""
    token = FormBrowser(quick.issuer).open(authorize(quick, IMPLICIT, scope="openid")).parameters["access_token"]
    response = requests.get(f"{quick.issuer}userinfo", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert response.json() == {"sub": "auth0|alice"}


def test_discovery_names_what_is_there(quick: LocalIssuer) -> None:
    """OpenID Connect Discovery, section 3: the issuer is the one asked, and each endpoint answers; RFC 8414 too."""
    metadata = requests.get(f"{quick.issuer}.well-known/openid-configuration", timeout=5).json()
    assert requests.get(f"{quick.issuer}.well-known/oauth-authorization-server", timeout=5).json() == metadata
    assert metadata["issuer"] == quick.issuer
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    endpoints = {name: url for name, url in metadata.items() if name.endswith(("_endpoint", "_uri"))}
    statuses = {name: requests.get(url, timeout=5).status_code for name, url in endpoints.items()}
    assert statuses == {
        "authorization_endpoint": 403,
        "token_endpoint": 405,
        "device_authorization_endpoint": 405,
        "revocation_endpoint": 405,
        "registration_endpoint": 405,
        "end_session_endpoint": 200,
        "userinfo_endpoint": 401,
        "jwks_uri": 200,
    }


def pages(issuer: LocalIssuer) -> Iterator[requests.Response]:
    """Show each kind of page."""
    browser = FormBrowser(issuer.issuer)
    steps: list[Callable[[], FormBrowser]] = [
        lambda: browser.open(issuer.issuer),
        lambda: browser.open(authorize(issuer, IMPLICIT, client_id="x")),
        lambda: browser.open(authorize(issuer, IMPLICIT, response_mode="form_post")),
        lambda: browser.press("Alice"),
        lambda: browser.press("Allow"),
    ]
    for step in steps:
        page = step().page
        assert page is not None
        yield page


def test_every_page_says_what_it_is_and_protects_itself(issuer: LocalIssuer) -> None:
    """For demonstration; kept out of caches, frames and referrers; no script but from our own file."""
    shown = list(pages(issuer))
    assert [page.status_code for page in shown] == [200, 403, 200, 200, 200]
    for page in shown:
        assert "For demonstration only." in page.text
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(issuer: LocalIssuer) -> None:
    """HttpOnly and SameSite=Lax, and a new one after sign-in: one planted before is worth nothing."""
    browser = FormBrowser(issuer.issuer)
    first = requests.get(authorize(issuer, IMPLICIT), allow_redirects=False, timeout=5).headers["Set-Cookie"]
    assert "HttpOnly" in first
    assert "SameSite=lax" in first
    browser.open(authorize(issuer, IMPLICIT))
    before = browser._session.cookies.get_dict()
    after = browser.press("Alice")._session.cookies.get_dict()
    assert before.keys() == after.keys()
    assert before != after


@pytest.mark.parametrize("planted", ["x", "x" * 5000, '"a;b"', "a" * 44])
def test_cookie_of_another_form_is_replaced(issuer: LocalIssuer, planted: str) -> None:
    """It is not repeated, so that a long one is no error of ours."""
    cookie = {"Cookie": f"local_issuer_{issuer.port}={planted}"}
    answer = requests.get(authorize(issuer, CODE), headers=cookie, allow_redirects=False, timeout=5)
    assert answer.status_code == 303
    assert len(answer.cookies[f"local_issuer_{issuer.port}"]) == 43


@pytest.mark.parametrize("csrf", ["", "guessed"])
def test_form_without_its_token_is_refused(issuer: LocalIssuer, browser: FormBrowser, csrf: str) -> None:
    """Cross-site request forgery: no sign-in, no redirect."""
    form = browser.open(authorize(issuer, IMPLICIT)).form
    page = browser.post(form.action, {"csrf": csrf, "user": "alice"}).page
    assert page is not None
    assert (page.status_code, browser.arrival) == (400, None)


def test_page_of_another_browser_cannot_be_answered(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The request waits for the browser that brought it."""
    form = browser.open(authorize(issuer, IMPLICIT)).form
    stranger = FormBrowser(issuer.issuer).open(issuer.issuer)
    page = stranger.post(form.action, {**form.fields, "user": "alice"}).page
    assert page is not None
    assert page.status_code == 400


def test_consent_cannot_come_before_sign_in(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The consent page answers nothing for a request whose user is not known."""
    form = browser.open(authorize(issuer, IMPLICIT)).form
    page = browser.post(form.action.replace("login", "consent"), {**form.fields, "decision": "allow"}).page
    assert page is not None
    assert (page.status_code, browser.arrival) == (400, None)


@pytest.mark.parametrize("host", ["evil.test", "localhost", "localhost:1", "127.0.0.1.nip.test:80"])
def test_foreign_host_name_is_refused(quick: LocalIssuer, host: str) -> None:
    """DNS rebinding: a page under another name that leads here gets nothing."""
    response = requests.get(f"{quick.issuer}authorize", headers={"Host": host}, timeout=5)
    assert response.status_code == 400


def test_skip_consent_leaves_the_page_out() -> None:
    """One page only."""
    with LocalIssuer(port=0, skip_consent=True) as issuer:
        browser = FormBrowser(issuer.issuer).open(authorize(issuer, IMPLICIT)).press("Bob")
        assert "access_token" in browser.parameters


def test_callback_urls_replace_the_default_ones() -> None:
    """Only what is given is allowed."""
    with LocalIssuer(port=0, callback_urls=("https://hub.test/callback/",), auto_approve="bob") as issuer:
        browser = FormBrowser(issuer.issuer).open(
            authorize(issuer, IMPLICIT, redirect_uri="https://hub.test/callback/")
        )
        assert claims(issuer, browser.parameters["access_token"])["sub"] == "auth0|bob"
        page = browser.open(authorize(issuer, IMPLICIT)).page
        assert page is not None
        assert page.status_code == 403


def test_issuer_listens_on_loopback_only() -> None:
    """On 127.0.0.1, on ::1 where there is one, and on the same port."""
    with LocalIssuer(port=0) as issuer:
        hosts = ["127.0.0.1", *(["::1"] if has_ipv6_loopback() else [])]
        for host in hosts:
            socket.create_connection((host, issuer.port), timeout=2).close()
        with pytest.raises(OSError, match=r"."):
            socket.create_connection(("127.0.0.2", issuer.port), timeout=2)


def has_ipv6_loopback() -> bool:
    """Tell whether ::1 can be bound here."""
    try:
        with socket.socket(socket.AF_INET6) as six:
            six.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_stopping_leaves_nothing_behind() -> None:
    """Within a second no thread is left, also with idle connections held, and the port can be bound at once."""
    before = set(threading.enumerate())
    with LocalIssuer(port=0) as issuer:
        idle = [socket.create_connection(("127.0.0.1", issuer.port)) for _ in range(3)]
        requests.get(issuer.issuer, timeout=5)
        started = time.monotonic()
    assert time.monotonic() - started < 1
    assert set(threading.enumerate()) == before
    for connection in idle:
        connection.close()
    with LocalIssuer(port=issuer.port) as again:
        assert again.issuer == issuer.issuer


def test_taken_port_is_named() -> None:
    """A second issuer on the port says which one is taken."""
    with LocalIssuer(port=0) as issuer, pytest.raises(PortTaken, match=str(issuer.port)):
        LocalIssuer(port=issuer.port)


def test_no_secret_is_in_a_repr(quick: LocalIssuer) -> None:
    """Neither the key nor what it signed."""
    token = quick.access_token("read:usual-fruit")
    shown = repr(vars(quick)) + repr(quick._signer)
    assert token not in shown
    assert "RSAKey" not in repr(quick._signer)


def test_no_token_is_in_a_log(quick: LocalIssuer, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG neither, where Authlib would show them."""
    with caplog.at_level(logging.DEBUG):
        implicit = FormBrowser(quick.issuer).open(authorize(quick, IMPLICIT)).parameters
        code = FormBrowser(quick.issuer).open(authorize(quick, CODE)).parameters["code"]
        answer = exchange(quick, code).json()
    tokens = [implicit["access_token"], implicit["id_token"], answer["access_token"], answer["id_token"], code]
    assert caplog.text
    assert [token for token in tokens if token in caplog.text] == []


def test_authorize_is_quick_for_tests(quick: LocalIssuer) -> None:
    """Two signatures and little else: a generous bound that a forgotten second would break."""
    url = authorize(quick, IMPLICIT)
    with requests.Session() as session:
        started = time.monotonic()
        for _ in range(20):
            assert session.get(url, allow_redirects=False, timeout=5).status_code == 303
    assert time.monotonic() - started < 2


def test_of_many_exchanges_of_one_code_one_succeeds(quick: LocalIssuer) -> None:
    """Also when they come at the same time."""
    code = FormBrowser(quick.issuer).open(authorize(quick, CODE)).parameters["code"]
    statuses: list[int] = []
    run_together(8, lambda: statuses.append(exchange(quick, code).status_code))
    assert sorted(statuses) == [200] + [400] * 7
