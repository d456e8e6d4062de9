"""`fruit_service.wsgi:app` for any WSGI server, configured by the environment (`FRUIT_*`)."""

from __future__ import annotations

import os

from .app import create_app
from .config import Config
from .keys import IssuerKeys
from .store import FruitStore

config = Config.of(os.environ)
_store = FruitStore(config.database)
_store.rest()  # gunicorn --preload creates the application before it forks
app = create_app(config, _store, IssuerKeys(config.issuer))
