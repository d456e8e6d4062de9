"""Registration: a client of its own for an application that asks for one (RFC 7591).

The issuer stores nothing. The `client_id` contains the registration, so it is still known after a restart, and no
request can fill the memory. A forged one gives no more than a registration, which is open to all.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import AccessDeniedError
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE

from ..addresses import is_safe
from .directory import Client
from .switches import Switches

MOST_URIS = 10
"""Most redirect URIs of a client."""
LONGEST_URI = 200
"""In characters."""
LONGEST_NAME = 64
"""In characters."""
LONGEST_ID = 4096
"""Longest `client_id` that is decoded, in characters."""
GRANT_TYPES = ("authorization_code", "refresh_token", DEVICE_CODE_GRANT_TYPE)
"""Of each registered client. The implicit grant is not among them (RFC 9700, section 2.1.2)."""

_PREFIX = "registered."
_URI = re.compile(r"[A-Za-z0-9._~:/?@!$&()+,;=%\[\]-]+")
"""Characters of a redirect URI: those of RFC 3986, without `*`, which looks like a pattern, `#` and quotes."""


class InvalidRedirectUriError(OAuth2Error):
    """A redirect URI is missing, or may not be registered (section 3.2.2)."""

    error = "invalid_redirect_uri"


class InvalidClientMetadataError(OAuth2Error):
    """Another value may not be registered (section 3.2.2)."""

    error = "invalid_client_metadata"


class Registration:
    """The endpoint for registrations (section 3)."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    def answer(self, content_type: str, body: str) -> tuple[int, dict[str, Any]]:
        """Return status and body of the answer to a registration."""
        try:
            if not self._switches.allow_registration:
                raise AccessDeniedError("This issuer registers no clients.", status_code=403)
            return 201, _information(registered(_parsed(content_type, body)), int(self._switches.now()))
        except OAuth2Error as error:
            return error.status_code, dict(error.get_body())


def registered(document: object) -> Client:
    """Return a public client for the metadata in *document* (section 2).

    Raises:
        InvalidRedirectUriError: for its redirect URIs.
        InvalidClientMetadataError: for its other values.
    """
    if not isinstance(document, dict):
        raise InvalidClientMetadataError("Send the metadata of a client as a JSON object.")
    _check_kind(document)
    uris = _redirect_uris(document.get("redirect_uris"))
    name = _name(document.get("client_name", "Unnamed application"))
    return _client(f"{_PREFIX}{_encoded([name, *uris])}", name, uris)


def find_registered(client_id: str) -> Client | None:
    """Return the client that *client_id* describes, or None if it does not describe one."""
    if not client_id.startswith(_PREFIX) or len(client_id) > LONGEST_ID:
        return None
    try:
        name, *uris = _decoded(client_id.removeprefix(_PREFIX))
        return _client(client_id, _name(name), _redirect_uris(uris))
    except (OAuth2Error, ValueError, TypeError, RecursionError):
        return None


def _parsed(content_type: str, body: str) -> Any:
    # A page of another site can post a form or a text without the browser's question, but not JSON.
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise InvalidClientMetadataError("Send the metadata of a client as Content-Type: application/json.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidClientMetadataError("The body is not JSON.") from error


def _information(client: Client, now: int) -> dict[str, Any]:
    """Return what the client is told (section 3.2.1)."""
    return {
        "client_id": client.client_id,
        "client_id_issued_at": now,
        "client_name": client.name,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": list(GRANT_TYPES),
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


def _client(client_id: str, name: str, uris: list[str]) -> Client:
    return Client(
        client_id=client_id,
        name=name,
        redirect_uris=tuple(uris),
        logout_urls=(),
        response_types=frozenset({"code"}),
        grant_types=frozenset(GRANT_TYPES),
        is_registered=True,
    )


def _check_kind(document: Mapping[str, Any]) -> None:
    """Check what all registered clients have in common: no secret, and the grants that they may use."""
    if document.get("token_endpoint_auth_method", "none") != "none":
        raise InvalidClientMetadataError("A client here has no secret: token_endpoint_auth_method must be none.")
    for name, known in (("grant_types", GRANT_TYPES), ("response_types", ("code",))):
        asked = document.get(name, [known[0]])
        if not isinstance(asked, list) or not any(each in known for each in asked):
            raise InvalidClientMetadataError(f"{name} must be a list with at least one of: {', '.join(known)}.")


def _name(name: object) -> str:
    # A name that is not printable could change the text around it on the consent page.
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidClientMetadataError(f"client_name must be a text of 1 to {LONGEST_NAME} printable characters.")
    return name


def _redirect_uris(uris: object) -> list[str]:
    if not isinstance(uris, list) or not 0 < len(uris) <= MOST_URIS:
        raise InvalidRedirectUriError(f"redirect_uris must be a list of 1 to {MOST_URIS} URLs.")
    if not all(isinstance(uri, str) and _may_be_registered(uri) for uri in uris):
        raise InvalidRedirectUriError(
            f"Each redirect URI must be an https URL, or an http one on loopback, of at most {LONGEST_URI} characters, "
            "without a fragment."
        )
    return uris


def _may_be_registered(uri: str) -> bool:
    if len(uri) > LONGEST_URI or not _URI.fullmatch(uri):
        return False
    try:
        _ = urlsplit(uri).port  # raises ValueError for a bad one
    except ValueError:
        return False
    return is_safe(uri)


def _encoded(values: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> Any:
    return json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
