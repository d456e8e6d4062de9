"""The issuer's keys: fetched on first use, refreshed in the background, and kept for a day if the issuer is down."""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey

from .deadline import BoundedExecutor
from .errors import Unavailable

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
MIN_INTERVAL = 30
"""Seconds between two fetches for unknown keys."""
RETRY_INTERVAL = 2
"""Seconds between two fetches while there are no keys."""
REFRESH_INTERVAL = 600
"""Seconds between two fetches in the background. A withdrawn key is accepted for at most that long."""
KEEP = 24 * 3600
"""Seconds for which the last keys stay valid while the issuer cannot be reached."""
MAX_WAIT = 2
"""Seconds after the start of a fetch for which requests wait for it. A slow issuer must not block all threads."""
TIMEOUT = (3, 5)
"""Limits of a request in seconds: for the connection, and between two packets."""
MAX_DURATION = 10
"""Limit for reading a whole document, in seconds."""
MAX_FETCH = 30
"""Limit for discovery and keys together, in seconds."""
MAX_DOCUMENT = 1024 * 1024
"""Largest document in bytes."""
MIN_RSA_BITS = 2048
"""RFC 7518, section 3.3."""
MAX_RSA_EXPONENT = 2**64
"""It is 65537 in practice. A long one makes each verification slow."""
PUBLIC_MEMBERS = ("kty", "kid", "alg", "n", "e", "crv", "x", "y")

_log = logging.getLogger(__name__)


class IssuerKeys:
    """The keys of one issuer, by `kid`. *clock* returns seconds, from any start."""

    def __init__(
        self, issuer: str, clock: Callable[[], float] = time.monotonic, refresh_interval: float = REFRESH_INTERVAL
    ) -> None:
        self._issuer = issuer
        self._clock = clock
        self._refresh_interval = refresh_interval
        self._jwks_uri: str | None = None
        self._keys: Mapping[str, Key] = {}
        self._good_until = float("-inf")
        self._state = threading.Condition()
        self._executor = BoundedExecutor("fruit-keys-request", "the issuer does not answer in time")
        self._fetching = False
        self._waited_until = 0.0
        self._fetches = 0
        self._not_before = float("-inf")
        self._closed = threading.Event()
        self._refresher_of: int | None = None

    def find(self, kid: str | None) -> Key | None:
        """Return the key with this `kid`, or None. Without a `kid`, return the only key, or None if there are several.

        Raises:
            Unavailable: there are no keys.
        """
        seen = self._fetches  # read before the lookup: a fetch that ends after it may bring the key
        return _named(self._current(), kid) or self._fetched(kid, seen)

    def holds(self, kid: str | None, key: Key) -> bool:
        """Return whether *key*, which `find` has returned for *kid*, is still one of the issuer's keys."""
        return _named(self._current(), kid) is key

    def check(self) -> None:
        """Check that there is a key.

        Raises:
            Unavailable: no token can be verified now.
        """
        if not self._current():
            self._fetched("", self._fetches)
        if not self._keys:
            raise Unavailable("The issuer publishes no usable key.")

    def close(self) -> None:
        """End the fetches in the background."""
        self._closed.set()

    def _current(self) -> Mapping[str, Key]:
        if not self._is_answered():
            with self._state:
                if not self._is_answered():  # a fetch may have ended meanwhile
                    self._keys = {}
        return self._keys

    def _is_answered(self) -> bool:
        """Return whether the issuer has published its keys within the last day, even if it has none."""
        return self._clock() <= self._good_until

    def _fetched(self, kid: str | None, seen: int) -> Key | None:
        """Return the key after a fetch, if one is due. One of several callers starts it, and all wait for it."""
        with self._state:
            if self._fetches == seen and not self._fetching and self._clock() >= self._not_before:
                self._begin_fetch()
            self._state.wait_for(lambda: not self._fetching, self._waited_until - time.monotonic())
        if not self._is_answered():
            raise Unavailable("The issuer's keys cannot be fetched now.")
        return _named(self._keys, kid)

    def _begin_fetch(self) -> None:
        """Start a fetch in its own thread, so that a request can stop waiting for it."""
        self._fetching = True
        self._waited_until = time.monotonic() + MAX_WAIT
        threading.Thread(target=self._fetch, name="fruit-keys-fetch", daemon=True).start()
        self._begin_refreshing()

    def _begin_refreshing(self) -> None:
        # On first use: a server may fork after it has created the application.
        if self._refresher_of != os.getpid():
            self._refresher_of = os.getpid()
            threading.Thread(target=self._refresh, name="fruit-keys-refresh", daemon=True).start()

    def _refresh(self) -> None:
        while not self._closed.wait(self._refresh_interval):
            with self._state:
                if not self._fetching:
                    self._begin_fetch()

    def _fetch(self) -> None:
        first = not self._is_answered()
        keys: Mapping[str, Key] | None = None
        try:
            keys = import_keys(self._executor.within(MAX_FETCH, self._jwks))
        except Exception as error:  # after any answer of the issuer, `_fetching` must be reset
            _log.warning("The keys of %s cannot be fetched: %s", self._issuer, error)
            self._jwks_uri = None
        with self._state:
            # An issuer that suddenly publishes no key is broken: keep the last keys.
            if keys or (keys is not None and first):
                self._keys = {kid: self._same(kid, key) for kid, key in keys.items()}
                self._good_until = self._clock() + KEEP
            self._not_before = self._clock() + self._pause(first)
            self._fetches += 1
            self._fetching = False
            self._state.notify_all()

    def _same(self, kid: str, key: Key) -> Key:
        """Return our existing object for an equal *key*: `holds` compares by identity."""
        known = self._keys.get(kid)
        return known if known is not None and known.as_dict() == key.as_dict() else key

    def _pause(self, first: bool) -> float:
        if not self._is_answered():
            return RETRY_INTERVAL
        # A second fetch may follow the first one at once: issuers often rotate keys when they restart.
        return 0 if first else MIN_INTERVAL

    def _jwks(self) -> dict[str, Any]:
        if self._jwks_uri is None:
            self._jwks_uri = self._discover()
        jwks = get_json(self._jwks_uri)
        if not isinstance(jwks.get("keys"), list) or not jwks["keys"]:
            raise ValueError("its key set is missing or empty")
        return jwks

    def _discover(self) -> str:
        """Return the address of the key set (OpenID Connect Discovery, section 4)."""
        metadata = get_json(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if metadata.get("issuer") != self._issuer:
            raise ValueError("its discovery document is that of another issuer (compare the trailing slash)")
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str) or not is_safe(jwks_uri):
            raise ValueError("its jwks_uri is neither https nor on this machine")
        if _is_here(jwks_uri) and not _is_here(self._issuer):
            raise ValueError("its jwks_uri is on this machine, and the issuer is not")
        return jwks_uri


def is_safe(url: str) -> bool:
    """Return whether *url* is https, or on this machine, so that the network cannot change its answers."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.username is not None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK_HOSTS


def get_json(url: str) -> dict[str, Any]:
    """Return the JSON object at *url*, without redirects and with limits for size and time.

    Raises:
        ValueError: any other answer.
        requests.RequestException: no answer.
    """
    with requests.Session() as session:
        # No proxy for loopback. The empty `auth` prevents the use of .netrc.
        session.trust_env = not _is_here(url)
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        # `no-store`: a cache that the process has put under requests must not bring back a key that was replaced.
        with session.get(
            url,
            timeout=TIMEOUT,
            allow_redirects=False,
            stream=True,
            auth=lambda request: request,
            headers={"Cache-Control": "no-store"},
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
    deadline = time.monotonic() + MAX_DURATION
    # `read1` returns the bytes that have arrived. `iter_content` would wait for a full chunk, however slow.
    while chunk := response.raw.read1(64 * 1024, decode_content=True):
        content += chunk
        if len(content) > MAX_DOCUMENT:
            raise ValueError(f"{response.url} answers with more than {MAX_DOCUMENT} bytes")
        if time.monotonic() > deadline:
            raise ValueError(f"{response.url} takes more than {MAX_DURATION} seconds to answer")
    return content


def import_keys(jwks: Mapping[str, Any]) -> dict[str, Key]:
    """Return the keys of *jwks* that can verify a signature, by `kid`. Malformed keys are left out.

    A key without a `kid` (RFC 7517, section 4.5: it is optional) gets its place in the set as its name.
    """
    keys: dict[str, Key] = {}
    for place, member in enumerate(jwks["keys"]):
        try:
            keys.setdefault(member.get("kid", str(place)), _imported(member))
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm) as error:
            _log.warning("A key of the issuer is left out: %s", type(error).__name__)
    return keys


def _imported(jwk: dict[str, Any]) -> Key:
    """Return the key of *jwk*, with its public members only (RFC 7517, section 4)."""
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        raise ValueError("not for signatures")
    if not isinstance(jwk.get("kid", ""), str):
        raise ValueError("the kid is not a text")
    public: dict[str, str | list[str]] = {name: jwk[name] for name in PUBLIC_MEMBERS if name in jwk}
    if jwk["kty"] == "EC":
        return ECKey.import_key(public)
    # For a short key joserfc only warns, after the import.
    if jwk["kty"] != "RSA" or _number(jwk["n"]).bit_length() < MIN_RSA_BITS:
        raise ValueError("neither EC nor RSA of 2048 bits")
    exponent = _number(jwk["e"])
    if not exponent % 2 or not 2 < exponent <= MAX_RSA_EXPONENT:
        raise ValueError("the exponent is even, or too small or large")
    return RSAKey.import_key(public)


def _number(encoded: str) -> int:
    """Return the value of a Base64urlUInt (RFC 7518, section 2)."""
    return int.from_bytes(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)), "big")


def _named(keys: Mapping[str, Key], kid: str | None) -> Key | None:
    if kid is not None:
        return keys.get(kid)
    return next(iter(keys.values())) if len(keys) == 1 else None
