"""Keys: the issuer's, fetched on first use, refreshed behind the requests, and kept a day while the issuer is down."""

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
"""Between two fetches for unknown keys, in seconds."""
RETRY_INTERVAL = 2
"""Between two fetches while there are no keys at all, in seconds."""
REFRESH_INTERVAL = 600
"""Between two fetches that nobody asked for, in seconds: a key that is gone is dropped after this long at most."""
KEEP = 24 * 3600
"""How long the last good keys serve while the issuer cannot be reached, in seconds."""
MAX_WAIT = 2
"""How long after the start of a fetch requests wait for it, in seconds: a slow issuer must not hold all threads."""
TIMEOUT = (3, 5)
"""To connect, and to wait for data, in seconds."""
MAX_DURATION = 10
"""In which a whole document must be read, in seconds."""
MAX_FETCH = 30
"""Seconds for discovery and keys together, whatever drips."""
MAX_DOCUMENT = 1024 * 1024
MIN_RSA_BITS = 2048
"""RFC 7518, section 3.3."""
PUBLIC_MEMBERS = ("kty", "kid", "alg", "n", "e", "crv", "x", "y")

_log = logging.getLogger(__name__)


class IssuerKeys:
    """The keys of one issuer, by `kid`; *clock* counts seconds from anywhere."""

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
        self._executor = BoundedExecutor("fruit-keys-request", "the issuer does not come to an end")
        self._fetching = False
        self._waited_until = 0.0
        self._fetches = 0
        self._not_before = float("-inf")
        self._closed = threading.Event()
        self._refresher_of: int | None = None

    def find(self, kid: str) -> Key | None:
        """Return the key of that `kid`, or None; `Unavailable` when there are no keys at all."""
        seen = self._fetches  # before the look: a fetch that ends later may bring the key
        return self._current().get(kid) or self._fetched(kid, seen)

    def holds(self, kid: str, key: Key) -> bool:
        """Tell whether *key*, once found here by its *kid*, is still among the issuer's keys."""
        return self._current().get(kid) is key

    def check(self) -> None:
        """Raise `Unavailable` where no token could be verified now."""
        if not self._current():
            self._fetched("", self._fetches)
        if not self._keys:
            raise Unavailable("The issuer publishes no key that serves.")

    def close(self) -> None:
        """End the refreshing."""
        self._closed.set()

    def _current(self) -> Mapping[str, Key]:
        if not self._is_answered():
            with self._state:
                if not self._is_answered():  # a fetch may have ended meanwhile
                    self._keys = {}
        return self._keys

    def _is_answered(self) -> bool:
        """Tell whether the issuer has said in the last day which keys it has, be they none."""
        return self._clock() <= self._good_until

    def _fetched(self, kid: str, seen: int) -> Key | None:
        """Return the key after a fetch, if one is due; of many callers one causes it, the others wait for it."""
        with self._state:
            if self._fetches == seen and not self._fetching and self._clock() >= self._not_before:
                self._begin_fetch()
            self._state.wait_for(lambda: not self._fetching, self._waited_until - time.monotonic())
        if not self._is_answered():
            raise Unavailable("The issuer's keys cannot be fetched now.")
        return self._keys.get(kid)

    def _begin_fetch(self) -> None:
        """Fetch in a thread of its own, which a request can stop waiting for."""
        self._fetching = True
        self._waited_until = time.monotonic() + MAX_WAIT
        threading.Thread(target=self._fetch, name="fruit-keys-fetch", daemon=True).start()
        self._begin_refreshing()

    def _begin_refreshing(self) -> None:
        # On first use and not before: a server may fork between making the application and serving it.
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
        except Exception as error:  # the thread must end with `_fetching` reset, whatever the issuer answers
            _log.warning("The keys of %s cannot be fetched: %s", self._issuer, error)
            self._jwks_uri = None
        with self._state:
            # An issuer that has suddenly no key at all is out of order: the last good ones serve on.
            if keys or (keys is not None and first):
                self._keys = {kid: self._same(kid, key) for kid, key in keys.items()}
                self._good_until = self._clock() + KEEP
            self._not_before = self._clock() + self._pause(first)
            self._fetches += 1
            self._fetching = False
            self._state.notify_all()

    def _same(self, kid: str, key: Key) -> Key:
        """Return the object that we have of *key* already: `holds` goes by it."""
        known = self._keys.get(kid)
        return known if known is not None and known.as_dict() == key.as_dict() else key

    def _pause(self, first: bool) -> float:
        if not self._is_answered():
            return RETRY_INTERVAL
        # After the first fetch one more may follow at once: keys are often rotated when a service is started anew.
        return 0 if first else MIN_INTERVAL

    def _jwks(self) -> dict[str, Any]:
        if self._jwks_uri is None:
            self._jwks_uri = self._discover()
        jwks = get_json(self._jwks_uri)
        if not isinstance(jwks.get("keys"), list) or not jwks["keys"]:
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
    deadline = time.monotonic() + MAX_DURATION
    # `read1` comes back with what is there: an answer that drips would hold `iter_content` for ever.
    while chunk := response.raw.read1(64 * 1024, decode_content=True):
        content += chunk
        if len(content) > MAX_DOCUMENT:
            raise ValueError(f"{response.url} answers with more than {MAX_DOCUMENT} bytes")
        if time.monotonic() > deadline:
            raise ValueError(f"{response.url} takes more than {MAX_DURATION} seconds to answer")
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
