"""A page that posts one form to the provider: a request with a token, which must stand in no address."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping

from ..protocol.urls import origin_of
from . import pages
from .ports import bind_redirect_uri
from .receiver import Answer, Request, refused
from .server import Server


class FormPage:
    """Serves, on a free port of this machine, a page whose script posts a form; to one browser, once.

    Args:
        action: the URL that the form is posted to.
        fields: the form. Its values are secrets: they stand in the page, and nowhere else.

    Attributes:
        address: the URL of the page; it tells nothing about the form.

    Raises:
        PortInUse: no port is free.
    """

    def __init__(self, action: str, fields: Mapping[str, str]) -> None:
        bound = bind_redirect_uri("http://127.0.0.1:0/")
        self._path = f"/sign-out/{secrets.token_urlsafe(16)}"
        self._origin = origin_of(bound.redirect_uri)
        self._headers = pages.headers("post.js", posts_to=origin_of(action))
        self._pages = [pages.form_page(action, fields)]  # until a browser has it
        self._is_taken = threading.Event()
        self.address = self._origin + self._path
        self._server = Server(bound, self.answer, lambda why: None, is_for_one_user=True)
        self._server.start()

    def answer(self, request: Request) -> Answer:
        """Return the page for the first request at its address, and a short refusal for any other."""
        if request.is_of_another_user:
            return refused(request, 403, "This listener serves programs of its own user only.")
        if request.host.lower() != self._origin.partition("://")[2]:
            return refused(request, 400, "This listener serves one address only.")
        if request.method != "GET" or request.target != self._path:
            return refused(request, 404, "Nothing is served here.")
        try:
            page = self._pages.pop()
        except IndexError:
            return Answer(410, pages.headers("outcome.js"), pages.page(pages.USED, "outcome.js"))
        self._is_taken.set()
        return Answer(200, self._headers, page, is_last=True)

    def wait(self, timeout: float) -> bool:
        """Wait until a browser has the page, at most *timeout* seconds; return whether it has."""
        return self._is_taken.wait(timeout)

    def close(self) -> None:
        """Give the port back; an answer that has begun is sent to its end."""
        self._server.stop(0.0)
        self._server.join(2.0)
