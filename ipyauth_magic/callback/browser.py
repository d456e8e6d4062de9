"""Opens a URL for the user, or says why that cannot be done here."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from .jupyter import this_environment

TEXT_BROWSERS = ("www-browser", "links", "elinks", "lynx", "w3m")
"""They would take the terminal, or a pipe nobody sees; they count only if BROWSER names them."""


def why_no_browser() -> str | None:
    """Return None if a browser can be opened for the user on this machine, else the reason."""
    import webbrowser

    where = this_environment().where
    if where is not None and not os.environ.get("BROWSER"):
        return f"the kernel runs {where}, and your browser does not"

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return "no browser was found on this machine"
    name = os.path.basename(str(getattr(browser, "name", "")))
    if name in TEXT_BROWSERS and not os.environ.get("BROWSER"):
        return "no graphical browser was found on this machine"
    return None


def open_in_browser(url: str, tell: Callable[[str | None], None]) -> None:
    """Open *url* in the user's browser, in a thread: a browser's start can take seconds.

    *tell* is called with None once it is open, or with the reason why it is not.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("only http and https URLs are opened")

    def open_it() -> None:
        tell(why_no_browser() or _open(url))

    threading.Thread(target=open_it, name="ipyauth-browser", daemon=True).start()


def _open(url: str) -> str | None:
    import webbrowser

    # Not webbrowser.open: where the user's browser fails, that goes on to every other one, text browsers among them.
    try:
        opened = webbrowser.get().open(url, new=2)
    except (webbrowser.Error, OSError) as error:
        return f"the browser did not start: {error}"
    return None if opened else "the browser did not start"
