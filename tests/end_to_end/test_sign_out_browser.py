"""Signing out in a real browser, at a provider that demands the ID token."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser

from ipyauth_magic.callback.form_page import FormPage
from tests.support.web import serving

FORM = {"client_id": "c", "id_token_hint": "e30.e30.x"}


@pytest.mark.parametrize("redirected", [False, True])
def test_the_page_posts_its_form_by_itself(redirected: bool, browser: Browser) -> None:
    """Its own policy lets the form go to the provider, and on to where the provider redirects; the script runs."""
    with serving() as provider:
        end = provider.url.replace("127.0.0.1", "localhost")
        page, ended = FormPage(f"{end}/end?tenant=1", FORM), (200, {}, b"<title>Ended</title>")
        provider.answers["/end?tenant=1"] = (303, {"Location": "/ended"}, b"") if redirected else ended
        provider.answers["/ended"] = ended
        tab = browser.new_page()
        try:
            tab.goto(page.address, wait_until="commit")
            tab.wait_for_function("document.title === 'Ended'")
            assert page.wait(0)
            assert tab.url == f"{end}/ended" if redirected else f"{end}/end?tenant=1"
        finally:
            tab.close()
            page.close()
    assert [parse_qs(body.decode()) for body in provider.bodies] == [{name: [value] for name, value in FORM.items()}]
