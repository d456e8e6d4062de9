"""An issuer that does nothing but publish keys: the ones, and the mistakes, that a test asks for."""

from __future__ import annotations

import json
from typing import Any

from bottle import Bottle, HTTPResponse

from fruit_service.serving import Server, listen


class KeyPublisher:
    """Serves a discovery document and a key set, and counts how often the set is fetched."""

    def __init__(self, jwks: Any = None) -> None:
        """Publish *jwks*, which may be changed at any time."""
        sockets = listen(["127.0.0.1"], 0)
        self.issuer = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/"
        self.jwks: Any = jwks or {"keys": []}
        self.metadata: dict[str, Any] = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}jwks"}
        self.status = 200
        self.fetches = 0
        app = Bottle()
        app.get("/.well-known/openid-configuration", callback=lambda: self._answer(self.metadata))
        app.get("/jwks", callback=self._fetched)
        self._server = Server(app, sockets)

    def __enter__(self) -> KeyPublisher:
        """Begin to serve."""
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.__exit__()

    def _fetched(self) -> HTTPResponse:
        self.fetches += 1
        return self._answer(self.jwks)

    def _answer(self, document: Any) -> HTTPResponse:
        return HTTPResponse(json.dumps(document), self.status, {"Content-Type": "application/json"})
