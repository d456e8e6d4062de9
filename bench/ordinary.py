"""What an ordinary API does for the same answers: PyJWT for each request, and the fruits from SQLite by SQLAlchemy."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import jwt
from sqlalchemy import create_engine, text

ISSUER, AUDIENCE = os.environ["FRUIT_ISSUER"], "api/fruit"
BASKETS = ("usual", "exotic")

_keys = jwt.PyJWKClient(f"{ISSUER}.well-known/jwks.json", cache_keys=True)
_engine = create_engine(os.environ["FRUIT_DATABASE"])


def claims_of(authorization: str | None) -> dict[str, Any] | None:
    """Return the claims of a good token, or None."""
    token = (authorization or "").removeprefix("Bearer ")
    try:
        key = _keys.get_signing_key_from_jwt(token).key
        claims: dict[str, Any] = jwt.decode(token, key, ["RS256"], audience=AUDIENCE, issuer=ISSUER, leeway=60)
    except jwt.PyJWTError:
        return None
    return claims


def read(claims: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a GET."""
    fruits: dict[str, list[str]] = {basket: [] for basket in BASKETS}
    with _engine.connect() as connection:
        for basket, name in connection.execute(text("SELECT basket, name FROM fruit ORDER BY id")):
            fruits[basket].append(name)
    return {"msg": "Fruits that you may see: usual and exotic.", "fruits": fruits, "token_info": claims}


def add(claims: dict[str, Any], fruits: dict[str, list[str]]) -> dict[str, Any]:
    """Return the answer to a POST; names are compared as they are."""
    added: dict[str, list[str]] = {basket: [] for basket in fruits}
    statement = text("INSERT OR IGNORE INTO fruit (basket, identity, name) VALUES (:basket, :name, :name)")
    with _engine.begin() as connection:
        for basket, names in fruits.items():
            for name in names:
                if connection.execute(statement, {"basket": basket, "name": name}).rowcount:
                    added[basket].append(name)
    return {"msg": "Fruits added.", "fruits_added": added, "fruits_refused": {}, "token_info": claims}


def log(status: int, began: float, claims: dict[str, Any] | None) -> None:
    """Write a line of the same kind."""
    line = {"time": time.time(), "status": status, "subject": (claims or {}).get("sub"), "s": time.time() - began}
    sys.stderr.write(json.dumps(line) + "\n")
