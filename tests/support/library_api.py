"""A server for each protocol of docs/guide/your-library.md, with leeway 0: a token that has ended is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest

from fruit_service.serving import LOOPBACK, Server, listen

from .authority import certificates
from .strict_api import expiry
from .threads import joined


@dataclass
class Gate:
    """Lets in what brings a token whose `exp` lies ahead.

    Attributes:
        tokens: the tokens that were let in, in their order.
        refused: the number of requests that were not.
        revokes_next: the next token that comes is good no more, as if the user's rights had changed.
    """

    tokens: list[str] = field(default_factory=list, repr=False)
    refused: int = 0
    revokes_next: bool = False
    _revoked: set[str] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def admits(self, authorization: str) -> bool:
        """Tell whether a request with this `Authorization` header may come in."""
        token = authorization.removeprefix("Bearer ")
        with self._lock:
            if self.revokes_next:
                self._revoked.add(token)
                self.revokes_next = False
            is_good = token.count(".") == 2 and expiry(token) > time.time() and token not in self._revoked
            if is_good:
                self.tokens.append(token)
            else:
                self.refused += 1
        return is_good


@contextmanager
def http_api(gate: Gate, bodies: dict[str, object]) -> Iterator[str]:
    """Serve *bodies* by their paths, bytes as they are and others as JSON, to each method; give the address."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body, status = bodies.get(environ["PATH_INFO"]), "200 OK"
        headers = [("Content-Type", "application/json")]
        environ["wsgi.input"].read()
        if body is None:
            status, body = "404 Not Found", {"path": environ["PATH_INFO"]}
        elif not gate.admits(environ.get("HTTP_AUTHORIZATION", "")):
            status, body = "401 Unauthorized", {"msg": "not with this token"}
            headers.append(("WWW-Authenticate", 'Bearer error="invalid_token"'))
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        start_response(status, [*headers, ("Content-Length", str(len(content)))])
        return [content]

    sockets = listen(LOOPBACK, 0)
    with Server(app, sockets):
        yield f"http://localhost:{sockets[0].getsockname()[1]}"


FRUIT: dict[str, object] = {
    "/api/fruit": {"fruits": {"usual": ["apple"]}},
    "/fruits.csv": b"fruit\nkiwi\n",
    "/graphql": {"data": {"fruits": ["kiwi"]}},
    "/v1/chat/completions": {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "fruit",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "kiwi"}}],
    },
    "/v1/messages": {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "fruit",
        "content": [{"type": "text", "text": "kiwi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    # An Iceberg REST catalog.
    "/v1/config": {"defaults": {}, "overrides": {}},
    "/v1/namespaces": {"namespaces": [["fruit"]]},
    # Trino.
    "/v1/statement": {
        "id": "1",
        "infoUri": "http://localhost/",
        "columns": [
            {"name": "fruit", "type": "varchar", "typeSignature": {"rawType": "varchar", "arguments": []}},
        ],
        "data": [["kiwi"]],
        "stats": {"state": "FINISHED"},
    },
    "/api/2.0/mlflow/experiments/search": {"experiments": [{"experiment_id": "1", "name": "fruit"}]},
    "/api/2.0/preview/scim/v2/Me": {"userName": "alice"},
    "/api/v1/namespaces": {"apiVersion": "v1", "kind": "NamespaceList", "metadata": {}, "items": []},
}
"""The answers of the page's APIs, by their paths."""


def serve(running: ExitStack, gate: Gate, libraries: set[str]) -> dict[str, str]:
    """Run what *libraries* need until *running* ends, and return the addresses that take the place of the page's."""
    api = running.enter_context(http_api(gate, FRUIT))
    host, port = urlsplit(api).netloc.split(":")
    addresses = {
        **{f"https://{name}.example.com": api for name in ("api", "trino", "mlflow")},
        '"trino.example.com", port=443, http_scheme="https"': f'"{host}", port={port}, http_scheme="http"',
        'filesystem("https"': 'filesystem("http"',
    }
    if "websockets" in libraries:
        addresses["wss://events.example.com"] = running.enter_context(websocket_server(gate))
    if "gRPC" in libraries:
        addresses["grpc.example.com:443"] = running.enter_context(grpc_server(gate))
    if "MCP SDK" in libraries:
        addresses["https://mcp.example.com"] = running.enter_context(mcp_server(gate))
    return addresses


@contextmanager
def websocket_server(gate: Gate) -> Iterator[str]:
    """Serve WebSocket connections that bring a good token, and send each a message; give the address."""
    from websockets.sync.server import serve as serve_websockets

    def admit(connection: Any, request: Any) -> Any:
        is_good = gate.admits(request.headers.get("Authorization", ""))
        return None if is_good else connection.respond(401, "not with this token\n")

    def handle(connection: Any) -> None:
        connection.send("kiwi")

    with serve_websockets(handle, "localhost", 0, process_request=admit) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://localhost:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            joined([thread], 10)


@contextmanager
def grpc_server(gate: Gate) -> Iterator[str]:
    """Serve gRPC over TLS, with a certificate that this process trusts; give host and port."""
    import grpc

    def answer(request: bytes, context: Any) -> bytes:
        if not gate.admits(dict(context.invocation_metadata()).get("authorization", "")):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "not with this token")
        return b"kiwi"

    class Fruits(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
        def service(self, details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(answer)

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        bundle, pem = certificates(Path(folder))
        patch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(bundle))
        key = pem.read_bytes()
        server = grpc.server(ThreadPoolExecutor(2), handlers=[Fruits()])
        port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, key)]))
        server.start()
        try:
            yield f"localhost:{port}"
        finally:
            server.stop(None).wait(10)


@contextmanager
def mcp_server(gate: Gate) -> Iterator[str]:
    """Serve the MCP SDK's own server, which takes a token that *gate* admits; give the address."""
    import uvicorn
    from mcp.server import MCPServer
    from mcp.server.auth.provider import AccessToken
    from mcp.server.auth.settings import AuthSettings

    class Verifier:
        async def verify_token(self, token: str) -> Any:
            return AccessToken(token=token, client_id="demo", scopes=[]) if gate.admits(token) else None

    urls = {"issuer_url": "http://localhost/", "resource_server_url": "http://localhost/mcp"}
    settings = AuthSettings.model_validate({**urls, "validate_token_resource": False})
    server = MCPServer("fruits", token_verifier=Verifier(), auth=settings)

    def fruits() -> str:
        return "kiwi"

    server.add_tool(fruits)
    [listening] = listen(["127.0.0.1"], 0)
    web = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="error"))
    thread = threading.Thread(target=web.run, args=([listening],))
    thread.start()
    try:
        while not web.started:
            assert thread.is_alive()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        web.should_exit = True
        joined([thread], 10)
