"""The answers of the issuer's endpoints: JSON, and errors as JSON, as text or as a page for people."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bottle import HTTPError, HTTPResponse

from ..errors import RequestError
from ..pages import TITLES, is_for_person, page, page_of, secure_headers
from .messages import PACKAGE


def json_answer(body: object, status: int = 200) -> HTTPResponse:
    """Return *body* as JSON that no cache keeps."""
    return HTTPResponse(json.dumps(body), status, {**secure_headers(), "Content-Type": "application/json"})


def answering_errors(endpoint: Callable[[], HTTPResponse]) -> Callable[[], HTTPResponse]:
    """Return *endpoint*, which answers a `RequestError` instead of raising it."""

    def answer() -> HTTPResponse:
        try:
            return endpoint()
        except RequestError as error:
            if is_for_person():
                return _error_page(error)
            headers = {**secure_headers(), "Content-Type": "application/json", **error.headers}
            return HTTPResponse(json.dumps({"msg": error.msg}), error.status, headers)

    return answer


def _error_page(error: RequestError) -> HTTPResponse:
    data: dict[str, Any] = {"app": "Local issuer", "message": error.msg, "allowed": (), "advice": ""}
    shown = page(
        PACKAGE, "error.html", TITLES.get(error.status, TITLES[400]), status=error.status, mood="failed", **data
    )
    for name, value in error.headers.items():
        shown.set_header(name, value)
    return shown


def plain_error(error: HTTPError) -> str:
    """Return a page for an error of Bottle or a hook, or text for a program.

    Bottle's own page would show the request, and an exception.
    """
    reasons = {404: "This address is not one of the issuer's.", 405: "A browser cannot open it."}
    reason = error.body if error.status_code < 500 else ""
    if is_for_person():
        message = reasons.get(error.status_code, reason)
        return page_of(error, PACKAGE, message, app="Local issuer", allowed=(), advice="", is_lost=True)
    for name, value in secure_headers().items():
        error.set_header(name, value)
    error.content_type = "text/plain; charset=utf-8"
    return f"{error.status_line}\n{reason}\n"
