"""The running issuer: bound to loopback, served from threads, ended cleanly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..serving import LOOPBACK, Server, listen
from .app import Endpoints
from .grants import LocalAuthorizationServer
from .interaction import Interaction
from .people import CALLBACK_URLS, Client, Directory
from .signing import Signer


class LocalIssuer:
    """An issuer on `http://localhost:PORT/`, from `with` to the end of its block.

    Args:
        port: where it listens, on both loopback addresses; 0 takes a free one.
        callback_urls: the redirect URIs of its client.
        lifetime: of access tokens, in seconds.
        skip_consent: leave the consent page out.
        auto_approve: a user, `alice` or `bob`, who has always just signed in and allowed everything: `/authorize`
            answers at once with the redirect. For tests.
    """

    def __init__(
        self,
        port: int = 9400,
        callback_urls: Sequence[str] = CALLBACK_URLS,
        lifetime: int = 60,
        skip_consent: bool = False,
        auto_approve: str | None = None,
    ) -> None:
        self._sockets = listen(LOOPBACK, port)
        self.port: int = self._sockets[0].getsockname()[1]
        self.issuer = f"http://localhost:{self.port}/"
        self._directory = Directory(Client(redirect_uris=tuple(callback_urls)))
        self._signer = Signer(self.issuer, lifetime)
        server = LocalAuthorizationServer(self._directory, self._signer)
        app = Endpoints(server, Interaction(server, auto_approve, skip_consent)).app()
        self._server = Server(app, self._sockets)

    def __enter__(self) -> LocalIssuer:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def client_id(self) -> str:
        """The identifier of the client that it knows."""
        return self._directory.client.client_id

    @property
    def audience(self) -> str:
        """The identifier of the API that it knows."""
        return self._directory.api.identifier

    @property
    def callback_urls(self) -> tuple[str, ...]:
        """The redirect URIs that it knows."""
        return self._directory.client.redirect_uris

    def access_token(self, scope: str, user: str = "alice") -> str:
        """Return an access token for the API, without any sign-in: for tests of what receives one."""
        return self._signer.access_token(self._directory.users[user], self.client_id, scope, self.audience)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return *claims* as a JWT with the issuer's key, right or wrong: for tests."""
        return self._signer.sign(claims)
