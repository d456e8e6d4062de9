"""A front of the local issuer whose application has a secret: it demands the secret, and notes all requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import requests

from fruit_service.issuer.server import LocalIssuer

from .http_server import QuietHandler, QuietServer, running

FRONTED = ("token_endpoint", "device_authorization_endpoint", "revocation_endpoint", "userinfo_endpoint", "jwks_uri")
DEMANDING = ("token_endpoint", "revocation_endpoint")


@dataclass
class Confidential:
    """What was sent to each endpoint of the front: the endpoint's name and the raw request, its headers first."""

    issuer: LocalIssuer
    secret: str
    methods: Sequence[str]
    url: str = ""
    sent: list[tuple[str, str]] = field(default_factory=list)
    ways: list[str] = field(default_factory=list)

    @property
    def discovery_url(self) -> str:
        """Where the document is that names the front's endpoints."""
        return f"{self.url}/d"

    def document(self) -> dict[str, object]:
        """Return the issuer's document, with endpoints of the front."""
        original = requests.get(f"{self.issuer.issuer}.well-known/openid-configuration", timeout=10).json()
        fronted = {name: self.url + urlsplit(original[name]).path for name in FRONTED}
        return {**original, **fronted, "token_endpoint_auth_methods_supported": list(self.methods)}

    def way(self, headers: dict[str, str], form: dict[str, str]) -> str:
        """Return how the request brings the secret, which it takes out of *form*, or `none`."""
        kind, _, credentials = headers.get("Authorization", "").partition(" ")
        if kind == "Basic" and "client_id" not in form:
            name, _, secret = base64.b64decode(credentials).decode().partition(":")
            form["client_id"] = unquote_plus(name)
            return "basic" if unquote_plus(secret) == self.secret else "wrong"
        if "client_secret" in form:
            return "post" if form.pop("client_secret") == self.secret else "wrong"
        return "none"


@contextmanager
def in_front_of(issuer: LocalIssuer, secret: str, methods: Sequence[str]) -> Iterator[Confidential]:
    """Give a running front of *issuer*, which says that it takes the secret by *methods*."""
    front = Confidential(issuer, secret, methods)

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            document = front.document()
            if self.path == "/d":
                return self.answer(200, json.dumps(document).encode())
            name = next(each for each in FRONTED if str(document[each]).endswith(self.path))
            headers, form = dict(self.headers.items()), dict(parse_qsl(body))
            front.sent.append((name, f"{headers}\n{body}"))
            way = front.way(headers, form)
            if name in DEMANDING:
                front.ways.append(way)
                if way not in ("basic", "post"):
                    return self.answer(401, b'{"error": "invalid_client"}')
            names = {"Authorization", "Content-Type"}
            kept = {each: text for each, text in headers.items() if each in names}
            if way == "basic":
                del kept["Authorization"]
            url = front.issuer.issuer.rstrip("/") + self.path
            answered = requests.request(self.command, url, data=urlencode(form), headers=kept, timeout=10)
            self.answer(answered.status_code, answered.content)

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

    with running(QuietServer(Handler)) as server:
        front.url = f"http://127.0.0.1:{server.port}"
        yield front
