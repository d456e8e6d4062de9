"""Which HTTP requests bring the authorization response, and what each one is answered. No sockets here."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from ..protocol.messages import MalformedResponse, parse_pasted, parse_response
from ..protocol.tokens import Received
from ..protocol.urls import origin_of
from . import pages
from .jupyter_handoff import HANDOVER_PATH

FORM = "application/x-www-form-urlencoded"

_SIGNED_IN, _REFUSED = "signed-in", "refused"
"""Where a 303 leads to, beside the redirect URI."""

ANOTHER_SIGN_IN = pages.not_ours("It belongs to another sign-in. Go on in the tab that your notebook opened last.")

Complete = Callable[[Mapping[str, str]], pages.Outcome | None]
"""Takes the parameters of the response and returns what the tab is told; None if the sign-in needs none any more."""


@dataclass(frozen=True)
class Request:
    """An HTTP request, as it was sent.

    Attributes:
        target: path and query, not decoded.
        is_navigation: a browser asks for a page that it will show.
        secret: proves that the Jupyter server hands a response over.
        stood_in: `query` or `fragment`, where the page or the Jupyter server found the response.
    """

    method: str
    target: str = field(repr=False)
    host: str = ""
    origin: str | None = None
    fetch_site: str = "same-origin"
    is_navigation: bool = False
    content_type: str = ""
    secret: str = field(default="", repr=False)
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
        handoff_secret: known to the Jupyter server, which hands the response over; no other program is served then.
    """

    def __init__(
        self,
        redirect_uri: str,
        paths: Collection[str],
        awaited: Awaited,
        complete: Complete,
        handoff_secret: str | None = None,
    ) -> None:
        self.origin = origin_of(redirect_uri)
        self._path = urlsplit(redirect_uri).path
        self._paths = frozenset(path or "/" for path in (self._path, *paths))
        self._awaited = awaited
        self._complete = complete
        self._handoff_secret = handoff_secret
        self._outcomes: dict[str, pages.Outcome] = {}  # by where a 303 leads to; they contain nothing that was sent

    def answer(self, request: Request) -> Answer:
        """Return the answer to *request*."""
        path, _, query = request.target.partition("?")
        if self._handoff_secret is not None:
            return self._answer_jupyter(request, path, self._handoff_secret)
        if request.host.lower() != self.origin.partition("://")[2]:
            return _short(400, "This listener serves one address only.")
        for name, outcome in self._outcomes.items():
            if request.method == "GET" and any(_same_path(path, urljoin(own, name)) for own in self._paths):
                return _page(outcome, "outcome.js", _status(outcome))
        if not any(_same_path(path, own) for own in self._paths):
            return _short(404, "Nothing is served here.")
        if request.method == "GET":
            return self._answer_get(query)
        if request.method == "POST":
            return self._answer_post(request)
        return Answer(405, (*pages.COMMON_HEADERS, ("Allow", "GET, POST")), b"")

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

    def _answer_jupyter(self, request: Request, path: str, secret: str) -> Answer:
        """Take what the Jupyter server hands over; no other program can read the secret."""
        is_known = hmac.compare_digest(request.secret.encode(), secret.encode())
        if not is_known or request.method != "POST" or path != HANDOVER_PATH:
            return _short(403, "This listener takes responses from the Jupyter server only.")
        outcome, is_ours = self._take_form(request)
        return _json(outcome, is_ours)

    def _answer_get(self, query: str) -> Answer:
        """Serve the relay page, or take the response in the query; some providers always put errors there."""
        if not query:
            return _page(pages.RELAY, "relay.js")
        try:
            parameters = parse_response(query)
        except MalformedResponse as error:
            return _page(pages.not_ours(str(error)), "outcome.js", 400)
        if "state" not in parameters:
            return _page(pages.RELAY, "relay.js")
        outcome, is_ours = self._take(parameters, in_query=True)
        return _page(outcome, "outcome.js", _status(outcome), is_last=is_ours)

    def _answer_post(self, request: Request) -> Answer:
        is_relayed = request.origin == self.origin and request.fetch_site == "same-origin"
        if not is_relayed and not self._is_form_post(request):
            return _short(403, "This listener takes responses from its own page only.")
        if request.content_type.split(";")[0].strip().lower() != FORM:
            return _short(415, "A response is a form.")
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
