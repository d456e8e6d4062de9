"""Registering an application at an authorization server, by the program itself (RFC 7591)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ProviderError
from ..text import plain
from .metadata import ProviderMetadata
from .tokens import ClientSecret

CLIENT_NAME = "ipyauth-magic"
CLIENT_URI = "https://github.com/ipyauth-magic/ipyauth-magic"

DOCUMENT = "https://ipyauth-magic.github.io/ipyauth-magic/client-metadata.json"
"""The client ID of this package where a server takes the address of a document as one.

The document is docs/client-metadata.json. It stands at this address once the documentation is published there.
"""

DOCUMENT_REDIRECT_URIS = (
    "http://127.0.0.1:8765/callback/",
    "http://localhost:8765/callback/",
    "http://localhost:8888/callback/",
)
"""The redirect URIs in that document."""

_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,1000}")  # RFC 6749, A.1, without spaces
_SECRET = re.compile(r"[\x20-\x7e]{1,2000}")  # A.2
_METHODS = ("client_secret_basic", "client_secret_post")


@dataclass(frozen=True)
class Registration:
    """An application as a server has registered it (section 3.2.1). Its `registration_access_token` is not kept.

    Attributes:
        scope: the scopes that it may ask for, space separated; empty if the server says nothing of them.
        expires_at: when its secret ends, in seconds since 1970; 0 for never.
    """

    client_id: str
    client_secret: ClientSecret | None = field(default=None, repr=False)
    scope: str = ""
    expires_at: int = 0

    def serves(self, scope: str, now: float) -> bool:
        """Return whether it may ask for *scope*, and its secret has not ended."""
        may_ask = not self.scope or set(scope.split()) <= set(self.scope.split())
        return may_ask and not 0 < self.expires_at <= now


def takes_document(metadata: ProviderMetadata, redirect_uris: Collection[str]) -> bool:
    """Return whether this package's client ID metadata document serves there, for *redirect_uris*.

    The server has to name itself in its responses: the document's client ID and redirect URIs are the same at every
    server, so a code of another one could not be told from its own (RFC 9700, 4.4.2).
    """
    is_supported = metadata.client_id_metadata_document_supported
    names_itself = metadata.authorization_response_iss_parameter_supported
    return is_supported and names_itself and set(redirect_uris) <= set(DOCUMENT_REDIRECT_URIS)


def redirect_uri_for(issuer: str, redirect_uri: str) -> str:
    """Return *redirect_uri* with a path of its own for *issuer*.

    So no code of one server is taken for that of another one, also where they do not name themselves in their responses
    (RFC 9700, 4.4.2).
    """
    return f"{redirect_uri.rstrip('/')}/{hashlib.sha256(issuer.encode()).hexdigest()[:32]}/"


def registration_request(
    metadata: ProviderMetadata, redirect_uris: Sequence[str], scope: str = ""
) -> dict[str, object]:
    """Return the request for a native application with *redirect_uris* (section 2), for the scopes of *scope*.

    It asks for an application without a secret, unless the server has none of those.
    """
    grants = ["authorization_code", "refresh_token"]
    if "device_authorization_endpoint" in metadata.optional_endpoints:
        grants.append("urn:ietf:params:oauth:grant-type:device_code")
    return {
        "client_name": CLIENT_NAME,
        "client_uri": CLIENT_URI,
        # OpenID Connect Dynamic Client Registration 1.0, 2: a web application has no redirect URI of this machine.
        "application_type": "native",
        "redirect_uris": list(redirect_uris),
        "grant_types": grants,
        "response_types": ["code"],
        "token_endpoint_auth_method": _method(metadata.auth_methods.get("token_endpoint", ())),
        **({"scope": scope} if scope else {}),
    }


def registration_in(document: Mapping[str, Any], requested_scope: str = "") -> Registration:
    """Return the registration in the server's answer (section 3.2.1), which has a status of success.

    Raises:
        ProviderError: it has no client ID that can be used, or a secret that is sent in a way that is not known here.
    """
    client_id, secret = document.get("client_id"), document.get("client_secret")
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id) or client_id == DOCUMENT:
        raise ProviderError(
            "The provider registered this application without a client ID that can be used. Register one yourself, "
            "and write `client_id=...`."
        )
    # What was asked for, if the server says anything of scopes: where it grants fewer, another try would not help.
    granted = requested_scope if isinstance(document.get("scope"), str) else ""
    method = document.get("token_endpoint_auth_method")
    if method == "none" or not isinstance(secret, str) or not _SECRET.fullmatch(secret):
        return Registration(client_id, scope=granted)
    if method not in (None, *_METHODS):
        raise ProviderError(
            f"The provider registered an application that authenticates by `{plain(method, 60)}`, which is not known "
            "here. Register one without a secret yourself, and write `client_id=...`."
        )
    ends_at = document.get("client_secret_expires_at")
    # Without a method it is `client_secret_basic` (section 2).
    return Registration(
        client_id, ClientSecret(secret, method or _METHODS[0]), granted, ends_at if isinstance(ends_at, int) else 0
    )


def refused_registration(status: int, document: Mapping[str, Any]) -> ProviderError:
    """Return the error for an answer that registers nothing (section 3.2.2)."""
    error, description = document.get("error"), document.get("error_description")
    said = ": ".join(plain(each, 200).rstrip(".") for each in (error, description) if isinstance(each, str))
    return ProviderError(
        f"The provider does not register this application (it answered {status}{', ' if said else ''}{said}). "
        "Register one yourself, and write `client_id=...`."
    )


def what_to_register(metadata: ProviderMetadata, redirect_uris: Sequence[str], scope: str, resource: str) -> str:
    """Return the sentences for a user who has to register an application, with every value."""
    uris = " and ".join(f"`{each}`" for each in redirect_uris)
    scopes = f" Allow it the scopes `{scope}`." if scope else ""
    return (
        f"Register a public client (native application, code + PKCE) at {metadata.issuer} with the redirect URI "
        f"{uris}, for the API `{resource}`.{scopes} Then add its `client_id=...`."
    )


def _method(methods: Collection[str]) -> str:
    if not methods or "none" in methods:
        return "none"
    return next((each for each in _METHODS if each in methods), "none")
