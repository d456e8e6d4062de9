"""A person's browser at npm's oidc-provider, played by a script: its pages are forms, and some redirects."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin

import requests

from .scripted_browser import Answer, ScriptedBrowser


class ProviderVisitor:
    """A browser without a display: follows redirects, fills in forms, presses the only button.

    Args:
        login: the user.
        callback: where the provider sends the browser in the end.
        denies: presses `[ Cancel ]` where the provider asks for consent.
        user_code: what to enter where a device's code is asked for.
    """

    def __init__(self, login: str, callback: str, denies: bool = False, user_code: str = "") -> None:
        self.login = login
        self.session = requests.Session()
        self.session.trust_env = False
        self._callback = callback
        self._denies = denies
        self.user_code = user_code

    def visit(self, url: str) -> requests.Response | str:
        """Go to *url* and answer each page; return the callback URL, or the last page, which asks nothing more."""
        answer = self.session.get(url, allow_redirects=False, timeout=30)
        for _ in range(20):
            if location := answer.headers.get("Location"):
                url = urljoin(answer.url, location)
                if url.startswith(self._callback):
                    return url
                answer = self.session.get(url, allow_redirects=False, timeout=30)
            elif self._is_last(answer):
                return answer
            else:
                answer = self._answered(answer)
        raise AssertionError(f"no end in sight at {answer.url}")

    def posts_to_callback(self, page: requests.Response) -> bool:
        """Tell whether *page* is the form that brings the response."""
        return f'action="{self._callback}"' in page.text

    def _is_last(self, page: requests.Response) -> bool:
        """Return whether *page* asks nothing. The device page asks for another code after a denial."""
        if self.posts_to_callback(page) or page.status_code >= 400:
            return True
        return "<form" not in page.text or "The Sign-in request was interrupted" in page.text

    def _answered(self, page: requests.Response) -> requests.Response:
        cancel = re.search(r'href="([^"]+/abort)"', page.text)
        if self._denies and cancel and 'name="login"' not in page.text:
            return self.session.get(urljoin(page.url, unescape(cancel[1])), allow_redirects=False, timeout=30)
        action = re.search(r'action="([^"]+)"', page.text)
        assert action, f"{page.status_code} {page.url}\n{page.text[:2000]}"
        entered = {"login": self.login, "password": "any", "user_code": self.user_code}
        fields = {**entered, **hidden_fields(page.text)}
        return self.session.post(urljoin(page.url, unescape(action[1])), data=fields, allow_redirects=False, timeout=30)


def hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden inputs of *page*."""
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"/?>', page)
    return {name: unescape(value) for name, value in pairs}


class ProviderBrowser(ScriptedBrowser):
    """A scripted browser whose user signs in at the provider; `last_page` is what the tab shows in the end."""

    def __init__(self, visitor: ProviderVisitor) -> None:
        super().__init__()
        self._visitor = visitor

    def open(self, url: str) -> Answer:
        """Open *url*, sign in, and go where the provider sends the browser."""
        url = self.led_from(url)
        end = self._visitor.visit(url)
        if isinstance(end, str):
            return self.arrive(end)
        page = Answer(end.status_code, end.headers, end.content)
        if self._visitor.posts_to_callback(end):  # an error comes with status 400, and as a form all the same
            return self.submit(url, page)
        self.answers.append(page)
        return page
