"""What an API says about itself: whom it trusts, and for which scopes (Protected Resource Metadata, RFC 9728).

All of it is a stranger's word, so each part is checked before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import ProviderError
from ..text import plain
from .challenge import challenges
from .urls import is_of_this_machine, is_private_host, is_safe_url, origin_of

WELL_KNOWN = "/.well-known/oauth-protected-resource"
"""Between the API's host and its path (section 3)."""

MOST_SERVERS = 3
"""Authorization servers of one API that are looked at."""

LONGEST_SCOPE = 2000
"""Characters. A browser and a server take an address of a few thousand."""

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, 3.3


@dataclass(frozen=True)
class Challenged:
    """What an API answers to a request without a token (section 5.1; RFC 6750, 3).

    Attributes:
        resource_metadata: the address of its metadata; None if it names none.
        scope: the scopes that the request needs, space separated; empty if it names none.
    """

    resource_metadata: str | None = None
    scope: str = ""

    @classmethod
    def of(cls, www_authenticate: str, url: str) -> Challenged:
        """Return what the header says in the answer of *url*.

        Raises:
            ProviderError: the metadata are of another origin.
        """
        parameters: dict[str, str] = {}
        for challenge in challenges(www_authenticate):
            if challenge.scheme == "bearer":
                parameters = {**challenge.parameters, **parameters}
        address = parameters.get("resource_metadata")
        if address is not None and not (is_safe_url(address) and origin_of(address) == origin_of(url)):
            raise ProviderError(
                f"The API at {url} names an address of its metadata that is of another origin, so it is not asked: "
                f"`{plain(address, 200)}`. Tell the API's operator."
            )
        return cls(address, _scope(parameters.get("scope", "").split()))


@dataclass(frozen=True)
class ProtectedResource:
    """The members of an API's metadata that this package uses (section 2), checked.

    Attributes:
        resource: the identifier of the API, for `resource=` (RFC 8707).
        authorization_servers: the issuers that may be used, in the API's order.
        scopes_supported: space separated; empty if it names none.
    """

    resource: str
    authorization_servers: tuple[str, ...]
    scopes_supported: str = ""

    @classmethod
    def from_document(cls, document: Mapping[str, Any], url: str, address: str) -> ProtectedResource:
        """Return the metadata in *document*, which was found at *address*, for an API at *url* (sections 3.2 and 3.3).

        Raises:
            ProviderError: they are of another API, or name no authorization server that may be used.
        """
        resource = document.get("resource")
        if not isinstance(resource, str) or not is_safe_url(resource) or not is_part_of(url, resource):
            raise ProviderError(
                f"The metadata at {address} are of another API than {url}: their `resource` is "
                f"`{plain(resource, 200)}`. It must be that address, or one above it on the same host. Check the "
                "address, or tell the API's operator."
            )
        named = [each for each in _listed(document.get("authorization_servers")) if isinstance(each, str)]
        if not named:
            raise ProviderError(
                f"The API at {url} names no authorization server in its metadata at {address}. Ask its operator where "
                "to sign in, and write `%login issuer=... client_id=...`."
            )
        scopes = [each for each in _listed(document.get("scopes_supported")) if isinstance(each, str)]
        return cls(resource, tuple(named[:MOST_SERVERS]), _scope(scopes))


def metadata_addresses(url: str) -> tuple[str, ...]:
    """Return where the metadata of the API at *url* may be: with its path, then without (section 3.1)."""
    parts = urlsplit(url)
    with_path = parts._replace(path=WELL_KNOWN + parts.path.rstrip("/"), fragment="").geturl()
    without = parts._replace(path=WELL_KNOWN, query="", fragment="").geturl()
    return tuple(dict.fromkeys((with_path, without)))


def is_part_of(url: str, resource: str) -> bool:
    """Return whether *resource* is *url*, or above it by the segments of its path, at the same origin."""
    of_url, of_resource = urlsplit(url), urlsplit(resource)
    if origin_of(url) != origin_of(resource) or (of_resource.query and of_resource.query != of_url.query):
        return False
    segments, above = of_url.path.strip("/").split("/"), of_resource.path.strip("/").split("/")
    return above == [""] or segments[: len(above)] == above


def check_server(issuer: str, url: str) -> None:
    """Check that the kernel may ask *issuer*, which the API at *url* names (section 7.7).

    An API elsewhere must not have this machine send requests to itself, or into its private network.

    Raises:
        ProviderError: it may not.
    """
    shown = plain(issuer, 200)
    if not is_safe_url(issuer) or urlsplit(issuer).query:
        raise ProviderError(
            f"The API at {url} names `{shown}` as its authorization server, which is not an https address, so it is "
            "not asked. Tell the API's operator."
        )
    if is_of_this_machine(url):
        return
    host, of_api = str(urlsplit(issuer).hostname), str(urlsplit(url).hostname)
    if is_of_this_machine(issuer) or (is_private_host(host) and not is_private_host(of_api)):
        raise ProviderError(
            f"The API at {url} names `{shown}` as its authorization server, which is on this machine or in a private "
            "network, and the API is not. So it is not asked. Tell the API's operator."
        )


def check_scope(scope: str, url: str) -> None:
    """Check that *scope*, which the API at *url* names, is short enough to be asked for.

    Raises:
        ProviderError: it is not.
    """
    if len(scope) > LONGEST_SCOPE:
        raise ProviderError(
            f"The API at {url} names scopes of {len(scope)} characters together, too many to ask for. Write those that "
            "you need, as `scope=...`."
        )


def _listed(values: object) -> list[Any]:
    return values if isinstance(values, list) else []


def _scope(words: list[str]) -> str:
    """Return *words* as a scope; those that are none by RFC 6749, 3.3, are left out."""
    return " ".join(each for each in dict.fromkeys(words) if _SCOPE.fullmatch(each))
