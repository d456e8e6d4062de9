"""The browser of a user at a provider of `provider_profiles`: it follows redirects and forms, and remembers pages."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from .scripted_browser import Answer, ScriptedBrowser, send


class ProfileBrowser(ScriptedBrowser):
    """A scripted browser that reports a page of the provider's own, from which no way leads back to the notebook."""

    def __init__(self, redirect_uri: str, on_page: Callable[[str], None]) -> None:
        """Arrive at *redirect_uri*; call *on_page* with the text of a page at which the browser ends."""
        super().__init__()
        self._redirect_uri = redirect_uri
        self._on_page = on_page

    def open(self, url: str) -> Answer:
        """Open *url*, and go on to the end, over redirects and over forms that a script would send."""
        return self._follow(self.led_from(url))

    def _follow(self, link: str) -> Answer:
        answer = send("GET", link)
        location = answer.headers.get("Location")
        if location and location.startswith(self._redirect_uri):
            return self.arrive(location)
        if location:
            return self._follow(location if "://" in location else _joined(link, location))
        if answer.status == 200 and "<form" in answer.text:
            return self.submit(link, answer)
        self.answers.append(answer)
        if answer.status >= 400:
            self._on_page(answer.text)
        return answer


def _joined(link: str, path: str) -> str:
    parts = urlsplit(link)
    return f"{parts.scheme}://{parts.netloc}{path}"
