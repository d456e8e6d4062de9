"""The fruit service, running on a port of its own for one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fruit_service.app import create_app
from fruit_service.config import Config
from fruit_service.keys import IssuerKeys
from fruit_service.request_log import Write, to_stderr
from fruit_service.serving import Server, listen
from fruit_service.store import FruitStore


@contextmanager
def running_service(
    issuer: str, database: str = "sqlite://", write_log: Write = to_stderr, **settings: Any
) -> Iterator[str]:
    """Run the service for tokens of *issuer*; yield its address, without a slash at the end."""
    config = Config(issuer=issuer, database=database, **settings)
    store = FruitStore(database)
    sockets = listen(["127.0.0.1"], 0)
    port = sockets[0].getsockname()[1]
    keys = IssuerKeys(issuer)
    try:
        with Server(create_app(config, store, keys, write_log), sockets):
            yield f"http://127.0.0.1:{port}"
    finally:
        keys.close()
        store.close()
