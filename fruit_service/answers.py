"""Answers of the API, in one form: JSON, errors included, and a page for a browser that meets an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import bottle
from bottle import HTTPError

from .errors import RequestError
from .pages import PACKAGE, is_for_person, page_of
from .resource import ProtectedResource

HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def answer(body: str, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """Return *body* for Bottle to send, with the headers of all our answers and *headers*.

    This reuses Bottle's own response object and returns bytes. A new response, and a search for the charset of a text,
    would take as much time as the check of a token.
    """
    response = bottle.response
    if status != 200:
        response.status = status
    for name, value in (*HEADERS.items(), *headers.items()):
        response.set_header(name, value)
    return body.encode()


def answering_errors(resource: ProtectedResource) -> Callable[..., Any]:
    """Return a Bottle plugin: it checks the Host header, and turns a `RequestError` into its answer."""

    def plugin(callback: Callable[..., Any]) -> Callable[..., Any]:
        def answering(**arguments: Any) -> Any:
            _check_host()  # not in a hook, which would take more time than the check itself
            try:
                return callback(**arguments)
            except RequestError as error:
                headers = _with_metadata_url(error.headers, resource)
                return answer(f'{{"msg": {json.dumps(error.msg)}}}', error.status, headers)

        return answering

    return plugin


def host() -> str:
    """Return the `Host` header of the request."""
    name: str = bottle.request.environ.get("HTTP_HOST", "")
    return name


def error_answer(error: HTTPError) -> str:
    """Return the answer for an error of Bottle: a page for a browser, else the form of all our errors."""
    reasons = {404: "There is nothing here. See / for the API.", 405: "This path does not support this method."}
    own = error.body if error.status_code < 500 else "Something went wrong on our side."
    reason = reasons.get(error.status_code, own)
    if is_for_person():
        pages = {404: "The service has no page at this address.", 405: "A browser cannot open it."}
        return page_of(error, PACKAGE, pages.get(error.status_code, reason))
    for name, value in HEADERS.items():
        error.set_header(name, value)
    return json.dumps({"msg": reason})


def _check_host() -> None:
    """Refuse a request without a Host header, or with two, which waitress accepts (RFC 9112, section 3.2)."""
    environ = bottle.request.environ
    host = environ.get("HTTP_HOST")
    if "," in (host or "") or (not host and environ.get("SERVER_PROTOCOL") != "HTTP/1.0"):
        raise HTTPError(400, "Send one Host header.")


def _with_metadata_url(headers: Mapping[str, str], resource: ProtectedResource) -> Mapping[str, str]:
    """Return *headers*, whose challenge, if there is one, says where the metadata are (RFC 9728, section 5.1)."""
    challenge, url = headers.get("WWW-Authenticate"), resource.metadata_url(host())
    return {**headers, "WWW-Authenticate": f'{challenge}, resource_metadata="{url}"'} if challenge and url else headers
