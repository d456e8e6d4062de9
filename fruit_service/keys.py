"""Keys: the issuer's, fetched on first use and kept; fetched again for an unknown `kid`, but never in a storm."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey

from .errors import Unavailable

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
MIN_INTERVAL = 30
"""Between two fetches for unknown keys, in seconds."""
RETRY_INTERVAL = 2
"""Between two fetches while there are no keys at all, in seconds."""
MAX_WAIT = 2
"""How long a request waits for another one's fetch, in seconds."""
TIMEOUT = (3, 5)
"""To connect, and to wait for data, in seconds."""
MAX_DOCUMENT = 1024 * 1024
MIN_RSA_BITS = 2048
"""RFC 7518, section 3.3."""
PUBLIC_MEMBERS = ("kty", "kid", "alg", "n", "e", "crv", "x", "y")

_log = logging.getLogger(__name__)


class IssuerKeys:
    """The keys of one issuer, by `kid`; *clock* counts seconds from anywhere."""

    def __init__(self, issuer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._clock = clock
        self._jwks_uri: str | None = None
        self._keys: Mapping[str, Key] | None = None
        self._lock = threading.Lock()
        self._fetches = 0
        self._not_before = -1.0

    def find(self, kid: str) -> Key | None:
        """Return the key of that `kid`, or None; `Unavailable` when there are no keys at all."""
        seen = self._fetches  # before the look: a fetch that ends later may bring the key
        return (self._keys or {}).get(kid) or self._fetched(kid, seen)

    def check(self) -> None:
        """Raise `Unavailable` where no token could be verified now."""
        if not self._keys:
            self._fetched("", self._fetches)

    def _fetched(self, kid: str, seen: int) -> Key | None:
        """Return the key after a fetch, if one is due; of many callers one fetches, the others wait for it."""
        if not self._lock.acquire(timeout=MAX_WAIT):
            return self._known(kid)
        try:
            if self._fetches == seen and self._clock() >= self._not_before:
                self._fetch()
            return self._known(kid)
        finally:
            self._lock.release()

    def _known(self, kid: str) -> Key | None:
        if self._keys is None:
            raise Unavailable("The issuer's keys cannot be fetched now.")
        return self._keys.get(kid)

    def _fetch(self) -> None:
        first = self._keys is None
        try:
            self._keys = import_keys(self._jwks()) or self._keys or {}
        except (requests.RequestException, ValueError, RecursionError) as error:
            _log.warning("The keys of %s cannot be fetched: %s", self._issuer, error)
            self._jwks_uri = None
        # After the first fetch one more may follow at once: keys are often rotated when a service is started anew.
        wait = RETRY_INTERVAL if self._keys is None else 0 if first else MIN_INTERVAL
        self._not_before = self._clock() + wait
        self._fetches += 1

    def _jwks(self) -> dict[str, Any]:
        if self._jwks_uri is None:
            self._jwks_uri = self._discover()
        jwks = get_json(self._jwks_uri)
        if not isinstance(jwks.get("keys"), list):
            raise ValueError("its key set is none")
        return jwks

    def _discover(self) -> str:
        """Return the address of the key set (OpenID Connect Discovery, section 4)."""
        metadata = get_json(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if metadata.get("issuer") != self._issuer:
            raise ValueError("its discovery document is that of another issuer (compare the trailing slash)")
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str) or not is_safe(jwks_uri):
            raise ValueError("its jwks_uri is neither https nor on this machine")
        return jwks_uri


def is_safe(url: str) -> bool:
    """Tell whether nobody between us and *url* can change what it answers."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.username is not None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)


def get_json(url: str) -> dict[str, Any]:
    """Return the JSON object at *url*; no redirect is followed, and no more is read than such a document may hold."""
    with requests.Session() as session:
        # Loopback is never behind a proxy. A no-op `auth` keeps .netrc out.
        session.trust_env = urlsplit(url).hostname not in LOOPBACK_HOSTS
        with session.get(
            url, timeout=TIMEOUT, allow_redirects=False, stream=True, auth=lambda request: request
        ) as response:
            if response.status_code != 200:
                raise ValueError(f"{url} answers with status {response.status_code}")
            content = _content(response)
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError(f"{url} does not answer with a JSON object")
    return document


def _content(response: requests.Response) -> bytes:
    content = b""
    for chunk in response.iter_content(64 * 1024):
        content += chunk
        if len(content) > MAX_DOCUMENT:
            raise ValueError(f"{response.url} answers with more than {MAX_DOCUMENT} bytes")
    return content


def import_keys(jwks: Mapping[str, Any]) -> dict[str, Key]:
    """Return the keys of *jwks* that can verify a signature, by `kid`; an odd one does not spoil the others."""
    keys: dict[str, Key] = {}
    for member in jwks["keys"]:
        try:
            keys.setdefault(member["kid"], _imported(member))
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
            _log.warning("A key of the issuer is left out: %s", type(error).__name__)
    return keys


def _imported(jwk: dict[str, Any]) -> Key:
    """Return the key that *jwk* describes, reduced to what is needed of it (RFC 7517, section 4)."""
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        raise ValueError("not for signatures")
    if not isinstance(jwk["kid"], str):
        raise ValueError("the kid is no text")
    public: dict[str, str | list[str]] = {name: jwk[name] for name in PUBLIC_MEMBERS if name in jwk}
    if jwk["kty"] == "EC":
        return ECKey.import_key(public)
    if jwk["kty"] != "RSA" or _bits(jwk["n"]) < MIN_RSA_BITS:
        raise ValueError("neither EC nor RSA of 2048 bits")
    return RSAKey.import_key(public)


def _bits(number: str) -> int:
    """Return the length of a base64url number; joserfc only warns of a short one, and after its import."""
    return int.from_bytes(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4)), "big").bit_length()
