"""A provider: its metadata and keys, fetched once for the session, and calls of its endpoints."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..errors import ProviderError, ProviderUnreachable, UnknownKey
from ..protocol.client_authentication import authenticated
from ..protocol.id_token import Expected, verify_id_token
from ..protocol.signing_keys import import_keys
from ..protocol.token_response import refusal
from ..protocol.tokens import AuthorizationHeader
from .discovery import fetch_metadata
from .http import Answer, ask, fetch_json
from .userinfo import userinfo_claims

if TYPE_CHECKING:
    from datetime import datetime

    from ..protocol.metadata import ProviderMetadata
    from ..protocol.signing_keys import Key
    from ..protocol.tokens import AccessToken, ClientSecret

KEPT_FOR = 3600.0
"""Lifetime of metadata and keys in seconds. A token with an unknown key fetches them earlier, once."""

RETRY_AFTER = 60.0
"""Seconds for which old metadata and keys stay in use after the provider could not be reached."""

LONGEST_KEPT = 24 * 3600.0
"""Seconds for which keys are used while the provider cannot be reached. A key that it has withdrawn must end."""

PATIENCE = 2.0
"""Seconds for which a thread waits for the answer to another thread's question, before it asks for itself."""

NEW = 30.0
"""Seconds for which metadata are used without another request while the keys are loaded."""

_providers: dict[tuple[str, str | None], Provider] = {}
"""By issuer and address of its document.

Each step on it is atomic: a lock could be held by a thread of the parent when a child is forked.
"""


class Provider:
    """One OpenID provider, identified by its exact issuer. Thread-safe.

    `Provider.of(issuer)` returns the same object during the whole session, so that metadata and keys are fetched once.

    Args:
        issuer: what its metadata must name.
        discovery_url: of its metadata, where they are not at the issuer's own address.
        clock: the time in seconds.
    """

    def __init__(
        self, issuer: str, discovery_url: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.issuer = issuer
        self._discovery_url = discovery_url
        self._clock = clock
        self._lock = threading.RLock()
        self._metadata: ProviderMetadata | None = None
        self._keys: tuple[Key, ...] = ()
        self._fetched_at = self._described_at = -KEPT_FOR
        self._keys_fetched_at = -LONGEST_KEPT  # `_fetched_at` moves on while the provider is away

    @classmethod
    def of(cls, issuer: str, discovery_url: str | None = None) -> Provider:
        """Return the session's provider of *issuer*, whose metadata are at *discovery_url*, if that is given."""
        which = (issuer, discovery_url)
        return _providers.get(which) or _providers.setdefault(which, cls(*which))

    @classmethod
    def known_metadata(cls) -> list[ProviderMetadata]:
        """Return the metadata that this session has fetched so far, without a request."""
        return [each._metadata for each in list(_providers.values()) if each._metadata is not None]

    def metadata(self, with_keys: bool = True) -> ProviderMetadata:
        """Return the provider's metadata (OpenID Connect Discovery, section 4).

        Args:
            with_keys: load the keys too; if not, they are loaded when an ID token is to be verified, or before, while
                the user signs in.

        Raises:
            ProviderError: the provider cannot be reached, or its document cannot be used.
        """
        with self._asking():
            if with_keys and not self.is_ready:
                self._metadata = self._load()
            elif self._metadata is None:
                self._metadata = self._describe()
            elif not self._keys and self._clock() - self._described_at >= KEPT_FOR:
                self._described_at = self._clock() - KEPT_FOR + RETRY_AFTER
                with suppress(ProviderUnreachable):  # old metadata mostly still work
                    self._metadata = self._describe()
            return self._metadata

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Ask in one thread at a time. Another thread waits for that answer, but not long: the provider may hang."""
        is_alone = self._lock.acquire(timeout=PATIENCE)
        try:
            yield
        finally:
            if is_alone:
                self._lock.release()

    def _load(self) -> ProviderMetadata:
        try:
            is_new = self._clock() - self._described_at < NEW
            metadata = self._metadata if self._metadata is not None and is_new else self._describe()
            self._fetch_keys(metadata.jwks_uri)
        except ProviderUnreachable:
            if self._metadata is None or not self._keys or self._clock() - self._keys_fetched_at >= LONGEST_KEPT:
                raise
            self._fetched_at = self._clock() - KEPT_FOR + RETRY_AFTER
            return self._metadata  # old metadata mostly still work; if not, the next request fails with its reason
        return metadata

    def _describe(self) -> ProviderMetadata:
        metadata = fetch_metadata(self.issuer, self._discovery_url)
        self._metadata, self._described_at = metadata, self._clock()
        return metadata

    @property
    def is_ready(self) -> bool:
        """Whether metadata and keys are cached, so that `verify` sends no request."""
        return self._metadata is not None and self._clock() - self._fetched_at < KEPT_FOR

    def verify(self, id_token: str, expected: Expected, now: datetime) -> dict[str, Any]:
        """Return the verified claims of *id_token*. An unknown key or a wrong signature has the keys fetched once more.

        Raises:
            InvalidIdToken: a check failed.
            ProviderError: the keys cannot be fetched.
        """
        metadata = self.metadata()
        metadata.check_keys()
        try:
            return verify_id_token(id_token, self._keys, expected, now)
        except UnknownKey:
            with self._asking():
                self._fetch_keys(metadata.jwks_uri)
            return verify_id_token(id_token, self._keys, expected, now)

    def request_tokens(
        self, form: Mapping[str, str], resource: str | None = None, client_secret: ClientSecret | None = None
    ) -> dict[str, Any]:
        """Return the JSON object of a successful answer to the token request *form* (RFC 6749, 5.1).

        An answer with `error` is not successful, whatever its status: some providers send errors with 200.

        Args:
            form: `grant_type` and its parameters.
            resource: the API's URI, if the user gave one (RFC 8707, 2.2).
            client_secret: of the application, if it has one (RFC 6749, 2.3.1).

        Raises:
            ProviderRefused: the provider answered with an error.
            ProviderUnreachable: no answer came, or the provider is busy.
            ProviderError: the provider has no token endpoint, or its answer cannot be read.
        """
        form = {**form, **({"resource": resource} if resource else {})}
        return self._successful("token_endpoint", form, client_secret).json_object()

    def request_device_authorization(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON object of a successful answer to the device authorization request *form* (RFC 8628, 3.1).

        Raises:
            ProviderRefused: the provider answered with an error.
            ProviderError: the provider cannot be reached, or does not support this grant.
        """
        return self._successful("device_authorization_endpoint", form).json_object()

    def userinfo(self, access_token: AccessToken, subject: str | None) -> dict[str, Any]:
        """Return the claims of the userinfo endpoint about *subject* (OpenID Connect Core, 5.3).

        Args:
            access_token: granted with the scope `openid`.
            subject: `sub` of the ID token; None without one, where any user is the right one.

        Raises:
            InvalidResponse: the claims are about another user.
            ProviderError: the provider has no such endpoint or rejects the token, or its answer cannot be read.
        """
        endpoint = self.metadata(with_keys=bool(self._keys)).endpoint("userinfo_endpoint")
        return userinfo_claims(ask("GET", endpoint, authorization=AuthorizationHeader.bearer(access_token)), subject)

    def revoke(self, form: Mapping[str, str], client_secret: ClientSecret | None = None) -> None:
        """Revoke a token. An unknown or expired token counts as revoked (RFC 7009, 2.2).

        Args:
            form: the revocation request: `token`, `token_type_hint`, `client_id` (2.1).
            client_secret: of the application, if it has one.

        Raises:
            ProviderRefused: the provider answered with an error.
            ProviderError: the provider cannot be reached, or has no revocation endpoint.
        """
        self._successful("revocation_endpoint", form, client_secret)

    def _successful(self, endpoint: str, form: Mapping[str, str], client_secret: ClientSecret | None = None) -> Answer:
        metadata = self.metadata(with_keys=bool(self._keys))
        url, methods = metadata.endpoint(endpoint), metadata.auth_methods.get(endpoint, ())
        answer = ask("POST", url, *authenticated(form, client_secret, methods))
        try:
            document = answer.json_object()
        except ProviderError:  # Auth0 sometimes answers without a body, and a revocation needs none
            document = {}
        if answer.status == 200 and not document.get("error"):
            return answer
        raise refusal(answer.status, document)

    def _fetch_keys(self, jwks_uri: str | None) -> None:
        import joserfc.jws  # noqa: F401  # here, while the user signs in, so that verifying need not wait for it

        self._keys = import_keys(fetch_json(jwks_uri)) if jwks_uri else ()
        self._fetched_at = self._keys_fetched_at = self._clock()
