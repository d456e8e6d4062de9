"""The issuer's endpoints, and their paths."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.cookies import CookieError
from typing import Any

import bottle
from bottle import Bottle, HTTPError, HTTPResponse

from ..bearer import bearer_token
from ..errors import BodyTooLarge, InsufficientScope, InvalidToken, RequestError
from ..pages import TITLES, asset, is_for_person, page, page_of, secure_headers
from ..serving import MAX_BODY
from ..sign_in import MULTI_FACTOR
from .activation import Activation
from .authorization_server import LocalAuthorizationServer
from .directory import GRANT_TYPES, OPENID_SCOPES
from .interaction import Interaction
from .logout import Logout
from .messages import PACKAGE, Request
from .registration import Registration
from .signing import ALGORITHM

CLAIMS = ["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "nonce", "at_hash"]
USER_CLAIMS = ["nickname", "name", "email", "email_verified"]


class Endpoints:
    """The endpoints of one issuer."""

    def __init__(self, server: LocalAuthorizationServer, interaction: Interaction) -> None:
        self._server = server
        self._interaction = interaction
        self._activation = Activation(server, interaction)
        self._logout = Logout(server, interaction)
        self._registration = Registration(server.switches)
        self._issuer = server.signer.issuer
        port = self._issuer.rstrip("/").rpartition(":")[2]
        self._hosts = {f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]")}

    def app(self) -> Bottle:
        """Return the WSGI application."""
        app = Bottle()
        app.add_hook("before_request", self._check_host)
        app.default_error_handler = _plain_error
        for methods, path, endpoint in self._routes():
            app.route(path, methods, _answering_errors(endpoint))
        return app

    def _routes(self) -> list[tuple[list[str], str, Callable[..., HTTPResponse]]]:
        return [
            (["GET"], "/", self._index),
            (["GET"], "/.well-known/openid-configuration", self._metadata),
            (["GET"], "/.well-known/oauth-authorization-server", self._metadata),
            (["GET"], "/.well-known/jwks.json", self._jwks),
            (["GET", "POST"], "/authorize", self._authorize),
            (["GET"], "/u/login", lambda: self._interaction.sign_in_page(*self._page_key())),
            (["POST"], "/u/login", lambda: self._interaction.sign_in(*self._page_key(), self._form())),
            (["GET"], "/u/step", lambda: self._interaction.second_step_page(*self._page_key())),
            (["POST"], "/u/step", lambda: self._interaction.second_step(*self._page_key(), self._form())),
            (["GET"], "/u/consent", lambda: self._interaction.consent_page(*self._page_key())),
            (["POST"], "/u/consent", lambda: self._interaction.consent(*self._page_key(), self._form())),
            (["POST"], "/oauth/token", self._token),
            (["POST"], "/oauth/device/code", self._device_authorization),
            (["GET"], "/activate", self._activate),
            (["GET"], "/u/activate", lambda: self._activation.confirmation_page(*self._page_key())),
            (["POST"], "/u/activate", lambda: self._activation.confirm(*self._page_key(), self._form())),
            (["POST"], "/oauth/revoke", self._revoke),
            (["POST"], "/oidc/register", self._register),
            (["GET"], "/v2/logout", lambda: self._logout.auth0(self._oauth_request(), self._browser())),
            (["GET", "POST"], "/oidc/logout", lambda: self._logout.oidc(self._oauth_request(), self._browser())),
            (["POST"], "/u/logout", lambda: self._logout.confirm(self._form(), self._browser())),
            (["GET", "POST"], "/userinfo", self._userinfo),
            (["GET"], "/pages/style.css", lambda: asset("style.css")),
            (["GET"], "/pages/icon.svg", lambda: asset("icon.svg")),
            (["GET"], "/pages/form_post.js", lambda: asset("form_post.js", PACKAGE)),
        ]

    def _index(self) -> HTTPResponse:
        return page(PACKAGE, "index.html", "Ready", issuer=self._issuer, directory=self._server.directory)

    def _metadata(self) -> HTTPResponse:
        """Return the metadata (OpenID Connect Discovery, section 3; RFC 8414, section 2)."""
        registration = {"registration_endpoint": f"{self._issuer}oidc/register"}
        return _json(
            {
                "issuer": self._issuer,
                "authorization_endpoint": f"{self._issuer}authorize",
                "token_endpoint": f"{self._issuer}oauth/token",
                "device_authorization_endpoint": f"{self._issuer}oauth/device/code",
                "revocation_endpoint": f"{self._issuer}oauth/revoke",
                "end_session_endpoint": f"{self._issuer}oidc/logout",
                "userinfo_endpoint": f"{self._issuer}userinfo",
                "jwks_uri": f"{self._issuer}.well-known/jwks.json",
                "scopes_supported": [*OPENID_SCOPES],
                "response_types_supported": ["code", "token id_token", "id_token token"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "grant_types_supported": list(GRANT_TYPES),
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "token_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": self._server.switches.names_issuer,
                "acr_values_supported": [MULTI_FACTOR],
                "claims_supported": [*CLAIMS, *USER_CLAIMS],
                **(registration if self._server.switches.allow_registration else {}),
            }
        )

    def _jwks(self) -> HTTPResponse:
        return _json(self._server.signer.jwks())

    def _authorize(self) -> HTTPResponse:
        return self._interaction.authorize(self._oauth_request(), self._browser())

    def _token(self) -> HTTPResponse:
        return self._server.create_token_response(self._oauth_request())

    def _device_authorization(self) -> HTTPResponse:
        return self._server.create_endpoint_response("device_authorization", self._oauth_request())

    def _revoke(self) -> HTTPResponse:
        return self._server.create_endpoint_response("revocation", self._oauth_request())

    def _register(self) -> HTTPResponse:
        status, body = self._registration.answer(bottle.request.content_type, _body())
        return _json(body, status)

    def _activate(self) -> HTTPResponse:
        return self._activation.code_page(self._oauth_request().get("user_code"), self._browser())

    def _userinfo(self) -> HTTPResponse:
        """Return the claims of the user (OpenID Connect Core, section 5.3)."""
        issued = self._server.issued.get(bearer_token(_headers().get("Authorization")))
        if issued is None:
            raise InvalidToken("The access token is not known here, or has expired.")
        if "openid" not in issued.scope.split():
            raise InsufficientScope("openid")
        return _json(issued.user.claims(issued.scope))

    def _oauth_request(self) -> Request:
        request = bottle.request
        encoded = _body() if request.method == "POST" else request.query_string
        return Request(request.method, self._issuer + request.path.lstrip("/"), encoded, _headers())

    def _form(self) -> dict[str, str]:
        return self._oauth_request().form

    def _page_key(self) -> tuple[str, str | None]:
        """Return the key of a waiting request: `state` and the browser's cookie."""
        return bottle.request.query.get("state", ""), self._browser()

    def _browser(self) -> str | None:
        try:
            cookie: str | None = bottle.request.get_cookie(self._interaction.cookie)
        except CookieError:  # Python refuses them all for one with an odd name
            return None
        return cookie

    def _check_host(self) -> None:
        """Refuse other names of this machine: an attacker's page may use one (DNS rebinding)."""
        if _headers().get("Host") not in self._hosts:
            raise HTTPError(400, f"This server is {self._issuer} and has no other name.")


def _headers() -> dict[str, str]:
    """Return the request's headers as Latin-1 (RFC 9110, section 5.5): Bottle fails at bytes that are not UTF-8."""
    headers = bottle.request.headers
    return {name: headers.raw(name, "") for name in headers}


def _body() -> str:
    if bottle.request.content_length > MAX_BODY:
        raise BodyTooLarge(f"A form has at most {MAX_BODY} bytes.")
    body: bytes = bottle.request.body.read()
    return body.decode("utf-8", "replace")


def _json(body: Any, status: int = 200) -> HTTPResponse:
    return HTTPResponse(json.dumps(body), status, {**secure_headers(), "Content-Type": "application/json"})


def _answering_errors(endpoint: Callable[..., HTTPResponse]) -> Callable[..., HTTPResponse]:
    def answer() -> HTTPResponse:
        try:
            return endpoint()
        except RequestError as error:
            if is_for_person():
                return _error_page(error)
            headers = {**secure_headers(), "Content-Type": "application/json", **error.headers}
            return HTTPResponse(json.dumps({"msg": error.msg}), error.status, headers)

    return answer


def _error_page(error: RequestError) -> HTTPResponse:
    data: dict[str, Any] = {"app": "Local issuer", "message": error.msg, "allowed": (), "advice": ""}
    shown = page(
        PACKAGE, "error.html", TITLES.get(error.status, TITLES[400]), status=error.status, mood="failed", **data
    )
    for name, value in error.headers.items():
        shown.set_header(name, value)
    return shown


def _plain_error(error: HTTPError) -> str:
    """Return a page for an error of Bottle or a hook, or text for a program.

    Bottle's own page would show the request, and an exception.
    """
    reasons = {404: "This address is not one of the issuer's.", 405: "A browser cannot open it."}
    reason = error.body if error.status_code < 500 else ""
    if is_for_person():
        message = reasons.get(error.status_code, reason)
        return page_of(error, PACKAGE, message, app="Local issuer", allowed=(), advice="", is_lost=True)
    for name, value in secure_headers().items():
        error.set_header(name, value)
    error.content_type = "text/plain; charset=utf-8"
    return f"{error.status_line}\n{reason}\n"
