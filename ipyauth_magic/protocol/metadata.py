"""A provider's metadata (OpenID Connect Discovery 1.0, section 3; RFC 8414, section 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..errors import ProviderError
from ..text import plain
from .signing_keys import check_announced
from .urls import LOOPBACK_HOSTS, is_loopback_url, is_private_host

OPTIONAL_ENDPOINTS = (
    "token_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
    "userinfo_endpoint",
    "end_session_endpoint",
    "jwks_uri",
)
"""URLs that only some grants and calls need (RFC 8414, 2; RFC 8628, 4; RP-Initiated Logout, 2.1)."""

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749, 3.3. Tab writes these scopes into cells, so no other text of a provider may be among them."""


@dataclass(frozen=True)
class ProviderMetadata:
    """The members of a discovery document that this package uses, verbatim.

    Attributes:
        optional_endpoints: the URLs of `OPTIONAL_ENDPOINTS` in the document, by name.
        response_modes_supported: empty if the document does not list them, which promises none.
    """

    issuer: str
    authorization_endpoint: str
    optional_endpoints: Mapping[str, str] = field(default_factory=dict)
    scopes_supported: tuple[str, ...] = ()
    response_modes_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    id_token_signing_alg_values_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False

    @classmethod
    def from_document(cls, document: Mapping[str, Any], issuer: str) -> ProviderMetadata:
        """Return the metadata in *document*, which must name *issuer* (Discovery, 4.3).

        Raises:
            ProviderError: the document names another issuer, or an endpoint is missing or not safe to use.
        """
        if document.get("issuer") != issuer:
            raise ProviderError(
                f"The provider's discovery document names the issuer `{plain(document.get('issuer'), 200)}`, not "
                f"`{issuer}`. Check `domain` or `issuer`, including the last slash."
            )
        algorithms = document.get("id_token_signing_alg_values_supported")
        return cls(
            issuer=issuer,
            authorization_endpoint=_endpoint(document, "authorization_endpoint"),
            optional_endpoints={name: _endpoint(document, name) for name in OPTIONAL_ENDPOINTS if document.get(name)},
            scopes_supported=tuple(filter(_SCOPE.fullmatch, _texts(document.get("scopes_supported")))),
            response_modes_supported=_texts(document.get("response_modes_supported")),
            code_challenge_methods_supported=_texts(document.get("code_challenge_methods_supported")),
            id_token_signing_alg_values_supported=_texts(algorithms),
            authorization_response_iss_parameter_supported=(
                document.get("authorization_response_iss_parameter_supported") is True
            ),
        )

    def endpoints_elsewhere(self) -> Iterator[tuple[str, str]]:
        """Return the name and the URL of each endpoint that is on another host than the issuer."""
        for name, url in {"authorization_endpoint": self.authorization_endpoint, **self.optional_endpoints}.items():
            if urlsplit(url).hostname != urlsplit(self.issuer).hostname:
                yield name, url

    def check_id_token(self) -> None:
        """Check that an ID token of the provider can be verified.

        Raises:
            ProviderError: it publishes no keys (Discovery, 3), or announces no algorithm that is accepted.
        """
        if "jwks_uri" not in self.optional_endpoints:
            raise ProviderError(
                "The provider's discovery document has no jwks_uri, so its ID tokens cannot be verified. Check "
                "`domain` or `issuer`. If the provider does not support OpenID Connect, leave `default_scope` empty."
            )
        check_announced(self.id_token_signing_alg_values_supported)

    def check_pkce(self) -> None:
        """Check that the provider supports PKCE with S256 (RFC 7636, 4.2; RFC 8414, 2).

        A provider that lists no methods is assumed to support it.

        Raises:
            ProviderError: the provider lists other methods only.
        """
        methods = self.code_challenge_methods_supported
        if methods and "S256" not in methods:
            raise ProviderError(
                "The provider does not support PKCE with S256, so an authorization code could be stolen. "
                "Ask its operator to enable it, or use --flow device."
            )

    def endpoint(self, name: str) -> str:
        """Return the URL of the optional endpoint *name*, as `token_endpoint`.

        Raises:
            ProviderError: the provider has no such endpoint.
        """
        if name not in self.optional_endpoints:
            raise ProviderError(f"The provider does not support this: its discovery document has no {name}.")
        return self.optional_endpoints[name]


def discovery_url(issuer: str) -> str:
    """Return the URL of the metadata of *issuer* (Discovery, 4.1)."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def is_safe_url(url: object) -> bool:
    """Return whether *url* is https, or http to this machine, with a host and without a user name."""
    if not isinstance(url, str) or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or parts.fragment or any(c in url for c in '\\"<>^`{|}$'):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)


def _endpoint(document: Mapping[str, Any], name: str) -> str:
    url = document.get(name)
    if url is None:
        raise ProviderError(f"The provider's discovery document has no {name}. Check `domain` or `issuer`.")
    if not is_safe_url(url):
        raise ProviderError(f"The provider's {name} is not an https address, so it is not used: `{plain(url, 200)}`.")
    if _leads_inside(str(url), str(document["issuer"])):
        raise ProviderError(
            f"The provider's {name} is on this machine or in a private network, and the issuer is not, so it is not "
            f"used: `{plain(url, 200)}`. Check `domain` or `issuer`, and tell the provider's operator."
        )
    return str(url)


def _leads_inside(url: str, issuer: str) -> bool:
    """Return whether *url* has this machine send requests to itself or its network, for an *issuer* elsewhere."""
    host = str(urlsplit(url).hostname)
    return is_private_host(host) and host != urlsplit(issuer).hostname and not is_loopback_url(issuer)


def _texts(values: object) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
