"""The pages of the callback: HTML, JS and CSS are files, composed into one answer that needs no second request."""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from string import Template


@dataclass(frozen=True)
class Outcome:
    """What the tab is told: `done`, `failed` or `waiting`, a title, and a sentence; plain text."""

    outcome: str
    title: str
    message: str


RELAY = Outcome("waiting", "Signing in…", "Handing the provider's answer to your notebook.")
DONE = Outcome("done", "You are signed in", "You can close this tab and go back to your notebook.")


def failed(message: str) -> Outcome:
    """Return the outcome of a sign-in that failed, with the sentence that the cell shows too."""
    return Outcome("failed", "The sign-in failed", message)


def not_ours(message: str) -> Outcome:
    """Return the outcome for a response that is not the one that is waited for."""
    return Outcome("failed", "This is not the answer that your notebook waits for", message)


@lru_cache(maxsize=8)
def page(outcome: Outcome, script: str | None = None, xsrf_token: str = "") -> bytes:
    """Return *outcome* as an HTML page that runs *script*, a file beside this one.

    *xsrf_token* is what the page must send back where Jupyter checks who posts.
    """
    return (
        Template(_read("page.html"))
        .substitute(
            outcome=outcome.outcome,
            title=html.escape(outcome.title),
            message=html.escape(outcome.message),
            xsrf_token=html.escape(xsrf_token),
            style=_read("style.css"),
            script=f"<script>{_read(script)}</script>" if script else "",
        )
        .encode()
    )


@cache
def headers(script: str | None = None) -> tuple[tuple[str, str], ...]:
    """Return the headers of a page that runs *script*: nothing else may run, nothing may frame or keep it."""
    policy = [
        "default-src 'none'",
        f"style-src {_hash(_read('style.css'))}",
        f"script-src {_hash(_read(script))}" if script else "script-src 'none'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
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
