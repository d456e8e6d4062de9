"""Revocation and logout of the local issuer, from outside."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import requests

from fruit_service.issuer.directory import LOGOUT_URLS
from fruit_service.issuer.server import LocalIssuer
from tests.service.oauth_requests import CODE, OFFLINE, authorize, exchange, refresh, revoke
from tests.support.bad_inputs import base64url
from tests.support.form_browser import FormBrowser

BACK = LOGOUT_URLS[0]


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer whose pages are to be answered, with a second client."""
    with LocalIssuer(port=0, other_clients=("other",)) as running:
        yield running


@pytest.fixture
def browser(issuer: LocalIssuer) -> FormBrowser:
    """A browser in which alice is signed in."""
    return FormBrowser(issuer.issuer).open(authorize(issuer, OFFLINE)).press("Alice").press("Allow")


def tokens(issuer: LocalIssuer, browser: FormBrowser) -> dict[str, str]:
    """Return the tokens of the sign-in that *browser* has just made."""
    return dict(exchange(issuer, browser.parameters["code"]).json())


def is_signed_in(issuer: LocalIssuer, browser: FormBrowser) -> bool:
    """Tell whether the browser is known, as a silent request does."""
    return "code" in browser.open(authorize(issuer, CODE, prompt="none")).parameters


def logout(issuer: LocalIssuer, **parameters: str) -> str:
    """Return the URL of Auth0's logout endpoint."""
    return f"{issuer.issuer}v2/logout?{urlencode({'client_id': issuer.client_id, **parameters})}"


def end_session(issuer: LocalIssuer, **parameters: str) -> str:
    """Return the URL of OpenID Connect's logout endpoint."""
    return f"{issuer.issuer}oidc/logout?{urlencode(parameters)}"


def is_refused(browser: FormBrowser) -> bool:
    """Tell whether the page says that nothing happened, and the browser stayed."""
    assert browser.page is not None
    return (browser.page.status_code, browser.arrival) == (400, None) and "still signed in" in browser.page.text


def test_revoked_refresh_token_is_good_no_more(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Nor what comes after it, also where an old one of the family is given up."""
    first = tokens(issuer, browser)["refresh_token"]
    second = refresh(issuer, first).json()["refresh_token"]
    assert revoke(issuer, first, token_type_hint="refresh_token").status_code == 200
    assert refresh(issuer, second).status_code == 403


@pytest.mark.parametrize("hint", ["", "refresh_token", "access_token", "pam"])
def test_hint_changes_nothing(issuer: LocalIssuer, browser: FormBrowser, hint: str) -> None:
    """RFC 7009, section 2.1."""
    token = tokens(issuer, browser)["refresh_token"]
    assert revoke(issuer, token, token_type_hint=hint).status_code == 200
    assert refresh(issuer, token).status_code == 403


def test_unknown_token_is_revoked_already(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """RFC 7009, section 2.2: 200, also twice, and for an access token, which ends by itself."""
    access_token = tokens(issuer, browser)["access_token"]
    assert [revoke(issuer, each).status_code for each in ("unknown", "unknown", access_token)] == [200] * 3
    header = {"Authorization": f"Bearer {access_token}"}
    assert requests.get(f"{issuer.issuer}userinfo", headers=header, timeout=5).status_code == 200


def test_token_of_another_client_is_not_revoked(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """RFC 7009, section 2.1: refused, and good as before."""
    token = tokens(issuer, browser)["refresh_token"]
    refused = revoke(issuer, token, client_id="other")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert refresh(issuer, token).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"token": ""}, "invalid_request"), ({"client_id": ""}, "invalid_client"), ({"client_id": "x"}, "invalid_client")],
)
def test_revocation_that_is_not_in_order_is_refused(issuer: LocalIssuer, changes: dict[str, str], error: str) -> None:
    """RFC 7009, section 2.2.1."""
    refused = revoke(issuer, **{"token": "t", **changes})
    assert (refused.status_code, refused.json()["error"]) == (400, error)


def test_oversized_or_repeated_revocation_is_refused(issuer: LocalIssuer) -> None:
    """Before anything is done with it."""
    assert revoke(issuer, "x" * 70_000).status_code == 413
    form = [("client_id", issuer.client_id), ("token", "a"), ("token", "b")]
    assert requests.post(f"{issuer.issuer}oauth/revoke", form, timeout=5).status_code == 400


def test_logout_ends_the_session(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Of this browser only; without `returnTo` a page says so. Tokens stay as they are."""
    token = tokens(issuer, browser)["refresh_token"]
    elsewhere = FormBrowser(issuer.issuer).open(authorize(issuer, CODE)).press("Alice")
    assert is_signed_in(issuer, browser)
    page = browser.open(logout(issuer)).page
    assert page is not None
    assert "You are signed out" in page.text
    assert "Max-Age" in page.headers["Set-Cookie"]
    assert not is_signed_in(issuer, browser)
    assert is_signed_in(issuer, elsewhere)
    assert refresh(issuer, token).status_code == 200


def test_logout_of_a_stolen_cookie_is_final(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The session ends at the issuer, not only in the browser."""
    cookies = browser._session.cookies.get_dict()
    browser.open(logout(issuer))
    url = authorize(issuer, CODE, prompt="none")
    response = requests.get(url, cookies=cookies, allow_redirects=False, timeout=5)
    assert "login_required" in response.headers["Location"]


def test_logout_goes_back_to_an_allowed_url(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Exactly as it is in the list."""
    arrival = browser.open(logout(issuer, returnTo=BACK)).arrival
    assert arrival is not None
    assert arrival.url == BACK
    assert not is_signed_in(issuer, browser)


@pytest.mark.parametrize(
    "parameters",
    [
        {"returnTo": "http://evil.test/"},
        {"returnTo": BACK.rstrip("/")},
        {"returnTo": f"{BACK}?x=1"},
        {"returnTo": f"{BACK}../"},
        {"returnTo": "//evil.test/"},
        {"returnTo": BACK, "client_id": "nobody"},
    ],
)
def test_logout_goes_nowhere_else(issuer: LocalIssuer, browser: FormBrowser, parameters: dict[str, str]) -> None:
    """An open redirector is none (RFC 9700, section 4.11); the session stays."""
    assert is_refused(browser.open(logout(issuer, **parameters)))
    assert is_signed_in(issuer, browser)


def test_logout_urls_are_the_issuer_s_to_say() -> None:
    """Only what is given is allowed."""
    with LocalIssuer(port=0, logout_urls=("https://hub.test/bye",)) as issuer:
        browser = FormBrowser(issuer.issuer).open(logout(issuer, returnTo="https://hub.test/bye"))
        assert browser.arrival is not None
        assert is_refused(browser.open(logout(issuer, returnTo=BACK)))


def test_client_ends_the_session_of_its_own_user(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """RP-Initiated Logout, section 2: the ID token proves it, also when it has expired; the state comes back."""
    id_token = tokens(issuer, browser)["id_token"]
    request = {"id_token_hint": id_token, "post_logout_redirect_uri": BACK, "state": "s 1"}
    arrival = browser.open(end_session(issuer, **request)).arrival
    assert arrival is not None
    assert arrival.url.startswith(f"{BACK}?")
    assert arrival.parameters == {"state": "s 1"}
    assert not is_signed_in(issuer, browser)


def test_without_proof_the_user_is_asked(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """RP-Initiated Logout, section 6: an attacker's link does not sign the user out."""
    request = {"client_id": issuer.client_id, "post_logout_redirect_uri": BACK}
    form = browser.open(end_session(issuer, **request)).form
    stranger = FormBrowser(issuer.issuer).open(issuer.issuer)
    assert stranger.post(form.action, form.fields).arrival is None
    assert is_signed_in(issuer, browser)
    arrival = browser.open(end_session(issuer, **request)).press("Sign out").arrival
    assert arrival is not None
    assert arrival.url == BACK
    assert not is_signed_in(issuer, browser)


def test_proof_of_another_user_is_none(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Bob's ID token in Alice's browser: she is asked."""
    other = FormBrowser(issuer.issuer).open(authorize(issuer, OFFLINE)).press("Bob").press("Allow")
    id_token = tokens(issuer, other)["id_token"]
    assert "Sign out" in browser.open(end_session(issuer, id_token_hint=id_token)).form.buttons
    assert is_signed_in(issuer, browser)


@pytest.mark.parametrize(
    "parameters",
    [
        {"post_logout_redirect_uri": "http://evil.test/"},
        {"post_logout_redirect_uri": f"{BACK}?x=1"},
        {"id_token_hint": "forged"},
        {"client_id": "other"},
        {"client_id": "nobody"},
    ],
)
def test_logout_request_that_is_not_in_order_does_nothing(
    issuer: LocalIssuer, browser: FormBrowser, parameters: dict[str, str]
) -> None:
    """RP-Initiated Logout, section 4: no redirect; and the session stays."""
    request = {"id_token_hint": tokens(issuer, browser)["id_token"], "post_logout_redirect_uri": BACK}
    assert is_refused(browser.open(end_session(issuer, **{**request, **parameters})))
    assert is_signed_in(issuer, browser)


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"\\"RS256\\""}',
        '{"alg":"é"}',
        '{"alg":"RS256","crit":[5]}',
        '{"alg":"RS256","crit":null}',
        "[" * 3000,
        "[]",
    ],
)
def test_hint_of_any_shape_is_refused(issuer: LocalIssuer, header: str) -> None:
    """With a page, and not with an error of ours: anybody can send one."""
    hint = f"{base64url(header.encode())}.e30.AA"
    assert is_refused(FormBrowser(issuer.issuer).open(end_session(issuer, id_token_hint=hint)))


def test_nobody_to_sign_out_is_no_mistake(issuer: LocalIssuer) -> None:
    """The page says how things are."""
    for url in (logout(issuer), end_session(issuer)):
        page = FormBrowser(issuer.issuer).open(url).page
        assert page is not None
        assert page.status_code == 200
        assert "You are signed out" in page.text
