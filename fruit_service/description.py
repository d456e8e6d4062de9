"""The routes by which the service describes itself: as a protected resource, as an API, and on a page for people."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from urllib.parse import urlsplit

import bottle
from bottle import Bottle, HTTPResponse

from .answers import answer, host
from .baskets import READ, STARTING_LISTS, WRITE
from .config import Config
from .errors import UnknownAddress
from .pages import PACKAGE, asset, page
from .resource import METADATA, ProtectedResource


def add_description(app: Bottle, config: Config, resource: ProtectedResource) -> None:
    """Add the metadata (RFC 9728, section 3), the OpenAPI document, the page and its assets."""

    def metadata() -> bytes:
        origin = resource.origin(host())
        if not origin:
            raise UnknownAddress
        return answer(json.dumps(resource.metadata(origin)))

    app.get(METADATA, callback=metadata)
    app.get("/openapi.json", callback=lambda: answer(openapi()))
    app.get("/", callback=lambda: _index(config, resource))
    app.get("/pages/style.css", callback=lambda: asset("style.css"))
    app.get("/pages/icon.svg", callback=lambda: asset("icon.svg"))


def _index(config: Config, resource: ProtectedResource) -> HTTPResponse:
    parts = bottle.request.urlparts
    return page(
        PACKAGE,
        "index.html",
        "Fruit service",
        config=config,
        rights=(READ, WRITE),
        starting=STARTING_LISTS,
        address=f"{resource.origin(host()) or f'{parts.scheme}://{parts.netloc}'}/",
        is_local_issuer=is_local_issuer(config.issuer),
    )


def is_local_issuer(issuer: str) -> bool:
    """Return whether *issuer* looks as the local issuer's does, whose client the page for people then names."""
    parts = urlsplit(issuer)
    return (parts.scheme, parts.hostname, parts.path) == ("http", "localhost", "/")


@cache
def openapi() -> str:
    """Return the description of the API (OpenAPI 3.1)."""
    return (resources.files(PACKAGE) / "openapi.json").read_text("utf-8")
