"""A `requests.Session` that sends a token to one origin, and lets no error show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests

if TYPE_CHECKING:
    from .auth import Auth


class TokenSession(requests.Session):
    """Sends the token of *auth* to the origin of *base_url*, or to the first one used, and to no other.

    A redirect to another origin goes there without the token.
    """

    def __init__(self, auth: Auth, base_url: str | None = None) -> None:
        super().__init__()
        self._token_auth = auth
        self._base_url = base_url
        self._origin = _origin(base_url) if base_url else None

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, with the token if it goes to the session's origin; *url* may be relative to the base URL."""
        text = url.decode() if isinstance(url, bytes) else url
        if self._base_url is not None:
            text = urljoin(self._base_url, text)
        if self._origin is None:
            self._origin = _origin(text)
        if kwargs.get("auth") is None and _origin(text) == self._origin:
            kwargs["auth"] = self._token_auth
        return super().request(method, text, *args, **kwargs)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send *request*; an error is raised again from here, without the frames in which the header stands."""
        try:
            return super().send(request, **kwargs)
        except requests.RequestException as error:
            sentence, kind = str(error), type(error)
        raise kind(sentence, request=request)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take the token off a redirect that leaves the origin; `requests` would let it go to https on another port."""
        if _origin(str(prepared_request.url)) != self._origin:
            prepared_request.headers.pop("Authorization", None)
            return
        super().rebuild_auth(prepared_request, response)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme.lower())
