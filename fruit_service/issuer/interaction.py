"""The way of a request through the pages for its user: who is signed in, which page is next, the response."""

from __future__ import annotations

import secrets
from dataclasses import replace

from authlib.oidc.core.errors import ConsentRequiredError, InteractionRequiredError, LoginRequiredError
from bottle import HTTPResponse

from ..pages import secure_headers
from ..sign_in import MULTI_FACTOR
from .acr import needed_acr
from .authorization_server import LocalAuthorizationServer
from .consents import Consents
from .directory import User
from .messages import Request
from .pending import Pending, PendingRequests, Respond
from .sessions import Session, Sessions, browser_for


class Interaction:
    """Which page a request needs next, and the state between the pages.

    With *auto_approve*, the nickname of a user, no page is shown: that user signs in and allows everything. With
    *skip_consent* there is no consent page, as Auth0 can have it for an organization's own applications.
    """

    def __init__(self, server: LocalAuthorizationServer, auto_approve: str | None, skip_consent: bool) -> None:
        self._server = server
        self._auto_approve = server.directory.users[auto_approve] if auto_approve else None
        self._consents = Consents(skip_consent)
        self.sessions = Sessions(server.signer.issuer, server.switches)
        self.pending_requests = PendingRequests(server.switches)

    @property
    def approves_by_itself(self) -> bool:
        """Whether no page is shown."""
        return self._auto_approve is not None

    def pending(self, request: Request, respond: Respond, browser: str | None) -> Pending:
        """Return *request* as a waiting request of the user of *browser*."""
        request.user = self.user_for(request, browser)
        return Pending(request, respond, browser_for(browser))

    def user_for(self, request: Request, browser: str | None) -> User | None:
        """Return the user who is signed in, recently enough for *request*, or None."""
        session = self.sessions.of(browser)
        if self._auto_approve:
            session = Session(
                self._auto_approve, int(self._server.switches.now()), needed_acr(request, self._server.switches)
            )
        if session is None:
            return None
        request.auth_time, request.acr = session.auth_time, session.acr
        max_age = request.get("max_age")
        # A float has no limit of digits.
        too_old = max_age.isdecimal() and self._server.switches.now() - session.auth_time > float(max_age)
        return None if too_old else session.user

    def next_step(self, pending: Pending) -> HTTPResponse:
        """Return the response to *pending*, or a redirect to the next page that it needs."""
        request, silent = pending.request, "none" in pending.request.prompts
        if self._auto_approve:
            return self.respond(pending, self._auto_approve)
        if request.user is None or pending.prompt in ("login", "select_account"):
            if silent:
                raise LoginRequiredError()
            return self.ask(pending, "u/login")
        if needed_acr(request, self._server.switches) not in (None, request.acr):
            if silent:
                raise InteractionRequiredError()
            return self.ask(pending, "u/step")
        if self._consents.are_needed(request):
            if silent:
                raise ConsentRequiredError()
            return self.ask(pending, "u/consent")
        return self.respond(pending, request.user)

    def signed_in(self, pending: Pending, user: User) -> HTTPResponse:
        """Begin a session of *user*, who has just signed in, and return the next page or the response."""
        return self._in_session(pending, Session(user, int(self._server.switches.now())))

    def second_step_taken(self, pending: Pending, session: Session) -> HTTPResponse:
        """Add the second step to *session*, and return the next page or the response."""
        return self._in_session(pending, replace(session, acr=MULTI_FACTOR))

    def allowed(self, pending: Pending) -> HTTPResponse:
        """Keep the user's consent, and return the response."""
        self._consents.add(pending.request)
        return self.respond(pending, pending.request.user)

    def _in_session(self, pending: Pending, session: Session) -> HTTPResponse:
        browser, csrf_token = self.sessions.begin(session), secrets.token_urlsafe()
        pending.request.user = session.user
        pending.request.auth_time, pending.request.acr = session.auth_time, session.acr
        return self.next_step(replace(pending, browser=browser, csrf_token=csrf_token, prompt=None))

    def ask(self, pending: Pending, path: str) -> HTTPResponse:
        """Return a redirect to the page at *path*. It finds the request by `state`, as Auth0's pages do."""
        location = f"{self._server.signer.issuer}{path}?state={self.pending_requests.put(pending)}"
        response = HTTPResponse("", 303, {**secure_headers(), "Location": location})
        return self.sessions.with_cookie(response, pending.browser)

    def respond(self, pending: Pending, user: User | None) -> HTTPResponse:
        """Return the response to *pending*: *user* allowed it, or with None it was denied."""
        return self.sessions.with_cookie(pending.respond(user), pending.browser)
