"""The running issuer: on loopback, served from threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..serving import LOOPBACK, Server, listen
from .app import Endpoints
from .directory import CALLBACK_URLS, FRUIT_API, LOGOUT_URLS, Client, Directory, one_name
from .grants import authorization_server
from .interaction import Interaction
from .signing import Keys, Signer
from .switches import Switches
from .terms import Terms


class LocalIssuer:
    """An issuer on `http://localhost:PORT/`, from `with` to the end of its block.

    Args:
        port: the port on both loopback addresses; 0 chooses a free one.
        callback_urls: the redirect URIs of its client.
        lifetime: lifetime of access tokens, in seconds.
        skip_consent: show no consent page.
        auto_approve: a user, `alice` or `bob`, who signs in and allows everything without a page, so that `/authorize`
            answers at once with the redirect. For tests.
        other_clients: identifiers of further clients, otherwise equal to the first one. For tests.
        logout_urls: redirect URIs after a logout (Auth0: Allowed Logout URLs).
        other_apis: identifiers of further APIs with the same scopes, each with the lifetime of its access tokens in
            seconds (Auth0: Token Expiration of an API).
        resources: identifiers of APIs by their URLs (RFC 8707). Without an entry, an API is at `/IDENTIFIER` of any
            port of this machine.

    Attributes:
        issuer: its issuer identifier, which is its URL.
        port: the port on which it listens.
        switches: settings that a test can change while it runs.
    """

    def __init__(
        self,
        port: int = 9400,
        callback_urls: Sequence[str] = CALLBACK_URLS,
        lifetime: int = 60,
        skip_consent: bool = False,
        auto_approve: str | None = None,
        other_clients: Sequence[str] = (),
        logout_urls: Sequence[str] = LOGOUT_URLS,
        other_apis: Mapping[str, int] = MappingProxyType({}),
        resources: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._sockets = listen(LOOPBACK, port)
        self.port: int = self._sockets[0].getsockname()[1]
        self.issuer = f"http://localhost:{self.port}/"
        client = Client(redirect_uris=tuple(callback_urls), logout_urls=tuple(logout_urls))
        others = tuple(replace(client, client_id=each, name=each) for each in other_clients)
        apis = tuple(replace(FRUIT_API, identifier=each) for each in other_apis)
        urls = {one_name(url): identifier for url, identifier in resources.items()}
        self._directory = Directory(client, other_clients=others, other_apis=apis, resources=urls)
        self.switches = Switches(access_token_lifetime=lifetime, api_lifetimes=dict(other_apis))
        self._signer = Signer(self.issuer, self.switches)
        server = authorization_server(self._directory, self._signer)
        app = Endpoints(server, Interaction(server, auto_approve, skip_consent)).app()
        self._server = Server(self.switches.wrap(app), self._sockets)

    def __enter__(self) -> LocalIssuer:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def keys(self) -> Keys:
        """Its keys. A test can change them while it runs."""
        return self._signer.keys

    @property
    def client_id(self) -> str:
        """The identifier of its client."""
        return self._directory.client.client_id

    @property
    def audience(self) -> str:
        """The identifier of its API."""
        return self._directory.api.identifier

    @property
    def callback_urls(self) -> tuple[str, ...]:
        """The redirect URIs of its client."""
        return self._directory.client.redirect_uris

    def access_token(self, scope: str, user: str = "alice", acr: str | None = None, age: int = 0) -> str:
        """Return an access token for the API without a sign-in, for tests of an API.

        With *acr* it also says that the user signed in *age* seconds ago, in that way.
        """
        auth_time = int(self.switches.now()) - age if acr else None
        terms = Terms(self.audience, auth_time=auth_time, acr=acr)
        return self._signer.access_token(self._directory.users[user], self.client_id, scope, terms)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return *claims* as a JWT, signed with the issuer's key, for tests. The claims are not checked."""
        return self._signer.sign(claims)
