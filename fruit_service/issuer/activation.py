"""Activation: the pages on which a user allows the request of a device (RFC 8628, section 3.3)."""

from __future__ import annotations

import threading
from collections import deque

from bottle import HTTPResponse

from ..pages import page
from .authorization_server import LocalAuthorizationServer
from .device_codes import DeviceCode
from .directory import User
from .interaction import Interaction
from .messages import PACKAGE
from .switches import Switches
from .user_pages import expired_page, question_page

MOST_WRONG_CODES = 10
"""Most wrong codes within `GUESSING_PERIOD`."""
GUESSING_PERIOD = 60
"""In seconds. With this limit, guessing one of 20^8 codes is hopeless (RFC 8628, section 5.1)."""


class Activation:
    """From a user code to the user's answer, through the pages for sign-in and consent."""

    def __init__(self, server: LocalAuthorizationServer, interaction: Interaction) -> None:
        self._server = server
        self._interaction = interaction
        self._guesses = Guesses(server.switches)

    def code_page(self, user_code: str, browser: str | None) -> HTTPResponse:
        """Return the page for the user code. With the code of a waiting device, return the next page."""
        if not user_code:
            return _ask_for_code(200)
        if self._guesses.are_too_many():
            return _ask_for_code(429, "Too many wrong codes were entered. Wait a minute, then try again.")
        device = self._server.devices.waiting(user_code)
        if device is None:
            self._guesses.note()
            return _ask_for_code(404, "No device is waiting with this code. Compare it with the code on the device.")
        request = device.request(self._server.signer.issuer)
        pending = self._interaction.pending(request, lambda user: self._answer(device, user), browser)
        if self._interaction.approves_by_itself:
            return self._interaction.next_step(pending)
        return self._interaction.ask(pending, "u/activate")

    def confirmation_page(self, state: str, browser: str | None) -> HTTPResponse:
        """Return the page that shows the code again: an attacker may have sent the link (RFC 8628, section 5.4)."""
        pending = self._interaction.pending_requests.waiting(state, browser)
        user_code = pending.request.get("user_code") if pending else ""
        if not pending or not user_code:
            return expired_page()
        client = self._server.query_client(pending.request.get("client_id"))
        title = "Confirm the code"
        return question_page("confirm_device.html", title, pending, state, client=client, user_code=user_code)

    def confirm(self, state: str, browser: str | None, form: dict[str, str]) -> HTTPResponse:
        """Continue with sign-in and consent, or deny."""
        pending = self._interaction.pending_requests.waiting(state, browser, form)
        if not pending or form.get("decision") not in ("confirm", "cancel"):
            return expired_page()
        self._interaction.pending_requests.forget(state)
        if form["decision"] == "cancel":
            return self._interaction.respond(pending, None)
        return self._interaction.next_step(pending)

    def _answer(self, device: DeviceCode, user: User | None) -> HTTPResponse:
        if not self._server.devices.answer(device, user):
            return expired_page()
        client = self._server.query_client(device.client_id)
        title, mood = ("Done", "done") if user else ("Denied", "failed")
        return page(PACKAGE, "device_answered.html", title, mood=mood, client=client, user=user)


class Guesses:
    """The recent wrong codes, of all browsers together, because a client can look like many browsers."""

    def __init__(self, switches: Switches) -> None:
        self._clock = switches.elapsed
        self._lock = threading.Lock()
        self._times: deque[float] = deque(maxlen=MOST_WRONG_CODES)

    def note(self) -> None:
        """Count a wrong code."""
        with self._lock:
            self._times.append(self._clock())

    def are_too_many(self) -> bool:
        """Return whether further codes are refused now."""
        with self._lock:
            is_full = len(self._times) == MOST_WRONG_CODES
            return is_full and self._clock() - self._times[0] < GUESSING_PERIOD


def _ask_for_code(status: int, problem: str = "") -> HTTPResponse:
    title = "Connect a device"
    policy = "'self'"
    return page(PACKAGE, "activate.html", title, status=status, mood="question", form_action=policy, problem=problem)
