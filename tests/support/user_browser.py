"""A user of a browser, as a program: opens a URL, signs in, allows or denies, waits for the outcome.

`UserBrowser(folder).command` is a value for the environment variable BROWSER: `webbrowser.open` then starts this
program. It knows the pages of the local issuer, of npm's oidc-provider and of django-allauth. What it saw last is left
in the folder when the browser is closed: `sign-in-1.txt` (outcome and URL on the first line, then the page's text) and
`sign-in-1.png`, then `sign-in-2`, and so on.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import BrowserContext, Error, Page

from .chromium import chromium, chromium_with_profile

ROOT = Path(__file__).parents[2]
OUTCOME = "main.done, main.failed, h1.done, h1.failed"
"""The callback's page, or that of the issuer for a device, when it has said its last word."""

LAST_PAGES = ("Sign-in Success", "Device Authorized")
"""Headings of the last page for a device: oidc-provider's, and django-allauth's."""

STAY_OPEN = "window.close = () => { document.documentElement.dataset.closed = 'asked'; };"
"""A page that closes itself cannot be looked at: keep it, and note that it asked."""


@dataclass(frozen=True)
class SignIn:
    """What the person saw last: `done`, `failed` or `lost` (no last word came), the page's address and text."""

    outcome: str
    url: str
    text: str
    asked_to_close: bool
    screenshot: Path


class UserBrowser:
    """A command for BROWSER that signs in as *person*, and what each of its runs saw."""

    def __init__(
        self,
        folder: Path,
        person: str = "Alice",
        decision: str = "Allow",
        patience: float = 90,
        profile: Path | None = None,
    ) -> None:
        """Write the command into *folder*, for *person* (Alice, Bob) with *decision* (Allow, Deny).

        The browser keeps nothing, or what browsers keep in the folder *profile*.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--person", person, "--decision", decision, "--patience", str(patience), "--record", str(folder)]
        if profile:
            options += ["--profile", str(profile)]
        command = shlex.join([sys.executable, "-m", "tests.support.user_browser", *options])
        self._script = folder / "browser"
        # BROWSER is split at ':' and spaces, so that all of it is in a script.
        self._script.write_text(
            f'#!/bin/sh\ncd {shlex.quote(str(ROOT))} && exec {command} "$1" >>{shlex.quote(str(folder))}/log 2>&1\n'
        )
        self._script.chmod(0o755)

    @property
    def command(self) -> str:
        """The value for BROWSER: the browser goes on by itself, as a graphical one does."""
        return f"{self._script} %s &"

    def sign_in(self, number: int = 1, timeout: float = 90) -> SignIn:
        """Wait until the run of that number is over, and return what it saw."""
        text = self.folder / f"sign-in-{number}.txt"
        end = time.monotonic() + timeout
        while not text.exists():
            if time.monotonic() > end:
                raise TimeoutError(f"the browser left no {text.name}:\n{self.log()}")
            time.sleep(0.05)
        outcome, _, page = text.read_text().partition("\n")
        word, url, *closed = outcome.split(" ")
        return SignIn(word, url, page, bool(closed), text.with_suffix(".png"))

    def log(self) -> str:
        """Return what the program wrote: the steps it took, and its errors."""
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""


class Person:
    """A user at one page of a browser."""

    def __init__(self, page: Page, name: str = "Alice", decision: str = "Allow") -> None:
        """Look at *page* as the user *name*, who answers with *decision*."""
        self.page = page
        self.name = name
        self.decision = decision

    def sign_in(self, url: str | None = None, patience: float = 90) -> str:
        """Open *url* (else stay on the page as it is), answer each page; return `done`, `failed` or `lost`."""
        if url:
            self.page.goto(url, wait_until="commit")
        end = time.monotonic() + patience
        while time.monotonic() < end:
            try:
                if outcome := self.outcome():
                    return outcome
                self.answer()
            except Error as error:  # the page went away under our hands: look again
                if self.page.is_closed():
                    return "lost"
                print(f"  {error.message.splitlines()[0]}", flush=True)
            self.page.wait_for_timeout(50)
        return "lost"

    def outcome(self) -> str:
        """Return the callback's last word, or nothing as long as there is none."""
        if any(self.page.get_by_role("heading", name=name).count() for name in LAST_PAGES):
            return "done"
        last = self.page.locator(OUTCOME)
        return (last.get_attribute("class") or "") if last.count() else ""

    def answer(self) -> None:
        """Do what the page asks for, if it asks for something that we know."""
        login = self.page.locator("input[name=login]")
        if login.count():
            login.fill(self.name.lower())
            self.page.locator("input[name=password]").fill("any")
            _ = self._press("Sign-in") or self._press("Sign In")
        elif not any(map(self._press, (self.name, "Confirm", self.decision))):
            if self.decision == "Deny":
                self._press("[ Cancel ]", role="link")
            else:
                self._press("Continue")

    def _press(self, name: str, role: Literal["button", "link"] = "button") -> bool:
        button = self.page.get_by_role(role, name=name, exact=True)
        if not button.count():
            return False
        print(f"    ~ presses {name!r} on {without_secrets(self.page.url)}", flush=True)
        button.first.click(timeout=5000)
        return True


def without_secrets(url: str) -> str:
    """Return *url* without its query and fragment, where secrets are."""
    return url.partition("#")[0].partition("?")[0]


def record(page: Page, outcome: str, folder: Path) -> Path:
    """Leave what *page* shows in *folder*, under the next number; the text is yet to get its name, by `publish`."""
    number = 1
    while True:
        part = folder / f"sign-in-{number}.part"
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            number += 1
    page.screenshot(path=part.with_suffix(".png"))
    asked = " asked-to-close" if page.locator("html[data-closed]").count() else ""
    part.write_text(f"{outcome} {page.url}{asked}\n{page.locator('body').inner_text()}\n")
    return part


def publish(part: Path) -> None:
    """Give the text its name, whole; the other one stays, so that the number is taken."""
    os.link(part, part.with_suffix(".txt"))


def new_page(context: BrowserContext) -> Page:
    """Open a page that does not close itself."""
    context.add_init_script(STAY_OPEN)
    return context.new_page()


def main(arguments: list[str] | None = None) -> int:
    """Sign in at the URL that is given; return 0 if the page said `done`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--person", default="Alice")
    parser.add_argument("--decision", default="Allow")
    parser.add_argument("--patience", type=float, default=90)
    parser.add_argument("--record", type=Path, default=os.environ.get("USER_BROWSER_RECORD"))
    parser.add_argument("--profile", type=Path)
    options = parser.parse_args(arguments)
    part = None
    with browsing(options.profile) as context:
        page = new_page(context)
        page.set_viewport_size({"width": 900, "height": 600})
        outcome = Person(page, options.person, options.decision).sign_in(options.url, options.patience)
        print(f"{outcome} on {without_secrets(page.url)}", flush=True)
        if outcome == "done":
            page.wait_for_timeout(800)  # what the page does after its last word: it closes itself
        if options.record and not page.is_closed():
            part = record(page, outcome, options.record)
    if part:
        publish(part)
    return 0 if outcome == "done" else 1


@contextmanager
def browsing(profile: Path | None) -> Iterator[BrowserContext]:
    """Open a browser that keeps nothing, or what browsers keep in the folder *profile*."""
    if profile:
        with chromium_with_profile(profile) as context:
            yield context
    else:
        with chromium() as browser:
            yield browser.new_context()


if __name__ == "__main__":
    raise SystemExit(main())
