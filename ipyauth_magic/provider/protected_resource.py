"""From an API's address to the authorization server that it trusts (RFC 9728, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import ProviderError, ProviderUnreachable
from ..protocol.protected_resource import Challenged, ProtectedResource, check_server, metadata_addresses
from .http import API, Answer, Question, answer_to
from .provider import Provider

if TYPE_CHECKING:
    from ..protocol.metadata import ProviderMetadata


@dataclass(frozen=True)
class FoundApi:
    """An API as it describes itself.

    Attributes:
        url: as the user gave it.
        challenge: its answer to a request without a token.
    """

    url: str
    challenge: Challenged
    resource: ProtectedResource

    @property
    def scope(self) -> str:
        """The scopes to ask for: those that the request needs, else all; empty if it names none."""
        return self.challenge.scope or self.resource.scopes_supported


def find_api(url: str, www_authenticate: str = "") -> FoundApi:
    """Return what the API at *url* says about itself. Nothing but its own origin is asked.

    *www_authenticate* is the header of an earlier 401 of the API; without it, a request asks for one.

    Raises:
        ProviderUnreachable: no answer came.
        ProviderError: it publishes no metadata, or they cannot be used.
    """
    status = 401
    if not www_authenticate:
        answer = answer_to(Question("GET", url, peer=API, wants_body=False))
        status, www_authenticate = answer.status, answer.www_authenticate
    challenge = Challenged.of(www_authenticate, url) if status == 401 else Challenged()
    addresses = (challenge.resource_metadata,) if challenge.resource_metadata else metadata_addresses(url)
    found = _first_document(addresses)
    if found is None:
        raise _no_metadata(url, status, addresses)
    return FoundApi(url, challenge, ProtectedResource.from_document(found.json_object(), url, found.url))


def find_server(api: FoundApi) -> ProviderMetadata:
    """Return the metadata of the first authorization server of *api* that can be used.

    Raises:
        ProviderUnreachable: none of them answers.
        ProviderError: none can be used; the error is that of the first.
    """
    first: ProviderError | None = None
    for issuer in api.resource.authorization_servers:
        try:
            check_server(issuer, api.url)
            return _metadata(issuer)
        except ProviderError as error:
            first = first or error
    assert first is not None
    raise first


def _metadata(issuer: str) -> ProviderMetadata:
    """Return the metadata of *issuer*; one without a path may be spelled with a slash at its end, or without.

    Both spellings have one address (RFC 3986, 6.2.3), and many APIs name the other one than the server itself.
    """
    try:
        return Provider.of(issuer).metadata(with_keys=False)
    except ProviderUnreachable:
        raise
    except ProviderError:
        if urlsplit(issuer).path not in ("", "/"):
            raise
        other = issuer.removesuffix("/") if issuer.endswith("/") else f"{issuer}/"
        try:
            return Provider.of(other).metadata(with_keys=False)
        except ProviderError:
            pass
        raise


def _first_document(addresses: tuple[str, ...]) -> Answer | None:
    """Return the first answer that is a document; else one that is a page, which some servers send for any address."""
    page = None
    for address in addresses:
        answer = answer_to(Question("GET", address, peer=API))
        if answer.status == 200:
            if answer.media_type.endswith("json"):
                return answer
            page = page or answer
    return page


def _no_metadata(url: str, status: int, addresses: tuple[str, ...]) -> ProviderError:
    tried = " and ".join(addresses)
    if 300 <= status < 400:
        return ProviderError(
            f"The API answered {status} at {url}, a redirect, which is not followed, and has no metadata "
            f"at {tried}. Give the address to which it leads."
        )
    if status == 429 or status >= 500:
        return ProviderUnreachable(f"The API is busy (it answered {status} at {url}). Try again in a moment.")
    return ProviderError(
        f"The API at {url} does not say where to sign in: it answered {status} without a token, and has "
        f"no metadata at {tried} (RFC 9728). Ask its operator, and write `%login issuer=... client_id=...`."
    )
