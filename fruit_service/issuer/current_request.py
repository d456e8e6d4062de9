"""The HTTP request that Bottle is answering, as the endpoints read it."""

from __future__ import annotations

from http.cookies import CookieError

import bottle

from ..errors import BodyTooLarge
from ..serving import MAX_BODY
from .messages import Request


class CurrentRequest:
    """What the request of this thread brought to *issuer*. *cookie* is the name of the browser's cookie."""

    def __init__(self, issuer: str, cookie: str) -> None:
        self._issuer = issuer
        self._cookie = cookie

    def oauth(self) -> Request:
        """Return it with its parameters, from the body of a POST, else from the query."""
        request = bottle.request
        encoded = body() if request.method == "POST" else request.query_string
        return Request(request.method, self._issuer + request.path.lstrip("/"), encoded, headers())

    def form(self) -> dict[str, str]:
        """Return its parameters."""
        return self.oauth().form

    def page_key(self) -> tuple[str, str | None]:
        """Return the key of a waiting request: `state` and the browser's cookie."""
        return bottle.request.query.get("state", ""), self.browser()

    def browser(self) -> str | None:
        """Return the value of the browser's cookie, or None."""
        try:
            cookie: str | None = bottle.request.get_cookie(self._cookie)
        except CookieError:  # Python refuses them all for one with an odd name
            return None
        return cookie


def headers() -> dict[str, str]:
    """Return the request's headers as Latin-1 (RFC 9110, section 5.5): Bottle fails at bytes that are not UTF-8."""
    raw = bottle.request.headers
    return {name: raw.raw(name, "") for name in raw}


def body() -> str:
    """Return the body as text, as far as it is UTF-8."""
    if bottle.request.content_length > MAX_BODY:
        raise BodyTooLarge(f"A form has at most {MAX_BODY} bytes.")
    content: bytes = bottle.request.body.read()
    return content.decode("utf-8", "replace")
