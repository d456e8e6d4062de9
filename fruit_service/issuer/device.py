"""The device grant (RFC 8628): a device shows a code and asks again and again, a person allows it elsewhere."""

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
"""Between two polls where the response names none, and what `slow_down` adds, in seconds (RFC 8628, 3.2 and 3.5)."""
REMEMBERED = 600
"""For how long after its end a device code is told to have expired; afterwards it is unknown. In seconds."""
USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Those of RFC 8628, section 6.1: no vowels, so that no words come out."""

AUTH0_ANSWERS: dict[type[OAuth2Error], tuple[int, str]] = {
    AuthorizationPendingError: (403, "User has yet to authorize device code."),
    SlowDownError: (429, "You are polling faster than the specified interval."),
    ExpiredTokenError: (403, "The device code has expired."),
    AccessDeniedError: (403, "User cancelled the confirmation prompt."),
}
"""Auth0's statuses, where RFC 6749 (section 5.2) has 400 for all of them."""


@dataclass(frozen=True)
class DeviceCode:
    """What a device code stands for: what is asked, and what the user has said; *ends* is by *clock*, in seconds."""

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
    """Who allowed it; None once it is answered: it was denied."""

    def get_client_id(self) -> str:
        """Return which client asks."""
        return self.client_id

    def get_scope(self) -> str:
        """Return the scope that the user is asked for."""
        return self.scope

    def get_user_code(self) -> str:
        """Return the code that the user enters."""
        return self.user_code

    def is_expired(self) -> bool:
        """Tell whether its time is over."""
        return self.clock() >= self.ends

    def request(self, issuer: str) -> Request:
        """Return what the user is asked as the request that the pages for sign-in and consent work on."""
        parameters = {"client_id": self.client_id, "audience": self.audience, "user_code": self.user_code}
        request = Request("GET", f"{issuer}activate", urlencode(parameters), {})
        request.scope = self.scope
        return request


class DeviceCodes:
    """The devices of one issuer that wait, or were answered."""

    def __init__(self, switches: Switches) -> None:
        self._clock = switches.elapsed
        self._changing = threading.Lock()
        self._codes: TtlMap[DeviceCode] = TtlMap(self._clock)
        self._user_codes: TtlMap[str] = TtlMap(self._clock)
        self._polls: TtlMap[tuple[float, float]] = TtlMap(self._clock)

    def add(self, code: DeviceCode) -> None:
        """Let a device wait."""
        self._keep(code)
        self._user_codes.put(code.user_code, code.device_code, code.ends - self._clock())

    def find(self, device_code: str) -> DeviceCode | None:
        """Return what *device_code* stands for, also when it has expired a while ago."""
        return self._codes.get(device_code)

    def waiting(self, user_code: str) -> DeviceCode | None:
        """Return the device that waits for the answer to *user_code*, in either case and with any punctuation."""
        letters = "".join(each for each in user_code.upper() if each in USER_CODE_LETTERS)
        return self._codes.get(self._user_codes.get(f"{letters[:4]}-{letters[4:]}"))

    def answer(self, code: DeviceCode, user: User | None) -> bool:
        """Remember that *user* allowed *code*, or that it was denied, once; tell whether it still waited."""
        if code.is_expired() or self._user_codes.take(code.user_code) is None:
            return False
        self._keep(replace(code, answered=True, user=user))
        return True

    def take(self, device_code: str) -> DeviceCode | None:
        """Return what *device_code* stands for and forget it: of many polls, one gets the tokens."""
        return self._codes.take(device_code)

    def is_too_fast(self, code: DeviceCode) -> bool:
        """Note a poll of *code*, and tell whether it came too early, which makes the interval longer for good."""
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
        """Return the codes, and let the device wait."""
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
        """Return a code that no device waits with."""
        while True:
            user_code: str = cast(Any, super()).generate_user_code()
            if self.server.devices.waiting(user_code) is None:
                return user_code

    def get_verification_uri(self) -> str:
        """Return the page where a user code is entered."""
        return f"{self.server.signer.issuer}activate"

    def save_device_credential(self, client_id: str, scope: str, data: Any) -> None:
        """Do nothing: what is kept needs the request's audience, which does not come here."""


class DeviceGrant(DeviceCodeGrant):
    """The polls of a device (RFC 8628, sections 3.4 and 3.5)."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]  # noqa: RUF012
    request: Any
    server: LocalAuthorizationServer

    def validate_token_request(self) -> None:
        """Let a poll through to its tokens, or say why there are none, in Auth0's words."""
        try:
            super().validate_token_request()
        except tuple(AUTH0_ANSWERS) as error:
            error.status_code, error.description = AUTH0_ANSWERS[type(error)]
            raise

    def query_device_credential(self, device_code: str) -> DeviceCode:
        """Return what *device_code* stands for, if it is this client's."""
        found = self.server.devices.find(device_code)
        if found is None or found.client_id != self.request.get("client_id"):
            raise _invalid_device_code()
        self.request.credential = found
        return found

    def query_user_grant(self, user_code: str) -> tuple[User | None, bool] | None:
        """Return what the user said, if they did."""
        code = self.request.credential
        return (code.user, code.user is not None) if code.answered else None

    def should_slow_down(self, credential: Any) -> bool:
        """Tell whether the device asks too often."""
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
