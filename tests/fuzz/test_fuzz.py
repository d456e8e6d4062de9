"""Many mutated tokens and requests, by a fixed seed: none is accepted wrongly, and each gets a proper answer.

`make test` tries some of each, `make test-long` all. A failure names the number of a mutant.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import pytest
import requests
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from fruit_service.access_token import Rules, verify
from fruit_service.baskets import STARTING_LISTS
from fruit_service.errors import InvalidToken
from fruit_service.issuer.directory import CALLBACK_URLS, LOGOUT_URLS
from fruit_service.issuer.server import LocalIssuer
from fruit_service.sign_in import MULTI_FACTOR
from ipyauth_magic.errors import InvalidIdToken
from ipyauth_magic.protocol.id_token import Expected, verify_id_token
from ipyauth_magic.protocol.signing_keys import import_keys
from tests.service.oauth_requests import CODE, IMPLICIT, ask_for_codes, authorize, exchange, sign_in
from tests.service.running import running_service
from tests.support.attempts import Attempt
from tests.support.auths import params_for
from tests.support.bad_inputs import Fixtures
from tests.support.form_browser import FormBrowser
from tests.support.ports import free_port
from tests.support.scripted_browser import FORM, ScriptedBrowser, query_of

from . import raw_requests, tokens
from .raw_requests import Draft, Exchange, exchanges
from .reference import Reference

SEED = 20261128
TOKENS = 200_000
REQUESTS = 20_000
"""At each server."""
PART = 25
"""`make test` tries one of so many."""

GRANTED = re.compile(rb'"(access|id|refresh)_token" ?:|[?#&](access_token|id_token|code)=')
"""In the answers to a client that was granted access."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def fixtures() -> Fixtures:
    """The keys, and the time of all tokens."""
    return Fixtures(CLIENT_ID=tokens.NAME)


@pytest.fixture
def reference(fixtures: Fixtures, monkeypatch: pytest.MonkeyPatch) -> Reference:
    """The other verifier."""
    return Reference(fixtures, monkeypatch)


def published(fixtures: Fixtures) -> list[dict[str, object]]:
    """Return the issuer's public keys."""
    return [fixtures.jwk(name) for name, _ in tokens.KEYS]


def test_id_tokens(fixtures: Fixtures, reference: Reference, in_full: bool) -> None:
    """None is accepted that PyJWT and the standard refuse. A refusal is an `InvalidIdToken`."""
    bare = [{name: value for name, value in key.items() if name != "alg"} for key in published(fixtures)]
    keys = import_keys({"keys": bare})  # so that each algorithm of an RSA key is tried too
    value = fixtures.constants
    expected = Expected(value["ISS"], tokens.NAME, value["NONCE"], value["ACCESS_TOKEN"])
    now = datetime.fromtimestamp(fixtures.now, UTC)

    def takes(token: str) -> bool:
        with suppress(InvalidIdToken):
            return bool(verify_id_token(token, keys, expected, now))
        return False

    compare(takes, reference.takes_id_token, fixtures, in_full)


def test_access_tokens(fixtures: Fixtures, reference: Reference, in_full: bool) -> None:
    """None is accepted that PyJWT and the standard refuse. A refusal is an `InvalidToken`."""
    keys = KeySet.import_key_set({"keys": published(fixtures)})
    by_kid = {key.kid: key for key in keys.keys}
    rules = Rules(fixtures.constants["ISS"], tokens.NAME, tuple(algorithm for _, algorithm in tokens.KEYS))

    def takes(token: str) -> bool:
        with suppress(InvalidToken):
            return bool(verify(token, rules, by_kid.get, fixtures.now))
        return False

    compare(takes, reference.takes_access_token, fixtures, in_full)


def compare(takes: Callable[[str], bool], refers: Callable[[str], bool], fixtures: Fixtures, in_full: bool) -> None:
    """Compare two verifiers: the first one accepts nothing that the second one refuses, and many that it accepts."""
    count = TOKENS if in_full else TOKENS // PART
    accepted, wrong = 0, []
    for mutant in tokens.mutants(SEED, count, fixtures):
        try:
            is_accepted = takes(mutant.token)
        except Exception as error:  # the verifier may raise its own error only
            wrong.append(f"{error!r}: {mutant}")
            continue
        accepted += is_accepted
        if is_accepted and not refers(mutant.token):
            wrong.append(f"accepted: {mutant}")
    told(wrong)
    assert accepted > count / 20


def told(wrong: Sequence[str]) -> None:
    """Fail with the first of what is *wrong*."""
    assert not wrong, "\n".join([f"{len(wrong)} are wrong:", *(each[:2000] for each in wrong[:20])])


def host_of(address: str) -> bytes:
    """Return the Host header for *address*."""
    return urlsplit(address).netloc.encode()


def get(host: bytes, target: str, *headers: tuple[bytes, bytes], fault: tuple[bytes, bytes] | None = None) -> Draft:
    """Return a normal request without a body."""
    return Draft(b"GET", target.encode(), ((b"Host", host), (b"Connection", b"close"), *headers), fault=fault)


def post(
    host: bytes,
    target: str,
    body: bytes,
    kind: str,
    *headers: tuple[bytes, bytes],
    fault: tuple[bytes, bytes] | None = None,
) -> Draft:
    """Return a normal request with a body of that *kind*."""
    length = (b"Content-Length", b"%d" % len(body))
    content = ((b"Content-Type", kind.encode()), length)
    return Draft(
        b"POST", target.encode(), ((b"Host", host), (b"Connection", b"close"), *content, *headers), body, fault=fault
    )


def send_all(
    port: int, normal: Sequence[Draft], count: int, accepts: Callable[[Exchange], bool]
) -> tuple[list[str], Counter[int]]:
    """Send the mutants; return those with a 5xx and those that a server *accepts*, and the number of each status."""
    wrong, statuses = [], Counter[int]()
    for each in exchanges(port, raw_requests.mutants(SEED, count, normal)):
        statuses.update(each.statuses)
        if any(status >= 500 for status in each.statuses) or accepts(each):
            wrong.append(str(each))
    return wrong, statuses


def callback_requests(url: str, redirect_uri: str, issuer: str) -> list[Draft]:
    """Return responses of another sign-in, and responses of ours that come from elsewhere.

    Args:
        url: the link of the sign-in, which has its state.
        redirect_uri: where they are sent.
        issuer: whose pages may send a form.
    """
    host, path, state = host_of(redirect_uri), urlsplit(redirect_uri).path, query_of(url)["state"]
    own, theirs = f"http://{host.decode()}".encode(), issuer.rstrip("/").encode()
    response = "access_token=abc&token_type=Bearer&expires_in=60&id_token=a.b.c&code=xyz&state="
    near = [state[:-1], state.swapcase(), state[::-1], "", "x"]  # no mutation makes them ours
    wrong = [response + each for each in near]
    foreign_host, foreign_origin = (b"Host", b"evil.test"), (b"Origin", b"http://evil.test")
    return [
        get(host, path),
        get(host, "/favicon.ico"),
        *(get(host, f"{path}?{each}") for each in wrong),
        *(post(host, path, each.encode(), FORM, (b"Origin", own)) for each in wrong),
        *(post(host, path, each.encode(), FORM, (b"Origin", theirs)) for each in wrong),
        get(host, f"{path}?error=access_denied&state={near[1]}"),
        get(host, f"{path}?error=access_denied&state={state}", fault=foreign_host),
        get(host, f"{path}?code=xyz&state={state}", fault=foreign_host),
        post(host, path, f"{response}{state}".encode(), FORM, (b"Origin", own), fault=foreign_host),
        post(host, path, f"{response}{state}".encode(), FORM, fault=foreign_origin),
    ]


@pytest.mark.parametrize("mode", ["fragment", "form_post", "query"])
def test_callback_listener(mode: str, in_full: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """No request but the response itself ends a sign-in, which then succeeds. The notebook gets no line."""
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
    count = (REQUESTS if in_full else REQUESTS // PART) // 3
    with LocalIssuer(port=0, callback_urls=(redirect_uri,), auto_approve="alice") as issuer:
        params = params_for(issuer, **({"response_type": "code"} if mode == "query" else {"response_mode": mode}))
        attempt, browser = Attempt(params, 3600), ScriptedBrowser()
        try:
            attempt.wait_for_url(20)
            normal = callback_requests(str(attempt.url), redirect_uri, issuer.issuer)
            wrong, statuses = send_all(urlsplit(redirect_uri).port or 0, normal, count, lambda _: attempt.is_over)
            browser.open_in_thread(str(attempt.url))
            signed_in = attempt.result().claims["sub"]
        finally:
            browser.join()
            attempt.stop("The test ends.")
            attempt.join()
    captured = capfd.readouterr()
    told(wrong)
    assert signed_in == "auth0|alice"
    assert {200, 400, 403, 404, 405, 413, 415} <= set(statuses)
    assert captured.out + captured.err == ""


def bad_access_tokens(issuer: LocalIssuer) -> list[str]:
    """Return tokens of mallory: of another key, for another API, expired, and not signed."""
    [key] = requests.get(f"{issuer.issuer}.well-known/jwks.json", timeout=20).json()["keys"]
    now = int(issuer.switches.now())
    claims = {
        "iss": issuer.issuer,
        "sub": "mallory",
        "aud": issuer.audience,
        "iat": now,
        "exp": now + 36_000,
        "scope": "read:exotic-fruit write:exotic-fruit",
    }
    header = {"alg": "RS256", "typ": "JWT", "kid": key["kid"]}
    return [
        jwt.encode(header, claims, RSAKey.generate_key(2048), ["RS256"]),
        issuer.sign({**claims, "aud": "another"}),
        issuer.sign({**claims, "exp": now - 3600}),
        issuer.sign(claims).rpartition(".")[0] + ".",
        "a.b.c",
    ]


def api_requests(address: str, issuer: LocalIssuer) -> list[Draft]:
    """Return requests with good tokens, whose scopes allow no write to the exotic basket, and with mallory's."""
    host = host_of(address)

    def bearer(token: str) -> tuple[bytes, bytes]:
        return b"Authorization", f"Bearer {token}".encode()

    good = [bearer(issuer.access_token(scope)) for scope in ("read:usual-fruit", "openid", "write:usual-fruit")]
    bad = [bearer(token) for token in bad_access_tokens(issuer)]
    fruits, evil = b'{"usual":["plum"],"exotic":["mango"]}', b'{"usual":["mallory"],"exotic":["mallory"]}'
    return [
        *(get(host, path) for path in ("/", "/healthz", "/readyz", "/openapi.json", "/pages/style.css", "/api/fruit")),
        *(get(host, path, each) for path in ("/api/fruit", "/api/fruit/recipe") for each in (*good, *bad)),
        get(host, "/.well-known/oauth-protected-resource/api/fruit"),
        *(post(host, "/api/fruit", fruits, "application/json", each) for each in (*good, *good)),
        *(post(host, "/api/fruit", evil, "application/json", each) for each in bad),
    ]


def test_api(in_full: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """No token of mallory reads or writes, no scope allows more, and a normal request gets its answer afterwards."""
    count, lines = REQUESTS if in_full else REQUESTS // PART, list[str]()
    with (
        LocalIssuer(port=0, lifetime=36_000) as issuer,
        running_service(issuer.issuer, write_log=lines.append) as address,
    ):
        normal = api_requests(address, issuer)
        wrong, statuses = send_all(urlsplit(address).port or 0, normal, count, lambda each: b"mallory" in each.answer)
        headers = {"Authorization": f"Bearer {issuer.access_token('read:exotic-fruit')}"}
        answer = requests.get(f"{address}/api/fruit", headers=headers, timeout=20)
    captured = capfd.readouterr()
    told(wrong)
    assert {200, 400, 401, 403, 404, 405, 413, 415, 431} <= set(statuses)
    assert answer.status_code == 200
    assert answer.json()["fruits"]["exotic"] == list(STARTING_LISTS["exotic"])
    assert "mallory" not in answer.text
    assert [line for line in lines if json.loads(line)["status"] >= 500] == []
    assert not any("mallory" in line or "eyJ" in line for line in lines)
    assert captured.out + captured.err == ""


REGISTRATION = b'{"client_name":"a","redirect_uris":["http://127.0.0.1:8765/callback/"],"grant_types":["implicit"]}'
REGISTERED = "registered." + urlsafe_b64encode(b'["a","http://127.0.0.1:8765/callback/"]').rstrip(b"=").decode()


def issuer_requests(issuer: LocalIssuer, fixtures: Fixtures) -> list[Draft]:
    """Return requests to each endpoint, of a browser where no user is signed in, and of a client without a grant."""
    host, client = host_of(issuer.issuer), f"client_id={issuer.client_id}"
    hints = [quote(each.token, errors="replace") for each in tokens.mutants(SEED, 30, fixtures)]
    hints = [hint for hint in hints if len(hint) < 5000]
    hints.append(issuer.sign({"iss": issuer.issuer, "aud": issuer.client_id, "sub": "auth0|bob"}))
    cookie = (b"Cookie", f"local_issuer_{issuer.port}=x".encode())
    code = f"{client}&redirect_uri={quote(CALLBACK_URLS[0])}&code=x&code_verifier={'v' * 43}"
    forms = {
        "/oauth/token": [
            f"grant_type=authorization_code&{code}",
            f"grant_type=refresh_token&{client}&refresh_token=x",
            f"grant_type={DEVICE_CODE_GRANT_TYPE}&{client}&device_code=x",
        ],
        "/oauth/device/code": [f"{client}&scope=openid&audience={issuer.audience}"],
        "/oauth/revoke": [f"{client}&token=x&token_type_hint=refresh_token"],
        "/u/login?state=x": ["user=alice&csrf=x"],
        "/u/step?state=x": ["decision=confirm&csrf=x"],
        "/u/consent?state=x": ["decision=allow&csrf=x"],
        "/u/activate?state=x": ["decision=confirm&csrf=x"],
        "/u/logout": ["question=x"],
        "/userinfo": [""],
        "/authorize": [urlsplit(url).query for url in authorizations(issuer)],
        "/oidc/logout": [f"{client}&id_token_hint={hint}" for hint in hints],
    }
    targets = ["/", "/.well-known/openid-configuration", "/.well-known/jwks.json", "/u/login?state=x", "/userinfo"]
    targets += ["/.well-known/oauth-authorization-server", "/u/step?state=x"]
    targets += ["/u/consent?state=x", "/u/activate?state=x", "/activate?user_code=BCDF-GHJK", "/pages/icon.svg"]
    targets += [f"/authorize?{query}" for query in forms["/authorize"] * 3]
    targets += [f"/v2/logout?{client}&returnTo={quote(LOGOUT_URLS[0])}"]
    targets += [f"/oidc/logout?post_logout_redirect_uri={quote(LOGOUT_URLS[0])}&{client}&id_token_hint={hints[-1]}"]
    return [
        *(get(host, target, cookie) for target in targets * 3),
        *(get(host, "/userinfo", (b"Authorization", f"Bearer {hint}".encode())) for hint in hints[:3]),
        *(post(host, target, form.encode(), FORM, cookie) for target, each in forms.items() for form in each),
        *(post(host, "/oidc/register", REGISTRATION, "application/json") for _ in range(3)),
    ]


def authorizations(issuer: LocalIssuer) -> list[str]:
    """Return authorization requests of each kind, with the parameters that are rarely sent."""
    rare = {"max_age": "5", "prompt": "login", "login_hint": "bob", "ui_locales": "de", "acr_values": MULTI_FACTOR}
    rare["resource"] = "http://127.0.0.1:5000/api/fruit"
    requested = (IMPLICIT, CODE, {**CODE, "prompt": "none"}, {**IMPLICIT, "response_mode": "form_post"})
    made_up = {"client_id": REGISTERED, "redirect_uri": CALLBACK_URLS[0]}
    asked = (*requested, {**CODE, **rare}, {**IMPLICIT, **rare}, {**CODE, **made_up})
    return [authorize(issuer, each) for each in asked]


def granted_requests(issuer: LocalIssuer) -> list[Draft]:
    """Return requests of a client that has tokens and a device code."""
    host, client = host_of(issuer.issuer), f"client_id={issuer.client_id}"
    given, device = sign_in(issuer), ask_for_codes(issuer).json()
    grants = [
        f"grant_type=refresh_token&{client}&refresh_token={given['refresh_token']}&scope=openid",
        f"grant_type={DEVICE_CODE_GRANT_TYPE}&{client}&device_code={device['device_code']}",
    ]
    return [
        *(post(host, "/oauth/token", each.encode(), FORM) for each in grants),
        get(host, "/userinfo", (b"Authorization", f"Bearer {given['access_token']}".encode())),
        get(host, f"/activate?user_code={device['user_code']}"),
        get(host, f"/oidc/logout?{client}&id_token_hint={given['id_token']}"),
    ]


def leads_away(each: Exchange, registered: tuple[str, ...]) -> bool:
    """Tell whether an answer has an address that is not *registered*."""
    locations = re.findall(rb"(?im)^Location: ([^\r]*)", each.answer)
    return any(not location.decode("latin-1").startswith(registered) for location in locations)


@pytest.mark.parametrize("approves", [False, True])
def test_local_issuer(approves: bool, fixtures: Fixtures, in_full: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """No request leads to an address that is not registered, or gets a token without a user. Then a user signs in."""
    count = (REQUESTS if in_full else REQUESTS // PART) // 2
    with LocalIssuer(port=0, auto_approve="alice" if approves else None) as issuer:
        issuer.switches.rotate_refresh_tokens = False
        registered = (issuer.issuer, *CALLBACK_URLS, *LOGOUT_URLS)
        normal = issuer_requests(issuer, fixtures) + (granted_requests(issuer) * 8 if approves else [])

        def accepts(each: Exchange) -> bool:
            is_granted = not approves and GRANTED.search(each.answer) is not None
            return is_granted or leads_away(each, registered)

        wrong, statuses = send_all(issuer.port, normal, count, accepts)
        browser = FormBrowser(issuer.issuer).open(authorize(issuer, CODE))
        if not approves:
            browser.press("Alice").press("Allow")
        answer = exchange(issuer, browser.parameters["code"])
    captured = capfd.readouterr()
    told(wrong)
    assert {200, 303, 400, 401, 403, 404, 405} <= set(statuses)
    assert answer.status_code == 200
    assert captured.out + captured.err == ""
