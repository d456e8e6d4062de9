"""Interaction: from an authorization request to its response, through sign-in and consent if they are needed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oidc.core.errors import ConsentRequiredError, InteractionRequiredError, LoginRequiredError
from bottle import HTTPResponse

from ..pages import page, policy_source, secure_headers
from ..sign_in import MULTI_FACTOR
from .authorization_server import LocalAuthorizationServer
from .directory import User
from .messages import PACKAGE, Request
from .ttl import TtlMap

SESSION_LIFETIME = 10 * 3600
"""In seconds."""
PATIENCE = 600
"""Seconds for which a page for sign-in or consent accepts an answer."""

_OUR_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")
"""The form of `secrets.token_urlsafe()`."""

Respond = Callable[[User | None], HTTPResponse]


@dataclass(frozen=True)
class Session:
    """The session of a user in one browser."""

    user: User
    auth_time: int
    acr: str | None = None


@dataclass(frozen=True)
class Pending:
    """A request that waits for its user.

    Attributes:
        request: the authorization request, or that of a device.
        respond: returns the response, for the user who allowed the request, or for None if it was denied.
        prompt: a page that must be shown even if it is not needed, by the name of its `prompt` value.
        browser: the cookie of the browser that sent the request.
        csrf_token: must be in each form that answers it.
    """

    request: Request
    respond: Respond
    prompt: str | None = None
    browser: str = field(default_factory=secrets.token_urlsafe, repr=False)
    csrf_token: str = field(default_factory=secrets.token_urlsafe, repr=False)


class Interaction:
    """The pages for the user, and the state between them.

    With *auto_approve*, the nickname of a user, no page is shown: that user signs in and allows everything. With
    *skip_consent* there is no consent page, as Auth0 can have it for an organization's own applications.
    """

    def __init__(self, server: LocalAuthorizationServer, auto_approve: str | None, skip_consent: bool) -> None:
        self._server = server
        self._users = server.directory.users
        self._auto_approve = self._users[auto_approve] if auto_approve else None
        self._skip_consent = skip_consent
        self._sessions: TtlMap[Session] = TtlMap(server.switches.elapsed)
        self._pending: TtlMap[Pending] = TtlMap(server.switches.elapsed)
        self._consents: set[tuple[str, str, str, str]] = set()

    def authorize(self, request: Request, browser: str | None) -> HTTPResponse:
        """Return the response to an authorization request, or the first page that it needs."""
        if problem := self._unknown_client(request) or self._unknown_redirect_uri(request):
            return problem
        try:
            grant = self._server.validated_grant(request, self._user_of(request, browser))
            pending = self.pending(request, self._responding(request, grant), browser)
            return self.next_step(replace(pending, prompt=grant.prompt))
        except OAuth2Error as error:
            error.redirect_uri = request.payload.redirect_uri
            return self._server.handle_error_response(request, error)

    def pending(self, request: Request, respond: Respond, browser: str | None) -> Pending:
        """Return *request* as a waiting request of the user of *browser*."""
        request.user = self._user_of(request, browser)
        pending = Pending(request, respond)
        # A cookie that is none of ours is not repeated: it may be too long for an answer.
        return replace(pending, browser=browser) if browser and _OUR_COOKIE.fullmatch(browser) else pending

    def user(self, browser: str | None) -> User | None:
        """Return the user who is signed in with *browser*, or None."""
        session = self._sessions.get(browser)
        return session.user if session else None

    def sign_out(self, browser: str | None) -> None:
        """End the session of *browser*."""
        self._sessions.take(browser)

    def sign_in_page(self, state: str, browser: str | None) -> HTTPResponse:
        """Return the page with the users who can sign in."""
        pending = self.waiting(state, browser)
        if not pending:
            return self.expired_page()
        return self.page("sign_in.html", "Sign in", pending, state, users=self._users.values())

    def sign_in(self, state: str, browser: str | None, form: dict[str, str]) -> HTTPResponse:
        """Sign the chosen user in, and return the next page."""
        pending = self.waiting(state, browser, form)
        user = self._users.get(form.get("user", ""))
        if not pending or not user:
            return self.expired_page()
        self.forget(state)
        return self._signed_in(pending, Session(user, int(self._server.switches.now())))

    def _signed_in(self, pending: Pending, session: Session) -> HTTPResponse:
        # A new cookie with each sign-in, so that a cookie planted before is worthless (session fixation).
        pending = replace(pending, browser=secrets.token_urlsafe(), csrf_token=secrets.token_urlsafe())
        self._sessions.put(pending.browser, session, SESSION_LIFETIME)
        pending.request.user = session.user
        pending.request.auth_time, pending.request.acr = session.auth_time, session.acr
        return self.next_step(replace(pending, prompt=None))

    def second_step_page(self, state: str, browser: str | None) -> HTTPResponse:
        """Return the page for the second step of a sign-in."""
        pending = self.waiting(state, browser)
        if not pending or not pending.request.user:
            return self.expired_page()
        return self.page("second_step.html", "One more step", pending, state, user=pending.request.user)

    def second_step(self, state: str, browser: str | None, form: dict[str, str]) -> HTTPResponse:
        """Add the second step to the browser's session, and return the next page, or deny."""
        pending, session = self.waiting(state, browser, form), self._sessions.get(browser)
        if not pending or not session or form.get("decision") not in ("confirm", "cancel"):
            return self.expired_page()
        self.forget(state)
        if form["decision"] == "cancel":
            return self.respond(pending, None)
        return self._signed_in(pending, replace(session, acr=MULTI_FACTOR))

    def consent_page(self, state: str, browser: str | None) -> HTTPResponse:
        """Return the page with the scopes that the client requests."""
        pending = self.waiting(state, browser)
        if not pending or not pending.request.user:
            return self.expired_page()
        request = pending.request
        described = self._server.directory.scopes(request.audience)
        scopes = [(each, described[each]) for each in request.scope.split()]
        audience = ", ".join(request.resources) or request.audience
        data: dict[str, Any] = {"user": request.user, "scopes": scopes, "audience": audience}
        destination = urlsplit(request.get("redirect_uri")).netloc or "your device"
        return self.page("consent.html", "Allow access", pending, state, destination=destination, **data)

    def consent(self, state: str, browser: str | None, form: dict[str, str]) -> HTTPResponse:
        """Return the response to the authorization request, by the user's decision."""
        pending = self.waiting(state, browser, form)
        if not pending or not pending.request.user or form.get("decision") not in ("allow", "deny"):
            return self.expired_page()
        self.forget(state)
        if form["decision"] == "deny":
            return self.respond(pending, None)
        self._consents |= self._asked(pending.request)
        return self.respond(pending, pending.request.user)

    def _unknown_client(self, request: Request) -> HTTPResponse | None:
        """Return an error page for an unknown client, which gets no redirect (RFC 6749, section 4.2.2.1), or None."""
        client_id = request.get("client_id")
        if self._server.query_client(client_id) and len(request.payload.datalist["client_id"]) == 1:
            return None
        message = f"This issuer has no client with the client_id {client_id!r}."
        known = [each.client_id for each in self._server.directory.clients]
        advice = ("Where you started, write", f"client_id={known[0]}")
        return self._error_page(403, "Unknown client", message, "Its clients:", known, advice)

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
        return self._error_page(403, "Callback URL mismatch", message, "Allowed callback URLs:", allowed, advice)

    def _user_of(self, request: Request, browser: str | None) -> User | None:
        """Return the user who is signed in, recently enough for *request*, or None."""
        session = self._sessions.get(browser)
        if self._auto_approve:
            session = Session(self._auto_approve, int(self._server.switches.now()), self._server.acr_for(request))
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
        if self._server.acr_for(request) not in (None, request.acr):
            if silent:
                raise InteractionRequiredError()
            return self.ask(pending, "u/step")
        if self._needs_consent(request):
            if silent:
                raise ConsentRequiredError()
            return self.ask(pending, "u/consent")
        return self.respond(pending, request.user)

    def _needs_consent(self, request: Request) -> bool:
        if "consent" in request.prompts:
            return True
        return not self._skip_consent and not self._asked(request) <= self._consents

    def _asked(self, request: Request) -> set[tuple[str, str, str, str]]:
        # By client: one that has registered itself must not profit from what the user has allowed another.
        asker = (request.get("client_id"), request.user.sub, request.audience)
        return {(*asker, scope) for scope in request.scope.split()}

    def ask(self, pending: Pending, path: str) -> HTTPResponse:
        """Return a redirect to the page at *path*. It finds the request by `state`, as Auth0's pages do."""
        state = secrets.token_urlsafe()
        self._pending.put(state, pending, PATIENCE)
        location = f"{self._server.signer.issuer}{path}?state={state}"
        return self._with_cookie(HTTPResponse("", 303, {**secure_headers(), "Location": location}), pending)

    def respond(self, pending: Pending, user: User | None) -> HTTPResponse:
        """Return the response to *pending*: *user* allowed it, or with None it was denied."""
        return self._with_cookie(pending.respond(user), pending)

    def _responding(self, request: Request, grant: Any) -> Respond:
        return lambda user: self._server.create_authorization_response(request, user, grant)

    def _with_cookie(self, response: HTTPResponse, pending: Pending) -> HTTPResponse:
        response.set_cookie(self.cookie, pending.browser, path="/", httponly=True, samesite="lax")
        return response

    @property
    def approves_by_itself(self) -> bool:
        """Whether no page is shown."""
        return self._auto_approve is not None

    @property
    def cookie(self) -> str:
        """The name of the cookie. It contains the port, because browsers share cookies between ports."""
        return f"local_issuer_{self._server.signer.issuer.rstrip('/').rpartition(':')[2]}"

    def forget(self, state: str) -> None:
        """Remove the waiting request of *state*, so that a page is answered once."""
        self._pending.take(state)

    def waiting(self, state: str, browser: str | None, form: dict[str, str] | None = None) -> Pending | None:
        """Return the waiting request of *state* if it belongs to this browser and, with a form, to its CSRF token."""
        pending = self._pending.get(state)
        if pending is None or not secrets.compare_digest(pending.browser.encode(), (browser or "").encode()):
            return None
        if form is not None and not secrets.compare_digest(pending.csrf_token.encode(), form.get("csrf", "").encode()):
            return None
        return pending

    def page(self, name: str, title: str, pending: Pending, state: str, **data: Any) -> HTTPResponse:
        """Return the page *name*. Its form answers *pending*."""
        # Chromium applies form-action to the redirects after a form too, and the last one leads to the client.
        redirect_uri = pending.request.get("redirect_uri")
        form_action = f"'self' {policy_source(redirect_uri)}" if redirect_uri else "'self'"
        client = self._server.query_client(pending.request.get("client_id"))
        data |= {"client": client, "state": state, "csrf": pending.csrf_token}
        return page(PACKAGE, name, title, mood="question", form_action=form_action, **data)

    def _error_page(
        self,
        status: int,
        title: str,
        message: str,
        allowed_are: str = "",
        allowed: Sequence[str] = (),
        advice: tuple[str, str] = ("", ""),
    ) -> HTTPResponse:
        data: dict[str, Any] = {"message": message, "allowed_are": allowed_are, "allowed": allowed}
        data |= {"app": "Sign-in stopped", "advice": advice[0], "command": advice[1]}
        return page(PACKAGE, "error.html", title, status=status, mood="failed", **data)

    def expired_page(self) -> HTTPResponse:
        """Return the page for a form that is too late, or from another browser."""
        message = "This page has expired, or belongs to another browser. Sign in again from where you started."
        return self._error_page(400, "Start again", message)
