"""The issuer's endpoints, and their paths."""

from __future__ import annotations

from collections.abc import Callable

import bottle
from bottle import Bottle, HTTPError, HTTPResponse

from .activation import Activation
from .answers import answering_errors, json_answer, plain_error
from .authorization_endpoint import AuthorizationEndpoint
from .authorization_server import LocalAuthorizationServer
from .current_request import CurrentRequest, body, headers
from .description import ASSETS, asset_of, index, metadata
from .interaction import Interaction
from .logout import Logout
from .registration import Registration
from .sign_in_pages import SignInPages
from .userinfo import userinfo

Route = tuple[list[str], str, Callable[[], HTTPResponse]]


class Endpoints:
    """The endpoints of one issuer."""

    def __init__(self, server: LocalAuthorizationServer, interaction: Interaction) -> None:
        self._server = server
        self._request = CurrentRequest(server.signer.issuer, interaction.sessions.cookie)
        self._authorization = AuthorizationEndpoint(server, interaction)
        self._pages = SignInPages(server, interaction)
        self._activation = Activation(server, interaction)
        self._logout = Logout(server, interaction.sessions)
        self._registration = Registration(server.switches)
        port = server.signer.issuer.rstrip("/").rpartition(":")[2]
        self._hosts = {f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]")}

    def app(self) -> Bottle:
        """Return the WSGI application."""
        app = Bottle()
        app.add_hook("before_request", self._check_host)
        app.default_error_handler = plain_error
        for methods, path, endpoint in [*self._protocol(), *self._for_people()]:
            app.route(path, methods, answering_errors(endpoint))
        for name in ASSETS:
            app.get(f"/pages/{name}", callback=lambda name=name: asset_of(name))
        return app

    def _protocol(self) -> list[Route]:
        """Return the routes for clients, and the authorization endpoint."""
        server, request = self._server, self._request
        return [
            (["GET"], "/.well-known/openid-configuration", lambda: json_answer(metadata(server))),
            (["GET"], "/.well-known/oauth-authorization-server", lambda: json_answer(metadata(server))),
            (["GET"], "/.well-known/jwks.json", lambda: json_answer(server.signer.jwks())),
            (["GET", "POST"], "/authorize", lambda: self._authorization.authorize(request.oauth(), request.browser())),
            (["POST"], "/oauth/token", lambda: server.create_token_response(request.oauth())),
            (["POST"], "/oauth/device/code", lambda: self._answer_of("device_authorization")),
            (["POST"], "/oauth/revoke", lambda: self._answer_of("revocation")),
            (["POST"], "/oidc/register", self._register),
            (["GET", "POST"], "/userinfo", lambda: json_answer(userinfo(server, headers().get("Authorization")))),
        ]

    def _for_people(self) -> list[Route]:
        """Return the routes of the pages; a page for a waiting request is found by `page_key`."""
        request, pages = self._request, self._pages
        activation, logout = self._activation, self._logout
        return [
            (["GET"], "/", lambda: index(self._server)),
            (["GET"], "/u/login", lambda: pages.sign_in_page(*request.page_key())),
            (["POST"], "/u/login", lambda: pages.sign_in(*request.page_key(), request.form())),
            (["GET"], "/u/step", lambda: pages.second_step_page(*request.page_key())),
            (["POST"], "/u/step", lambda: pages.second_step(*request.page_key(), request.form())),
            (["GET"], "/u/consent", lambda: pages.consent_page(*request.page_key())),
            (["POST"], "/u/consent", lambda: pages.consent(*request.page_key(), request.form())),
            (["GET"], "/activate", lambda: activation.code_page(request.oauth().get("user_code"), request.browser())),
            (["GET"], "/u/activate", lambda: activation.confirmation_page(*request.page_key())),
            (["POST"], "/u/activate", lambda: activation.confirm(*request.page_key(), request.form())),
            (["GET"], "/v2/logout", lambda: logout.auth0(request.oauth(), request.browser())),
            (["GET", "POST"], "/oidc/logout", lambda: logout.oidc(request.oauth(), request.browser())),
            (["POST"], "/u/logout", lambda: logout.confirm(request.form(), request.browser())),
        ]

    def _answer_of(self, endpoint: str) -> HTTPResponse:
        return self._server.create_endpoint_response(endpoint, self._request.oauth())

    def _register(self) -> HTTPResponse:
        status, document = self._registration.answer(bottle.request.content_type, body())
        return json_answer(document, status)

    def _check_host(self) -> None:
        """Refuse other names of this machine: an attacker's page may use one (DNS rebinding)."""
        if headers().get("Host") not in self._hosts:
            raise HTTPError(400, f"This server is {self._server.signer.issuer} and has no other name.")
