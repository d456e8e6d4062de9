"""The authorization endpoint (RFC 6749, section 3.1): the checks before anything is sent to a redirect URI."""

from __future__ import annotations

from dataclasses import replace

from authlib.oauth2 import OAuth2Error
from bottle import HTTPResponse

from .authorization_server import LocalAuthorizationServer
from .interaction import Interaction
from .messages import Request
from .pending import Respond
from .user_pages import stopped_page


class AuthorizationEndpoint:
    """Answers an authorization request, at once or by the pages of *interaction*."""

    def __init__(self, server: LocalAuthorizationServer, interaction: Interaction) -> None:
        self._server = server
        self._interaction = interaction

    def authorize(self, request: Request, browser: str | None) -> HTTPResponse:
        """Return the response to an authorization request, or the first page that it needs."""
        if problem := self._unknown_client(request) or self._unknown_redirect_uri(request):
            return problem
        try:
            grant = self._server.validated_grant(request, self._interaction.user_for(request, browser))
            pending = self._interaction.pending(request, self._responding(request, grant), browser)
            return self._interaction.next_step(replace(pending, prompt=grant.prompt))
        except OAuth2Error as error:
            error.redirect_uri = request.payload.redirect_uri
            return self._server.handle_error_response(request, error)

    def _unknown_client(self, request: Request) -> HTTPResponse | None:
        """Return an error page for an unknown client, which gets no redirect (RFC 6749, section 4.2.2.1), or None."""
        client_id = request.get("client_id")
        if self._server.query_client(client_id) and len(request.payload.datalist["client_id"]) == 1:
            return None
        message = f"This issuer has no client with the client_id {client_id!r}."
        known = [each.client_id for each in self._server.directory.clients]
        advice = ("Where you started, write", f"client_id={known[0]}")
        return stopped_page(403, "Unknown client", message, "Its clients:", known, advice)

    def _unknown_redirect_uri(self, request: Request) -> HTTPResponse | None:
        client, redirect_uri = self._server.query_client(request.get("client_id")), request.get("redirect_uri")
        if client.check_redirect_uri(redirect_uri) and len(request.payload.datalist["redirect_uri"]) == 1:
            return None
        message = f"The redirect_uri {redirect_uri!r} is not in the list of allowed callback URLs."
        write = "Where you started, write one of them as redirect_uri. To allow another one,"
        advice = (f"{write} start the issuer with", "--callback-url URL")
        if client.is_registered:
            advice = (f"{write} register again at", "/oidc/register")
        allowed = client.redirect_uris
        return stopped_page(403, "Callback URL mismatch", message, "Allowed callback URLs:", allowed, advice)

    def _responding(self, request: Request, grant: object) -> Respond:
        return lambda user: self._server.create_authorization_response(request, user, grant)
