"""Where a provider's metadata are, and fetching them (OpenID Connect Discovery 1.0, section 4; RFC 8414, section 3)."""

from __future__ import annotations

from ..errors import ProviderError
from ..protocol.metadata import ProviderMetadata, discovery_url, issuer_at, oauth_metadata_urls
from .http import Answer, ask


def fetch_metadata(issuer: str, address: str | None = None) -> ProviderMetadata:
    """Return the metadata of *issuer*.

    Args:
        issuer: what the document must name, to the letter. Where *address* belongs to it, the document may also name it
            with a slash at its end: both have that one address (Discovery, 4.1), so the user has said no more than it.
        address: of the document, if the user gave it; by default the issuer's own, by Discovery, else by RFC 8414.

    Raises:
        ProviderUnreachable: no answer came, or the provider is busy.
        ProviderError: there is no document, or it cannot be used.
    """
    answer = _answer(issuer, address)
    document = answer.successful_object()
    if address and issuer_at(address) == issuer and document.get("issuer") == f"{issuer}/":
        issuer = f"{issuer}/"
    return ProviderMetadata.from_document(document, issuer, answer.url)


def _answer(issuer: str, address: str | None) -> Answer:
    answer = ask("GET", address or discovery_url(issuer))
    if not answer.says_there_is_nothing:
        return answer
    for other_address in oauth_metadata_urls(issuer) if address is None else ():
        other = ask("GET", other_address)
        if other.status == 200:
            return other
    raise ProviderError(
        f"The provider has no OpenID discovery document: it answered {answer.status} at {answer.url}. Check `domain` "
        "or `issuer`. If the document is at another address, give that as `discovery_url`. Without a document this "
        "package cannot sign in there, because it reads the provider's endpoints in it."
    )
