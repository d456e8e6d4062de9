"""Which HTTP requests bring the authorization response, and what each one is answered. No sockets here."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from http import HTTPStatus
from urllib.parse import unquote_plus, unquote_to_bytes, urljoin, urlsplit

from ..protocol.messages import MalformedResponse, parse_pasted, parse_response
from ..protocol.tokens import Received
from ..protocol.urls import origin_of
from . import pages
from .jupyter_handoff import HANDOVER_PATH, HandOff

FORM = "application/x-www-form-urlencoded"
SEALED = "application/octet-stream"
"""The content type of what Jupyter hands over, and of its answer."""

_SIGNED_IN, _REFUSED = "signed-in", "refused"
"""Where a 303 leads to, beside the redirect URI."""

ANOTHER_SIGN_IN = pages.not_ours("It belongs to another sign-in. Continue in the tab that your notebook opened last.")

_RESPONSE = frozenset({"code", "error", "access_token", "id_token", "refresh_token", "response", "state"})
"""Names of which a response has at least one (RFC 6749, 4.1.2 and 4.2.2; OpenID Connect Core, 3.2.2.5; JARM, 2.3)."""

Complete = Callable[[Mapping[str, str]], pages.Outcome | None]
"""Takes the parameters of the response and returns what the tab is told; None if the sign-in needs none any more."""


@dataclass(frozen=True)
class Request:
    """An HTTP request, as it was sent.

    Attributes:
        target: path and query, not decoded.
        is_navigation: a browser asks for a page that it will show.
        takes_html: the request names HTML among what it takes, as a browser's does for a page.
        is_of_another_user: a program of another user of this machine sent it.
        stood_in: `query` or `fragment`, where the page or the Jupyter server found the response.
    """

    method: str
    target: str = field(repr=False)
    host: str = ""
    origin: str | None = None
    fetch_site: str = "same-origin"
    is_navigation: bool = False
    takes_html: bool = False
    content_type: str = ""
    is_of_another_user: bool = False
    stood_in: str = ""
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Answer:
    """An HTTP response.

    Attributes:
        is_last: the tab needs nothing more after it.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    is_last: bool = False

    @property
    def status_line(self) -> str:
        """The status with its reason phrase."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"


@dataclass(frozen=True)
class Awaited:
    """The authorization response that is awaited.

    Attributes:
        state: of the authorization request (RFC 6749, 10.12).
        form_post_origin: the origin of the authorization endpoint if `form_post` was asked for, else None.
        in_query: the response was asked for in the query: a code may come there, a token never.
    """

    state: str = field(repr=False)
    form_post_origin: str | None = None
    in_query: bool = False

    def has_state(self, state: str) -> bool:
        """Tell whether *state* is the one of the authorization request."""
        return state.isascii() and hmac.compare_digest(state, self.state)


class Receiver:
    """Takes the awaited response, from whichever side it comes, and refuses everything else.

    Args:
        redirect_uri: its host and origin are the only ones that are served.
        paths: of the redirect URI; a proxy may strip the front of its path, or leave it.
        awaited: the response.
        complete: called with the parameters of each response that has the right state, without the state.
        hand_off: shared with the Jupyter server, which hands the response over; no other program is served then.
    """

    def __init__(
        self,
        redirect_uri: str,
        paths: Collection[str],
        awaited: Awaited,
        complete: Complete,
        hand_off: HandOff | None = None,
    ) -> None:
        self.origin = origin_of(redirect_uri)
        self._path = urlsplit(redirect_uri).path
        self._paths = frozenset(path or "/" for path in (self._path, *paths))
        self._awaited = awaited
        self._complete = complete
        self._hand_off = hand_off
        self._short_path = f"/sign-in/{secrets.token_urlsafe(16)}"
        self._links: list[str] = []  # the one that the short path leads to, until a browser has followed it
        self._outcomes: dict[str, pages.Outcome] = {}  # by where a 303 leads to; they contain nothing that was sent

    def answer(self, request: Request) -> Answer:
        """Return the answer to *request*."""
        path, _, query = request.target.partition("?")
        if request.is_of_another_user:
            return refused(request, 403, "This listener serves programs of its own user only.")
        if self._hand_off is not None:
            return self._answer_jupyter(request, path, self._hand_off)
        if request.host.lower() != self.origin.partition("://")[2]:
            return refused(request, 400, "This listener serves one address only.")
        if request.method == "GET" and path == self._short_path:
            return self._lead()
        for name, outcome in self._outcomes.items():
            if request.method == "GET" and any(_same_path(path, urljoin(own, name)) for own in self._paths):
                return _page(outcome, "outcome.js", _status(outcome))
        if not any(_same_path(path, own) for own in self._paths):
            return refused(request, 404, "Nothing is served here.")
        if request.method == "GET":
            return self._answer_get(query)
        if request.method == "POST":
            return self._answer_post(request)
        answer = refused(request, 405, "This address takes GET and POST only.")
        body = b"" if request.method == "HEAD" else answer.body
        return replace(answer, headers=(*answer.headers, ("Allow", "GET, POST")), body=body)

    def lead_to(self, link: str) -> str:
        """Return an address of this listener that leads one browser to *link*, once.

        All users of a machine can read the arguments of its processes. This address tells them nothing.
        """
        self._links[:] = [link]
        return self.origin + self._short_path

    def take_pasted(self, text: str) -> pages.Outcome | None:
        """Take the response in *text*, the URL at which the user's browser ended, or the end of it.

        Return what is wrong with it, or None once it has been taken.
        """
        try:
            parameters, in_query = parse_pasted(text)
        except MalformedResponse as error:
            return pages.not_ours(str(error))
        outcome, is_ours = self._take(parameters, in_query)
        return None if is_ours else outcome

    def _lead(self) -> Answer:
        try:
            link = self._links.pop()
        except IndexError:
            return _page(pages.USED, "outcome.js", 410)
        return Answer(303, (*pages.COMMON_HEADERS, ("Location", link)), b"")

    def _answer_jupyter(self, request: Request, path: str, hand_off: HandOff) -> Answer:
        """Take what the Jupyter server hands over; no other program can seal it."""
        is_sent_there = request.method == "POST" and path == HANDOVER_PATH
        form = hand_off.opened(request.body, about=request.stood_in.encode()) if is_sent_there else None
        if form is None:
            return refused(request, 403, "This listener takes responses from the Jupyter server only.")
        outcome, is_ours = self._take_form(replace(request, body=form))
        sealed = hand_off.sealed(json.dumps(asdict(outcome)).encode(), about=request.body)
        return Answer(_status(outcome), (*pages.COMMON_HEADERS, ("Content-Type", SEALED)), sealed, is_ours)

    def _answer_get(self, query: str) -> Answer:
        """Serve the relay page, or take the response in the query; some providers always put errors there."""
        if not query:
            return _page(pages.RELAY, "relay.js")
        try:
            parameters = _parse_query(query)
        except MalformedResponse as error:
            return _page(pages.not_ours(str(error)), "outcome.js", 400)
        if parameters.keys().isdisjoint(_RESPONSE):
            return _page(pages.RELAY, "relay.js")
        outcome, is_ours = self._take(parameters, in_query=True)
        return _page(outcome, "outcome.js", _status(outcome), is_last=is_ours)

    def _answer_post(self, request: Request) -> Answer:
        is_relayed = request.origin == self.origin and request.fetch_site == "same-origin"
        if not is_relayed and not self._is_form_post(request):
            return refused(request, 403, "This listener takes responses from its own page only.")
        if request.content_type.split(";")[0].strip().lower() != FORM:
            return refused(request, 415, "A response is a form.")
        outcome, is_ours = self._take_form(request)
        if is_relayed:
            return _json(outcome, is_ours)
        if outcome != pages.DONE and not request.is_navigation:
            return _page(outcome, "outcome.js", 400, is_last=is_ours)
        # 303, not a page: a browser would keep the form with the token in its session files.
        name = _SIGNED_IN if outcome == pages.DONE else _REFUSED
        self._outcomes[name] = outcome
        return Answer(303, (*pages.COMMON_HEADERS, ("Location", urljoin(self._path, name))), b"")

    def _is_form_post(self, request: Request) -> bool:
        asked_for = self._awaited.form_post_origin
        return asked_for is not None and request.origin in (asked_for, "null")

    def _take_form(self, request: Request) -> tuple[pages.Outcome, bool]:
        try:
            parameters = parse_response(request.body.decode("ascii"))
        except (MalformedResponse, UnicodeDecodeError):
            return pages.not_ours("It is malformed."), False
        return self._take(parameters, in_query=request.stood_in == "query")

    def _take(self, parameters: dict[str, str], in_query: bool) -> tuple[pages.Outcome, bool]:
        """Take *parameters* if they answer our request; return what the tab is told, and whether they were taken."""
        if not self._awaited.has_state(parameters.pop("state", "")):
            return ANOTHER_SIGN_IN, False
        if in_query and not self._awaited.in_query and "error" not in parameters:
            # RFC 9700, 4.3.2: the token is in logs and in the browser's history already.
            issuer = {name: value for name, value in parameters.items() if name == "iss"}
            refusal = {"error": "invalid_response_mode", "error_description": "the response came in the query"}
            parameters = issuer | refusal
        outcome = self._complete({name: Received(value) for name, value in parameters.items()})
        if outcome is None:
            return pages.not_ours("This sign-in has ended already."), False
        return outcome, True


def refused(request: Request, status: int, sentence: str) -> Answer:
    """Return the answer that refuses *request*: a page for a person, and the bare *sentence* for a program."""
    if not request.takes_html:
        return _short(status, sentence)
    return Answer(status, pages.headers(), pages.page(pages.refused(status, sentence)))


def refusal(status: int) -> Answer:
    """Return the answer to a request that the server does not pass on, because it would answer *status* by itself."""
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return _short(status, "The body of the request is too large.")
    if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return _short(status, "The headers of the request are too large.")
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _short(status, "The request could not be answered.")
    # Also in place of 501, for a transfer coding that is not supported: the client is at fault.
    return _short(400, "The request is not valid HTTP.")


def _parse_query(query: str) -> dict[str, str]:
    """Return the parameters in *query*.

    Raises:
        MalformedResponse: as for `parse_response`, or parameters of a response are separated by `;`.
    """
    for name in re.findall("(?<=;)[^&;=]*(?==)", query):
        if unquote_plus(name) in _RESPONSE:
            raise MalformedResponse("This is not a provider's response.")
    return parse_response(query)


def _same_path(sent: str, path: str) -> bool:
    return sent.startswith("/") and unquote_to_bytes(sent) == unquote_to_bytes(path)


def _status(outcome: pages.Outcome) -> int:
    return 200 if outcome == pages.DONE else 400


def _short(status: int, sentence: str) -> Answer:
    headers = (*pages.COMMON_HEADERS, ("Content-Type", "text/plain; charset=utf-8"))
    return Answer(status, headers, sentence.encode())


def _page(outcome: pages.Outcome, script: str, status: int = 200, is_last: bool = False) -> Answer:
    return Answer(status, pages.headers(script), pages.page(outcome, script), is_last)


def _json(outcome: pages.Outcome, is_last: bool) -> Answer:
    headers = (*pages.COMMON_HEADERS, ("Content-Type", "application/json"))
    body = json.dumps(asdict(outcome)).replace("<", "\\u003c").encode()  # a browser that sniffs HTML finds none
    return Answer(_status(outcome), headers, body, is_last)
