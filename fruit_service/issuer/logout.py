"""Logout: ends the browser's session, by Auth0's endpoint and by OpenID Connect's (RP-Initiated Logout 1.0)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, cast

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oidc.rpinitiated import EndSessionEndpoint as AuthlibEndSessionEndpoint
from authlib.oidc.rpinitiated import EndSessionRequest
from bottle import HTTPResponse
from joserfc.jwk import KeySet

from ..pages import page, secure_headers
from .authorization_server import LocalAuthorizationServer
from .messages import PACKAGE, Request
from .sessions import Sessions
from .signing import ALGORITHM
from .ttl import TtlMap
from .user_pages import expired_page, redirecting_form_action

PATIENCE = 600
"""Seconds for which the page that asks whether to sign out accepts an answer."""


class EndSessionEndpoint(AuthlibEndSessionEndpoint):
    """Checks a logout request: the signature of its hint, its client, and its redirect URI."""

    server: LocalAuthorizationServer

    def get_server_jwks(self) -> KeySet:
        """Return the keys that sign ID tokens."""
        return KeySet(list(self.server.signer.keys.published))

    def get_algorithms(self) -> list[str]:
        """Return the algorithm of our ID tokens."""
        return [ALGORITHM]

    def validate_request(self, request: Any) -> EndSessionRequest:
        """Return *request* if it is in order.

        joserfc lets some errors of Python pass for an `id_token_hint`. Authlib makes others into its own, whose
        description may have no quotes (RFC 6749, section 5.2), while joserfc repeats a part of the hint.
        """
        try:
            return super().validate_request(request)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise InvalidRequestError("The id_token_hint is not an ID token of this issuer.") from error

    def is_post_logout_redirect_uri_legitimate(self, *_: object) -> bool:
        """Return True: without a hint the user confirms the logout (section 3: other means of confirming)."""
        return True

    def end_session(self, end_session_request: object) -> None:
        """Do nothing: `Logout` ends the session, which it finds by the browser's cookie."""


@dataclass(frozen=True)
class Asked:
    """The question to a user whether to sign out, and the address that follows."""

    redirect_uri: str | None
    browser: str = field(repr=False)


class Logout:
    """The two logout endpoints, and the page that asks the user."""

    def __init__(self, server: LocalAuthorizationServer, sessions: Sessions) -> None:
        self._server = server
        self._sessions = sessions
        self._asked: TtlMap[Asked] = TtlMap(server.switches.elapsed)

    def auth0(self, request: Request, browser: str | None) -> HTTPResponse:
        """End the session at once. Redirect to `returnTo`, which must equal an Allowed Logout URL."""
        client_id, return_to = request.get("client_id"), request.get("returnTo")
        client = self._server.query_client(client_id) if client_id else self._server.directory.client
        if return_to and (client is None or return_to not in client.logout_urls):
            return self._refusal(f"The returnTo {return_to!r} is not in the list of allowed logout URLs.")
        return self._end(return_to, browser)

    def oidc(self, request: Request, browser: str | None) -> HTTPResponse:
        """End the session if the client has an ID token of this user. Otherwise ask the user."""
        try:
            request.check_no_repetition()
            # Authlib's types name the base of the requests of all endpoints.
            checked = cast(EndSessionRequest, self._server.validate_endpoint_request("end_session", request))
        except OAuth2Error as error:
            return self._refusal(str(error.description or "This logout request is not valid."))
        if request.get("post_logout_redirect_uri") and checked.redirect_uri is None:
            return self._refusal("The post_logout_redirect_uri is not in the list of allowed logout URLs.")
        session = self._sessions.of(browser)
        if session is None or (checked.id_token_claims or {}).get("sub") == session.user.sub:
            return self._end(checked.redirect_uri, browser)
        question = secrets.token_urlsafe()
        self._asked.put(question, Asked(checked.redirect_uri, browser or ""), PATIENCE)
        return page(
            PACKAGE,
            "logout.html",
            "Sign out",
            mood="question",
            form_action=redirecting_form_action(checked.redirect_uri),
            user=session.user,
            question=question,
        )

    def confirm(self, form: dict[str, str], browser: str | None) -> HTTPResponse:
        """End the session after the user's confirmation. The random `question` protects the form against CSRF."""
        asked = self._asked.take(form.get("question"))
        if asked is None or not secrets.compare_digest(asked.browser.encode(), (browser or "").encode()):
            return expired_page()
        return self._end(asked.redirect_uri, browser)

    def _end(self, location: str | None, browser: str | None) -> HTTPResponse:
        if location:
            response = HTTPResponse("", 303, {**secure_headers(), "Location": location})
        else:
            response = page(PACKAGE, "signed_out.html", "Signed out", mood="done")
        return self._sessions.end(browser, response)

    def _refusal(self, message: str) -> HTTPResponse:
        data: dict[str, Any] = {"app": "Sign-out stopped", "message": message, "allowed": (), "advice": ""}
        return page(PACKAGE, "error.html", "You are still signed in", status=400, mood="failed", **data)
