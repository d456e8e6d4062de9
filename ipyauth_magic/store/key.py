"""The key under which equal sign-ins are stored, so that a token never serves another sign-in."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Protocol

_KEY = re.compile(r"[0-9A-Za-z_-]{1,100}")


class Requested(Protocol):
    """The parameters of a request to a provider; `ParamsAuth0` has them."""

    @property
    def expected_issuer(self) -> str:
        """The exact issuer."""

    @property
    def discovery_url(self) -> str | None:
        """Where the issuer's metadata are; None at its own address."""

    @property
    def client_id(self) -> str:
        """The application."""

    @property
    def audience(self) -> str | None:
        """The API."""

    @property
    def scope(self) -> str:
        """The scopes, space separated; their order means nothing (RFC 6749, 3.3)."""

    @property
    def response_type(self) -> str:
        """The response type; the order of its words means nothing (RFC 6749, 3.1.1)."""

    @property
    def passed_on(self) -> tuple[tuple[str, str], ...]:
        """The other parameters that go to the provider, `login_hint` and `resource` among them."""


def store_key(requested: Requested, flow: str | None = None) -> str:
    """Return a digest, 64 hexadecimal digits, of everything that makes two sign-ins different.

    Args:
        requested: the parameters of the request.
        flow: the grant, if the response type does not identify it, as for `device`.
    """
    # With the document's address: it says where a refresh token is sent.
    issuer = requested.expected_issuer
    parts = [
        [issuer, requested.discovery_url] if requested.discovery_url else issuer,
        requested.client_id,
        requested.audience,
        sorted(set(requested.scope.split())),
        flow or sorted(requested.response_type.split()),
        sorted(requested.passed_on),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def is_store_key(key: str) -> bool:
    """Return whether *key* is one that `store_key` can return."""
    return re.fullmatch(r"[0-9a-f]{64}", key) is not None


def checked(key: str) -> str:
    """Return *key*, fit to be part of a file's name.

    Raises:
        ValueError: it is not.
    """
    if not _KEY.fullmatch(key):
        raise ValueError("the key of a record has letters, digits, - and _ only")
    return key
