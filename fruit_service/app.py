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
from .errors import BadRequest, BodyTooLarge, NotJson, RequestError, UnknownAddress
from .keys import IssuerKeys
from .pages import PACKAGE, asset, is_for_person, page, page_of
from .request_log import WSGI, RequestLog, Write, to_stderr
from .resource import API, METADATA, ProtectedResource
from .serving import MAX_BODY
from .sign_in import MULTI_FACTOR, RequiredSignIn
from .store import FruitStore
from .verified_tokens import VerifiedTokens

RECIPE = ("Cut two usual fruits and an exotic one.", "Add lime and a pinch of salt.", "Wait for ten minutes.")
RECIPE_SIGN_IN = RequiredSignIn(MULTI_FACTOR, max_age=300)
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
    resource = ProtectedResource(config.issuer, config.public_url)
    app.default_error_handler = _error
    app.install(_answers(resource))
    app.install(Bearer(VerifiedTokens(config.rules, keys.find, keys.holds), config.leeway))
    _add_api(app, store)
    _add_recipe(app)
    _add_metadata(app, resource)
    _add_health(app, store, keys)
    _add_pages(app, config, resource)
    return app


def _add_api(app: Bottle, store: FruitStore) -> None:
    @app.get(API, scopes=tuple(READ))  # type: ignore[untyped-decorator]
    def read(access_token: AccessToken) -> bytes:
        baskets = readable(access_token.scopes)
        # Most requests come here. The fruits and the claims are JSON texts already, computed once.
        fruits = store.snapshot().json(baskets)
        msg = f"Fruits that you may see: {' and '.join(baskets)}."
        return _answer(f'{{"msg": "{msg}", "fruits": {fruits}, "token_info": {access_token.json}}}')

    @app.post(API, scopes=tuple(WRITE))  # type: ignore[untyped-decorator]
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


def _add_recipe(app: Bottle) -> None:
    @app.get(f"{API}/recipe", scopes=tuple(READ), sign_in=RECIPE_SIGN_IN)  # type: ignore[untyped-decorator]
    def recipe(access_token: AccessToken) -> bytes:
        said = json.dumps({"msg": "The recipe of the fruit salad.", "recipe": RECIPE})
        return _answer(f'{said[:-1]}, "token_info": {access_token.json}}}')


def _add_metadata(app: Bottle, resource: ProtectedResource) -> None:
    @app.get(METADATA)  # type: ignore[untyped-decorator]
    def metadata() -> bytes:
        origin = resource.origin(_host())
        if not origin:
            raise UnknownAddress
        return _answer(json.dumps(resource.metadata(origin)))


def _add_health(app: Bottle, store: FruitStore, keys: IssuerKeys) -> None:
    @app.get("/healthz")  # type: ignore[untyped-decorator]
    def alive() -> bytes:
        return _answer('{"msg": "alive"}')

    @app.get("/readyz")  # type: ignore[untyped-decorator]
    def ready() -> bytes:
        store.check()
        keys.check()
        return _answer('{"msg": "ready"}')


def _add_pages(app: Bottle, config: Config, resource: ProtectedResource) -> None:
    @app.get("/")  # type: ignore[untyped-decorator]
    def index() -> HTTPResponse:
        parts = bottle.request.urlparts
        address = f"{resource.origin(_host()) or f'{parts.scheme}://{parts.netloc}'}/"
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


def _host() -> str:
    host: str = bottle.request.environ.get("HTTP_HOST", "")
    return host


def _answers(resource: ProtectedResource) -> Callable[..., Any]:
    """Return a Bottle plugin: it checks the Host header, and turns a `RequestError` into its answer."""

    def plugin(callback: Callable[..., Any]) -> Callable[..., Any]:
        def answering(**arguments: Any) -> Any:
            _check_host()  # not in a hook, which would take more time than the check itself
            try:
                return callback(**arguments)
            except RequestError as error:
                headers = _with_metadata_url(error.headers, resource)
                return _answer(f'{{"msg": {json.dumps(error.msg)}}}', error.status, headers)

        return answering

    return plugin


def _with_metadata_url(headers: Mapping[str, str], resource: ProtectedResource) -> Mapping[str, str]:
    """Return *headers*, whose challenge, if there is one, says where the metadata are (RFC 9728, section 5.1)."""
    challenge, url = headers.get("WWW-Authenticate"), resource.metadata_url(_host())
    return {**headers, "WWW-Authenticate": f'{challenge}, resource_metadata="{url}"'} if challenge and url else headers


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
