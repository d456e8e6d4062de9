"""The device grant (RFC 8628): a device shows a code and polls, and the user allows it on another device."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidGrantError
from authlib.oauth2.rfc8628 import (
    AuthorizationPendingError,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    ExpiredTokenError,
    SlowDownError,
)

from .directory import User
from .messages import Request, without_equal_scope
from .switches import Switches
from .ttl import TtlMap

if TYPE_CHECKING:
    from .grants import LocalAuthorizationServer

DEFAULT_INTERVAL = 5
"""Seconds between two polls if the response has no interval, and the seconds that `slow_down` adds (3.2 and 3.5)."""
REMEMBERED = 600
"""Seconds for which a poll with an expired device code gets `expired_token`. After that the code is unknown."""
USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Letters of user codes (section 6.1): without vowels, so that they form no words."""

AUTH0_ANSWERS: dict[type[OAuth2Error], tuple[int, str]] = {
    AuthorizationPendingError: (403, "User has yet to authorize device code."),
    SlowDownError: (429, "You are polling faster than the specified interval."),
    ExpiredTokenError: (403, "The device code has expired."),
    AccessDeniedError: (403, "User cancelled the confirmation prompt."),
}
"""Auth0's statuses and descriptions. RFC 6749 (section 5.2) has 400 for all of them."""


@dataclass(frozen=True)
class DeviceCode:
    """The request of a device, and the user's answer. *ends* is a time of *clock*, in seconds."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    client_id: str
    requested_scope: str
    scope: str
    audience: str
    interval: float
    ends: float
    clock: Callable[[], float] = field(repr=False)
    answered: bool = False
    user: User | None = None
    """The user who allowed it. None in an answered request means that it was denied."""

    def get_client_id(self) -> str:
        """Return the client's identifier."""
        return self.client_id

    def get_scope(self) -> str:
        """Return the scope that the user is asked to allow."""
        return self.scope

    def get_user_code(self) -> str:
        """Return the code that the user enters."""
        return self.user_code

    def is_expired(self) -> bool:
        """Return whether it has expired."""
        return self.clock() >= self.ends

    def request(self, issuer: str) -> Request:
        """Return the request in the form that the pages for sign-in and consent need."""
        parameters = {"client_id": self.client_id, "audience": self.audience, "user_code": self.user_code}
        request = Request("GET", f"{issuer}activate", urlencode(parameters), {})
        request.scope = self.scope
        return request


class DeviceCodes:
    """The device codes of one issuer, waiting or answered."""

    def __init__(self, switches: Switches) -> None:
        self._clock = switches.elapsed
        self._changing = threading.Lock()
        self._codes: TtlMap[DeviceCode] = TtlMap(self._clock)
        self._user_codes: TtlMap[str] = TtlMap(self._clock)
        self._polls: TtlMap[tuple[float, float]] = TtlMap(self._clock)

    def add(self, code: DeviceCode) -> None:
        """Add a waiting device."""
        self._keep(code)
        self._user_codes.put(code.user_code, code.device_code, code.ends - self._clock())

    def find(self, device_code: str) -> DeviceCode | None:
        """Return the request of *device_code*, even if it has expired a while ago."""
        return self._codes.get(device_code)

    def waiting(self, user_code: str) -> DeviceCode | None:
        """Return the waiting device with *user_code*. Case and punctuation of the code do not matter."""
        letters = "".join(each for each in user_code.upper() if each in USER_CODE_LETTERS)
        return self._codes.get(self._user_codes.get(f"{letters[:4]}-{letters[4:]}"))

    def answer(self, code: DeviceCode, user: User | None) -> bool:
        """Record that *user* allowed *code*, or with None that it was denied. Return whether it was still waiting."""
        if code.is_expired() or self._user_codes.take(code.user_code) is None:
            return False
        self._keep(replace(code, answered=True, user=user))
        return True

    def take(self, device_code: str) -> DeviceCode | None:
        """Return the request of *device_code* and remove it, so that only one poll gets the tokens."""
        return self._codes.take(device_code)

    def is_too_fast(self, code: DeviceCode) -> bool:
        """Record a poll of *code*. Return whether it came too early, which makes the interval longer."""
        with self._changing:
            now = self._clock()
            last, interval = self._polls.get(code.device_code) or (-float("inf"), code.interval)
            too_fast = now - last < interval
            interval += DEFAULT_INTERVAL if too_fast else 0
            self._polls.put(code.device_code, (now, interval), code.ends - now)
            return too_fast

    def _keep(self, code: DeviceCode) -> None:
        self._codes.put(code.device_code, code, code.ends - self._clock() + REMEMBERED)


class DeviceEndpoint(DeviceAuthorizationEndpoint):
    """Device authorization (RFC 8628, sections 3.1 and 3.2), with an audience as Auth0 has it."""

    CLIENT_AUTH_METHODS = ["none"]  # noqa: RUF012 (so Authlib has it)
    server: LocalAuthorizationServer

    def create_endpoint_response(self, request: Any) -> Any:
        """Return the codes, and add a waiting device."""
        scope = self.server.granted_scope(request, can_be_offline=True)
        status, data, headers = cast(Any, super()).create_endpoint_response(request)
        switches = self.server.switches
        data["expires_in"] = switches.device_code_lifetime
        data["interval"] = switches.device_interval
        code = DeviceCode(
            device_code=data["device_code"],
            user_code=data["user_code"],
            client_id=request.get("client_id"),
            requested_scope=request.get("scope"),
            scope=scope,
            audience=request.audience,
            interval=DEFAULT_INTERVAL if data["interval"] is None else data["interval"],
            ends=switches.elapsed() + data["expires_in"],
            clock=switches.elapsed,
        )
        self.server.devices.add(code)
        return status, {name: value for name, value in data.items() if value is not None}, headers

    def generate_user_code(self) -> str:
        """Return a code that no waiting device has."""
        while True:
            user_code: str = cast(Any, super()).generate_user_code()
            if self.server.devices.waiting(user_code) is None:
                return user_code

    def get_verification_uri(self) -> str:
        """Return the URL of the page for user codes."""
        return f"{self.server.signer.issuer}activate"

    def save_device_credential(self, client_id: str, scope: str, data: Any) -> None:
        """Do nothing. `create_endpoint_response` stores the request, because it needs its audience."""


class DeviceGrant(DeviceCodeGrant):
    """The polls of a device (RFC 8628, sections 3.4 and 3.5)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]  # noqa: RUF012
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
        """Return the request of *device_code*, which must be of this client."""
        found = self.server.devices.find(device_code)
        if found is None or found.client_id != self.request.get("client_id"):
            raise _invalid_device_code()
        self.request.credential = found
        return found

    def query_user_grant(self, user_code: str) -> tuple[User | None, bool] | None:
        """Return the user's answer, or None if there is none yet."""
        code = self.request.credential
        return (code.user, code.user is not None) if code.answered else None

    def should_slow_down(self, credential: Any) -> bool:
        """Return whether the device polls too often."""
        return self.server.devices.is_too_fast(credential)

    def generate_token(self, user: Any = None, scope: Any = None, *_: Any, **__: Any) -> dict[str, Any]:
        """Return the tokens, once."""
        code = self.server.devices.take(self.request.credential.device_code)
        if code is None:
            raise _invalid_device_code()
        token = self.server.issue(self.request, user, scope, code.audience)
        return {**token, **self.server.refresh_tokens.begin(code.client_id, user, scope, code.audience)}

    def create_token_response(self) -> Any:
        """Return the token response."""
        status, token, headers = cast(Any, super()).create_token_response()
        return status, without_equal_scope(token, self.request.credential.requested_scope), headers


def _invalid_device_code() -> InvalidGrantError:
    return InvalidGrantError("Invalid or expired device code.", status_code=403)
