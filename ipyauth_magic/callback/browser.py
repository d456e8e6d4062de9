"""Opening a URL in the user's browser, with a reason if that is not possible here."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..provider.threads import start_thread
from ..text import plain
from .environment import where_no_browser_is

if TYPE_CHECKING:
    from webbrowser import BaseBrowser

TEXT_BROWSERS = ("www-browser", "links", "elinks", "lynx", "w3m")
"""Browsers that would draw into the terminal, or into a pipe. They are used only if BROWSER names them."""


class NoBrowser(Exception):
    """No browser can be opened. The message is the reason."""


def why_no_browser() -> str | None:
    """Return None if a browser can be opened on this machine, else the reason why not."""
    try:
        _browsers()
    except NoBrowser as error:
        return str(error)
    return None


def open_in_browser(url: str, tell: Callable[[str | None], None]) -> None:
    """Open *url* in the user's browser, in a thread, because a browser can take seconds to start.

    The thread calls *tell* with None when the browser has opened, or with the reason why it has not.
    """
    if not url.lower().startswith(("http://", "https://")):  # RFC 3986, 3.1: a scheme may have capital letters
        raise ValueError("only http and https URLs are opened")

    def open_it() -> None:
        tell(_open(url))

    start_thread(open_it, "ipyauth-browser")


def _open(url: str) -> str | None:
    """Open *url*. Return None, or the reason why that failed."""
    import webbrowser

    why = f"the browser did not start{_about_variable()}"
    # Not webbrowser.open: if the user's browser fails, it tries every other browser, text browsers too.
    try:
        for browser in _browsers():
            try:
                if browser.open(url, new=2) or _is_explorer(browser):
                    return None
            except (webbrowser.Error, OSError) as error:
                why = f"the browser did not start: {error}"
    except NoBrowser as error:
        return str(error)
    return why


def _browsers() -> list[BaseBrowser]:
    """Return the browsers to try, in order: those that BROWSER names now, else the machine's default browser.

    Raises:
        NoBrowser: there is no browser, or none that the user would see.
    """
    import webbrowser

    # Read here: `webbrowser` reads BROWSER once in a process, and `%env BROWSER=...` may change it later.
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


def _is_explorer(browser: BaseBrowser) -> bool:
    """Tell whether *browser* is the Explorer of Windows, as on WSL: it opens the link, and its exit status is 1."""
    program = getattr(browser, "name", "")
    return re.split(r"[/\\]", program)[-1].lower() == "explorer.exe" and shutil.which(program) is not None


def _about_variable() -> str:
    """Return what BROWSER says, if it is set, and how a command is written there that is more than a program."""
    value = os.environ.get("BROWSER", "").strip()
    if not value:
        return ""
    is_command = "%s" not in value and re.search(r"""[\s"'\\]""", value)
    advice = (
        ", and a value with arguments, quotes or backslashes needs `%s` in the place of the link" if is_command else ""
    )
    return f" (BROWSER is `{plain(value, 200)}`{advice})"


def _named(name: str) -> BaseBrowser:
    """Return the browser for *name*: a name registered in `webbrowser`, a program, or a command with `%s`."""
    import webbrowser

    try:
        return webbrowser.get(name)
    except webbrowser.Error:
        return webbrowser.GenericBrowser(name)  # as `webbrowser` itself does for an unknown name
    except ValueError as error:
        raise NoBrowser(f"BROWSER cannot be used: {error}") from None
