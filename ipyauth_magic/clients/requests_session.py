"""A `requests.Session` that sends a token to one origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import requests

from ..protocol.urls import is_of_this_machine
from .requests_auth import RequestsAuth
from .retry import HasAccessToken, TokenProvider, check_origin, check_transport

Origin = tuple[str, str, int | None]
"""Scheme, host and port (RFC 6454, section 4)."""


class TokenSession(requests.Session):
    """A `requests.Session` that sends the token to one origin, and to no other; `auth.session()` returns it.

    The token is renewed before it expires. A redirect to another origin goes there without the token.

    Args:
        provider: gives the tokens.
        base_url: its origin gets the token, and URLs may be relative to it (RFC 3986, 5.2). By default the API's
            address, if the user signed in by that, otherwise the origin of the first request.
        without_tls: send the token also over plain http to another machine.

    Raises:
        ValueError: *base_url* is not an http or https URL.
        OtherOrigin: the user signed in by an API's address, and *base_url* has another origin.
        InsecureApi: *base_url* is plain http to another machine. Without *base_url*, the first request raises it.
    """

    def __init__(
        self, provider: TokenProvider[HasAccessToken], base_url: str | None = None, without_tls: bool = False
    ) -> None:
        super().__init__()
        base_url = provider.api if base_url is None else base_url
        self._token_auth = RequestsAuth(provider, without_tls=without_tls)
        self._base_url = base_url
        self._origin = _origin(base_url) if base_url else None
        if base_url and self._origin is None:
            raise ValueError("base_url must begin with https:// or http://")
        if base_url:
            check_transport(base_url, without_tls)
            check_origin(base_url, provider.api)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Return *request* prepared, with the token if it goes to the session's origin and has no other `auth`."""
        if self._base_url is not None and isinstance(request.url, str):
            request.url = urljoin(self._base_url, request.url)
        prepared = super().prepare_request(request)
        origin = _origin(str(prepared.url))
        if request.auth is None and self.auth is None and self._origin in (None, origin):
            prepared.prepare_auth(self._token_auth)  # an origin that it refuses is not the session's
        if self._origin is None:
            self._origin = origin
        return prepared

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send *request*; a request to this machine uses no proxy of the environment, only `proxies` of the session.

        `requests` itself would send it, with the token and without TLS, to another machine that `http_proxy` names.
        """
        if is_of_this_machine(str(request.url)):
            kwargs["proxies"] = self.proxies
        return super().send(request, **kwargs)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Remove the token on a redirect to another origin; `requests` would keep it for https on the same host."""
        if _origin(str(prepared_request.url)) != self._origin:
            prepared_request.headers.pop("Authorization", None)
            return
        super().rebuild_auth(prepared_request, response)

    def __getstate__(self) -> NoReturn:
        raise TypeError(
            "A session that sends a token is not copied or pickled. Make one with `auth.session()` in each place."
        )


def _origin(url: str) -> Origin | None:
    """Return the origin of *url*, or None if it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


_DEFAULT_PORTS: Mapping[str, int] = {"https": 443, "http": 80}
