"""The local issuer's switches: what a test turns, and what a client then meets."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from fruit_service.issuer.server import LocalIssuer
from fruit_service.issuer.signing import new_key
from fruit_service.issuer.switches import MOST_PATHS, Draft
from tests.service.oauth_requests import CODE, IMPLICIT, authorize, claims, exchange, refresh, run_together, sign_in
from tests.support.form_browser import FormBrowser
from tests.support.threads import joined

UNAVAILABLE = (503, {"error": "temporarily_unavailable"})


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer where alice has always just allowed everything."""
    with LocalIssuer(port=0, auto_approve="alice") as running:
        yield running


def kids(issuer: LocalIssuer) -> list[str]:
    """Return the names of the published keys."""
    keys = requests.get(f"{issuer.issuer}.well-known/jwks.json", timeout=5).json()["keys"]
    return [key["kid"] for key in keys]


def header(token: str) -> dict[str, Any]:
    """Return the header of a token."""
    return dict(jws.extract_compact(token.encode()).headers())


def test_lifetimes_and_clock(issuer: LocalIssuer) -> None:
    """Of access tokens; the clock is in the tokens, and ends them."""
    issuer.switches.access_token_lifetime = 5
    issuer.switches.advance(1000)
    tokens = sign_in(issuer)
    assert tokens["expires_in"] == 5
    said = claims(issuer, tokens["access_token"])
    assert said["exp"] - said["iat"] == 5
    assert abs(said["iat"] - time.time() - 1000) < 5
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    statuses = [requests.get(f"{issuer.issuer}userinfo", headers=bearer, timeout=5).status_code]
    issuer.switches.advance(6)
    statuses += [requests.get(f"{issuer.issuer}userinfo", headers=bearer, timeout=5).status_code]
    assert statuses == [200, 401]


def test_a_further_api_has_a_lifetime_of_its_own() -> None:
    """And the same scopes; a token is for the one API that was asked for, also after a renewal."""
    with LocalIssuer(port=0, auto_approve="alice", other_apis={"api/market": 7}) as issuer:
        tokens = sign_in(issuer, audience="api/market")
        again = refresh(issuer, tokens["refresh_token"]).json()
        others = sign_in(issuer)
        said = [claims(issuer, each["access_token"]) for each in (tokens, again, others)]
    assert [each["expires_in"] for each in (tokens, again, others)] == [7, 7, 60]
    assert [each["aud"][0] for each in said] == ["api/market", "api/market", "api/fruit"]
    assert [each["exp"] - each["iat"] for each in said] == [7, 7, 60]
    assert "read:usual-fruit" in said[0]["scope"].split()


def test_answers_on_demand(issuer: LocalIssuer) -> None:
    """So many times, at that endpoint only; what was sent is not looked at, so the refresh token is good after."""
    token = sign_in(issuer)["refresh_token"]
    issuer.switches.answer("/oauth/token", *UNAVAILABLE, headers={"Retry-After": "1"}, times=2)
    for _ in range(2):
        response = refresh(issuer, token)
        assert (response.status_code, response.json()) == UNAVAILABLE
        assert response.headers["Retry-After"] == "1"
    assert kids(issuer)
    assert refresh(issuer, token).status_code == 200


@pytest.mark.parametrize(("body", "sent"), [(b"", b""), (b"<html>", b"<html>"), ([], b"[]"), (None, b"null")])
def test_answer_may_hold_anything(issuer: LocalIssuer, body: object, sent: bytes) -> None:
    """Bytes as they are, all else as JSON; also at endpoints that are asked with GET."""
    issuer.switches.answer("/.well-known/openid-configuration", 299, body)
    response = requests.get(f"{issuer.issuer}.well-known/openid-configuration", timeout=5)
    assert (response.status_code, response.content) == (299, sent)


def test_connection_is_cut(issuer: LocalIssuer) -> None:
    """Without a word, and without any work done."""
    token = sign_in(issuer)["refresh_token"]
    issuer.switches.drop("/oauth/token")
    with pytest.raises(requests.ConnectionError):
        refresh(issuer, token)
    assert refresh(issuer, token).status_code == 200


def test_answer_gets_lost(issuer: LocalIssuer) -> None:
    """The token was rotated, so a client without the answer looks like a thief: a known cost of rotation."""
    token = sign_in(issuer)["refresh_token"]
    issuer.switches.drop("/oauth/token", processed=True)
    with pytest.raises(requests.ConnectionError):
        refresh(issuer, token)
    assert refresh(issuer, token).status_code == 403


def test_plans_can_be_taken_back(issuer: LocalIssuer) -> None:
    """Whatever is left of them."""
    issuer.switches.answer("/userinfo", 500, times=100)
    issuer.switches.drop("/.well-known/jwks.json")
    issuer.switches.restore()
    assert requests.get(f"{issuer.issuer}userinfo", timeout=5).status_code == 401
    assert kids(issuer)


def test_requests_are_counted(issuer: LocalIssuer) -> None:
    """By path, cut ones too; and those for tokens by their grant."""
    token = sign_in(issuer)["refresh_token"]
    issuer.switches.answer("/oauth/token", 500)
    refresh(issuer, token)
    token = refresh(issuer, token).json()["refresh_token"]
    run_together(8, lambda: refresh(issuer, token))
    assert issuer.switches.requests["/oauth/token"] == 11
    assert issuer.switches.requests["/authorize"] == 1
    assert issuer.switches.token_requests == {"authorization_code": 1, "refresh_token": 9}


def test_counting_has_an_end(issuer: LocalIssuer) -> None:
    """Paths that do not exist fill no memory."""
    with requests.Session() as session:
        for number in range(2 * MOST_PATHS):
            session.get(f"{issuer.issuer}{number}", timeout=5)
    assert len(issuer.switches.requests) == MOST_PATHS


def test_requests_can_be_held(issuer: LocalIssuer) -> None:
    """Until the test lets them go."""
    token, arrived, go = sign_in(issuer)["refresh_token"], threading.Event(), threading.Event()

    def hold(path: str) -> None:
        arrived.set()
        assert go.wait(30)

    issuer.switches.watch = hold
    statuses: list[int] = []
    waiting = threading.Thread(target=lambda: statuses.append(refresh(issuer, token).status_code))
    waiting.start()
    assert arrived.wait(30)
    assert statuses == []
    go.set()
    joined([waiting], 30)
    assert statuses == [200]


def test_key_rotates_at_once(issuer: LocalIssuer) -> None:
    """The new key signs and is published; the old one is gone, and its tokens with it."""
    old = sign_in(issuer)["access_token"]
    kid = issuer.keys.rotate()
    new = sign_in(issuer)
    assert kids(issuer) == [kid]
    assert {header(new[name])["kid"] for name in ("access_token", "id_token")} == {kid}
    assert claims(issuer, new["access_token"])["sub"] == "auth0|alice"
    with pytest.raises((JoseError, ValueError)):
        claims(issuer, old)


def test_key_is_published_before_its_use(issuer: LocalIssuer) -> None:
    """Published, then signing, then the old one withdrawn, as a careful provider does it."""
    [first] = kids(issuer)
    second = issuer.keys.publish()
    assert kids(issuer) == [first, second]
    assert header(sign_in(issuer)["id_token"])["kid"] == first
    issuer.keys.sign_with(second)
    tokens = sign_in(issuer)
    assert header(tokens["id_token"])["kid"] == second
    assert kids(issuer) == [first, second]
    issuer.keys.withdraw(first)
    assert kids(issuer) == [second]
    assert claims(issuer, tokens["id_token"])["sub"] == "auth0|alice"


def test_rotation_under_load_breaks_no_token(issuer: LocalIssuer) -> None:
    """Each token is signed by the key that its header names."""
    signed: list[str] = []
    for _ in range(3):
        kid = issuer.keys.publish()
        workers = [threading.Thread(target=lambda: signed.append(sign_in(issuer)["id_token"])) for _ in range(4)]
        for worker in workers:
            worker.start()
        issuer.keys.sign_with(kid)
        joined(workers, 60)
    assert len(signed) == 12
    assert {claims(issuer, token)["sub"] for token in signed} == {"auth0|alice"}


def grants(issuer: LocalIssuer) -> Iterator[str]:
    """Return an ID token of each grant."""
    browser = FormBrowser(issuer.issuer)
    yield browser.open(authorize(issuer, IMPLICIT)).parameters["id_token"]
    yield exchange(issuer, browser.open(authorize(issuer, CODE)).parameters["code"]).json()["id_token"]
    yield refresh(issuer, sign_in(issuer)["refresh_token"]).json()["id_token"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("iss", "https://evil.test/"), ("aud", ["a", "b"]), ("sub", 7), ("nonce", "x"), ("at_hash", "x")],
)
def test_id_token_is_tampered_with(issuer: LocalIssuer, name: str, value: object) -> None:
    """A claim changed, in every grant, with a signature that is good."""

    def change(draft: Draft) -> None:
        draft.claims[name] = value

    issuer.switches.tamper = change
    assert [claims(issuer, token)[name] for token in grants(issuer)] == [value] * 3


def test_claim_or_kid_is_left_out(issuer: LocalIssuer) -> None:
    """As the conformance tests of relying parties have it."""

    def leave_out(draft: Draft) -> None:
        del draft.claims["sub"], draft.header["kid"]

    issuer.switches.tamper = leave_out
    token = sign_in(issuer)["id_token"]
    assert "kid" not in header(token)
    assert "sub" not in claims(issuer, token)


def unsigned(draft: Draft) -> None:
    """Leave the signature out."""
    draft.header["alg"] = "none"


def by_another_key(draft: Draft) -> None:
    """Sign with an unknown key."""
    draft.key = new_key()


def by_a_secret(draft: Draft) -> None:
    """Sign with a shared secret."""
    draft.header["alg"], draft.key = "HS256", OctKey.import_key("s" * 32)


@pytest.mark.parametrize(
    ("tamper", "algorithm"), [(unsigned, "none"), (by_another_key, "RS256"), (by_a_secret, "HS256")]
)
def test_signature_is_not_the_issuer_s(issuer: LocalIssuer, tamper: Callable[[Draft], None], algorithm: str) -> None:
    """A verifier refuses it. The access token stays valid."""
    issuer.switches.tamper = tamper
    tokens = sign_in(issuer)
    assert json.loads(jws.extract_compact(tokens["id_token"].encode()).payload)["sub"] == "auth0|alice"
    assert header(tokens["id_token"])["alg"] == algorithm
    with pytest.raises((JoseError, ValueError)):
        claims(issuer, tokens["id_token"])
    assert claims(issuer, tokens["access_token"])["sub"] == "auth0|alice"


def test_documentation_runs() -> None:
    """The example of docs/local-issuer.md, line by line."""
    text = (Path(__file__).parents[2] / "docs" / "local-issuer.md").read_text()
    [example] = re.findall("^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(example, names)
    switches = names["switches"]
    assert switches.requests == {}
    assert {name for name in vars(switches) if not name.startswith("_") and name not in example} == set()


def test_switches_are_not_reachable_over_http(issuer: LocalIssuer) -> None:
    """Whatever a request says, they stay as they are."""
    before = repr(issuer.switches)
    for path in ("switches", "oauth/token", "authorize", "admin", "keys"):
        query = "?access_token_lifetime=1&device_interval=0&reuse_leeway=99&advance=5"
        requests.post(f"{issuer.issuer}{path}{query}", json={"access_token_lifetime": 1}, timeout=5)
    issuer.switches.requests.clear()
    issuer.switches.token_requests.clear()
    assert repr(issuer.switches) == before
