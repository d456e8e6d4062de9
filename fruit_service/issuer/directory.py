"""The issuer's directory: two users, a client, an API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE

CALLBACK_URLS = (
    "http://127.0.0.1:8765/callback/",
    "http://localhost:8765/callback/",
    "http://localhost:8888/callback/",
)

LOGOUT_URLS = ("http://127.0.0.1:8765/", "http://localhost:8765/", "http://localhost:8888/")

GRANT_TYPES = ("authorization_code", "implicit", "refresh_token", DEVICE_CODE_GRANT_TYPE)

OPENID_SCOPES = MappingProxyType(
    {
        "openid": "Know that it is you",
        "profile": "See your name",
        "email": "See your email address",
        "offline_access": "Keep this access while you are away",
    }
)
"""The meaning of each scope of OpenID Connect Core (5.4, 11), for the consent page."""


ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s#]+")
"""An absolute URI without a fragment, with a host."""


def one_name(url: str) -> str:
    """Return *url* with one name of this machine in place of any other, for a comparison."""
    return re.sub(r"^http://(?:localhost|\[::1\])(?=[:/])", "http://127.0.0.1", url)


@dataclass(frozen=True)
class User:
    """A user, who signs in without a password."""

    nickname: str
    name: str

    @property
    def sub(self) -> str:
        """The subject identifier, in the form of Auth0's database connection."""
        return f"auth0|{self.nickname}"

    @property
    def email(self) -> str:
        """The email address, in the domain for examples (RFC 2606)."""
        return f"{self.nickname}@example.com"

    def claims(self, scope: str) -> dict[str, str | bool]:
        """Return the claims about the user that *scope* allows (OpenID Connect Core, section 5.4)."""
        scopes = scope.split(" ")
        claims: dict[str, str | bool] = {"sub": self.sub}
        if "profile" in scopes:
            claims |= {"nickname": self.nickname, "name": self.name}
        if "email" in scopes:
            claims |= {"email": self.email, "email_verified": True}
        return claims


USERS: Mapping[str, User] = MappingProxyType(
    {user.nickname: user for user in (User("alice", "Alice"), User("bob", "Bob"))}
)


@dataclass(frozen=True)
class Api:
    """An API for access tokens. Its identifier is the audience."""

    identifier: str
    scopes: Mapping[str, str]

    def is_at(self, resource: str) -> bool:
        """Return whether *resource* is the URL of this API, where the issuer was not told another one.

        It is `/IDENTIFIER` at any port of this machine, so that the issuer need not know where its APIs run, or the
        identifier itself, if that is a URL.
        """
        here = rf"http://127\.0\.0\.1(?::[0-9]{{1,5}})?/{re.escape(self.identifier)}"
        is_own = resource == self.identifier and ABSOLUTE.fullmatch(resource) is not None
        return is_own or re.fullmatch(here, one_name(resource)) is not None


FRUIT_API = Api(
    "api/fruit",
    MappingProxyType(
        {
            "read:usual-fruit": "Read usual fruits",
            "read:exotic-fruit": "Read usual and exotic fruits",
            "write:usual-fruit": "Add usual fruits",
            "write:exotic-fruit": "Add usual and exotic fruits",
        }
    ),
)


@dataclass(frozen=True)
class Client(ClientMixin):
    """A public client, with Authlib's methods (RFC 6749, section 2.1)."""

    client_id: str = "ipyauth-demo"
    name: str = "ipyauth demo"
    redirect_uris: tuple[str, ...] = CALLBACK_URLS
    logout_urls: tuple[str, ...] = LOGOUT_URLS
    response_types: frozenset[str] = field(default=frozenset({"code", "id_token token"}))
    grant_types: frozenset[str] = field(default=frozenset(GRANT_TYPES))
    is_registered: bool = False
    """Whether the application has registered itself, so that its name is its own choice."""

    @property
    def client_metadata(self) -> dict[str, Any]:
        """The metadata for Authlib's logout endpoint (OpenID Connect RP-Initiated Logout, section 3.1)."""
        return {"post_logout_redirect_uris": list(self.logout_urls)}

    def get_client_id(self) -> str:
        """Return the client identifier."""
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        """Return an empty text: each request must have a redirect URI."""
        return ""

    def get_allowed_scope(self, scope: Any) -> str:
        """Return *scope* without repetitions. `grantable` removes scopes that the audience does not have."""
        return " ".join(dict.fromkeys((scope or "").split()))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether *redirect_uri* equals a registered one (RFC 9700, section 2.1)."""
        return redirect_uri in self.redirect_uris

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Tell whether the client may authenticate by *method*: only by none."""
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        """Tell whether the client may ask for *response_type*, its words sorted."""
        return response_type in self.response_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Tell whether the client may use *grant_type*."""
        return grant_type in self.grant_types


@dataclass(frozen=True)
class Directory:
    """The clients, APIs and users of an issuer."""

    client: Client
    api: Api = FRUIT_API
    users: Mapping[str, User] = field(default_factory=lambda: USERS)
    other_clients: tuple[Client, ...] = ()
    other_apis: tuple[Api, ...] = ()
    resources: Mapping[str, str] = field(default_factory=dict)
    """The identifiers of APIs by their URLs, with `one_name`."""

    @property
    def apis(self) -> tuple[Api, ...]:
        """All APIs."""
        return (self.api, *self.other_apis)

    @property
    def clients(self) -> tuple[Client, ...]:
        """All clients."""
        return (self.client, *self.other_clients)

    def find_client(self, client_id: str) -> Client | None:
        """Return the client with this identifier, or None."""
        return next((each for each in self.clients if each.client_id == client_id), None)

    def find_api(self, resource: str) -> Api | None:
        """Return the API at this URL, or None (RFC 8707, section 2)."""
        told = self.resources.get(one_name(resource))
        return next((api for api in self.apis if (api.identifier == told if told else api.is_at(resource))), None)

    def knows(self, audience: str) -> bool:
        """Return whether *audience* is an API, or empty."""
        return audience in ("", *(api.identifier for api in self.apis))

    def scopes(self, audience: str) -> Mapping[str, str]:
        """Return the scopes of *audience* with their meanings."""
        own = next((api.scopes for api in self.apis if api.identifier == audience), {})
        return {**OPENID_SCOPES, **own}

    def grantable(self, scope: Iterable[str], audience: str) -> str:
        """Return those of *scope* that exist for *audience*, in the same order."""
        known = self.scopes(audience)
        return " ".join(each for each in scope if each in known)
