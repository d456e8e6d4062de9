"""The second step of a sign-in at the local issuer, from outside (RFC 9470)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from fruit_service.sign_in import MULTI_FACTOR
from tests.service.oauth_requests import CODE, IMPLICIT, OFFLINE, authorize, claims, exchange, refresh
from tests.support.form_browser import FormBrowser

from .running import running_service


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer whose pages are to be answered."""
    with LocalIssuer(port=0) as running:
        yield running


@pytest.fixture
def browser(issuer: LocalIssuer) -> FormBrowser:
    """A browser that the issuer has not seen."""
    return FormBrowser(issuer.issuer)


def two_steps(issuer: LocalIssuer, request: dict[str, str] = OFFLINE, **changes: str) -> str:
    """Return the URL of a request for a sign-in in two steps."""
    return authorize(issuer, request, **{"acr_values": f"urn:other {MULTI_FACTOR}", **changes})


def test_second_step_is_a_page_of_its_own(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Both tokens then say it, and when (RFC 9470, section 6), and so do those of a refresh."""
    arrival = browser.open(two_steps(issuer)).press("Alice").press("Confirm").press("Allow").arrival
    assert arrival is not None
    given = exchange(issuer, arrival.parameters["code"]).json()
    issuer.switches.advance(100)
    again = refresh(issuer, given["refresh_token"]).json()
    said = [claims(issuer, each[name]) for each in (given, again) for name in ("access_token", "id_token")]
    assert [each["acr"] for each in said] == [MULTI_FACTOR] * 4
    assert {each["auth_time"] for each in said} == {said[0]["auth_time"]}
    assert abs(said[0]["auth_time"] - said[0]["iat"]) < 60


def test_implicit_tokens_say_it_too(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """As in the other flow."""
    given = browser.open(two_steps(issuer, IMPLICIT)).press("Bob").press("Confirm").press("Allow").parameters
    assert [claims(issuer, given[name])["acr"] for name in ("access_token", "id_token")] == [MULTI_FACTOR] * 2


def test_second_step_alone_is_asked_of_a_user_who_is_signed_in(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """And then it is kept with the session, until it is too old."""
    browser.open(authorize(issuer, OFFLINE)).press("Alice").press("Allow")
    assert "code" in browser.open(two_steps(issuer)).press("Confirm").parameters
    assert "code" in browser.open(two_steps(issuer, max_age="300")).parameters
    issuer.switches.advance(301)
    assert "code" in browser.open(two_steps(issuer, max_age="300")).press("Alice").press("Confirm").parameters


def test_another_user_takes_the_step_again(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The step belongs to the sign-in."""
    browser.open(two_steps(issuer)).press("Alice").press("Confirm").press("Allow")
    assert "Confirm" in browser.open(two_steps(issuer, prompt="login")).press("Bob").form.buttons


def test_sign_in_without_it_says_nothing_of_it(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """No `acr`, and no `auth_time`."""
    given = browser.open(authorize(issuer, IMPLICIT)).press("Alice").press("Allow").parameters
    assert {"acr", "auth_time"} & set(claims(issuer, given["access_token"])) == set()


def test_step_that_is_cancelled_is_a_denial(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """It is told to the client."""
    assert browser.open(two_steps(issuer)).press("Alice").press("Cancel").parameters["error"] == "access_denied"


def test_prompt_none_cannot_take_the_step(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """OpenID Connect Core, section 3.1.2.6."""
    browser.open(authorize(issuer, OFFLINE)).press("Alice").press("Allow")
    assert browser.open(two_steps(issuer, prompt="none")).parameters["error"] == "interaction_required"
    browser.open(two_steps(issuer)).press("Confirm")
    assert "code" in browser.open(two_steps(issuer, prompt="none")).parameters


def test_step_without_its_token_or_its_sign_in_is_refused(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """The form belongs to this browser, and comes after the sign-in."""
    browser.open(two_steps(issuer))
    assert browser.page is not None
    early = browser.page.url.replace("/u/login", "/u/step")
    refused = [browser.open(early).page]
    browser.open(two_steps(issuer)).press("Alice")
    refused.append(browser.post(browser.form.action, {"csrf": "x", "decision": "confirm"}).page)
    assert [page is not None and page.status_code for page in refused] == [400, 400]


def test_form_is_bound_to_its_browser(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """Another browser cannot answer it."""
    browser.open(two_steps(issuer)).press("Alice")
    assert browser.page is not None
    assert requests.get(browser.page.url, timeout=5).status_code == 400


@pytest.mark.parametrize("request_of", [CODE, IMPLICIT], ids=["code", "implicit"])
def test_other_classes_cannot_be_met(request_of: dict[str, str], issuer: LocalIssuer, browser: FormBrowser) -> None:
    """RFC 9470, section 5: it fails before the user is asked, and not with a token of less."""
    answer = browser.open(authorize(issuer, request_of, acr_values="urn:other phr")).parameters
    assert answer["error"] == "unmet_authentication_requirements"


def test_acr_values_can_be_ignored(issuer: LocalIssuer, browser: FormBrowser) -> None:
    """As providers may (OpenID Connect Core, section 5.5.1.1), for tests of clients."""
    issuer.switches.honours_acr_values = False
    given = browser.open(two_steps(issuer, IMPLICIT)).press("Alice").press("Allow").parameters
    assert "acr" not in claims(issuer, given["id_token"])
    assert "code" in browser.open(authorize(issuer, CODE, acr_values="urn:other")).parameters


def test_step_up_opens_the_recipe() -> None:
    """From the challenge of the API to its answer (RFC 9470, section 2)."""
    with LocalIssuer(port=0, auto_approve="alice") as issuer, running_service(issuer.issuer) as address:
        statuses = []
        for asked in ({}, {"acr_values": MULTI_FACTOR, "max_age": "300"}):
            code = FormBrowser(issuer.issuer).open(authorize(issuer, CODE, **asked)).parameters["code"]
            headers = {"Authorization": f"Bearer {exchange(issuer, code).json()['access_token']}"}
            statuses.append(requests.get(f"{address}/api/fruit/recipe", headers=headers, timeout=5).status_code)
    assert statuses == [401, 200]
