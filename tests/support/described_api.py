"""An API that says where to sign in, and the authorization server that it names, on one port. A test may spoil both."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlencode, urlsplit

from .http_server import QuietHandler, QuietServer, running

METADATA = "/.well-known/oauth-protected-resource/v1"
SERVER = "/.well-known/oauth-authorization-server"

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True)
class Sent:
    """A request: the path without its query, the form or the query as a dictionary, and the headers."""

    method: str
    path: str
    form: Mapping[str, str]
    headers: Mapping[str, str]
    body: str


@dataclass
class DescribedApi:
    """What both say, and what was sent to them.

    Attributes:
        url: of the API.
        challenge: the parameters of the 401.
        resource: the API's metadata, at `METADATA`.
        server: the authorization server's metadata.
        answers: what is sent in place of all that, by path.
        clients: the secret of each application that the server knows; None for one without.
        registered: what is added to the answer of a registration.
        refuses: a member of a client's metadata with which no client is registered.
        lifetime: of an access token, in seconds.
    """

    origin: str
    challenge: dict[str, str]
    resource: dict[str, object]
    server: dict[str, object]
    sent: list[Sent] = field(default_factory=list)
    answers: dict[str, Answer | Callable[[], Iterator[bytes]]] = field(default_factory=dict)
    clients: dict[str, str | None] = field(default_factory=dict)
    registered: dict[str, object] = field(default_factory=dict)
    refuses: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    lifetime: int = 3600

    @property
    def url(self) -> str:
        """The address that a user gives."""
        return f"{self.origin}/v1/items"

    def to(self, path: str) -> list[Sent]:
        """Return what was sent to *path*."""
        return [each for each in self.sent if each.path == path]

    def answer(self, sent: Sent) -> Answer:
        """Return what *sent* is answered."""
        ways = {
            METADATA: lambda: as_json(200, self.resource),
            SERVER: lambda: as_json(200, self.server),
            "/register": lambda: self._register(sent),
            "/authorize": lambda: self._authorize(sent),
            "/token": lambda: self._token(sent),
            "/device": lambda: self._device(sent),
        }
        if sent.path in ways:
            return ways[sent.path]()
        return self._api(sent) if sent.path.startswith("/v1") else (404, {}, b"")

    def _api(self, sent: Sent) -> Answer:
        token = sent.headers.get("Authorization", "").removeprefix("Bearer ")
        if token in self.tokens:
            return as_json(200, {"scope": self.tokens[token]})
        said = ", ".join(f'{name}="{value}"' for name, value in self.challenge.items())
        return 401, {"WWW-Authenticate": f"Bearer {said}".strip()}, b"{}"

    def _register(self, sent: Sent) -> Answer:
        asked, client_id = json.loads(sent.body), f"client-{len(self.clients) + 1}"
        if self.refuses in asked:
            return as_json(400, {"error": "invalid_client_metadata", "error_description": f"not with {self.refuses}"})
        secret = self.registered.get("client_secret")
        self.clients[client_id] = secret if isinstance(secret, str) else None
        more = {"client_id": client_id, "registration_access_token": "registration-secret"}
        return as_json(201, {**asked, **more, **self.registered})

    def _authorize(self, sent: Sent) -> Answer:
        form = sent.form
        if form["client_id"] not in self.clients and not form["client_id"].startswith("https://"):
            return 400, {}, b"unknown client"
        code = quote(json.dumps([form.get("scope", ""), form["client_id"]]))
        more = urlencode({"code": code, "state": form["state"], "iss": str(self.server["issuer"])})
        return 302, {"Location": f"{form['redirect_uri']}?{more}"}, b""

    def _device(self, sent: Sent) -> Answer:
        code = quote(json.dumps([sent.form.get("scope", ""), sent.form["client_id"]]))
        more = {"user_code": "ABCD", "verification_uri": f"{self.origin}/activate", "expires_in": 60, "interval": 1}
        return as_json(200, {"device_code": code, **more})

    def _token(self, sent: Sent) -> Answer:
        form = dict(sent.form)
        kind, _, basic = sent.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, password = base64.b64decode(basic).decode().partition(":")
            form |= {"client_id": unquote_plus(name), "client_secret": unquote_plus(password)}
        client_id = form["client_id"]
        is_known = client_id in self.clients or client_id.startswith("https://")
        if not is_known or self.clients.get(client_id) != form.get("client_secret"):
            return as_json(401, {"error": "invalid_client"})
        scope, _ = json.loads(unquote(form.get("code") or form.get("device_code") or form["refresh_token"]))
        token = secrets.token_urlsafe(8)
        self.tokens[token] = scope
        refresh = quote(json.dumps([scope, client_id]))
        more = {"expires_in": self.lifetime, "refresh_token": refresh, "scope": scope}
        return as_json(200, {"access_token": token, "token_type": "Bearer", **more})


def as_json(status: int, document: object) -> Answer:
    """Return *document* as an answer."""
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()


def described(origin: str) -> DescribedApi:
    """Return both as they are when nothing is spoilt."""
    return DescribedApi(
        origin,
        challenge={"resource_metadata": origin + METADATA, "scope": "read:items"},
        resource={
            "resource": f"{origin}/v1",
            "authorization_servers": [origin],
            "scopes_supported": ["read:items", "write:items"],
        },
        server={
            "issuer": origin,
            "authorization_endpoint": f"{origin}/authorize",
            "token_endpoint": f"{origin}/token",
            "registration_endpoint": f"{origin}/register",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        },
    )


@contextmanager
def serving_described() -> Iterator[DescribedApi]:
    """Give a running API with its authorization server, on 127.0.0.1."""
    api: DescribedApi

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            parts = urlsplit(self.path)
            form = dict(parse_qsl(parts.query or ("" if body.startswith("{") else body)))
            sent = Sent(self.command, parts.path, form, dict(self.headers.items()), body)
            api.sent.append(sent)
            special = api.answers.get(parts.path)
            try:
                if callable(special):
                    for part in special():
                        self.wfile.write(part)
                    return
                status, headers, content = special or api.answer(sent)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True

        do_POST = do_GET

    with running(QuietServer(Handler)) as server:
        api = described(f"http://127.0.0.1:{server.port}")
        yield api
