"""The pages of the callback. HTML, JS and CSS are files; one answer contains all of them."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from http import HTTPStatus
from importlib.resources import files
from string import Template


@dataclass(frozen=True)
class Outcome:
    """The outcome that the tab shows: `done`, `failed` or `waiting`, a title, and a sentence, as plain text."""

    outcome: str
    title: str
    message: str


RELAY = Outcome("waiting", "Signing in…", "Passing the provider's response to your notebook.")
DONE = Outcome("done", "You are signed in", "Go back to your notebook.")
SIGNING_OUT = Outcome("waiting", "Signing out…", "Asking the provider to end its session.")
USED = Outcome("failed", "This address has been used", "It works once. Follow the link in your notebook again.")


def failed(message: str) -> Outcome:
    """Return the outcome of a failed sign-in. The cell shows the same sentence."""
    return Outcome("failed", "The sign-in failed", message)


def refused(status: int, sentence: str) -> Outcome:
    """Return the outcome for a person who opened an address of the listener that is not part of a sign-in."""
    return Outcome("failed", HTTPStatus(status).phrase, f"{sentence}\nTo sign in, follow the link in your notebook.")


def not_ours(message: str) -> Outcome:
    """Return the outcome for a response that does not belong to the current sign-in."""
    return Outcome("failed", "This response is not for the sign-in that your notebook started", message)


@lru_cache(maxsize=8)
def page(outcome: Outcome, script: str | None = None, xsrf_token: str = "") -> bytes:
    """Return *outcome* as an HTML page that runs *script*, a file beside this one.

    The page sends *xsrf_token* back with its POST, for Jupyter's XSRF check.
    """
    return _rendered(outcome, script, xsrf_token)


def form_page(action: str, fields: Mapping[str, str]) -> bytes:
    """Return a page that posts *fields* to *action*. It is in no cache, because the fields are secrets."""
    inputs = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    form = f'<form method="post" action="{html.escape(action)}">{inputs}</form>\n'
    return _rendered(SIGNING_OUT, "post.js", form=form)


def _rendered(outcome: Outcome, script: str | None, xsrf_token: str = "", form: str = "") -> bytes:
    return (
        Template(_read("page.html"))
        .substitute(
            outcome=outcome.outcome,
            title=html.escape(outcome.title),
            message=html.escape(outcome.message),
            xsrf_token=html.escape(xsrf_token),
            style=_read("style.css"),
            script=form + (f"<script>{_read(script)}</script>" if script else ""),
        )
        .encode()
    )


@cache
def headers(script: str | None = None, posts_to: str | None = None) -> tuple[tuple[str, str], ...]:
    """Return the headers of a page that runs *script*. They forbid any other script, frames and caches.

    A form of the page may go to the origin *posts_to*, and to none without it.
    """
    # Chromium applies form-action to the redirects after the form too, and a provider may redirect to another host.
    form_action = f"{posts_to} https:" if posts_to else "'none'"
    policy = [
        "default-src 'none'",
        f"style-src {_hash(_read('style.css'))}",
        f"script-src {_hash(_read(script))}" if script else "script-src 'none'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        f"form-action {form_action}",
        "frame-ancestors 'none'",
    ]
    return (
        *COMMON_HEADERS,
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "; ".join(policy)),
    )


COMMON_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@cache
def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
