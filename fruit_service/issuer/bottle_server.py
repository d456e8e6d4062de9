"""Authlib's authorization server for requests and answers of Bottle."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error
from bottle import HTTPResponse

from ..pages import secure_headers
from .messages import Request, authorization_response


class BottleAuthorizationServer(AuthorizationServer):
    """Reads a `Request`, and returns Bottle's answers. A repeated parameter is an error at each endpoint."""

    @property
    def named_issuer(self) -> str | None:
        """What an authorization response gives as `iss` (RFC 9207), or None."""
        raise NotImplementedError

    def create_token_response(self, request: Any = None) -> Any:
        """Return the answer to a token request."""
        return self._without_repetition(request, super().create_token_response)

    def create_endpoint_response(self, name: str, request: Any = None) -> HTTPResponse:
        """Return the answer to a request to the endpoint that Authlib calls *name*."""
        answer = super().create_endpoint_response
        return self._without_repetition(request, lambda request: answer(name, request))

    def _without_repetition(self, request: Request, answer: Callable[[Request], Any]) -> HTTPResponse:
        try:
            request.check_no_repetition()
        except OAuth2Error as error:
            return self.handle_error_response(request, error)
        response: HTTPResponse = answer(request)
        return response

    def create_oauth2_request(self, request: Request) -> Request:
        """Return *request*, which is Authlib's kind already."""
        return request

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Do nothing: Authlib's signals have no receiver here."""

    def handle_response(self, status: int, body: Any, headers: Any) -> HTTPResponse:
        """Return Authlib's answer as Bottle's; a grant's own answer is Bottle's already."""
        if isinstance(body, HTTPResponse):
            return body
        return HTTPResponse(json.dumps(body), status, {**secure_headers(), **dict(headers)})

    def handle_error_response(self, request: Any, error: OAuth2Error) -> HTTPResponse:
        """Return *error* to the client by the response mode, or as JSON where no redirect URI is known to be good."""
        if error.redirect_uri:
            return authorization_response(request, error.redirect_uri, error.get_body(), self.named_issuer)
        return super().handle_error_response(request, error)
