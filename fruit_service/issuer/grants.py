"""Authlib's server with the implicit grant and the authorization code grant with PKCE, adapted to Auth0."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidRequestError, UnsupportedResponseTypeError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDImplicitGrant
from bottle import HTTPResponse

from ..pages import secure_headers
from .device import DeviceCodes, DeviceEndpoint, DeviceGrant
from .directory import GRANT_TYPES, Directory, User
from .id_tokens import IdTokens, IdTokenWithCode, IdTokenWithDeviceCode, IdTokenWithRefreshToken
from .logout import EndSessionEndpoint
from .messages import Request, authorization_response, without_equal_scope
from .refresh import OFFLINE_ACCESS, RefreshGrant, RefreshTokens
from .revocation import RevocationEndpoint
from .signing import Signer
from .switches import Switches
from .ttl import TtlMap

CODE_LIFETIME = 60
"""Lifetime of an authorization code in seconds (RFC 6749, section 4.1.2: at most ten minutes)."""


@dataclass(frozen=True)
class AuthorizationCode(AuthorizationCodeMixin):
    """The authorization of a code: the user, the client, the scope, and the PKCE challenge."""

    client_id: str
    redirect_uri: str
    user: User
    scope: str
    requested_scope: str
    audience: str
    nonce: str
    auth_time: int | None
    code_challenge: str
    code_challenge_method: str
    family: str = field(default_factory=secrets.token_urlsafe, repr=False)
    """The family of its refresh tokens."""

    @classmethod
    def of(cls, request: Request) -> AuthorizationCode:
        """Return the authorization for *request*, which the user has just allowed."""
        return cls(
            client_id=request.get("client_id"),
            redirect_uri=request.get("redirect_uri"),
            user=request.user,
            scope=request.scope,
            requested_scope=request.get("scope"),
            audience=request.audience,
            nonce=request.get("nonce"),
            auth_time=request.auth_time if request.get("max_age") else None,
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
        """Return the time of the user's sign-in, if the request had a `max_age`."""
        return self.auth_time


@dataclass(frozen=True)
class Issued:
    """The user, the client and the scope of an issued access token."""

    user: User
    client_id: str
    scope: str


class LocalAuthorizationServer(AuthorizationServer):
    """Authlib's server with Bottle's answers and storage in memory. Each running issuer has one."""

    def __init__(self, directory: Directory, signer: Signer) -> None:
        super().__init__()
        # At DEBUG, Authlib's grants log the tokens that they issue.
        logging.getLogger("authlib").setLevel(logging.INFO)
        self.directory = directory
        self.signer = signer
        self.codes: TtlMap[AuthorizationCode] = TtlMap(self.switches.elapsed)
        self.spent_codes: TtlMap[AuthorizationCode] = TtlMap(self.switches.elapsed)
        self.refresh_tokens = RefreshTokens(self.switches)
        self.devices = DeviceCodes(self.switches)
        self.issued: TtlMap[Issued] = TtlMap(self.switches.elapsed, limit=100_000)
        self.register_grant(ImplicitGrant)
        self.register_grant(CodeGrant, [S256Challenge(), IdTokenWithCode(signer)])
        self.register_grant(RefreshGrant, [IdTokenWithRefreshToken(signer)])
        self.register_grant(DeviceGrant, [IdTokenWithDeviceCode(signer)])
        for endpoint in (DeviceEndpoint, RevocationEndpoint, EndSessionEndpoint):
            self.register_endpoint(cast(Any, endpoint))

    @property
    def switches(self) -> Switches:
        """The settings that a test can change."""
        return self.signer.switches

    def query_client(self, client_id: str) -> Any:
        """Return the client with this identifier, or None."""
        return self.directory.find_client(client_id)

    def validated_grant(self, request: Request, user: User | None) -> Any:
        """Return the grant of a valid authorization request. The caller has checked its redirect URI."""
        return self.get_consent_grant(request, user)  # type: ignore[no-untyped-call]

    def get_authorization_grant(self, request: Any) -> Any:
        """Return the grant for the response type."""
        if request.payload.response_type not in self.directory.client.response_types:
            error = UnsupportedResponseTypeError("", "Use response_type=code, or token id_token.")
            error.redirect_uri = request.payload.redirect_uri
            raise error
        return super().get_authorization_grant(request)

    def issue(self, request: Request, user: User, scope: str, audience: str) -> dict[str, Any]:
        """Return the token response's parameters for *user* (RFC 6749, section 5.1)."""
        token = self.signer.access_token(user, request.get("client_id"), scope, audience)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.switches.lifetime_for(audience),
            "scope": scope,
        }

    def save_token(self, token: Any, request: Any) -> None:
        """Store user and scope of an access token, for the userinfo endpoint."""
        issued = Issued(request.user, request.get("client_id"), token["scope"])
        self.issued.put(token["access_token"], issued, token["expires_in"])

    def granted_scope(self, request: Request, can_be_offline: bool) -> str:
        """Return the requested scopes that exist for the audience of *request*.

        Raises:
            AccessDeniedError: there is no such API.
        """
        if not self.directory.knows(request.audience):
            raise AccessDeniedError(f"Service not found: {_printable(request.audience)}", status_code=403)
        can_be_offline = can_be_offline and self.switches.allow_offline_access
        scopes = (request.payload.scope or "").split()
        asked = [each for each in dict.fromkeys(scopes) if can_be_offline or each != OFFLINE_ACCESS]
        return self.directory.grantable(asked, request.audience)

    def create_token_response(self, request: Any = None) -> HTTPResponse:
        """Return the answer to a token request."""
        grant_type = request.get("grant_type")
        self.switches.count_token_request(grant_type if grant_type in GRANT_TYPES else "")
        return self._without_repetition(request, super().create_token_response)

    def create_endpoint_response(self, name: str, request: Any = None) -> HTTPResponse:
        """Return the answer to a request to the endpoint that Authlib calls *name*."""
        answer = cast(Any, super()).create_endpoint_response
        return self._without_repetition(request, lambda request: answer(name, request))

    def _without_repetition(self, request: Request, answer: Callable[[Request], Any]) -> HTTPResponse:
        try:
            request.check_no_repetition()
        except OAuth2Error as error:
            return self.handle_error_response(request, error)
        response: HTTPResponse = answer(request)
        return response

    def create_oauth2_request(self, request: Request) -> Request:
        """Return *request*, which is an Authlib request already."""
        return request

    def create_json_request(self, request: Any) -> Any:
        """Refuse: no endpoint here takes JSON."""
        raise NotImplementedError

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Do nothing: Authlib's signals are not used here."""

    def handle_response(self, status: Any, body: Any, headers: Any) -> HTTPResponse:
        """Return Authlib's answer as a Bottle response. A grant of ours returns one already."""
        if isinstance(body, HTTPResponse):
            return body
        return HTTPResponse(json.dumps(body), status, {**secure_headers(), **dict(headers)})

    def handle_error_response(self, request: Any, error: OAuth2Error) -> HTTPResponse:
        """Return *error* to the client by the response mode, or as JSON if it has no valid redirect URI."""
        if error.redirect_uri:
            return authorization_response(request, error.redirect_uri, error.get_body())
        return super().handle_error_response(request, error)


def _printable(text: str) -> str:
    """Return *text* with `?` for each character that an error description cannot have (RFC 6749, section 4.1.2.1)."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "?" for each in text[:100])


class _AuthorizationEndpoint:
    """The common part of both grants at the authorization endpoint."""

    request: Any
    server: LocalAuthorizationServer
    gives_refresh_tokens = False

    def validate_authorization_request(self) -> str:
        """Return the redirect URI of a valid request."""
        redirect_uri: str = super().validate_authorization_request()  # type: ignore[misc]
        try:
            self.request.check_response_mode()
            self.request.scope = self.server.granted_scope(self.request, self.gives_refresh_tokens)
        except OAuth2Error as error:
            error.redirect_uri = redirect_uri
            raise
        return redirect_uri

    def create_authorization_response(
        self, redirect_uri: str, grant_user: User | None
    ) -> tuple[int, HTTPResponse, Any]:
        """Return the authorization response. Without a *grant_user* it is `access_denied`."""
        if grant_user is None:
            raise AccessDeniedError("The user did not allow this.", redirect_uri=redirect_uri)
        self.request.user = grant_user
        response = authorization_response(self.request, redirect_uri, self.granted().items())
        return response.status_code, response, None

    def granted(self) -> Mapping[str, Any]:
        """Return the parameters of the response."""
        raise NotImplementedError


class ImplicitGrant(_AuthorizationEndpoint, IdTokens, OpenIDImplicitGrant):
    """`token id_token` (OpenID Connect Core, section 3.2)."""

    RESPONSE_TYPES = {"id_token token"}  # noqa: RUF012 (so Authlib has it)

    @property
    def signer(self) -> Signer:
        """The signer of the ID token."""
        return self.server.signer

    def auth_time(self, request: Any) -> int | None:
        """Return the time of the user's sign-in, if the request had a `max_age`."""
        return request.auth_time if request.get("max_age") else None

    def granted(self) -> Mapping[str, Any]:
        """Return the tokens."""
        token = dict(self.create_granted_params(self.request.user))
        return without_equal_scope(token, self.request.get("scope"))

    def generate_token(self, user: Any = None, scope: Any = None, *_: Any, **__: Any) -> dict[str, Any]:
        """Return an access token for the audience of the request."""
        return self.server.issue(self.request, user, scope, self.request.audience)


class CodeGrant(_AuthorizationEndpoint, AuthorizationCodeGrant):
    """The authorization code grant (RFC 6749, section 4.1). Its extensions are PKCE and the ID token."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]  # noqa: RUF012
    gives_refresh_tokens = True

    def granted(self) -> Mapping[str, Any]:
        """Return a new code."""
        code = self.generate_authorization_code()
        self.save_authorization_code(code, self.request)
        return {"code": code}

    def generate_token(self, user: Any = None, scope: Any = None, *_: Any, **__: Any) -> dict[str, Any]:
        """Return an access token for the audience of the code, and a refresh token if allowed."""
        code = self.request.authorization_code
        token = self.server.issue(self.request, user, scope, code.audience)
        first = self.server.refresh_tokens.begin(
            code.client_id, user, scope, code.audience, code.auth_time, code.family
        )
        return {**token, **first}

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Store the authorization of *code*."""
        self.server.codes.put(code, AuthorizationCode.of(request), CODE_LIFETIME)

    def query_authorization_code(self, code: str, client: Any) -> AuthorizationCode | None:
        """Return the authorization of *code* and remove it: the code is spent even if this request fails."""
        found = self.server.codes.take(code)
        if found:
            self.server.spent_codes.put(code, found, 10 * CODE_LIFETIME)
        elif spent := self.server.spent_codes.get(code):
            self.server.refresh_tokens.end(spent.family)  # RFC 6749, section 4.1.2: revoke the tokens of a reused code
        return found if found and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Do nothing: `query_authorization_code` has removed the code."""

    def authenticate_user(self, authorization_code: AuthorizationCode) -> User:
        """Return the user who allowed it."""
        return authorization_code.user

    def create_token_response(self) -> Any:
        """Return the token response."""
        status, token, headers = cast(Any, super().create_token_response())
        return status, without_equal_scope(token, self.request.authorization_code.requested_scope), headers


class S256Challenge(CodeChallenge):
    """PKCE (RFC 7636), required and with S256 only, as RFC 9700 (2.1.1) recommends."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        """Refuse an authorization request without an S256 challenge."""
        if grant.request.get("code_challenge_method") != "S256":
            raise InvalidRequestError("Send a code_challenge with code_challenge_method=S256.")
        super().validate_code_challenge(grant, redirect_uri)
