"""Refresh tokens of the local issuer, from outside: rotation, reuse, scope, the new ID token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from tests.service.oauth_requests import (
    CODE,
    IMPLICIT,
    OFFLINE,
    SCOPE,
    authorize,
    claims,
    exchange,
    refresh,
    run_together,
    sign_in,
)
from tests.support.form_browser import FormBrowser

REFUSED = (403, {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."})
"""Auth0's answer to a refresh token that is not good."""


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer where alice has always just allowed everything, with a second client."""
    with LocalIssuer(port=0, auto_approve="alice", other_clients=("other",)) as running:
        yield running


def answer(response: requests.Response) -> tuple[int, object]:
    """Return status and body."""
    return response.status_code, response.json()


def test_offline_access_gives_a_refresh_token(issuer: LocalIssuer) -> None:
    """With code, and only where it was asked for (OpenID Connect Core, section 11)."""
    assert set(sign_in(issuer)) == {"access_token", "token_type", "expires_in", "id_token", "refresh_token"}
    assert "refresh_token" not in sign_in(issuer, scope=SCOPE)


def test_offline_access_is_consented_to() -> None:
    """A consent without it is not enough, and the page says what it means."""
    with LocalIssuer(port=0) as issuer:
        browser = FormBrowser(issuer.issuer).open(authorize(issuer, CODE)).press("Alice").press("Allow")
        page = browser.open(authorize(issuer, OFFLINE)).page
        assert page is not None
        assert "while you are away" in page.text
        code = browser.press("Allow").parameters["code"]
        assert "refresh_token" in exchange(issuer, code).json()


def test_implicit_grant_has_no_refresh_token(issuer: LocalIssuer) -> None:
    """The scope is taken away, and the response says so (RFC 6749, section 4.2.2)."""
    parameters = FormBrowser(issuer.issuer).open(authorize(issuer, IMPLICIT, scope=OFFLINE["scope"])).parameters
    assert parameters["scope"] == SCOPE
    assert "refresh_token" not in parameters


def test_api_may_allow_no_offline_access(issuer: LocalIssuer) -> None:
    """Auth0's setting of an API: the sign-in succeeds, without a refresh token."""
    issuer.switches.allow_offline_access = False
    tokens = sign_in(issuer)
    assert tokens["scope"] == SCOPE
    assert "refresh_token" not in tokens


def test_each_use_gives_the_next(issuer: LocalIssuer) -> None:
    """Ten times, each with new tokens; `scope` is left out as it is what was granted."""
    tokens = sign_in(issuer)
    seen = {tokens["refresh_token"]}
    for _ in range(10):
        response = refresh(issuer, tokens["refresh_token"])
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        tokens = response.json()
        assert set(tokens) == {"access_token", "token_type", "expires_in", "id_token", "refresh_token"}
        seen.add(tokens["refresh_token"])
    assert len(seen) == 11
    assert claims(issuer, tokens["access_token"])["scope"] == OFFLINE["scope"]
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(f"{issuer.issuer}userinfo", headers=header, timeout=5).json()["sub"] == "auth0|alice"


def test_new_id_token_is_of_the_same_sign_in(issuer: LocalIssuer) -> None:
    """OpenID Connect Core, section 12.2: same issuer, subject, audience and `auth_time`, a later `iat`, no nonce."""
    tokens = sign_in(issuer, max_age="600")
    issuer.switches.advance(100)
    first, second = (
        claims(issuer, each["id_token"]) for each in (tokens, refresh(issuer, tokens["refresh_token"]).json())
    )
    assert second["iat"] - first["iat"] >= 100
    assert "nonce" in first
    assert "nonce" not in second
    same = {"iss", "sub", "aud", "auth_time", "name", "email"}
    assert {name: first[name] for name in same} == {name: second[name] for name in same}
    assert first["at_hash"] != second["at_hash"]


def test_without_openid_there_is_no_id_token(issuer: LocalIssuer) -> None:
    """Neither first nor later."""
    tokens = sign_in(issuer, scope="read:usual-fruit offline_access")
    assert "id_token" not in tokens
    assert "id_token" not in refresh(issuer, tokens["refresh_token"]).json()


def test_reuse_ends_the_family(issuer: LocalIssuer) -> None:
    """An old token is refused, and then the one that came after it as well; another sign-in is not touched."""
    first, other = sign_in(issuer)["refresh_token"], sign_in(issuer)["refresh_token"]
    second = refresh(issuer, first).json()["refresh_token"]
    third = refresh(issuer, second).json()["refresh_token"]
    assert answer(refresh(issuer, first)) == REFUSED
    assert answer(refresh(issuer, third)) == REFUSED
    assert refresh(issuer, other).status_code == 200


def test_leeway_forgives_a_reuse(issuer: LocalIssuer) -> None:
    """Auth0's reuse interval: within it both followers are good, after it the reuse ends them."""
    issuer.switches.reuse_leeway = 10
    first = sign_in(issuer)["refresh_token"]
    one, two = (refresh(issuer, first).json()["refresh_token"] for _ in range(2))
    one, two = (refresh(issuer, each).json()["refresh_token"] for each in (one, two))
    issuer.switches.advance(11)
    assert answer(refresh(issuer, first)) == REFUSED
    assert [answer(refresh(issuer, each)) for each in (one, two)] == [REFUSED] * 2


def test_of_many_refreshes_at_once_one_succeeds(issuer: LocalIssuer) -> None:
    """The others are reuses, and so nothing of the family is left."""
    token = sign_in(issuer)["refresh_token"]
    responses: list[requests.Response] = []
    run_together(8, lambda: responses.append(refresh(issuer, token)))
    good = [each for each in responses if each.status_code == 200]
    assert len(good) == 1
    assert [answer(each) for each in responses if each not in good] == [REFUSED] * 7
    assert answer(refresh(issuer, good[0].json()["refresh_token"])) == REFUSED


def test_without_rotation_the_token_stays(issuer: LocalIssuer) -> None:
    """Auth0's default for an application: no new refresh token, and the first is good again and again."""
    issuer.switches.rotate_refresh_tokens = False
    token = sign_in(issuer)["refresh_token"]
    responses = [refresh(issuer, token) for _ in range(3)]
    assert [each.status_code for each in responses] == [200] * 3
    assert all("refresh_token" not in each.json() for each in responses)


def test_scope_may_be_narrowed_for_once(issuer: LocalIssuer) -> None:
    """RFC 6749, section 6: the access token has less, the next refresh token stands for all of it again."""
    token = sign_in(issuer)["refresh_token"]
    narrow = refresh(issuer, token, scope="openid read:usual-fruit").json()
    assert claims(issuer, narrow["access_token"])["scope"] == "openid read:usual-fruit"
    assert "name" not in claims(issuer, narrow["id_token"])
    wide = refresh(issuer, narrow["refresh_token"]).json()
    assert claims(issuer, wide["access_token"])["scope"] == OFFLINE["scope"]


@pytest.mark.parametrize("scope", [f"{SCOPE} write:usual-fruit", "admin", "openid\tadmin"])
def test_scope_is_never_widened(issuer: LocalIssuer, scope: str) -> None:
    """Refused, and the token is not spent by it."""
    token = sign_in(issuer)["refresh_token"]
    refused = refresh(issuer, token, scope=scope)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    assert refresh(issuer, token).status_code == 200


def test_audience_stays(issuer: LocalIssuer) -> None:
    """A refresh request cannot turn to another API."""
    token = sign_in(issuer)["refresh_token"]
    audience = claims(issuer, refresh(issuer, token, audience="api/other").json()["access_token"])["aud"]
    assert audience == ["api/fruit", f"{issuer.issuer}userinfo"]


def test_token_of_another_client_is_refused(issuer: LocalIssuer) -> None:
    """RFC 6749, section 10.4; and stays good for its own."""
    token = sign_in(issuer)["refresh_token"]
    assert answer(refresh(issuer, token, client_id="other")) == REFUSED
    assert refresh(issuer, token).status_code == 200
    theirs = sign_in(issuer, client_id="other")["refresh_token"]
    assert answer(refresh(issuer, theirs)) == REFUSED


@pytest.mark.parametrize("token", ["", "v1.made-up", "x", "é" * 20, "x" * 5000, "\x00"])
def test_unknown_token_is_refused(issuer: LocalIssuer, token: str) -> None:
    """In Auth0's words, and nothing of it is repeated."""
    assert answer(refresh(issuer, token)) == REFUSED


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": ""}, "invalid_client"),
        ({"grant_type": "refresh"}, "unsupported_grant_type"),
    ],
)
def test_request_that_is_not_in_order_is_refused(issuer: LocalIssuer, changes: dict[str, str], error: str) -> None:
    """RFC 6749, section 5.2, and the token is not spent by it."""
    token = sign_in(issuer)["refresh_token"]
    refused = refresh(issuer, token, **changes)
    assert refused.status_code in (400, 401, 403)
    assert refused.json()["error"] == error
    assert refresh(issuer, token).status_code == 200


def test_repeated_parameter_is_refused(issuer: LocalIssuer) -> None:
    """RFC 6749, section 3.2: two parsers could read different values."""
    token = sign_in(issuer)["refresh_token"]
    form = [("grant_type", "refresh_token"), ("client_id", issuer.client_id), ("refresh_token", token)]
    refused = requests.post(f"{issuer.issuer}oauth/token", [*form, ("refresh_token", "other")], timeout=5)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


def test_oversized_request_is_refused(issuer: LocalIssuer) -> None:
    """Before anything is done with it."""
    assert refresh(issuer, "x" * 70_000).status_code == 413


def test_refresh_token_ends_with_its_family(issuer: LocalIssuer) -> None:
    """Rotation gives no second month: the last token ends when the first would have."""
    issuer.switches.refresh_token_lifetime = 1000
    tokens = sign_in(issuer)
    issuer.switches.advance(900)
    tokens = refresh(issuer, tokens["refresh_token"]).json()
    issuer.switches.advance(101)
    assert answer(refresh(issuer, tokens["refresh_token"])) == REFUSED


def test_replayed_code_ends_what_came_of_it(issuer: LocalIssuer) -> None:
    """RFC 6749, section 4.1.2."""
    code = FormBrowser(issuer.issuer).open(authorize(issuer, OFFLINE)).parameters["code"]
    token = exchange(issuer, code).json()["refresh_token"]
    assert exchange(issuer, code).status_code == 400
    assert answer(refresh(issuer, token)) == REFUSED


def test_code_of_another_client_is_refused(issuer: LocalIssuer) -> None:
    """RFC 6749, section 4.1.3."""
    code = FormBrowser(issuer.issuer).open(authorize(issuer, OFFLINE, client_id="other")).parameters["code"]
    refused = exchange(issuer, code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_no_refresh_token_is_in_a_log(issuer: LocalIssuer, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG neither, and in no `repr`."""
    with caplog.at_level("DEBUG"):
        first = sign_in(issuer)["refresh_token"]
        second = refresh(issuer, first).json()["refresh_token"]
    shown = caplog.text + repr(vars(issuer)) + repr(issuer._signer) + repr(issuer.switches)
    assert caplog.text
    assert first not in shown
    assert second not in shown
