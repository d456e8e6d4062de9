"""A program to name in BROWSER: a person who signs in as Alice on the local issuer's pages, and allows everything."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from tests.support.form_browser import FormBrowser
from tests.support.scripted_browser import Answer, link_behind, send


def sign_in(url: str) -> Answer:
    """Follow the sign-in link *url*; return what the tab shows in the end, if the response comes in the query."""
    url = link_behind(url)
    parts = urlsplit(url)
    browser = FormBrowser(f"{parts.scheme}://{parts.netloc}/").open(url).press("Alice").press("Allow")
    assert browser.arrival is not None
    return send("GET", browser.arrival.url)


if __name__ == "__main__":
    sign_in(sys.argv[1])
