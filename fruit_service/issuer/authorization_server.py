"""The authorization server that all grants work with: its rules, and its memory between two requests."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749.errors import AccessDeniedError, UnsupportedResponseTypeError

from .authorization_code import AuthorizationCode
from .bottle_server import BottleAuthorizationServer
from .device_codes import DeviceCodes
from .directory import GRANT_TYPES, Directory, User
from .messages import Request
from .refresh_tokens import OFFLINE_ACCESS, RefreshTokens
from .registration import find_registered
from .resources import audience_of, with_resources_of
from .signing import Signer
from .switches import Switches
from .terms import Terms
from .ttl import TtlMap


@dataclass(frozen=True)
class Issued:
    """An access token that was issued: its user, client and scope."""

    user: User
    client_id: str
    scope: str


class LocalAuthorizationServer(BottleAuthorizationServer):
    """The server with its rules and a memory; one for each running issuer.

    Its grants and endpoints are registered by `grants.authorization_server`.
    """

    def __init__(self, directory: Directory, signer: Signer) -> None:
        super().__init__()
        # At DEBUG, Authlib's grants write the tokens that they issue into the log.
        logging.getLogger("authlib").setLevel(logging.INFO)
        self.directory = directory
        self.signer = signer
        self.codes: TtlMap[AuthorizationCode] = TtlMap(self.switches.elapsed)
        self.spent_codes: TtlMap[AuthorizationCode] = TtlMap(self.switches.elapsed)
        self.refresh_tokens = RefreshTokens(self.switches)
        self.devices = DeviceCodes(self.switches)
        self.issued: TtlMap[Issued] = TtlMap(self.switches.elapsed, limit=100_000)

    @property
    def switches(self) -> Switches:
        """The settings that a test can turn."""
        return self.signer.switches

    @property
    def named_issuer(self) -> str | None:
        """What an authorization response gives as `iss`, or None."""
        return self.signer.issuer if self.switches.names_issuer else None

    def query_client(self, client_id: str) -> Any:
        """Return the client of that identifier."""
        return self.directory.find_client(client_id) or find_registered(client_id)

    def validated_grant(self, request: Request, user: User | None) -> Any:
        """Return the grant of an authorization request that is in order. The caller has checked its destination."""
        return self.get_consent_grant(request, user)

    def get_authorization_grant(self, request: Any) -> Any:
        """Return the grant of the response type."""
        if request.payload.response_type not in self.directory.client.response_types:
            error = UnsupportedResponseTypeError("", "Use response_type=code, or token id_token.")
            error.redirect_uri = request.payload.redirect_uri
            raise error
        return super().get_authorization_grant(request)

    def issue(self, request: Request, user: User, scope: str, granted: Terms) -> dict[str, Any]:
        """Return the token response's parameters for *user* (RFC 6749, section 5.1)."""
        terms = with_resources_of(request, granted, self.directory)
        token = self.signer.access_token(user, request.get("client_id"), scope, terms)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.switches.lifetime_for(terms.audience),
            "scope": scope,
        }

    def save_token(self, token: Any, request: Any) -> None:
        """Remember the scope of an access token for the userinfo endpoint."""
        issued = Issued(request.user, request.get("client_id"), token["scope"])
        self.issued.put(token["access_token"], issued, token["expires_in"])

    def granted_scope(self, request: Request, can_be_offline: bool) -> str:
        """Return the part of the scope of *request* that its API knows. The request's `audience` becomes that API."""
        request.audience = audience_of(request, self.directory)
        if not self.directory.knows(request.audience):
            raise AccessDeniedError(f"Service not found: {_printable(request.audience)}", status_code=403)
        can_be_offline = can_be_offline and self.switches.allow_offline_access
        scopes = (request.payload.scope or "").split()
        asked = [each for each in dict.fromkeys(scopes) if can_be_offline or each != OFFLINE_ACCESS]
        return self.directory.grantable(asked, request.audience)

    def create_token_response(self, request: Any = None) -> Any:
        """Return the answer to a token request, and count the request for a test."""
        grant_type = request.get("grant_type")
        self.switches.count_token_request(grant_type if grant_type in GRANT_TYPES else "")
        return super().create_token_response(request)


def _printable(text: str) -> str:
    """Return *text*, with each character that an error description cannot hold replaced (RFC 6749, section 4.1.2.1)."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "?" for each in text[:100])
