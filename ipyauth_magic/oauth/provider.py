"""HTTP to the provider: its metadata and its keys, fetched with limits and kept for the session."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ..errors import ProviderError, UnknownKey
from ..parameters import is_loopback_url
from .id_token import Expected, import_keys, verify_id_token
from .metadata import ProviderMetadata, discovery_url

if TYPE_CHECKING:
    from datetime import datetime

    import requests

    from .id_token import Key

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 10.0
"""Seconds; their sum bounds a whole answer, in whatever drips it comes."""

MAX_ANSWER = 1024 * 1024
"""Bytes."""

KEPT_FOR = 3600.0
"""Seconds for which metadata and keys are kept; an unknown key fetches them earlier, once for a token."""

_providers: dict[str, Provider] = {}
_providers_lock = threading.Lock()


class Provider:
    """One OpenID provider, known by its exact issuer; thread-safe.

    `Provider.of(issuer)` gives the same object for the whole session, so that metadata and keys are fetched once.
    """

    def __init__(self, issuer: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._clock = clock
        self._lock = threading.RLock()
        self._metadata: ProviderMetadata | None = None
        self._keys: tuple[Key, ...] = ()
        self._fetched_at = -KEPT_FOR

    @classmethod
    def of(cls, issuer: str) -> Provider:
        """Return the session's provider of *issuer*."""
        with _providers_lock:
            return _providers.setdefault(issuer, cls(issuer))

    def metadata(self) -> ProviderMetadata:
        """Return what the provider says of itself (OpenID Connect Discovery, section 4).

        Raises:
            ProviderError: it cannot be reached, or its document cannot be used.
        """
        with self._lock:
            if self._metadata is None or not self.is_ready:
                document = fetch_json(discovery_url(self.issuer))
                self._metadata = ProviderMetadata.from_document(document, self.issuer)
                self._fetch_keys(self._metadata.jwks_uri)
            return self._metadata

    @property
    def is_ready(self) -> bool:
        """Whether metadata and keys are at hand, so that verifying fetches nothing."""
        return self._metadata is not None and self._clock() - self._fetched_at < KEPT_FOR

    def verify(self, id_token: str, expected: Expected, now: datetime) -> dict[str, Any]:
        """Return the verified claims of *id_token*; an unknown key fetches the keys again, once.

        Raises:
            InvalidIdToken: a check failed.
            ProviderError: the keys cannot be had.
        """
        metadata = self.metadata()
        try:
            return verify_id_token(id_token, self._keys, expected, now)
        except UnknownKey:
            with self._lock:
                self._fetch_keys(metadata.jwks_uri)
            return verify_id_token(id_token, self._keys, expected, now)

    def _fetch_keys(self, jwks_uri: str) -> None:
        import joserfc.jws  # noqa: F401  # now, while the user signs in, and not when the response is there

        self._keys = import_keys(fetch_json(jwks_uri))
        self._fetched_at = self._clock()


def fetch_json(url: str) -> dict[str, Any]:
    """Return the JSON object at *url*: no redirect is followed, at most 1 MiB is read, in 15 seconds at the most.

    Raises:
        ProviderError: with a sentence that says what happened and what to set.
    """
    # In a thread: a timeout of requests begins anew with each byte, and headers too may come in drips.
    answer: Future[dict[str, Any]] = Future()

    def fetch() -> None:
        try:
            answer.set_result(_fetch_json(url))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=fetch, name="ipyauth-fetch", daemon=True).start()
    try:
        return answer.result(CONNECT_TIMEOUT + READ_TIMEOUT)
    except TimeoutError as error:
        raise ProviderError(f"The provider's answer at {url} takes too long.") from error


def _fetch_json(url: str) -> dict[str, Any]:
    import requests
    import urllib3.exceptions

    try:
        with (
            _session(url) as session,
            session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as response,
        ):
            if response.status_code != 200:
                raise ProviderError(f"The provider answered {response.status_code} at {url}, where 200 was expected.")
            return _json_object(_read(response), url)
    except requests.exceptions.SSLError as error:
        raise ProviderError(
            f"The provider's certificate cannot be verified at {url}. Behind a proxy that signs by itself, set "
            "REQUESTS_CA_BUNDLE to the file of its certificate authority."
        ) from error
    except (requests.exceptions.ProxyError, requests.exceptions.InvalidSchema) as error:
        raise ProviderError(f"The proxy cannot be used for {url}; check HTTPS_PROXY and NO_PROXY.") from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise ProviderError(
            f"The provider cannot be reached at {url}. Check `domain` or `issuer`, and the network."
        ) from error
    except OSError as error:  # requests' own word for a bundle that is not there
        raise ProviderError(f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names no usable file: {error}.") from error


def _session(url: str) -> requests.Session:
    """Return a session that takes proxies and certificates from the environment, and nothing else.

    `trust_env` would also send a password of `.netrc`, and a loopback request through a proxy.
    """
    import requests
    from requests.utils import get_environ_proxies

    session = requests.Session()
    session.trust_env = False
    if not is_loopback_url(url):
        session.proxies = dict(get_environ_proxies(url))
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    return session


def _read(response: requests.Response) -> bytes:
    """Return the body as it came: a compressed one could be a thousand times larger than it seems."""
    body = response.raw.read(MAX_ANSWER + 1, decode_content=False)
    if len(body) > MAX_ANSWER:
        raise ProviderError(f"The provider's answer at {response.url} is over 1 MiB, so it is not read.")
    return bytes(body)


def _json_object(body: bytes, url: str) -> dict[str, Any]:
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProviderError(f"The provider's answer at {url} is not JSON. Check `domain` or `issuer`.") from error
    if not isinstance(document, dict):
        raise ProviderError(f"The provider's answer at {url} is not a JSON object. Check `domain` or `issuer`.")
    return document
