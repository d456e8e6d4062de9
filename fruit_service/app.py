"""The API: its routes, and one form for all errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import bottle
from bottle import Bottle, HTTPError, HTTPResponse

from .access_token import AccessToken
from .baskets import READ, STARTING_LISTS, WRITE, allowed, checked, readable
from .bearer import Bearer
from .config import Config
from .errors import BadRequest, BodyTooLarge, NotJson, RequestError
from .keys import IssuerKeys
from .pages import PACKAGE, asset, is_for_person, page, page_of
from .request_log import WSGI, RequestLog, Write, to_stderr
from .serving import MAX_BODY
from .store import FruitStore
from .verified_tokens import VerifiedTokens

HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def create_app(config: Config, store: FruitStore, keys: IssuerKeys, write_log: Write = to_stderr) -> WSGI:
    """Return the WSGI application. It writes its request log with *write_log*."""
    app = routes(config, store, keys)
    if config.metrics:
        from .metrics import Measured  # optional: the [metrics] extra

        return RequestLog(Measured(app), write_log)
    return RequestLog(app, write_log)


def routes(config: Config, store: FruitStore, keys: IssuerKeys) -> Bottle:
    """Return the routes, with the plugins for authorization and errors."""
    app = Bottle()
    app.default_error_handler = _error
    app.install(_answers)
    app.install(Bearer(VerifiedTokens(config.rules, keys.find, keys.holds)))
    _add_api(app, store)
    _add_health(app, store, keys)
    _add_pages(app, config)
    return app


def _add_api(app: Bottle, store: FruitStore) -> None:
    @app.get("/api/fruit", scopes=tuple(READ))  # type: ignore[untyped-decorator]
    def read(access_token: AccessToken) -> bytes:
        baskets = readable(access_token.scopes)
        # Most requests come here. The fruits and the claims are JSON texts already, computed once.
        fruits = store.snapshot().json(baskets)
        msg = f"Fruits that you may see: {' and '.join(baskets)}."
        return _answer(f'{{"msg": "{msg}", "fruits": {fruits}, "token_info": {access_token.json}}}')

    @app.post("/api/fruit", scopes=tuple(WRITE))  # type: ignore[untyped-decorator]
    def write(access_token: AccessToken) -> bytes:
        fruits = checked(_json_body())
        baskets = allowed(access_token.scopes, WRITE)
        added = store.add({basket: names for basket, names in fruits.items() if basket in baskets})
        refused = {basket: names for basket, names in fruits.items() if basket not in baskets}
        msg = f"Fruits added: {sum(map(len, added.values()))}."
        if refused:
            msg += f" Your token's scopes do not allow adding to: {' and '.join(refused)}."
        said = json.dumps({"msg": msg, "fruits_added": added, "fruits_refused": refused})
        return _answer(f'{said[:-1]}, "token_info": {access_token.json}}}')


def _add_health(app: Bottle, store: FruitStore, keys: IssuerKeys) -> None:
    @app.get("/healthz")  # type: ignore[untyped-decorator]
    def alive() -> bytes:
        return _answer('{"msg": "alive"}')

    @app.get("/readyz")  # type: ignore[untyped-decorator]
    def ready() -> bytes:
        store.check()
        keys.check()
        return _answer('{"msg": "ready"}')


def _add_pages(app: Bottle, config: Config) -> None:
    @app.get("/")  # type: ignore[untyped-decorator]
    def index() -> HTTPResponse:
        address = f"{bottle.request.urlparts.scheme}://{bottle.request.urlparts.netloc}/"
        rights = (READ, WRITE)
        return page(
            PACKAGE,
            "index.html",
            "Fruit service",
            config=config,
            rights=rights,
            starting=STARTING_LISTS,
            address=address,
            is_local_issuer=is_local_issuer(config.issuer),
        )

    app.get("/openapi.json", callback=lambda: _answer(openapi()))
    app.get("/pages/style.css", callback=lambda: asset("style.css"))
    app.get("/pages/icon.svg", callback=lambda: asset("icon.svg"))


def is_local_issuer(issuer: str) -> bool:
    """Return whether *issuer* looks as the local issuer's does, whose client the page for people then names."""
    parts = urlsplit(issuer)
    return (parts.scheme, parts.hostname, parts.path) == ("http", "localhost", "/")


@cache
def openapi() -> str:
    """Return the description of the API (OpenAPI 3.1)."""
    return (resources.files(PACKAGE) / "openapi.json").read_text("utf-8")


def _json_body() -> Any:
    request = bottle.request
    if request.content_length > MAX_BODY:
        raise BodyTooLarge(f"A body has at most {MAX_BODY} bytes.")
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        raise NotJson("Send the fruits as Content-Type: application/json.")
    try:
        return json.loads(_body(request.environ).decode("utf-8"))
    # RecursionError: 80 kB of "[" are too deep for Python's parser.
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON in UTF-8.") from error


def _body(environ: Mapping[str, Any]) -> bytes:
    """Return the body. `wsgi.input_terminated` means that the server has decoded chunks, so Bottle must not."""
    if not environ.get("wsgi.input_terminated"):
        return bytes(bottle.request.body.read())
    try:
        body: bytes = environ["wsgi.input"].read(MAX_BODY + 1)
    except Exception as error:  # each server raises its own error for an incomplete body
        raise BadRequest("The body cannot be read to its end.") from error
    if len(body) > MAX_BODY:
        raise BodyTooLarge(f"A body has at most {MAX_BODY} bytes.")
    return body


def _check_host() -> None:
    """Refuse a request without a Host header, or with two, which waitress accepts (RFC 9112, section 3.2)."""
    environ = bottle.request.environ
    host = environ.get("HTTP_HOST")
    if "," in (host or "") or (not host and environ.get("SERVER_PROTOCOL") != "HTTP/1.0"):
        raise HTTPError(400, "Send one Host header.")


def _answers(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Bottle plugin: check the Host header, and turn a `RequestError` into its answer."""

    def answering(**arguments: Any) -> Any:
        _check_host()  # not in a hook, which would take more time than the check itself
        try:
            return callback(**arguments)
        except RequestError as error:
            return _answer(f'{{"msg": {json.dumps(error.msg)}}}', error.status, error.headers)

    return answering


def _error(error: HTTPError) -> str:
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


def _answer(body: str, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
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
