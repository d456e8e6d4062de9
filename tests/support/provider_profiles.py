"""Providers in the shapes of real ones. The documents and answers of each are data, in tests/corpora/providers.json.

    with ProfileProvider("cognito") as provider:
        provider.issuer, provider.profile["flows"]

The members of a profile:

    about, sources     what it stands for; where the shapes were read
    issuer             what the user writes; default `{base}`. `params` takes its place (Auth0's `domain`)
    discovery_at       paths of the discovery document; default: below `issuer`
    metadata           its members; a URL's path is where that endpoint is served; `unannounced`: more endpoints
    keys               {alg, kid, members, extra, signs, hidden}, or {raw: any JWK}
    iss, id_token, id_token_header, id_token_lasts, hash_with_code, access_token, token, implicit
                       the tokens and their answer, over the usual; a None takes a member away
    scopes, unknown_scope
                       the scopes that it knows; for others "ignored", a page's text, or an error that goes back
    authorize          rules: {when, without, with_headers, without_headers} and {page} or {redirect}
    callback, not_with_errors, query_only
                       more parameters of the authorization response; it always comes in the query
    token_rules, revoke, logout, device.rules
                       rules of the other endpoints, with {answer: (status, body)} or {page}
    refresh            {given_for: ["scope=offline_access", "prompt"], answer, rotates, repeats_nonce, refusal}
    flows              the flows that its users have, each with more parameters, and with `wants`: "token", or a
                       regular expression for the words of a right refusal
    lasts              seconds for which the access token is good, where the provider does not say
"""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from .http_server import QuietHandler, QuietServer, running
from .profile_keys import encoded, half_hash, private_key, public_jwk, signed

PROFILES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "corpora" / "providers.json").read_text(encoding="utf-8")
)
CLIENT_ID = "notebook-client"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
USER_CODE = "WDJB-MJHT"

Form = dict[str, str]
Answer = tuple[int, dict[str, str], Any]
"""Status, headers, and the body: a text is HTML, all else JSON."""

_BAD_GRANT: Answer = (400, {}, {"error": "invalid_grant"})


def over(base: Mapping[str, Any], more: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return *base* with the members of *more*; a None takes one away."""
    return {name: value for name, value in {**base, **(more or {})}.items() if value is not None}


class ProfileProvider:
    """One provider, within the block, on a port of its own at 127.0.0.1.

    Attributes:
        base: its origin; `other` is the same port under another name, which is a second host.
        has_session: the user is signed in there.
        pages: what its own pages showed to the user.
        asked: the endpoints that were asked, each with its parameters.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.has_session = False
        self.pages: list[str] = []
        self.asked: list[tuple[str, Form]] = []
        self._codes: dict[str, Form] = {}
        self._devices: dict[str, Form] = {}
        self._refresh_tokens: dict[str, Form] = {}
        self._server = QuietServer(_handler(self))
        self._running = running(self._server)
        port = self._server.port
        self.base, self.other = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        if PROFILES[name].get("host") == "localhost":
            self.base, self.other = self.other, self.base
        self.profile: dict[str, Any] = self.filled(copy.deepcopy(PROFILES[name]))
        self.issuer: str = self.profile.get("issuer", self.base)

    def __enter__(self) -> Self:
        for key in self.profile["keys"]:
            if "raw" not in key and not key["alg"].startswith("HS"):
                private_key(key["alg"], key["kid"])
        self._running.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.__exit__(None, None, None)

    def filled(self, value: Any) -> Any:
        """Return *value* with the names in braces filled in, whatever it is made of."""
        if isinstance(value, str):
            for name, text in (("base", self.base), ("other", self.other), ("client_id", CLIENT_ID)):
                value = value.replace(f"{{{name}}}", text)
            return value
        if isinstance(value, dict):
            return {self.filled(name): self.filled(each) for name, each in value.items()}
        return [self.filled(each) for each in value] if isinstance(value, list) else value

    @property
    def metadata(self) -> dict[str, Any]:
        """Its discovery document."""
        return over({"issuer": self.issuer}, self.profile["metadata"])

    @property
    def discovery_url(self) -> str:
        """Where its discovery document is."""
        return self.base + self._discovery_paths()[0]

    # Requests

    def answer(self, method: str, target: str, body: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer to a request."""
        parts = urlsplit(target)
        form = dict(parse_qsl(body if method == "POST" else parts.query, keep_blank_values=True))
        sent = headers.get("Authorization", "")
        if sent.startswith("Basic "):  # client_secret_basic (RFC 6749, 2.3.1)
            name, _, secret = base64.b64decode(sent[6:]).decode().partition(":")
            form = {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret), **form}
        endpoint = self._endpoints().get(parts.path)
        if endpoint is None or not hasattr(self, f"_{endpoint}"):
            return self._page(404, "Not found")
        self.asked.append((endpoint, form))
        answered: Answer = getattr(self, f"_{endpoint}")(form, {name.lower() for name in headers})
        return answered

    def _discovery_paths(self) -> list[str]:
        below = urlsplit(self.issuer).path.rstrip("/") + "/.well-known/openid-configuration"
        paths: list[str] = self.profile.get("discovery_at", [below])
        return paths

    def _endpoints(self) -> dict[str, str]:
        named = {**self.profile["metadata"], **self.profile.get("unannounced", {})}
        known = {urlsplit(url).path: name for name, url in named.items() if isinstance(url, str) and "://" in url}
        return known | dict.fromkeys(self._discovery_paths(), "discovery")

    def _page(self, status: int, text: str) -> Answer:
        self.pages.append(text)
        return status, {}, f"<!doctype html><title>{self.name}</title><p>{text}</p>"

    def _ruled(self, rules: Iterable[dict[str, Any]], form: Form, headers: set[str]) -> dict[str, Any] | None:
        """Return the first of *rules* that applies to the request."""
        return next((rule for rule in rules if self._applies(rule, form, headers)), None)

    def _applies(self, rule: dict[str, Any], form: Form, headers: set[str]) -> bool:
        request = self._codes.get(form.get("code", "")) or self._devices.get(form.get("device_code", "")) or {}
        return (
            rule.get("granted") in (None, *request.get("granted", "").split())
            and all(form.get(name) == value for name, value in rule.get("when", {}).items())
            and not any(form.get(name) for name in rule.get("without", ()))
            and not headers & {name.lower() for name in rule.get("without_headers", ())}
            and headers >= {name.lower() for name in rule.get("with_headers", ())}
        )

    def _answered_by_rule(self, rules: Iterable[dict[str, Any]], form: Form, headers: set[str]) -> Answer | None:
        rule = self._ruled(rules, form, headers)
        return None if rule is None else (rule["answer"][0], {}, rule["answer"][1])

    def _discovery(self, form: Form, headers: set[str]) -> Answer:
        return 200, {}, self.metadata

    def _jwks_uri(self, form: Form, headers: set[str]) -> Answer:
        return 200, {}, {"keys": [public_jwk(key) for key in self.profile["keys"] if not key.get("hidden")]}

    # The authorization endpoint (RFC 6749, 3.1)

    def _authorization_endpoint(self, form: Form, headers: set[str]) -> Answer:
        rule = self._ruled(self.profile.get("authorize", ()), form, headers)
        if rule is not None:
            return self._page(400, rule["page"]) if "page" in rule else self._back(form, rule["redirect"])
        kinds = [_in_order(kind) for kind in self.profile.get("response_types", ("code", "token id_token"))]
        if _in_order(form.get("response_type", "")) not in kinds:
            return self._back(form, self.profile.get("wrong_type", {"error": "unsupported_response_type"}))
        scope, refusal = self._granted(form)
        if refusal is not None:
            return self._page(400, refusal) if isinstance(refusal, str) else self._back(form, refusal)
        self.has_session = True
        request = {**form, "granted": scope}
        if "code" in form["response_type"]:
            code = secrets.token_urlsafe(24)
            self._codes[code] = request
            return self._back(form, {"code": code})
        return self._back(form, self._tokens(request, self.profile.get("implicit")))

    def _back(self, form: Form, parameters: Mapping[str, Any]) -> Answer:
        left_out = self.profile.get("not_with_errors", ()) if "error" in parameters else ()
        extra = {name: value for name, value in self.profile.get("callback", {}).items() if name not in left_out}
        sent = urlencode({**parameters, "state": form.get("state", ""), **extra})
        in_fragment = form.get("response_mode") == "fragment" and not self.profile.get("query_only")
        mark = "?" if form.get("response_type") == "code" and not in_fragment else "#"
        return 302, {"Location": f"{form.get('redirect_uri', '')}{mark}{sent}"}, ""

    def _granted(self, form: Form) -> tuple[str, Any]:
        """Return the granted scopes, and how it refuses: None, a page's text, or the members of an error."""
        asked, known = form.get("scope", "").split(), self.profile.get("scopes")
        if known is None:
            return " ".join(asked), None
        unknown = [scope for scope in asked if scope not in known]
        answer = self.profile.get("unknown_scope", "ignored")
        if unknown and answer != "ignored":
            return "", json.loads(json.dumps(answer).replace("{scope}", " ".join(unknown)))
        return " ".join(scope for scope in asked if scope in known), None

    # Tokens

    def _signer(self) -> dict[str, Any]:
        return next(key for key in self.profile["keys"] if key.get("signs"))

    def _access_token(self, request: Form) -> str:
        kind, now = self.profile.get("access_token", "jwt"), int(time.time())
        if kind == "opaque":
            return secrets.token_urlsafe(32)
        if kind == "jwe":
            head = json.dumps({"alg": "dir", "enc": "A256GCM", "iss": self.issuer}).encode()
            return ".".join([encoded(head), "", *(encoded(secrets.token_bytes(size)) for size in (12, 64, 16))])
        claims = {"iss": self.issuer, "sub": "alice", "aud": "api", "exp": now + 3600, "scope": request["granted"]}
        return signed({**claims, "jti": secrets.token_hex(8)}, self._signer(), {"typ": "at+jwt"})

    def _id_token(self, request: Form, access_token: str) -> str:
        key, now = self._signer(), int(time.time())
        is_by_code = request.get("response_type", "code") == "code"
        claims = {
            "iss": self.profile.get("iss", self.metadata["issuer"]),
            "sub": "alice",
            "aud": request["client_id"],
            "iat": now,
            "exp": now + self.profile.get("id_token_lasts", 3600),
            "name": "Alice",
            "nonce": request.get("nonce"),
            "at_hash": half_hash(key["alg"], access_token),
        }
        if is_by_code and not self.profile.get("hash_with_code", True):
            del claims["at_hash"]
        return signed(over(claims, self.profile.get("id_token")), key, self.profile.get("id_token_header"))

    def _tokens(self, request: Form, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        access_token = self._access_token(request)
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": request["granted"],
            # RFC 6749 alone knows no ID token: it is OpenID's scope that asks for one (Core, 3.1.2.1).
            "id_token": self._id_token(request, access_token) if "openid" in request.get("scope", "").split() else None,
        }
        return over(over(answer, self.profile.get("token")), more)

    def _token_endpoint(self, form: Form, headers: set[str]) -> Answer:
        if (answer := self._answered_by_rule(self.profile.get("token_rules", ()), form, headers)) is not None:
            return answer
        grants = {
            "authorization_code": self._redeemed,
            "refresh_token": self._refreshed,
            DEVICE_GRANT: self._polled,
        }
        grant = grants.get(form.get("grant_type", ""))
        return grant(form) if grant else (400, {}, {"error": "unsupported_grant_type"})

    def _redeemed(self, form: Form) -> Answer:
        request = self._codes.pop(form.get("code", ""), None)
        if request is None or request["redirect_uri"] != form.get("redirect_uri") or not _is_bound(request, form):
            return _BAD_GRANT
        return 200, {}, self._with_refresh_token(request, self._tokens(request))

    def _with_refresh_token(self, request: Form, answer: dict[str, Any]) -> dict[str, Any]:
        refresh = self.profile.get("refresh")
        if refresh and all(_meets(need, request) for need in refresh.get("given_for", ())):
            token = secrets.token_urlsafe(24)
            self._refresh_tokens[token] = request
            answer = {**answer, "refresh_token": token, **refresh.get("with", {})}
        return answer

    def _refreshed(self, form: Form) -> Answer:
        refresh = self.profile.get("refresh") or {}
        if "refusal" in refresh:
            return refresh["refusal"][0], {}, refresh["refusal"][1]
        request = self._refresh_tokens.get(form.get("refresh_token", ""))
        if request is None:
            return _BAD_GRANT
        again = request if refresh.get("repeats_nonce") else {k: v for k, v in request.items() if k != "nonce"}
        answer = over(self._tokens(again), refresh.get("answer"))
        if refresh.get("rotates"):
            del self._refresh_tokens[form["refresh_token"]]
            answer = self._with_refresh_token(request, answer)
        return 200, {}, answer

    # The device grant (RFC 8628)

    def _device_authorization_endpoint(self, form: Form, headers: set[str]) -> Answer:
        device = self.profile["device"]
        if (answer := self._answered_by_rule(device.get("rules", ()), form, headers)) is not None:
            return answer
        scope, refusal = self._granted(form)
        if refusal is not None:
            error = {"error": "invalid_scope", "error_description": refusal} if isinstance(refusal, str) else refusal
            return device.get("scope_status", 400), {}, error
        code = secrets.token_urlsafe(24)
        self._devices[code] = {**form, "granted": scope}
        address = f"{self.base}/device"
        usual = {
            "device_code": code,
            "user_code": USER_CODE,
            "verification_uri": address,
            "verification_uri_complete": f"{address}?user_code={USER_CODE}",
            "expires_in": 900,
            "interval": 1,
        }
        return 200, {}, over(usual, device.get("answer"))

    def _polled(self, form: Form) -> Answer:
        request, device = self._devices.get(form.get("device_code", "")), self.profile["device"]
        if request is None or not _is_bound(request, form):
            return _BAD_GRANT
        if "was_asked" not in request:
            request["was_asked"] = "yes"
            status, content = device.get("pending", (400, {"error": "authorization_pending"}))
            return status, {}, content
        return 200, {}, self._with_refresh_token(request, over(self._tokens(request), device.get("token")))

    # The rest

    def _userinfo_endpoint(self, form: Form, headers: set[str]) -> Answer:
        claims = {"sub": self.profile.get("id_token", {}).get("sub", "alice"), "name": "Alice"}
        if self.profile.get("userinfo") == "jwt":
            sealed = signed({**claims, "iss": self.issuer, "aud": CLIENT_ID}, self._signer())
            return 200, {"Content-Type": "application/jwt"}, sealed
        return 200, {}, claims

    def _revocation_endpoint(self, form: Form, headers: set[str]) -> Answer:
        return self._answered_by_rule(self.profile.get("revoke", ()), form, headers) or (200, {}, {})

    def _end_session_endpoint(self, form: Form, headers: set[str]) -> Answer:
        if (rule := self._ruled(self.profile.get("logout", ()), form, headers)) is not None:
            return self._page(400, rule["page"])
        self.has_session = False
        return self._page(200, "You are signed out")


def _in_order(response_type: str) -> str:
    """Return *response_type* with its words in one order, which has no meaning (OAuth Multiple Response Types, 3)."""
    return " ".join(sorted(response_type.split()))


def _meets(need: str, request: Form) -> bool:
    """Return whether *request* has what *need* says, as `scope=offline_access` or `prompt`."""
    name, _, value = need.partition("=")
    return value in request.get(name, "").split() if value else bool(request.get(name))


def _is_bound(request: Form, form: Form) -> bool:
    """Return whether *form* has the verifier of the challenge in *request*, if there is one (RFC 7636, 4.6)."""
    challenge = encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
    return request.get("code_challenge", challenge) == challenge


def _handler(provider: ProfileProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, headers, content = provider.answer(method, self.path, body, dict(self.headers.items()))
            data = (content if isinstance(content, str) else json.dumps(content)).encode()
            kind = "text/html; charset=utf-8" if isinstance(content, str) else "application/json"
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

    return Handler
