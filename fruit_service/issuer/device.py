"""The device grant (RFC 8628): a device shows a code and polls, and the user allows it on another device."""

from __future__ import annotations

from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidGrantError
from authlib.oauth2.rfc8628 import (
    AuthorizationPendingError,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    ExpiredTokenError,
    SlowDownError,
)

from .authorization_server import LocalAuthorizationServer
from .device_codes import DEFAULT_INTERVAL, DeviceCode
from .directory import User
from .messages import response_without_equal_scope
from .terms import Terms

AUTH0_ANSWERS: dict[type[OAuth2Error], tuple[int, str]] = {
    AuthorizationPendingError: (403, "User has yet to authorize device code."),
    SlowDownError: (429, "You are polling faster than the specified interval."),
    ExpiredTokenError: (403, "The device code has expired."),
    AccessDeniedError: (403, "User cancelled the confirmation prompt."),
}
"""Auth0's statuses and descriptions. RFC 6749 (section 5.2) has 400 for all of them."""


class DeviceEndpoint(DeviceAuthorizationEndpoint):
    """Device authorization (RFC 8628, sections 3.1 and 3.2), with an audience as Auth0 has it."""

    CLIENT_AUTH_METHODS = ("none",)
    server: LocalAuthorizationServer

    def create_endpoint_response(self, request: Any) -> Any:
        """Return the codes, and add a waiting device."""
        scope = self.server.granted_scope(request, can_be_offline=True)
        status, data, headers = super().create_endpoint_response(request)
        switches = self.server.switches
        data["expires_in"] = switches.device_code_lifetime
        data["interval"] = switches.device_interval
        code = DeviceCode(
            device_code=data["device_code"],
            user_code=data["user_code"],
            client_id=request.get("client_id"),
            requested_scope=request.get("scope"),
            scope=scope,
            terms=Terms(request.audience, request.resources),
            interval=DEFAULT_INTERVAL if data["interval"] is None else data["interval"],
            ends=switches.elapsed() + data["expires_in"],
            clock=switches.elapsed,
        )
        self.server.devices.add(code)
        return status, {name: value for name, value in data.items() if value is not None}, headers

    def generate_user_code(self) -> str:
        """Return a code that no waiting device has."""
        while True:
            user_code: str = super().generate_user_code()
            if self.server.devices.waiting(user_code) is None:
                return user_code

    def get_verification_uri(self) -> str:
        """Return the URL of the page for user codes."""
        return f"{self.server.signer.issuer}activate"

    def save_device_credential(self, client_id: str, scope: str, data: object) -> None:
        """Do nothing: the code is kept with the request's audience, which is not passed here."""


class DeviceGrant(DeviceCodeGrant):
    """The polls of a device (RFC 8628, sections 3.4 and 3.5)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    request: Any
    server: LocalAuthorizationServer

    def validate_token_request(self) -> None:
        """Check a poll. Errors get Auth0's status and description."""
        try:
            super().validate_token_request()
        except tuple(AUTH0_ANSWERS) as error:
            error.status_code, error.description = AUTH0_ANSWERS[type(error)]
            raise

    def query_device_credential(self, device_code: str) -> DeviceCode:
        """Return the code, if it is this client's."""
        found = self.server.devices.find(device_code)
        if found is None or found.client_id != self.request.get("client_id"):
            raise _invalid_device_code()
        self.request.credential = found
        return found

    def query_user_grant(self, user_code: str) -> tuple[User | None, bool] | None:
        """Return the user's answer, if there is one."""
        code = self.request.credential
        return (code.user, code.user is not None) if code.answered else None

    def should_slow_down(self, credential: DeviceCode) -> bool:
        """Return whether the device polls too often."""
        return self.server.devices.is_too_fast(credential)

    def generate_token(self, user: Any = None, scope: Any = None, *_: object, **__: object) -> dict[str, Any]:
        """Return the tokens, once."""
        code = self.server.devices.take(self.request.credential.device_code)
        if code is None:
            raise _invalid_device_code()
        token = self.server.issue(self.request, user, scope, code.terms)
        return {**token, **self.server.refresh_tokens.begin(code.client_id, user, scope, code.terms)}

    def create_token_response(self) -> Any:
        """Return the token response."""
        response = super().create_token_response()
        return response_without_equal_scope(response, self.request.credential.requested_scope)


def _invalid_device_code() -> InvalidGrantError:
    return InvalidGrantError("Invalid or expired device code.", status_code=403)
