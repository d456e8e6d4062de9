"""A provider: its metadata and keys, fetched once and kept for the session; its endpoints, asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import ProviderError, ProviderUnreachable, UnknownKey
from ..protocol.id_token import Expected, import_keys, verify_id_token
from ..protocol.metadata import ProviderMetadata, discovery_url
from ..protocol.token_response import refusal
from ..protocol.tokens import AuthorizationHeader
from .http import Answer, ask, fetch_json
from .userinfo import userinfo_claims

if TYPE_CHECKING:
    from datetime import datetime

    from ..protocol.id_token import Key
    from ..protocol.tokens import AccessToken

KEPT_FOR = 3600.0
"""Seconds for which metadata and keys are kept; an unknown key fetches them earlier, once for a token."""

RETRY_AFTER = 60.0
"""Seconds for which old metadata and keys go on serving, where the provider could not be asked again."""

PATIENCE = 2.0
"""Seconds for which a thread waits for the answer to another thread's question, before it asks for itself."""

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
            return _providers.get(issuer) or _providers.setdefault(issuer, cls(issuer))

    @classmethod
    def known_metadata(cls) -> list[ProviderMetadata]:
        """Return what the session's providers have said of themselves so far; nobody is asked."""
        with _providers_lock:
            return [each._metadata for each in _providers.values() if each._metadata is not None]

    def metadata(self) -> ProviderMetadata:
        """Return what the provider says of itself (OpenID Connect Discovery, section 4).

        Raises:
            ProviderError: it cannot be reached, or its document cannot be used.
        """
        with self._asking():
            if self._metadata is None or not self.is_ready:
                self._metadata = self._load()
            return self._metadata

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Ask in one thread at a time; another one waits for the answer, but not long: that question may hang."""
        is_alone = self._lock.acquire(timeout=PATIENCE)
        try:
            yield
        finally:
            if is_alone:
                self._lock.release()

    def _load(self) -> ProviderMetadata:
        try:
            metadata = ProviderMetadata.from_document(fetch_json(discovery_url(self.issuer)), self.issuer)
            self._fetch_keys(metadata.jwks_uri)
        except ProviderUnreachable:
            if self._metadata is None or not self._keys:
                raise
            self._fetched_at = self._clock() - KEPT_FOR + RETRY_AFTER
            return self._metadata  # what was known a while ago serves, or the provider's next answer tells
        return metadata

    @property
    def is_ready(self) -> bool:
        """Whether metadata and keys are at hand, so that verifying fetches nothing."""
        return self._metadata is not None and self._clock() - self._fetched_at < KEPT_FOR

    def verify(self, id_token: str, expected: Expected, now: datetime) -> dict[str, Any]:
        """Return the verified claims of *id_token*; an unknown key, named or not, fetches the keys again, once.

        Raises:
            InvalidIdToken: a check failed.
            ProviderError: the keys cannot be had.
        """
        metadata = self.metadata()
        try:
            return verify_id_token(id_token, self._keys, expected, now)
        except UnknownKey:
            with self._asking():
                self._fetch_keys(metadata.jwks_uri)
            return verify_id_token(id_token, self._keys, expected, now)

    def request_tokens(self, form: Mapping[str, str], resource: str | None = None) -> dict[str, Any]:
        """Return the JSON object of a successful answer to the token request *form* (RFC 6749, 5.1).

        Args:
            form: with `grant_type` and what it needs.
            resource: the API's URI, if the user named one (RFC 8707, 2.2).

        Raises:
            ProviderRefused: the provider answered with an error.
            ProviderUnreachable: no answer came, or the provider is busy.
            ProviderError: the provider has no token endpoint, or its answer cannot be read.
        """
        return self._post("token_endpoint", {**form, **({"resource": resource} if resource else {})})

    def request_device_authorization(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON object of a successful answer to the device authorization request *form* (RFC 8628, 3.1).

        Raises:
            ProviderRefused: the provider answered with an error.
            ProviderError: it cannot be reached, or does not offer this grant.
        """
        return self._post("device_authorization_endpoint", form)

    def userinfo(self, access_token: AccessToken, subject: str) -> dict[str, Any]:
        """Return the claims of the userinfo endpoint about *subject* (OpenID Connect Core, 5.3).

        Args:
            access_token: granted with the scope `openid`.
            subject: `sub` of the ID token.

        Raises:
            InvalidResponse: they are about somebody else.
            ProviderError: it offers none, does not take the token, or its answer cannot be read.
        """
        endpoint = self.metadata().endpoint("userinfo_endpoint")
        return userinfo_claims(ask("GET", endpoint, authorization=AuthorizationHeader.bearer(access_token)), subject)

    def revoke(self, form: Mapping[str, str]) -> None:
        """Have a token revoked; that it is unknown or has ended is no failure (RFC 7009, 2.2).

        Args:
            form: the revocation request: `token`, `token_type_hint`, `client_id` (2.1).

        Raises:
            ProviderRefused: the provider answered with an error.
            ProviderError: it cannot be reached, or revokes nothing.
        """
        self._successful("revocation_endpoint", form)

    def _post(self, endpoint: str, form: Mapping[str, str]) -> dict[str, Any]:
        return self._successful(endpoint, form).json_object()

    def _successful(self, endpoint: str, form: Mapping[str, str]) -> Answer:
        answer = ask("POST", self.metadata().endpoint(endpoint), form)
        if answer.status == 200:
            return answer
        try:
            document = answer.json_object()
        except ProviderError:  # Auth0 sometimes answers without a body
            document = {}
        raise refusal(answer.status, document)

    def _fetch_keys(self, jwks_uri: str) -> None:
        import joserfc.jws  # noqa: F401  # now, while the user signs in, and not when the response is there

        self._keys = import_keys(fetch_json(jwks_uri))
        self._fetched_at = self._clock()
