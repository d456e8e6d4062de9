"""Grants: implicit and authorization code with PKCE, by Authlib, changed where Auth0 differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, AuthorizationEndpointMixin
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDImplicitGrant

from .acr import check_acr_values
from .authorization_code import AuthorizationCode
from .authorization_server import LocalAuthorizationServer
from .device import DeviceEndpoint, DeviceGrant
from .directory import Directory, User
from .id_tokens import IdTokens, IdTokenWithCode, IdTokenWithDeviceCode, IdTokenWithRefreshToken
from .logout import EndSessionEndpoint
from .messages import Request, authorization_response, response_without_equal_scope, without_equal_scope
from .refresh import RefreshGrant
from .revocation import RevocationEndpoint
from .signing import Signer

CODE_LIFETIME = 60
"""Lifetime of an authorization code in seconds (RFC 6749, section 4.1.2: at most ten minutes)."""


def authorization_server(directory: Directory, signer: Signer) -> LocalAuthorizationServer:
    """Return a server with every grant and endpoint."""
    server = LocalAuthorizationServer(directory, signer)
    server.register_grant(ImplicitGrant)
    server.register_grant(CodeGrant, [S256Challenge(), IdTokenWithCode(signer)])
    server.register_grant(RefreshGrant, [IdTokenWithRefreshToken(signer)])
    server.register_grant(DeviceGrant, [IdTokenWithDeviceCode(signer)])
    # For Authlib's types, the endpoint of the device grant is not an `Endpoint`.
    endpoints: tuple[Any, ...] = (DeviceEndpoint, RevocationEndpoint, EndSessionEndpoint)
    for endpoint in endpoints:
        server.register_endpoint(endpoint)
    return server


class _AuthorizationEndpoint(AuthorizationEndpointMixin):
    """The part of both grants that is the same at the authorization endpoint."""

    request: Any
    server: LocalAuthorizationServer
    gives_refresh_tokens = False

    def validate_authorization_request(self) -> str:
        """Return the redirect URI of a valid request."""
        redirect_uri: str = super().validate_authorization_request()
        try:
            self.request.check_response_mode()
            check_acr_values(self.request, self.server.switches)
            self.request.scope = self.server.granted_scope(self.request, self.gives_refresh_tokens)
        except OAuth2Error as error:
            error.redirect_uri = redirect_uri
            raise
        return redirect_uri

    def create_authorization_response(self, redirect_uri: str, grant_user: User | None) -> Any:
        """Return the response that the browser carries. *grant_user* is None where the user denied it."""
        if grant_user is None:
            raise AccessDeniedError("The user did not allow this.", redirect_uri=redirect_uri)
        self.request.user = grant_user
        response = authorization_response(self.request, redirect_uri, self.granted().items(), self.server.named_issuer)
        return response.status_code, response, None

    def granted(self) -> Mapping[str, Any]:
        """Return the parameters of the response."""
        raise NotImplementedError


class ImplicitGrant(_AuthorizationEndpoint, IdTokens, OpenIDImplicitGrant):
    """`token id_token` (OpenID Connect Core, section 3.2)."""

    RESPONSE_TYPES = frozenset({"id_token token"})

    @property
    def signer(self) -> Signer:
        """The signer of the ID token."""
        return self.server.signer

    def auth_time(self, request: Request) -> int | None:
        """Return the time of the user's sign-in, if the tokens say it."""
        return request.terms.auth_time

    def acr(self, request: Request) -> str | None:
        """Return the class of the user's sign-in."""
        return request.terms.acr

    def granted(self) -> Mapping[str, Any]:
        """Return the tokens."""
        token = dict(self.create_granted_params(self.request.user))
        return without_equal_scope(token, self.request.get("scope"))

    def process_implicit_token(self, token: Any, code: str | None = None) -> Any:
        """Return the parameters of an implicit response, with the ID token."""
        token = super().process_implicit_token(token, code)
        return {**token, "id_token": self.signer.tampered(token["id_token"])}

    def generate_token(self, user: Any = None, scope: Any = None, *_: object, **__: object) -> dict[str, Any]:
        """Return an access token for the audience of the request."""
        return self.server.issue(self.request, user, scope, self.request.terms)


class CodeGrant(_AuthorizationEndpoint, AuthorizationCodeGrant):
    """The authorization code grant (RFC 6749, section 4.1). Its extensions are PKCE and the ID token."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    gives_refresh_tokens = True

    def granted(self) -> Mapping[str, Any]:
        """Return a new code."""
        code = self.generate_authorization_code()
        self.save_authorization_code(code, self.request)
        return {"code": code}

    def generate_token(self, user: Any = None, scope: Any = None, *_: object, **__: object) -> dict[str, Any]:
        """Return an access token for the audience of the code, and a refresh token if allowed."""
        code = self.request.authorization_code
        token = self.server.issue(self.request, user, scope, code.terms)
        first = self.server.refresh_tokens.begin(code.client_id, user, scope, code.terms, code.family)
        return {**token, **first}

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Remember the grant behind *code*."""
        self.server.codes.put(code, AuthorizationCode.of(request), CODE_LIFETIME)

    def query_authorization_code(self, code: str, client: Any) -> AuthorizationCode | None:
        """Return the grant behind *code*, once: however this request ends, the code is spent."""
        found = self.server.codes.take(code)
        if found:
            self.server.spent_codes.put(code, found, 10 * CODE_LIFETIME)
        elif spent := self.server.spent_codes.get(code):
            self.server.refresh_tokens.end(spent.family)  # RFC 6749, section 4.1.2: its tokens are taken back
        return found if found and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Do nothing: `query_authorization_code` has removed the code."""

    def authenticate_user(self, authorization_code: AuthorizationCode) -> User:
        """Return the user that allowed it."""
        return authorization_code.user

    def create_token_response(self) -> Any:
        """Return the token response."""
        response = super().create_token_response()
        return response_without_equal_scope(response, self.request.authorization_code.requested_scope)


class S256Challenge(CodeChallenge):
    """PKCE (RFC 7636), required and with S256 only, as RFC 9700 (2.1.1) recommends."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  # so Authlib has it

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        """Refuse an authorization request without an S256 challenge."""
        if grant.request.get("code_challenge_method") != "S256":
            raise InvalidRequestError("Send a code_challenge with code_challenge_method=S256.")
        super().validate_code_challenge(grant, redirect_uri)
