"""A provider that signs in at once: real keys and signatures, no pages, and the time that it took itself.

Runs as a process of its own, prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import sys
import threading
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from .contenders import CLIENT_ID, HTTPS

LIFETIME = 3600
OK = "200 OK"


class StubProvider:
    """Answers `/authorize` with the response, `/token` with tokens; discovery and keys; `/busy` with seconds."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        # One access token for all, signed once: only the ID token differs from sign-in to sign-in.
        self._access_token = self._sign({"aud": "api/fruit", "scope": "openid profile read:usual-fruit"}, 24 * 3600)
        digest = hashlib.sha256(self._access_token.encode()).digest()
        self._at_hash = base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
        self._busy = 0.0

    def answer(self, target: str, body: str) -> bytes:
        """Return the whole answer to a request for *target*."""
        started = time.perf_counter()
        parts = urlsplit(target)
        if parts.path == "/busy":
            busy, self._busy = self._busy, 0.0
            return _http(OK, json.dumps(busy))
        answer = self._answer(parts.path, dict(parse_qsl(parts.query)), dict(parse_qsl(body)))
        self._busy += time.perf_counter() - started
        return answer

    def _answer(self, path: str, query: dict[str, str], form: dict[str, str]) -> bytes:
        if path == "/authorize":
            return self._authorize(query)
        if path.endswith("/token"):
            return _http(OK, json.dumps(self._tokens(form["code"])))
        if path == "/.well-known/openid-configuration":
            return _http(OK, json.dumps(self._metadata(f"{self.base}/", self.base)))
        if path == "/tenant/.well-known/openid-configuration":
            return _http(OK, json.dumps(self._metadata(f"{HTTPS}/tenant", f"{HTTPS}/tenant")))
        if path == "/jwks":
            return _http(OK, json.dumps({"keys": [self._key.as_dict(private=False)]}))
        return _http("404 Not Found", "{}")

    def _authorize(self, query: dict[str, str]) -> bytes:
        nonce = query.get("nonce", "none")
        if "token" in query["response_type"]:
            response = {"state": query["state"]} | self._tokens(nonce)
            separator = "#"
        else:
            response = {"state": query["state"], "code": nonce}
            separator = "?"
        redirect_uri, encoded = query["redirect_uri"], urlencode(response)
        if query.get("response_mode") == "form_post":
            return _http(OK, f"{redirect_uri}\n{encoded}")  # the scripted browser reads no HTML
        return _http("302 Found", "", f"Location: {redirect_uri}{separator}{encoded}\r\n")

    def _tokens(self, nonce: str) -> dict[str, Any]:
        claims = {"aud": CLIENT_ID, "nonce": nonce, "at_hash": self._at_hash, "nickname": "alice"}
        claims |= {"preferred_username": "alice", "tid": "tenant"}  # azure-identity takes no ID token without
        return {
            "access_token": self._access_token,
            "id_token": self._sign(claims, LIFETIME),
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "scope": "openid profile read:usual-fruit",
        }

    def _metadata(self, issuer: str, tokens_at: str) -> dict[str, Any]:
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{tokens_at}/token",
            "jwks_uri": f"{self.base}/jwks",
            "response_types_supported": ["token id_token", "code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _sign(self, claims: dict[str, Any], lifetime: int) -> str:
        now = int(time.time())
        whole = {"iss": f"{self.base}/", "sub": "alice", "iat": now, "exp": now + lifetime} | claims
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, whole, self._key)


def _http(status: str, body: str, headers: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\n{headers}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _serve(provider: StubProvider, connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile("rb") as stream:
        while request_line := stream.readline().decode():
            length = 0
            while (line := stream.readline().lower()) not in (b"\r\n", b""):
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            connection.sendall(provider.answer(request_line.split()[1], stream.read(length).decode()))


def _accept(provider: StubProvider, listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(provider, connection), daemon=True).start()


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listening.getsockname()[1]
    threading.Thread(target=_accept, args=(StubProvider(port), listening), daemon=True).start()
    print(port, flush=True)
    sys.stdin.read()
