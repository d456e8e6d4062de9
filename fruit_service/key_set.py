"""The key set that an issuer publishes: fetched with limits, and read (RFC 7517; OpenID Connect Discovery)."""

from __future__ import annotations

import base64
import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey

from .addresses import is_here, is_safe

TIMEOUT = (3, 5)
"""Limits of a request in seconds: for the connection, and between two packets."""
MAX_DURATION = 10
"""Limit for reading a whole document, in seconds."""
MAX_DOCUMENT = 1024 * 1024
"""Largest document in bytes."""
MIN_RSA_BITS = 2048
"""RFC 7518, section 3.3."""
MAX_RSA_EXPONENT = 2**64
"""It is 65537 in practice. A long one makes each verification slow."""
PUBLIC_MEMBERS = ("kty", "kid", "alg", "n", "e", "crv", "x", "y")

_log = logging.getLogger(__name__)


class KeySetAddress:
    """Where *issuer* publishes its keys: looked up once, until `forget`."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._jwks_uri: str | None = None

    def forget(self) -> None:
        """Look the address up again, next time: it may have changed."""
        self._jwks_uri = None

    def jwks(self) -> dict[str, Any]:
        """Return the key set.

        Raises:
            ValueError: the answer is not a key set.
            requests.RequestException: no answer.
        """
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
        if is_here(jwks_uri) and not is_here(self._issuer):
            raise ValueError("its jwks_uri is on this machine, and the issuer is not")
        return jwks_uri


def get_json(url: str) -> dict[str, Any]:
    """Return the JSON object at *url*, without redirects and with limits for size and time.

    Raises:
        ValueError: any other answer.
        requests.RequestException: no answer.
    """
    with requests.Session() as session:
        # No proxy for loopback. The empty `auth` prevents the use of .netrc.
        session.trust_env = not is_here(url)
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
