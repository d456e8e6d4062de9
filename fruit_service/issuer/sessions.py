"""The sessions of users, each in one browser, by its cookie."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from bottle import HTTPResponse

from .directory import User
from .switches import Switches
from .ttl import TtlMap

SESSION_LIFETIME = 10 * 3600
"""In seconds."""

_OUR_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")
"""The form of `secrets.token_urlsafe()`."""


@dataclass(frozen=True)
class Session:
    """The session of a user in one browser."""

    user: User
    auth_time: int
    acr: str | None = None


class Sessions:
    """The sessions of one issuer. *browser* is the value of a browser's cookie, or None."""

    def __init__(self, issuer: str, switches: Switches) -> None:
        self._sessions: TtlMap[Session] = TtlMap(switches.elapsed)
        # With the port, because browsers share cookies between ports.
        self.cookie = f"local_issuer_{issuer.rstrip('/').rpartition(':')[2]}"

    def of(self, browser: str | None) -> Session | None:
        """Return the session of *browser*, or None."""
        return self._sessions.get(browser)

    def begin(self, session: Session) -> str:
        """Keep *session*, and return its cookie: a new one, so that one planted before is worthless (fixation)."""
        browser = secrets.token_urlsafe()
        self._sessions.put(browser, session, SESSION_LIFETIME)
        return browser

    def end(self, browser: str | None, response: HTTPResponse) -> HTTPResponse:
        """End the session of *browser*, and return *response*, which removes its cookie."""
        self._sessions.take(browser)
        response.delete_cookie(self.cookie, path="/")
        return response

    def with_cookie(self, response: HTTPResponse, browser: str) -> HTTPResponse:
        """Return *response*, which gives the browser its cookie."""
        response.set_cookie(self.cookie, browser, path="/", httponly=True, samesite="lax")
        return response


def browser_for(browser: str | None) -> str:
    """Return *browser*, or a new cookie if it is none of ours: another may be too long to be repeated."""
    return browser if browser and _OUR_COOKIE.fullmatch(browser) else secrets.token_urlsafe()
