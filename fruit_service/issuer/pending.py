"""Requests that wait for their users, between two pages."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from bottle import HTTPResponse

from .directory import User
from .messages import Request
from .switches import Switches
from .ttl import TtlMap

PATIENCE = 600
"""Seconds for which a page for sign-in or consent accepts an answer."""

Respond = Callable[[User | None], HTTPResponse]


@dataclass(frozen=True)
class Pending:
    """A request that waits for its user.

    Attributes:
        request: the authorization request, or that of a device.
        respond: returns the response, for the user who allowed the request, or for None if it was denied.
        browser: the cookie of the browser that sent the request.
        prompt: a page that must be shown even if it is not needed, by the name of its `prompt` value.
        csrf_token: must be in each form that answers it.
    """

    request: Request
    respond: Respond
    browser: str = field(repr=False)
    prompt: str | None = None
    csrf_token: str = field(default_factory=secrets.token_urlsafe, repr=False)


class PendingRequests:
    """The requests whose pages are open, by the `state` in the addresses of the pages."""

    def __init__(self, switches: Switches) -> None:
        self._pending: TtlMap[Pending] = TtlMap(switches.elapsed)

    def put(self, pending: Pending) -> str:
        """Keep *pending* for a page, and return its new `state`."""
        state = secrets.token_urlsafe()
        self._pending.put(state, pending, PATIENCE)
        return state

    def forget(self, state: str) -> None:
        """Remove the waiting request of *state*, so that a page is answered once."""
        self._pending.take(state)

    def waiting(self, state: str, browser: str | None, form: dict[str, str] | None = None) -> Pending | None:
        """Return the waiting request of *state* if it belongs to this browser and, with a form, to its CSRF token."""
        pending = self._pending.get(state)
        if pending is None or not secrets.compare_digest(pending.browser.encode(), (browser or "").encode()):
            return None
        if form is not None and not secrets.compare_digest(pending.csrf_token.encode(), form.get("csrf", "").encode()):
            return None
        return pending
