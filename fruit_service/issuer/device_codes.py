"""Device codes: the requests behind them, their users' answers, and how often a device may ask (RFC 8628)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from .directory import User
from .messages import Request
from .switches import Switches
from .terms import Terms
from .ttl import TtlMap

DEFAULT_INTERVAL = 5
"""Between two polls where the response names none, and the step of `slow_down`, in seconds (RFC 8628, 3.2 and 3.5)."""
REMEMBERED = 600
"""For how long after its end a device code is told to have expired; afterwards it is unknown. In seconds."""
USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Those of RFC 8628, section 6.1: no vowels, so that no words come out."""


@dataclass(frozen=True)
class DeviceCode:
    """The request behind a device code, and the user's answer. *ends* is by *clock*, in seconds."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    client_id: str
    requested_scope: str
    scope: str
    terms: Terms
    interval: float
    ends: float
    clock: Callable[[], float] = field(repr=False)
    answered: bool = False
    user: User | None = None
    """The user that allowed it. None, once it is answered, says that it was denied."""

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
        """Return the question to the user, as the request that the pages for sign-in and consent work on."""
        parameters = {"client_id": self.client_id, "audience": self.terms.audience, "user_code": self.user_code}
        resources = [("resource", each) for each in self.terms.resources]
        request = Request("GET", f"{issuer}activate", urlencode([*parameters.items(), *resources]), {})
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
        """Return the request behind *device_code*, also when it has expired a while ago."""
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
        """Return the request behind *device_code* and forget it: of many polls, one gets the tokens."""
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
