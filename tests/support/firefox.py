"""A real Firefox for the tests, driven as geckodriver drives it: commands of WebDriver over Marionette's socket."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from .debian import program

PREFERENCES: dict[str, bool | int | str] = {
    "marionette.port": 0,  # a free one, told in a file of the profile
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "services.settings.server": "data:,none",
}
"""Only the pages that the test opens: no first page, and no request of the browser's own."""
STARTING = 120
"""Seconds; it takes two."""
T = TypeVar("T")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""What WebDriver calls an element (W3C WebDriver, section 12)."""


def _firefox() -> str:
    return shutil.which("firefox") or program("firefox-esr", "firefox-esr")


class WebDriverError(Exception):
    """A command that Firefox could not carry out."""


class Firefox:
    """A headless Firefox with an empty profile, as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Start it, with its profile in *folder*."""
        self.profile = profile = folder / "profile"
        profile.mkdir(parents=True)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("".join(lines))
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [_firefox(), "--headless", "--marionette", "--no-remote", "--profile", profile],
            env={**os.environ, "HOME": str(folder), "MOZ_HEADLESS": "1"},
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._socket = socket.create_connection(("127.0.0.1", self._port(profile)), timeout=STARTING)
            self._stream = self._socket.makefile("rb")
            self._read()  # it says what it is
            self._numbers = itertools.count(1)
            self._do("WebDriver:NewSession", capabilities={})
        except BaseException:
            self._process.kill()
            raise

    def __enter__(self) -> Self:
        """Return itself; it runs already."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        try:
            self._do("Marionette:Quit", flags=["eForceQuit"])
            self._process.wait(30)
        except (OSError, WebDriverError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._stream.close()
        self._socket.close()
        self._log.close()

    def open(self, url: str) -> None:
        """Go to *url*."""
        self._do("WebDriver:Navigate", url=url)

    @property
    def url(self) -> str:
        """What the address bar shows."""
        return str(self._do("WebDriver:GetCurrentURL")["value"])

    def evaluate(self, expression: str) -> Any:
        """Return what *expression* of JavaScript is in the page."""
        return self._do("WebDriver:ExecuteScript", script=f"return {expression}", args=[])["value"]

    def wait_for(self, condition: str, timeout: float = 90) -> None:
        """Wait until *condition* of JavaScript holds in the page."""
        self._until(lambda: self.evaluate(f"Boolean({condition})"), bool, timeout)

    def press(self, name: str, timeout: float = 30) -> None:
        """Press the button, or follow the link, *name*, as soon as it is there."""
        quoted = json.dumps(name)
        button = f"//*[self::button or self::a][normalize-space()={quoted} or @aria-label={quoted}]"
        self._find("xpath", button, timeout, press=True)

    def text(self, css: str, timeout: float = 30) -> str:
        """Return the text of the element *css*, as soon as it is there."""
        return self._find("css selector", css, timeout)

    @contextmanager
    def new_tab(self) -> Iterator[None]:
        """Look at the tab that has just been opened, and afterwards at the first one again."""
        first, *others = self._until(lambda: self._do("WebDriver:GetWindowHandles"), lambda tabs: len(tabs) > 1)
        self._do("WebDriver:SwitchToWindow", handle=others[-1])
        yield
        if others[-1] in self._do("WebDriver:GetWindowHandles"):
            self._do("WebDriver:CloseWindow")
        self._do("WebDriver:SwitchToWindow", handle=first)

    def screenshot(self, file: Path) -> None:
        """Leave what the window shows in *file*."""
        file.write_bytes(base64.b64decode(self._do("WebDriver:TakeScreenshot", full=False)["value"]))

    def _find(self, using: str, value: str, timeout: float, press: bool = False) -> str:
        def found() -> str | None:
            try:
                if press and self.evaluate("document.readyState") != "complete":
                    return None  # a click into a page that is loading may be lost
                element = self._do("WebDriver:FindElement", using=using, value=value)["value"][ELEMENT]
                if press:
                    return str(self._do("WebDriver:ElementClick", id=element))
                return str(self._do("WebDriver:GetElementText", id=element)["value"])
            except WebDriverError:
                return None  # not yet there, or gone with its page

        return str(self._until(found, lambda text: text is not None, timeout))

    def _until(self, look: Callable[[], T], holds: Callable[[T], bool], timeout: float = 30) -> T:
        end = time.monotonic() + timeout
        while not holds(seen := look()):
            if time.monotonic() > end:
                raise TimeoutError(f"{seen!r} at {self.url}")
            time.sleep(0.05)
        return seen

    def _do(self, command: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        message = json.dumps([0, number, command, parameters]).encode()
        self._socket.sendall(f"{len(message)}:".encode() + message)
        _, answered, error, result = self._read()
        assert answered == number
        if error:
            raise WebDriverError(f"{error['error']}: {error['message']}")
        return result

    def _read(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            if not (byte := self._stream.read(1)):
                raise ConnectionResetError("Firefox has ended")
            length += byte
        return json.loads(self._stream.read(int(length[:-1])))

    def _port(self, profile: Path) -> int:
        end = time.monotonic() + STARTING
        told = profile / "MarionetteActivePort"
        while time.monotonic() < end and self._process.poll() is None:
            if told.exists() and (port := told.read_text().strip()):
                return int(port)
            time.sleep(0.05)
        raise RuntimeError(f"Firefox does not start: {Path(self._log.name).read_text(errors='replace')}")
