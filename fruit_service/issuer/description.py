"""What the issuer says about itself: its metadata and its first page; and the assets of its pages."""

from __future__ import annotations

from typing import Any

from bottle import HTTPResponse

from ..pages import PACKAGE as SERVICE
from ..pages import asset, page
from ..sign_in import MULTI_FACTOR
from .authorization_server import LocalAuthorizationServer
from .directory import GRANT_TYPES, OPENID_SCOPES
from .messages import PACKAGE
from .signing import ALGORITHM

CLAIMS = ["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "nonce", "at_hash"]
USER_CLAIMS = ["nickname", "name", "email", "email_verified"]
ASSETS = {"style.css": SERVICE, "icon.svg": SERVICE, "form_post.js": PACKAGE}
"""Each file at `/pages/`, and the package that has it."""


def index(server: LocalAuthorizationServer) -> HTTPResponse:
    """Return the first page."""
    return page(PACKAGE, "index.html", "Ready", issuer=server.signer.issuer, directory=server.directory)


def metadata(server: LocalAuthorizationServer) -> dict[str, Any]:
    """Return the metadata (OpenID Connect Discovery, section 3; RFC 8414, section 2)."""
    issuer, switches = server.signer.issuer, server.switches
    registration = {"registration_endpoint": f"{issuer}oidc/register"}
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}authorize",
        "token_endpoint": f"{issuer}oauth/token",
        "device_authorization_endpoint": f"{issuer}oauth/device/code",
        "revocation_endpoint": f"{issuer}oauth/revoke",
        "end_session_endpoint": f"{issuer}oidc/logout",
        "userinfo_endpoint": f"{issuer}userinfo",
        "jwks_uri": f"{issuer}.well-known/jwks.json",
        "scopes_supported": [*OPENID_SCOPES],
        "response_types_supported": ["code", "token id_token", "id_token token"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": switches.names_issuer,
        "acr_values_supported": [MULTI_FACTOR],
        "claims_supported": [*CLAIMS, *USER_CLAIMS],
        **(registration if switches.allow_registration else {}),
    }


def asset_of(name: str) -> HTTPResponse:
    """Return the file *name* of `ASSETS`."""
    return asset(name, ASSETS[name])
