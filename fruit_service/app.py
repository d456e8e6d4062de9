"""The application: routes, the plugins in front of them, the log and the metrics around them."""

from __future__ import annotations

from bottle import Bottle

from .answers import answer, answering_errors, error_answer
from .bearer import Bearer
from .config import Config
from .description import add_description
from .fruit_routes import add_fruit_routes
from .keys import IssuerKeys
from .request_log import WSGI, RequestLog, Write, to_stderr
from .resource import ProtectedResource
from .store import FruitStore
from .verified_tokens import VerifiedTokens


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
    app.default_error_handler = error_answer
    app.install(answering_errors(resource))
    app.install(Bearer(VerifiedTokens(config.rules, keys.find, keys.holds), config.leeway))
    add_fruit_routes(app, store)
    add_description(app, config, resource)
    _add_health(app, store, keys)
    return app


def _add_health(app: Bottle, store: FruitStore, keys: IssuerKeys) -> None:
    def ready() -> bytes:
        store.check()
        keys.check()
        return answer('{"msg": "ready"}')

    app.get("/healthz", callback=lambda: answer('{"msg": "alive"}'))
    app.get("/readyz", callback=ready)
