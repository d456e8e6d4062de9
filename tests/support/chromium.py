"""A real Chromium for the tests: an installed one, else Debian's, else Playwright's own download."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from .installing import one_at_a_time

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing but loopback: a page that asks for a font from elsewhere is told at once that there is none.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]",
)


@contextmanager
def chromium(*, flags: Sequence[str] = (), headless: bool = True) -> Iterator[Browser]:
    """Give a Chromium with an empty profile and, as for people, a popup blocker."""
    options = _options(flags)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(headless=headless, **options)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def chromium_with_profile(profile: Path) -> Iterator[BrowserContext]:
    """Give a Chromium that keeps in the folder *profile* what a person's browser keeps of its pages."""
    options = _options()
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(profile, headless=True, **options)
        try:
            yield context
        finally:
            context.close()


def _options(flags: Sequence[str] = ()) -> dict[str, Any]:
    arguments = [*FLAGS, *flags]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium has no sandbox for root
    own = find_chromium()
    return {"executable_path": own, "args": arguments, "ignore_default_args": ["--disable-popup-blocking"]}


def find_chromium() -> Path | None:
    """Return the browser to run, installing one where there is none; None stands for Playwright's own."""
    with one_at_a_time():
        found = installed_chromium()
        if found or playwrights_own():
            return found
        if can_install_from_debian():
            install_from_debian()
            found = installed_chromium()
        if not found:
            subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True, timeout=900)
        return found


def installed_chromium() -> Path | None:
    """Return an installed Chromium, Chrome or Edge."""
    for name in NAMES:
        if place := shutil.which(name):
            return Path(place)
    return next((Path(place) for place in PLACES if Path(place).exists()), None)


def playwrights_own() -> bool:
    """Tell whether Playwright has downloaded its Chromium before."""
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()


def can_install_from_debian() -> bool:
    """Tell whether this is Debian and we may install packages (Ubuntu's chromium is a snap, of no use here)."""
    release = Path("/etc/os-release")
    is_debian = release.exists() and "\nID=debian\n" in "\n" + release.read_text()
    return is_debian and shutil.which("apt-get") is not None and os.geteuid() == 0


def install_from_debian() -> None:
    """Install Debian's chromium, with a font so that screenshots can be read."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-liberation"]
    for command in (["apt-get", "update", "-qq"], install):
        subprocess.run(command, check=True, timeout=900, env=environ, stdout=subprocess.DEVNULL)
