"""A sign-in that begins with the address of an API: its parameters, and the application that it needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from ..errors import InvalidParams, Problem, ProviderRefused, SignInTimeout
from ..protocol.flow import IMPLICIT, OFFLINE_ACCESS, Grant
from ..protocol.metadata import ProviderMetadata
from ..protocol.protected_resource import LONGEST_SCOPE, check_scope
from ..protocol.registration import DOCUMENT, Registration, redirect_uri_for, takes_document, what_to_register
from ..provider.protected_resource import find_api, find_server
from ..provider.provider import Provider
from ..provider.registration import document_is_missing, register
from ..settings.parameters import CLIENT_SECRET, DEFAULTS
from ..settings.params import Found, ParamsAuth0
from ..settings.sources import BY_ADDRESS, BY_DEFAULT
from ..store.registrations import Registrations

T = TypeVar("T")

Make = Callable[[Found], ParamsAuth0]
"""Makes the parameters of what the user gave and of what was found; what the user gave goes before."""

_FORGOTTEN = frozenset({"invalid_client", "unauthorized_client"})
"""What a server says that does not know an application any more (RFC 6749, 4.1.2.1 and 5.2)."""

_STAND_IN = {"issuer": "https://issuer.example", "client_id": "none", "default_scope": ""}
"""In place of what is not known yet, to check what the user gave."""


@dataclass(frozen=True)
class Introduction:
    """What the user is told before anything opens.

    Attributes:
        api: the host of the API.
        server: the address of its authorization server, without `https://`.
        scope: what is asked for, space separated.
        page: the host of the page where the user signs in, where that is another one; else empty.
        is_named_by_api: whether the API named the server, and not the user.
    """

    api: str
    server: str
    scope: str
    page: str = ""
    is_named_by_api: bool = True


class ByAddress:
    """One sign-in by the address *url* of an API.

    Args:
        url: has been checked by `why_not_an_api`.
        make: makes the parameters.
        introduce: tells the user whom the API names; it is called at most once, before anything is registered.
        challenge: the `WWW-Authenticate` header of a 401 of the API, if the program has one.
        renewable: whether a refresh token is asked for, as `Auth` takes it.

    Attributes:
        given: what the user gave, with stand-ins for what is not known yet.

    Raises:
        InvalidParams: what the user gave cannot be used. Nothing has been asked then.
    """

    def __init__(
        self,
        url: str,
        make: Make,
        introduce: Callable[[Introduction], None],
        challenge: str | None = None,
        renewable: bool | None = None,
    ) -> None:
        self._url = url
        self._make = make
        self._introduce = introduce
        self._challenge = challenge or ""
        self._renewable = renewable
        self._is_introduced = False
        self._is_kept = False  # the application was registered in an earlier sign-in
        self.given = make(stand_in(url))
        self._registrations = Registrations.beside(self.given.store)
        _check_flow(self.given)

    def sign_in(self, attempt: Callable[[ParamsAuth0], T]) -> T:
        """Return what *attempt* does with the parameters; once more if the server has forgotten the application.

        Raises:
            ProviderError: the API or its authorization server cannot be reached, or cannot be used.
            SignInFailed: as *attempt* raises it.
        """
        self._discover()
        try:
            return attempt(self._params())
        except ProviderRefused as error:
            if error.error not in _FORGOTTEN or not self._forget():
                raise
            return attempt(self._params())
        except (SignInTimeout, KeyboardInterrupt):
            self._forget()  # a server that has forgotten an application shows a page, and sends no response
            raise

    def introduce(self) -> None:
        """Tell the user whom the API names, and what it asks for, unless that was done, or the user gave both."""
        if self._is_introduced or (self._is_server_given and _is_given(self.given, "scope")):
            return
        self._is_introduced = True
        issuer, page = urlsplit(self._server.issuer), urlsplit(self._server.authorization_endpoint).netloc
        server = f"{issuer.netloc}{issuer.path}".rstrip("/")
        elsewhere = page if page != issuer.netloc else ""
        grant = Grant.of(self._base.response_type, self._base.flow, self._renewable)
        scope = grant.scope(self._base.scope, self._server.scopes_supported)
        api = urlsplit(self._url).netloc
        self._introduce(Introduction(api, server, scope, elsewhere, not self._is_server_given))

    @property
    def _is_server_given(self) -> bool:
        return _is_given(self.given, "issuer") or _is_given(self.given, "domain")

    def _discover(self) -> None:
        self._api = find_api(self._url, self._challenge)
        self._server = self._named_server()
        self._values = self._found_values()
        self._base = self._make(Found(self._url, {"client_id": _STAND_IN["client_id"], **self._values}))

    def _named_server(self) -> ProviderMetadata:
        """Return the metadata of the server that the user gave, else of the one that the API names."""
        given = self.given
        if self._is_server_given:
            return Provider.of(given.expected_issuer, given.discovery_url).metadata(with_keys=False)
        return find_server(self._api)

    def _found_values(self) -> dict[str, object]:
        api, server = self._api, self._server
        # With a server that is no OpenID provider, an ID token could not be verified.
        is_openid = server.jwks_uri is not None and "openid" in server.scopes_supported
        own = [each for each in ("openid", "profile") if is_openid and each in server.scopes_supported]
        scope = " ".join(each for each in api.scope.split() if is_openid or each != "openid")
        if not _is_given(self.given, "scope"):
            check_scope(scope, api.url)
        values: dict[str, object] = {"issuer": server.issuer, "default_scope": " ".join(own)}
        values |= {"resource": api.resource.resource, **({"scope": scope} if scope else {})}
        return {**values, **self._own_redirect_uri()}

    def _own_redirect_uri(self) -> dict[str, object]:
        """Return a redirect URI for this server alone, if an application is registered and the user gave none."""
        given, server, usual = self.given, self._server, DEFAULTS["redirect_uri"]
        is_free = not _is_given(given, "redirect_uri") and not _is_given(given, "client_id")
        needs_one = not server.authorization_response_iss_parameter_supported
        if not is_free or not needs_one or "registration_endpoint" not in server.optional_endpoints:
            return {}
        return {} if _document_serves(server, [usual]) else {"redirect_uri": redirect_uri_for(server.issuer, usual)}

    def _params(self) -> ParamsAuth0:
        """Return the parameters, with an application."""
        if _is_given(self.given, "client_id"):
            return self._base
        return self._make(Found(self._url, {**self._values, **self._client()}))

    def _client(self) -> Mapping[str, object]:
        server, uris = self._server, self._base.redirect_uris
        if _document_serves(server, uris):
            return {"client_id": DOCUMENT}
        kept = self._registrations.find(server.issuer, uris)
        if kept is not None and kept.serves(self._base.scope, time.time()):
            self._is_kept = True
            return _as_values(kept)
        if "registration_endpoint" not in server.optional_endpoints:
            base, resource = self._base, str(self._base.resource)
            raise InvalidParams([_not_registered(server, what_to_register(server, uris, base.scope, resource))])
        self.introduce()
        registered = register(server, uris, self._scope_to_register())
        self._registrations.keep(server.issuer, uris, registered)
        return _as_values(registered)

    def _scope_to_register(self) -> str:
        """Return all scopes that may be asked for later: some servers allow an application no others."""
        server = self._server
        later = [OFFLINE_ACCESS] if OFFLINE_ACCESS in server.scopes_supported else []
        words = [*self._base.scope.split(), *self._api.resource.scopes_supported.split(), *later]
        scope = " ".join(dict.fromkeys(words))
        return scope if len(scope) <= LONGEST_SCOPE else self._base.scope

    def _forget(self) -> bool:
        """Forget an application that was registered in an earlier sign-in; return whether it was."""
        if not self._is_kept:
            return False
        self._is_kept = False
        return self._registrations.forget(self._server.issuer, self._base.redirect_uris)


def stand_in(url: str) -> Found:
    """Return what stands for the facts about the API at *url* before it is asked, to check what the user gave."""
    return Found(url, _STAND_IN)


def _is_given(params: ParamsAuth0, name: str) -> bool:
    """Return whether the user gave parameter *name*, wherever."""
    origin = next((each.origin for each in params.explain() if each.name == name), BY_DEFAULT)
    return origin not in (BY_DEFAULT, BY_ADDRESS)


def _document_serves(server: ProviderMetadata, redirect_uris: Collection[str]) -> bool:
    return takes_document(server, redirect_uris) and not document_is_missing()


def _as_values(registration: Registration) -> dict[str, object]:
    secret = registration.client_secret
    return {"client_id": registration.client_id, **({CLIENT_SECRET: secret} if secret is not None else {})}


def _check_flow(params: ParamsAuth0) -> None:
    if Grant.of(params.response_type, params.flow).flow is IMPLICIT:
        sentence = "must be `code` or `device` with the address of an API. Leave it out (RFC 9700, 2.1.2)"
        raise InvalidParams([Problem("flow", sentence)])


def _not_registered(server: ProviderMetadata, remedy: str) -> Problem:
    host = urlsplit(server.issuer).netloc
    sentence = f"is missing: {host} registers no application by itself, so you need one. {remedy}"
    return Problem("client_id", sentence)
