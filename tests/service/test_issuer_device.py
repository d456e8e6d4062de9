"""The device grant of the local issuer, from outside: a device that polls, a person with a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from tests.service.oauth_requests import (
    OFFLINE,
    SCOPE,
    ask_for_codes,
    authorize,
    claims,
    poll,
    refresh,
    run_together,
)
from tests.support.form_browser import FormBrowser

USER_CODE = re.compile("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}")


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer whose pages are to be answered, with a second client."""
    with LocalIssuer(port=0, other_clients=("other",)) as running:
        yield running


@pytest.fixture
def browser(issuer: LocalIssuer) -> FormBrowser:
    """A browser that the issuer has not seen."""
    return FormBrowser(issuer.issuer)


def refusal(response: requests.Response) -> tuple[int, str]:
    """Return status and error."""
    return response.status_code, response.json()["error"]


def shown(browser: FormBrowser) -> str:
    """Return the page's text."""
    assert browser.page is not None
    return browser.page.text


def allow(browser: FormBrowser, codes: dict[str, Any]) -> None:
    """Follow the link, confirm, sign in as Bob, allow."""
    browser.open(codes["verification_uri_complete"]).press("Confirm").press("Bob").press("Allow")
    assert "Your device is connected" in shown(browser)


def test_device_gets_its_codes(issuer: LocalIssuer) -> None:
    """RFC 8628, section 3.2, with Auth0's fifteen minutes and five seconds."""
    response = ask_for_codes(issuer)
    codes = response.json()
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert USER_CODE.fullmatch(codes["user_code"])
    assert len(codes.pop("device_code")) > 40
    assert codes == {
        "user_code": codes["user_code"],
        "verification_uri": f"{issuer.issuer}activate",
        "verification_uri_complete": f"{issuer.issuer}activate?user_code={codes['user_code']}",
        "expires_in": 900,
        "interval": 5,
    }


def test_person_allows_what_the_device_asks(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """By the link; then the device has all tokens, and renews them."""
    codes = ask_for_codes(issuer).json()
    assert refusal(poll(issuer, codes["device_code"])) == (403, "authorization_pending")
    allow(browser, codes)
    response = poll(issuer, codes["device_code"])
    tokens = response.json()
    assert response.status_code == 200
    assert set(tokens) == {"access_token", "token_type", "expires_in", "id_token", "refresh_token"}
    assert claims(issuer, tokens["id_token"])["sub"] == "auth0|bob"
    assert "nonce" not in claims(issuer, tokens["id_token"])
    said = claims(issuer, tokens["access_token"])
    assert (said["sub"], said["aud"], said["scope"]) == (
        "auth0|bob",
        ["api/fruit", f"{issuer.issuer}userinfo"],
        OFFLINE["scope"],
    )
    assert claims(issuer, refresh(issuer, tokens["refresh_token"]).json()["id_token"])["sub"] == "auth0|bob"


@pytest.mark.parametrize(
    "change", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code[:4]} {code[4:]}. "]
)
def test_code_may_be_typed_in_any_manner(issuer: LocalIssuer, browser: FormBrowser, change: Any) -> None:
    """RFC 8628, section 6.1; and what is shown for comparison is the code itself."""
    codes = ask_for_codes(issuer).json()
    browser.open(codes["verification_uri"]).press("Continue", user_code=change(codes["user_code"]))
    assert codes["user_code"] in shown(browser)
    browser.press("Confirm").press("Alice").press("Allow")
    assert poll(issuer, codes["device_code"]).status_code == 200


def test_consent_names_what_is_asked(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The scopes and the API, as for any other grant."""
    codes = ask_for_codes(issuer, scope="openid read:usual-fruit").json()
    browser.open(codes["verification_uri_complete"]).press("Confirm").press("Alice")
    assert "read:usual-fruit" in shown(browser)
    assert "api/fruit" in shown(browser)
    assert "write:usual-fruit" not in shown(browser)


def test_who_is_signed_in_need_not_again(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """But always confirms the code."""
    allow(browser, ask_for_codes(issuer).json())
    codes = ask_for_codes(issuer).json()
    browser.open(codes["verification_uri_complete"])
    assert codes["user_code"] in shown(browser)
    assert "Your device is connected" in shown(browser.press("Confirm"))
    assert poll(issuer, codes["device_code"]).status_code == 200


@pytest.mark.parametrize("buttons", [["Cancel"], ["Confirm", "Alice", "Deny"]])
def test_denial_is_told_to_the_device(issuer: LocalIssuer, browser: FormBrowser, buttons: list[str]) -> None:
    """On either page."""
    codes = ask_for_codes(issuer).json()
    browser.open(codes["verification_uri_complete"])
    for button in buttons:
        browser.press(button)
    assert "Nothing was allowed" in shown(browser)
    assert [refusal(poll(issuer, codes["device_code"])) for _ in range(2)] == [(403, "access_denied")] * 2


def test_device_code_is_used_once(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Also when polls come at the same time."""
    codes = ask_for_codes(issuer).json()
    allow(browser, codes)
    responses: list[requests.Response] = []
    run_together(8, lambda: responses.append(poll(issuer, codes["device_code"])))
    assert sorted(each.status_code for each in responses) == [200] + [403] * 7
    assert refusal(poll(issuer, codes["device_code"])) == (403, "invalid_grant")


def test_who_polls_too_fast_is_slowed_down_for_good(issuer: LocalIssuer) -> None:
    """Auth0's 429; each adds five seconds (RFC 8628, section 3.5)."""
    code = ask_for_codes(issuer).json()["device_code"]
    outcomes = []
    for pause in (0, 5, 4, 9, 15, 15):
        issuer.switches.advance(pause)
        outcomes.append(refusal(poll(issuer, code)))
    pending, slow = (403, "authorization_pending"), (429, "slow_down")
    assert outcomes == [pending, pending, slow, slow, pending, pending]


def test_interval_may_be_short_or_not_told(issuer: LocalIssuer) -> None:
    """A switch of the issuer; where nothing is told it is five seconds (RFC 8628, section 3.2)."""
    issuer.switches.device_interval = 0
    codes = ask_for_codes(issuer).json()
    assert codes["interval"] == 0
    assert [refusal(poll(issuer, codes["device_code"]))[0] for _ in range(5)] == [403] * 5
    issuer.switches.device_interval = None
    codes = ask_for_codes(issuer).json()
    assert "interval" not in codes
    assert [refusal(poll(issuer, codes["device_code"]))[0] for _ in range(2)] == [403, 429]


def test_code_expires(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The device is told so for a while, then knows no more; the person cannot enter it."""
    issuer.switches.device_code_lifetime = 100
    codes = ask_for_codes(issuer).json()
    assert codes["expires_in"] == 100
    issuer.switches.advance(101)
    assert refusal(poll(issuer, codes["device_code"])) == (403, "expired_token")
    assert "No device is waiting" in shown(browser.open(codes["verification_uri_complete"]))
    issuer.switches.advance(600)
    assert refusal(poll(issuer, codes["device_code"])) == (403, "invalid_grant")


def test_answer_that_comes_too_late_is_none(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The person sees that it was for nothing."""
    issuer.switches.device_code_lifetime = 100
    codes = ask_for_codes(issuer).json()
    browser.open(codes["verification_uri_complete"]).press("Confirm").press("Alice")
    issuer.switches.advance(101)
    assert "This page has expired" in shown(browser.press("Allow"))
    assert refusal(poll(issuer, codes["device_code"])) == (403, "expired_token")


def test_code_is_answered_once(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Two people with the same link: the first answer holds."""
    codes = ask_for_codes(issuer).json()
    second = FormBrowser(issuer.issuer).open(codes["verification_uri_complete"]).press("Confirm").press("Alice")
    allow(browser, codes)
    assert "This page has expired" in shown(second.press("Deny"))
    assert "No device is waiting" in shown(second.open(codes["verification_uri_complete"]))
    assert poll(issuer, codes["device_code"]).status_code == 200


def test_guessing_user_codes_is_stopped(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """RFC 8628, section 5.1: after ten wrong codes all codes are refused for a minute, from any client."""
    codes = ask_for_codes(issuer).json()
    statuses = []
    for number in range(12):
        page = FormBrowser(issuer.issuer).open(f"{issuer.issuer}activate?user_code=WRNG-{number}").page
        assert page is not None
        statuses.append(page.status_code)
    assert statuses == [404] * 10 + [429] * 2
    assert "Too many wrong codes" in shown(browser.open(codes["verification_uri_complete"]))
    issuer.switches.advance(61)
    allow(browser, codes)


@pytest.mark.parametrize("user_code", ["BCDF-GHJK", "<script>alert(1)</script>", "\x00", "x" * 3000, "é"])
def test_wrong_user_code_is_told(issuer: LocalIssuer, browser: FormBrowser, user_code: str) -> None:
    """And not repeated."""
    page = browser.open(f"{issuer.issuer}activate").press("Continue", user_code=user_code).page
    assert page is not None
    assert page.status_code == 404
    assert "No device is waiting with this code" in page.text
    assert user_code not in page.text


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_id": "nobody"}, 400, "invalid_client"),
        ({"client_id": ""}, 400, "invalid_client"),
        ({"audience": "api/vegetable"}, 403, "access_denied"),
    ],
)
def test_request_that_is_not_in_order_is_refused(
    issuer: LocalIssuer, changes: dict[str, str], status: int, error: str
) -> None:
    """RFC 8628, section 3.2, and Auth0's answer to an API that does not exist."""
    assert refusal(ask_for_codes(issuer, **changes)) == (status, error)


def test_scope_is_reduced_to_what_exists(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The token response says so; without `offline_access` there is no refresh token."""
    codes = ask_for_codes(issuer, scope=f"{SCOPE} admin").json()
    allow(browser, codes)
    tokens = poll(issuer, codes["device_code"]).json()
    assert tokens["scope"] == SCOPE
    assert "refresh_token" not in tokens


def test_scope_and_audience_may_be_left_out(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Then there is an opaque token alone, which allows nothing."""
    codes = ask_for_codes(issuer, scope="", audience="").json()
    browser.open(codes["verification_uri_complete"]).press("Confirm").press("Bob")
    tokens = poll(issuer, codes["device_code"]).json()
    assert set(tokens) == {"access_token", "token_type", "expires_in"}
    assert "." not in tokens["access_token"]


def test_device_code_of_another_client_is_refused(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Also when it was allowed; it stays good for its own."""
    codes = ask_for_codes(issuer, client_id="other").json()
    browser.open(codes["verification_uri_complete"])
    assert '<p class="app">other</p>' in shown(browser)
    browser.press("Confirm").press("Bob").press("Allow")
    assert refusal(poll(issuer, codes["device_code"])) == (403, "invalid_grant")
    assert poll(issuer, codes["device_code"], client_id="other").status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"device_code": "made-up"}, 403, "invalid_grant"),
        ({"device_code": ""}, 400, "invalid_request"),
        ({"client_id": "nobody"}, 400, "invalid_client"),
        ({"grant_type": "device_code"}, 400, "unsupported_grant_type"),
    ],
)
def test_poll_that_is_not_in_order_is_refused(
    issuer: LocalIssuer, browser: FormBrowser, changes: dict[str, str], status: int, error: str
) -> None:
    """RFC 6749, section 5.2; the device code is not spent by it."""
    codes = ask_for_codes(issuer).json()
    allow(browser, codes)
    form = {"device_code": codes["device_code"], **changes}
    assert refusal(poll(issuer, **form)) == (status, error)
    assert poll(issuer, codes["device_code"]).status_code == 200


def test_repeated_parameter_is_refused(issuer: LocalIssuer) -> None:
    """RFC 6749, section 3.2."""
    form = [("client_id", issuer.client_id), ("scope", "openid"), ("scope", "admin")]
    response = requests.post(f"{issuer.issuer}oauth/device/code", form, timeout=5)
    assert refusal(response) == (400, "invalid_request")


def test_oversized_requests_are_refused(issuer: LocalIssuer) -> None:
    """Before anything is done with them."""
    assert ask_for_codes(issuer, scope="x" * 70_000).status_code == 413
    assert poll(issuer, "x" * 70_000).status_code == 413


def test_pages_cannot_be_answered_by_others(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Neither from another browser, nor without the form's token, nor twice, nor with another page's address."""
    codes = ask_for_codes(issuer).json()
    form = browser.open(codes["verification_uri_complete"]).form
    stranger = FormBrowser(issuer.issuer).open(issuer.issuer)
    answer = {**form.fields, "decision": "confirm"}
    assert "Start again" in shown(stranger.post(form.action, answer))
    assert "Start again" in shown(browser.post(form.action, {**answer, "csrf": "guessed"}))
    consent = form.action.replace("activate", "consent")
    assert "Start again" in shown(browser.post(consent, {**form.fields, "decision": "allow"}))
    assert refusal(poll(issuer, codes["device_code"])) == (403, "authorization_pending")
    browser.post(form.action, answer)
    assert "Start again" in shown(browser.post(form.action, answer))


def test_confirmation_is_for_devices_only(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The request of another grant has no code to confirm."""
    form = browser.open(authorize(issuer, OFFLINE)).form
    page = browser.get(form.action.replace("login", "activate"), {}).page
    assert page is not None
    assert page.status_code == 400
    assert "Confirm" not in page.text


def test_pages_say_what_they_are_and_protect_themselves(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """For demonstration; forms go to the issuer alone."""
    codes = ask_for_codes(issuer).json()
    steps = [
        lambda: browser.open(codes["verification_uri"]),
        lambda: browser.press("Continue", user_code=codes["user_code"]),
        lambda: browser.press("Confirm"),
        lambda: browser.press("Alice"),
        lambda: browser.press("Allow"),
    ]
    for step in steps:
        page = step().page
        assert page is not None
        assert "For demonstration only." in page.text
        policy = page.headers["Content-Security-Policy"]
        assert policy.endswith(("form-action 'self'", "form-action 'none'"))
        assert codes["device_code"] not in page.text


def test_issuer_that_approves_by_itself_needs_a_visit_only() -> None:
    """For tests: opening the link is allowing it."""
    with LocalIssuer(port=0, auto_approve="alice") as issuer:
        codes = ask_for_codes(issuer).json()
        requests.get(codes["verification_uri_complete"], timeout=5)
        assert claims(issuer, poll(issuer, codes["device_code"]).json()["access_token"])["sub"] == "auth0|alice"


def test_no_code_is_in_a_log(issuer: LocalIssuer, browser: FormBrowser, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG neither; the user code is in the link's query, as RFC 8628 has it."""
    with caplog.at_level("DEBUG"):
        codes = ask_for_codes(issuer).json()
        allow(browser, codes)
        tokens = poll(issuer, codes["device_code"]).json()
    assert caplog.text
    assert codes["device_code"] not in caplog.text
    assert tokens["refresh_token"] not in caplog.text
