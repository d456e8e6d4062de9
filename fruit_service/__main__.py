"""`python -m fruit_service`: the API on waitress, with `--with-issuer` the local issuer too."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from .config import Config, dotenv
from .errors import BadConfig, FruitError
from .open_files import allow_many_files
from .reloading import run_reloading
from .serving import LOOPBACK, Server, listen, until_signal, wait

MISSING: Mapping[str | None, str] = {
    "sqlalchemy": "The fruit service needs SQLAlchemy: pip install 'ipyauth-magic[service]'",
    "prometheus_client": "--metrics needs the Prometheus client: pip install 'ipyauth-magic[metrics]'",
}
"""The sentence for each optional package that is not installed."""
OPTIONS: Mapping[str, str] = {
    "host": "address to listen on (default 127.0.0.1)",
    "port": "0: a free one (default 5000)",
    "issuer": "URL of the issuer whose access tokens are accepted",
    "audience": "identifier of this API (default api/fruit)",
    "database": "SQLAlchemy URL (default: a SQLite file of yours)",
    "threads": "number of threads that answer requests (default 2)",
    "leeway": "seconds by which clocks may differ (default 60)",
    "token-profile": "auth0 or rfc9068 (default auth0)",
    "algorithms": "accepted signatures, of RS256 and ES256 (default RS256)",
    "public-url": "URL of this service for its clients, without a path (default: that of the request, on this machine)",
}
"""The options that have a `FRUIT_*` variable and dotenv key."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service until a signal ends it. Return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    with until_signal():
        try:
            if options.reload:
                run_reloading([argument for argument in given if argument != "--reload"])
            with ExitStack() as stack:
                _run(options, stack)
                wait()
        except FruitError as error:
            print(error, file=sys.stderr)
            return 2
    return 0


def _run(options: argparse.Namespace, stack: ExitStack) -> None:
    chosen = {f"FRUIT_{name.replace('-', '_').upper()}": getattr(options, name.replace("-", "_")) for name in OPTIONS}
    if options.metrics:
        chosen["FRUIT_METRICS"] = "1"
    if options.with_issuer:
        if options.issuer:
            raise BadConfig("Give --issuer or --with-issuer, not both.")
        from .issuer.server import LocalIssuer  # here, because its imports take time

        issuer = stack.enter_context(LocalIssuer())
        chosen["FRUIT_ISSUER"] = issuer.issuer
        print(f"Local issuer (for demonstration only): {issuer.issuer}", flush=True)
    config = Config.of(chosen, os.environ, dotenv(options.dotenv_file) if options.dotenv_file else {})
    _serve(config, stack)


def _serve(config: Config, stack: ExitStack) -> None:
    try:
        from .app import create_app
        from .keys import IssuerKeys
        from .store import FruitStore

        if config.metrics:
            import prometheus_client  # noqa: F401  # its absence is told before anything listens
    except ModuleNotFoundError as error:
        if error.name not in MISSING:
            raise
        raise BadConfig(MISSING[error.name]) from error
    allow_many_files()
    sockets = listen(_addresses(config.host), config.port)
    store = FruitStore(config.database)
    stack.callback(store.close)
    keys = IssuerKeys(config.issuer)
    stack.callback(keys.close)
    app = create_app(config, store, keys)
    stack.enter_context(Server(app, sockets, config.threads))
    host = f"[{config.host}]" if ":" in config.host else config.host
    print(f"Fruits are kept in {store.place}", flush=True)
    print(f"Fruit service: http://{host}:{sockets[0].getsockname()[1]}/", flush=True)


def _addresses(host: str) -> Sequence[str]:
    """Return the addresses of *host*; both loopback addresses for `localhost`, independent of the hosts file."""
    if host == "localhost":
        return LOOPBACK
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BadConfig(f"There is no address for the host {host}.") from error
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fruit_service", description="An API protected by access tokens.", allow_abbrev=False
    )
    for name, meaning in OPTIONS.items():
        parser.add_argument(f"--{name}", help=meaning)
    parser.add_argument("--metrics", action="store_true", help="answer GET /metrics, for Prometheus (FRUIT_METRICS)")
    parser.add_argument("--reload", action="store_true", help="restart when a file changes, for development")
    parser.add_argument("--with-issuer", action="store_true", help="run the local issuer too, for demonstration")
    parser.add_argument("--dotenv-file", metavar="FILE", help="a file with FRUIT_* keys")
    return parser


if __name__ == "__main__":
    sys.exit(main())
