"""Tokens kept in this process, and nowhere else."""

from __future__ import annotations

import hashlib
import json
import threading

from ..params import ParamsAuth0
from ..token import TokenSet

_tokens: dict[str, TokenSet] = {}
_lock = threading.Lock()


def store_key(params: ParamsAuth0) -> str:
    """Return a digest of everything that makes two sign-ins different, so that no token serves for another."""
    parts = [
        params.expected_issuer,
        params.client_id,
        params.audience,
        sorted(params.scope.split()),
        params.response_type,
        params.passed_on,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def load(key: str) -> TokenSet | None:
    """Return the tokens kept under *key*, ended ones too."""
    with _lock:
        return _tokens.get(key)


def save(key: str, tokens: TokenSet) -> None:
    """Keep *tokens* under *key*."""
    with _lock:
        _tokens[key] = tokens


def forget_all() -> None:
    """Forget everything."""
    with _lock:
        _tokens.clear()


def forget(key: str) -> None:
    """Forget what is kept under *key*."""
    with _lock:
        _tokens.pop(key, None)
