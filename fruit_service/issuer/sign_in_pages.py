"""The pages on which the user signs in, takes the second step, and consents."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from bottle import HTTPResponse

from .authorization_server import LocalAuthorizationServer
from .interaction import Interaction
from .pending import Pending
from .user_pages import expired_page, question_page


class SignInPages:
    """Each page, and what its form brings. *state* and *browser*, a cookie, name the request that waits."""

    def __init__(self, server: LocalAuthorizationServer, interaction: Interaction) -> None:
        self._server = server
        self._users = server.directory.users
        self._interaction = interaction
        self._pending = interaction.pending_requests

    def sign_in_page(self, state: str, browser: str | None) -> HTTPResponse:
        """Return the page with the users who can sign in."""
        pending = self._pending.waiting(state, browser)
        if not pending:
            return expired_page()
        return self._page("sign_in.html", "Sign in", pending, state, users=self._users.values())

    def sign_in(self, state: str, browser: str | None, form: dict[str, str]) -> HTTPResponse:
        """Sign the chosen user in, and return the next page."""
        pending = self._pending.waiting(state, browser, form)
        user = self._users.get(form.get("user", ""))
        if not pending or not user:
            return expired_page()
        self._pending.forget(state)
        return self._interaction.signed_in(pending, user)

    def second_step_page(self, state: str, browser: str | None) -> HTTPResponse:
        """Return the page for the second step of a sign-in."""
        pending = self._pending.waiting(state, browser)
        if not pending or not pending.request.user:
            return expired_page()
        return self._page("second_step.html", "One more step", pending, state, user=pending.request.user)

    def second_step(self, state: str, browser: str | None, form: dict[str, str]) -> HTTPResponse:
        """Add the second step to the browser's session, and return the next page, or deny."""
        pending = self._pending.waiting(state, browser, form)
        session = self._interaction.sessions.of(browser)
        if not pending or not session or form.get("decision") not in ("confirm", "cancel"):
            return expired_page()
        self._pending.forget(state)
        if form["decision"] == "cancel":
            return self._interaction.respond(pending, None)
        return self._interaction.second_step_taken(pending, session)

    def consent_page(self, state: str, browser: str | None) -> HTTPResponse:
        """Return the page with the scopes that the client requests."""
        pending = self._pending.waiting(state, browser)
        if not pending or not pending.request.user:
            return expired_page()
        request = pending.request
        described = self._server.directory.scopes(request.audience)
        scopes = [(each, described[each]) for each in request.scope.split()]
        audience = ", ".join(request.resources) or request.audience
        data: dict[str, Any] = {"user": request.user, "scopes": scopes, "audience": audience}
        destination = urlsplit(request.get("redirect_uri")).netloc or "your device"
        return self._page("consent.html", "Allow access", pending, state, destination=destination, **data)

    def consent(self, state: str, browser: str | None, form: dict[str, str]) -> HTTPResponse:
        """Return the response to the authorization request, by the user's decision."""
        pending = self._pending.waiting(state, browser, form)
        if not pending or not pending.request.user or form.get("decision") not in ("allow", "deny"):
            return expired_page()
        self._pending.forget(state)
        if form["decision"] == "deny":
            return self._interaction.respond(pending, None)
        return self._interaction.allowed(pending)

    def _page(self, name: str, title: str, pending: Pending, state: str, **data: Any) -> HTTPResponse:
        client = self._server.query_client(pending.request.get("client_id"))
        return question_page(name, title, pending, state, client=client, **data)
