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
from .urls import is_loopback_url, is_private_host, is_safe_url

OPTIONAL_ENDPOINTS = (
    "token_endpoint",
    "device_authorization_endpoint",
    "revocation_endpoint",
    "userinfo_endpoint",
    "end_session_endpoint",
    "registration_endpoint",
)
"""Endpoints that only some grants and calls need (RFC 8414, 2; RFC 8628, 4; RP-Initiated Logout, 2.1; RFC 7591, 3)."""

OPENID_DOCUMENT = "/.well-known/openid-configuration"
"""Below the issuer's path (Discovery, 4.1)."""

OAUTH_DOCUMENT = "/.well-known/oauth-authorization-server"
"""Between the issuer's host and its path (RFC 8414, 3.1)."""

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749, 3.3. Tab writes these scopes into cells, so no other text of a provider may be among them."""


@dataclass(frozen=True)
class ProviderMetadata:
    """The members of a discovery document that this package uses, verbatim.

    Attributes:
        jwks_uri: None where the document has none, as a server without OpenID Connect may do (RFC 8414, 2).
        optional_endpoints: the URLs of `OPTIONAL_ENDPOINTS` in the document, by name.
        auth_methods: how applications authenticate, by the endpoint's name (Discovery, 3; RFC 8414, 2).
        response_modes_supported: empty if the document does not list them, which promises none.
    """

    issuer: str
    authorization_endpoint: str
    jwks_uri: str | None
    optional_endpoints: Mapping[str, str] = field(default_factory=dict)
    auth_methods: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scopes_supported: tuple[str, ...] = ()
    response_types_supported: tuple[str, ...] = ()
    response_modes_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    id_token_signing_alg_values_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False
    client_id_metadata_document_supported: bool = False

    @classmethod
    def from_document(cls, document: Mapping[str, Any], issuer: str, address: str | None = None) -> ProviderMetadata:
        """Return the metadata in *document*, which must name *issuer* (Discovery, 4.3; RFC 8414, 3.3).

        *address* is the document's, for errors; by default the issuer's own.

        Raises:
            ProviderError: the document names another issuer, or an endpoint is missing or not safe to use.
        """
        if document.get("issuer") != issuer:
            raise _other_issuer(document.get("issuer"), issuer, address or discovery_url(issuer))
        algorithms = document.get("id_token_signing_alg_values_supported")
        return cls(
            issuer=issuer,
            authorization_endpoint=_endpoint(document, "authorization_endpoint"),
            jwks_uri=_endpoint(document, "jwks_uri") if document.get("jwks_uri") is not None else None,
            optional_endpoints={name: _endpoint(document, name) for name in OPTIONAL_ENDPOINTS if document.get(name)},
            auth_methods=_auth_methods(document),
            scopes_supported=tuple(filter(_SCOPE.fullmatch, _texts(document.get("scopes_supported")))),
            response_types_supported=_texts(document.get("response_types_supported")),
            response_modes_supported=_texts(document.get("response_modes_supported")),
            code_challenge_methods_supported=_texts(document.get("code_challenge_methods_supported")),
            id_token_signing_alg_values_supported=_texts(algorithms),
            authorization_response_iss_parameter_supported=(
                document.get("authorization_response_iss_parameter_supported") is True
            ),
            client_id_metadata_document_supported=document.get("client_id_metadata_document_supported") is True,
        )

    def endpoints_elsewhere(self) -> Iterator[tuple[str, str]]:
        """Return the name and the URL of each endpoint that is on another host than the issuer."""
        required = {"authorization_endpoint": self.authorization_endpoint, "jwks_uri": self.jwks_uri}
        for name, url in {**required, **self.optional_endpoints}.items():
            if url is not None and urlsplit(url).hostname != urlsplit(self.issuer).hostname:
                yield name, url

    def check_id_token(self) -> None:
        """Check that an ID token of the provider can be verified.

        Raises:
            ProviderError: it publishes no keys (Discovery, 3), or announces no algorithm that is accepted.
        """
        self.check_keys()
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

    def check_keys(self) -> None:
        """Check that the provider publishes keys, which verify an ID token (Discovery, 3).

        Raises:
            ProviderError: it names no address for them.
        """
        if self.jwks_uri is None:
            raise ProviderError(
                "The provider's discovery document has no jwks_uri, so no ID token can be verified. Check `domain` or "
                "`issuer`. To ask for no ID token, leave `default_scope` empty."
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
    return issuer.removesuffix("/") + OPENID_DOCUMENT


def oauth_metadata_urls(issuer: str) -> tuple[str, ...]:
    """Return the URLs of the metadata of *issuer* where `discovery_url` has none (RFC 8414, 3.1 and 5)."""
    parts = urlsplit(issuer)
    path = parts.path.removesuffix("/")
    documents = (OAUTH_DOCUMENT, OPENID_DOCUMENT) if path else (OAUTH_DOCUMENT,)
    return tuple(parts._replace(path=document + path).geturl() for document in documents)


def issuer_at(address: str) -> str | None:
    """Return the issuer whose metadata are at *address*, without a last slash; None if that is not such an address."""
    parts = urlsplit(address)
    for document in (OPENID_DOCUMENT, OAUTH_DOCUMENT):
        before, found, after = parts.path.rstrip("/").partition(document)
        if found and not (before and after) and (not after or after.startswith("/")):
            return parts._replace(path=before + after, query="", fragment="").geturl()
    return None


def _other_issuer(named: object, issuer: str, address: str) -> ProviderError:
    """Return the error for a document at *address* that names another issuer than *issuer*."""
    shown = plain(named, 200)
    if isinstance(named, str) and (template := _template(named, address)):
        return ProviderError(
            f"The provider's discovery document names the issuer `{shown}`, where `{plain(template[0], 60)}` stands "
            f"for any tenant. Put your own tenant's ID in the place of `{plain(template[1], 60)}`."
        )
    sentence = f"The provider's discovery document names the issuer `{shown}`, not `{issuer}`. "
    if not isinstance(named, str) or not is_safe_url(named):
        return ProviderError(sentence + "Check `domain` or `issuer`, including the last slash.")
    if discovery_url(named) == address:
        return ProviderError(sentence + f"If that is your provider, write `issuer={shown}`, to the last slash.")
    return ProviderError(
        sentence + f"If that is your provider, write `issuer={shown}` and `discovery_url={plain(address, 500)}`."
    )


def _template(named: str, address: str) -> tuple[str, str] | None:
    """Return a placeholder such as `{tenantid}` in an issuer, and the word in *address* in its place."""
    pairs = zip(named.split("/"), address.split("/"), strict=False)
    return next((pair for pair in pairs if pair[0].startswith("{") and pair[0].endswith("}")), None)


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


def _auth_methods(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the methods of each endpoint; one that lists none has those of the token endpoint."""
    of_tokens = _texts(document.get("token_endpoint_auth_methods_supported"))
    of_revocation = _texts(document.get("revocation_endpoint_auth_methods_supported"))
    return {"token_endpoint": of_tokens, "revocation_endpoint": of_revocation or of_tokens}


def _leads_inside(url: str, issuer: str) -> bool:
    """Return whether *url* has this machine send requests to itself or its network, for an *issuer* elsewhere."""
    host = str(urlsplit(url).hostname)
    return is_private_host(host) and host != urlsplit(issuer).hostname and not is_loopback_url(issuer)


def _texts(values: object) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
