"""Opens a URL for the user, or says why that cannot be done here."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .environment import where_no_browser_is

if TYPE_CHECKING:
    from webbrowser import BaseBrowser

TEXT_BROWSERS = ("www-browser", "links", "elinks", "lynx", "w3m")
"""They would take the terminal, or a pipe nobody sees; they count only if BROWSER names them."""


class NoBrowser(Exception):
    """There is none to open; the message says why."""


def why_no_browser() -> str | None:
    """Return None if a browser can be opened for the user on this machine, else the reason."""
    try:
        _browsers()
    except NoBrowser as error:
        return str(error)
    return None


def open_in_browser(url: str, tell: Callable[[str | None], None]) -> None:
    """Open *url* in the user's browser, in a thread: a browser's start can take seconds.

    *tell* is called with None once it is open, or with the reason why it is not.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError("only http and https URLs are opened")

    def open_it() -> None:
        tell(_open(url))

    threading.Thread(target=open_it, name="ipyauth-browser", daemon=True).start()


def _open(url: str) -> str | None:
    """Open *url*, and return None, or why that failed."""
    import webbrowser

    why = "the browser did not start"
    # Not webbrowser.open: where the user's browser fails, that goes on to every other one, text browsers among them.
    try:
        for browser in _browsers():
            try:
                if browser.open(url, new=2):
                    return None
            except (webbrowser.Error, OSError) as error:
                why = f"the browser did not start: {error}"
    except NoBrowser as error:
        return str(error)
    return why


def _browsers() -> list[BaseBrowser]:
    """Return the browsers to try, in their order: those that BROWSER names now, else the machine's own.

    Raises:
        NoBrowser: there is none, or none that the user would see.
    """
    import webbrowser

    # Read here: `webbrowser` reads BROWSER once in a process, and `%env BROWSER=...` may come later.
    if named := [each for each in os.environ.get("BROWSER", "").split(os.pathsep) if each.strip()]:
        return [_named(each) for each in named]
    if (where := where_no_browser_is()) is not None:
        raise NoBrowser(f"the kernel runs {where}, and your browser does not")
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        raise NoBrowser("no browser was found on this machine") from None
    if os.path.basename(str(getattr(browser, "name", ""))) in TEXT_BROWSERS:
        raise NoBrowser("no graphical browser was found on this machine")
    return [browser]


def _named(name: str) -> BaseBrowser:
    """Return the browser that *name* stands for: one that `webbrowser` knows, a program, or a command with `%s`."""
    import webbrowser

    try:
        return webbrowser.get(name)
    except webbrowser.Error:
        return webbrowser.GenericBrowser(name)  # as `webbrowser` takes what it does not know
    except ValueError as error:
        raise NoBrowser(f"BROWSER cannot be used: {error}") from None
