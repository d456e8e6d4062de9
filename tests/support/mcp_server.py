"""The server of the Model Context Protocol's own Python SDK, for the tokens of one issuer: PyJWT checks them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
import requests
import uvicorn
from mcp.server import MCPServer
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings

from fruit_service.serving import listen

from .threads import joined

PATH = "/api/fruit"
"""Where the server is, below its host. The local issuer knows its API at this path of any port."""

SCOPES = ["read:usual-fruit"]


@dataclass
class Verifier:
    """Takes a JWT of *issuer* for *resource*, to the second of its `exp`.

    Attributes:
        tokens: those that were taken, each once, in their order.
    """

    issuer: str
    resource: str
    tokens: list[str] = field(default_factory=list, repr=False)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what the SDK has to know of *token*, or None for one that is not good."""
        try:
            claims = self._claims(token)
        except jwt.InvalidTokenError:
            return None
        self.tokens += [token] if token not in self.tokens else []
        return AccessToken(
            token=token,
            client_id=claims["azp"],
            scopes=claims["scope"].split(" "),
            expires_at=claims["exp"],
            # The audience has it. The SDK compares it with its own address.
            resource=self.resource,
        )

    def _claims(self, token: str) -> dict[str, Any]:
        with requests.Session() as session:
            session.trust_env = False  # no proxy for loopback
            keys = jwt.PyJWKSet.from_dict(session.get(f"{self.issuer}.well-known/jwks.json", timeout=30).json())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims: dict[str, Any] = jwt.decode(token, key, ["RS256"], audience=self.resource, issuer=self.issuer)
        return claims


@contextmanager
def mcp_server(issuer: str) -> Iterator[tuple[str, Verifier]]:
    """Serve one tool, `fruits`, to users of *issuer*; give the address, and the verifier of tokens."""
    [listening] = listen(["127.0.0.1"], 0)
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    verifier = Verifier(issuer, f"http://{host}{PATH}")
    settings = AuthSettings.model_validate(
        {
            "issuer_url": issuer,
            "resource_server_url": verifier.resource,
            "required_scopes": SCOPES,
            "validate_token_resource": True,
        }
    )
    server = MCPServer("fruits", token_verifier=verifier, auth=settings)

    def fruits() -> str:
        return "kiwi"

    server.add_tool(fruits)
    app = server.streamable_http_app(streamable_http_path=PATH)
    web = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=web.run, args=([listening],), name="mcp-server")
    thread.start()
    try:
        while not web.started:
            assert thread.is_alive()
            time.sleep(0.05)
        yield verifier.resource, verifier
    finally:
        web.should_exit = True
        joined([thread], 10)
