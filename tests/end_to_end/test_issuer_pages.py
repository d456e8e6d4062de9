"""The issuer's pages for devices and for logout in a real browser, whose content policy forms must pass."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from fruit_service.issuer.server import LocalIssuer
from fruit_service.sign_in import MULTI_FACTOR
from tests.service.oauth_requests import CODE, ask_for_codes, authorize, poll
from tests.support.chromium import chromium
from tests.support.user_browser import Person


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """An issuer whose pages are to be answered."""
    with LocalIssuer(port=0) as running:
        yield running


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser that keeps nothing."""
    with chromium() as browser:
        yield browser.new_page()


@pytest.mark.parametrize(("decision", "outcome", "status"), [("Allow", "done", 200), ("Deny", "failed", 403)])
def test_person_enters_the_code(issuer: LocalIssuer, page: Page, decision: str, outcome: str, status: int) -> None:
    """A wrong one first, then the right one in small letters; the device is told what they decided."""
    codes = ask_for_codes(issuer).json()
    page.goto(codes["verification_uri"])
    for user_code in ("XXXX-XXXX", codes["user_code"].lower()):
        page.get_by_label("Code").fill(user_code)
        page.get_by_role("button", name="Continue").click()
    page.get_by_text(codes["user_code"]).wait_for()
    assert Person(page, "Bob", decision).sign_in() == outcome
    assert poll(issuer, codes["device_code"]).status_code == status


def test_person_takes_the_second_step(page: Page) -> None:
    """After the sign-in; the last form may lead to the client."""
    with (
        LocalIssuer(port=0) as client,
        LocalIssuer(port=0, callback_urls=(client.issuer,), skip_consent=True) as issuer,
    ):
        page.goto(authorize(issuer, CODE, redirect_uri=client.issuer, acr_values=MULTI_FACTOR))
        page.get_by_role("button", name="Alice", exact=True).click()
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_url(f"{client.issuer}?code=*")


def test_person_signs_out_and_goes_back(page: Page) -> None:
    """The question's form may lead to the allowed address, and the session has ended."""
    with LocalIssuer(port=0) as site, LocalIssuer(port=0, logout_urls=(site.issuer,)) as issuer:
        assert Person(page).sign_in(ask_for_codes(issuer).json()["verification_uri_complete"]) == "done"
        request = {"client_id": issuer.client_id, "post_logout_redirect_uri": site.issuer}
        page.goto(f"{issuer.issuer}oidc/logout?{urlencode(request)}")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(site.issuer)
        page.goto(ask_for_codes(issuer).json()["verification_uri_complete"])
        page.get_by_role("button", name="Confirm").click()
        page.get_by_role("button", name="Alice", exact=True).wait_for()
