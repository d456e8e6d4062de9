"""HTML pages: files with escaped data, and the headers of each page."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import bottle
from bottle import HTTPError, HTTPResponse, SimpleTemplate

PACKAGE = "fruit_service"

CONTENT_TYPES = {".svg": "image/svg+xml", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


TITLES = {400: "This request is not valid", 404: "There is nothing here", 405: "This address is for programs"}
"""The heading of the page for an error, by its status."""


def page(
    package: str,
    name: str,
    title: str,
    *,
    status: int = 200,
    mood: str = "plain",
    form_action: str = "'none'",
    **data: Any,
) -> HTTPResponse:
    """Return the page *name* of *package* with *data*. Its forms may be sent to *form_action* only.

    *mood* is a class of the style sheet: `plain`, `question`, `waiting`, `done` or `failed`.
    """
    content = _template(package, name).render(title=title, **data)
    body = _template(package, "frame.html").render(title=title, mood=mood, content=content)
    headers = {**secure_headers(form_action), "Content-Type": "text/html; charset=utf-8"}
    return HTTPResponse(body, status, headers)


def is_for_person() -> bool:
    """Return whether a browser sent the request to show the answer: it names HTML, and programs do not."""
    return "text/html" in bottle.request.environ.get("HTTP_ACCEPT", "")


def page_of(error: HTTPError, package: str, message: str, **data: Any) -> str:
    """Return the body of the page `error.html` of *package* for *error*, which gets the headers of that page."""
    title = TITLES.get(error.status_code, "Something went wrong")
    shown = page(package, "error.html", title, mood="failed", message=message, **data)
    for name, value in shown.headers.items():
        error.set_header(name, value)
    return str(shown.body)


def asset(name: str, package: str = PACKAGE) -> HTTPResponse:
    """Return a style sheet or script of *package*."""
    suffix = name[name.rindex(".") :]
    headers = {"Content-Type": CONTENT_TYPES[suffix], "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    return HTTPResponse(_read(package, name), 200, headers)


def secure_headers(form_action: str = "'none'") -> dict[str, str]:
    """Return headers that forbid caches, frames, referrers and foreign scripts."""
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {form_action}"
    )
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def policy_source(url: str) -> str:
    """Return the source expression for the Content Security Policy that allows *url*."""
    parts = urlsplit(url)
    # A host source cannot be an IPv6 literal: https://www.w3.org/TR/CSP3/#grammardef-host-part
    return f"{parts.scheme}:" if "[" in parts.netloc else f"{parts.scheme}://{parts.netloc}"


@cache
def _read(package: str, name: str) -> str:
    return (resources.files(package) / "pages" / name).read_text("utf-8")


@cache
def _template(package: str, name: str) -> SimpleTemplate:
    return SimpleTemplate(_read(package, name))
