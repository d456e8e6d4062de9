"""The forms of a question to the user, and of an error that ends a sign-in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bottle import HTTPResponse

from ..pages import page, policy_source
from .messages import PACKAGE
from .pending import Pending


def question_page(name: str, title: str, pending: Pending, state: str, **data: Any) -> HTTPResponse:
    """Return the page *name* with *data*. Its form answers *pending*, which is kept under *state*."""
    form_action = redirecting_form_action(pending.request.get("redirect_uri"))
    data |= {"state": state, "csrf": pending.csrf_token}
    return page(PACKAGE, name, title, mood="question", form_action=form_action, **data)


def redirecting_form_action(redirect_uri: str | None) -> str:
    """Return the `form-action` of a form after which the browser is sent to *redirect_uri*.

    Chromium applies it to the redirects after a form too.
    """
    return f"'self' {policy_source(redirect_uri)}" if redirect_uri else "'self'"


def stopped_page(
    status: int,
    title: str,
    message: str,
    allowed_are: str = "",
    allowed: Sequence[str] = (),
    advice: tuple[str, str] = ("", ""),
) -> HTTPResponse:
    """Return the page for a sign-in that ends here, with *advice*: a sentence, and the words to write."""
    data: dict[str, Any] = {"message": message, "allowed_are": allowed_are, "allowed": allowed}
    data |= {"app": "Sign-in stopped", "advice": advice[0], "command": advice[1]}
    return page(PACKAGE, "error.html", title, status=status, mood="failed", **data)


def expired_page() -> HTTPResponse:
    """Return the page for a form that is too late, or from another browser."""
    message = "This page has expired, or belongs to another browser. Sign in again from where you started."
    return stopped_page(400, "Start again", message)
