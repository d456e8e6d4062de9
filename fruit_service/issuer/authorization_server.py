"""The authorization server that all grants work with: Authlib's, with a memory between two requests."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749.errors import AccessDeniedError, UnsupportedResponseTypeError
from authlib.oidc.core import AuthorizationCodeMixin
from bottle import HTTPResponse

from ..pages import secure_headers
from ..sign_in import MULTI_FACTOR
from .device_codes import DeviceCodes
from .directory import GRANT_TYPES, Directory, User
from .messages import Request, authorization_response
from .refresh_tokens import OFFLINE_ACCESS, RefreshTokens
from .registration import find_registered
from .resources import audience_of, with_resources_of
from .signing import Signer
from .switches import Switches
from .terms import Terms
from .ttl import TtlMap


class UnmetAuthenticationRequirementsError(OAuth2Error):
    """The user cannot sign in as requested (RFC 9470, section 5)."""

    error = "unmet_authentication_requirements"


@dataclass(frozen=True)
class AuthorizationCode(AuthorizationCodeMixin):
    """The grant behind a code: user, client, scope, terms, and the challenge that its verifier must meet."""

    client_id: str
    redirect_uri: str
    user: User
    scope: str
    requested_scope: str
    terms: Terms
    nonce: str
    code_challenge: str
    code_challenge_method: str
    family: str = field(default_factory=secrets.token_urlsafe, repr=False)
    """Of the refresh tokens that come from it."""

    @classmethod
    def of(cls, request: Request) -> AuthorizationCode:
        """Return the code's grant for an authorization request that the user has just allowed."""
        return cls(
            client_id=request.get("client_id"),
            redirect_uri=request.get("redirect_uri"),
            user=request.user,
            scope=request.scope,
            requested_scope=request.get("scope"),
            terms=request.terms,
            nonce=request.get("nonce"),
            code_challenge=request.get("code_challenge"),
            code_challenge_method=request.get("code_challenge_method"),
        )

    def get_redirect_uri(self) -> str:
        """Return the redirect URI that the token request must repeat."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the granted scope."""
        return self.scope

    def get_nonce(self) -> str:
        """Return the nonce for the ID token."""
        return self.nonce

    def get_auth_time(self) -> int | None:
        """Return when the user signed in, if the tokens say it."""
        return self.terms.auth_time

    def get_acr(self) -> str:
        """Return the class of the sign-in, or an empty text."""
        return self.terms.acr or ""


@dataclass(frozen=True)
class Issued:
    """An access token that was issued: its user, client and scope."""

    user: User
    client_id: str
    scope: str


class LocalAuthorizationServer(AuthorizationServer):
    """Authlib's server with Bottle's answers and a memory; one for each running issuer.

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

    def check_acr_values(self, request: Request) -> None:
        """Refuse an authorization request for classes of sign-in that are not here (RFC 9470, section 5)."""
        asked = request.acr_values if self.switches.honours_acr_values else []
        if asked and MULTI_FACTOR not in asked:
            raise UnmetAuthenticationRequirementsError("This issuer has no sign-in of the requested acr_values.")

    def acr_for(self, request: Request) -> str | None:
        """Return the class of sign-in that *request* needs, or None."""
        is_asked = self.switches.honours_acr_values and MULTI_FACTOR in request.acr_values
        return MULTI_FACTOR if is_asked else None

    def create_token_response(self, request: Any = None) -> HTTPResponse:
        """Return the answer to a token request."""
        grant_type = request.get("grant_type")
        self.switches.count_token_request(grant_type if grant_type in GRANT_TYPES else "")
        return self._without_repetition(request, super().create_token_response)

    def create_endpoint_response(self, name: str, request: Any = None) -> HTTPResponse:
        """Return the answer to a request to the endpoint that Authlib calls *name*."""
        answer = super().create_endpoint_response
        return self._without_repetition(request, lambda request: answer(name, request))

    def _without_repetition(self, request: Request, answer: Callable[[Request], Any]) -> HTTPResponse:
        try:
            request.check_no_repetition()
        except OAuth2Error as error:
            return self.handle_error_response(request, error)
        response: HTTPResponse = answer(request)
        return response

    def create_oauth2_request(self, request: Request) -> Request:
        """Return *request*, which is Authlib's kind already."""
        return request

    def create_json_request(self, request: Any) -> Any:
        """Refuse: no endpoint here takes JSON."""
        raise NotImplementedError

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Do nothing: Authlib's signals have no receiver here."""

    def handle_response(self, status: Any, body: Any, headers: Any) -> HTTPResponse:
        """Return Authlib's answer as Bottle's; a grant's own answer is Bottle's already."""
        if isinstance(body, HTTPResponse):
            return body
        return HTTPResponse(json.dumps(body), status, {**secure_headers(), **dict(headers)})

    def handle_error_response(self, request: Any, error: OAuth2Error) -> HTTPResponse:
        """Return *error* to the client by the response mode, or as JSON where no redirect URI is known to be good."""
        if error.redirect_uri:
            return authorization_response(request, error.redirect_uri, error.get_body(), self.named_issuer)
        return super().handle_error_response(request, error)


def _printable(text: str) -> str:
    """Return *text*, with each character that an error description cannot hold replaced (RFC 6749, section 4.1.2.1)."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "?" for each in text[:100])
