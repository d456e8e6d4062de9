"""A notebook in a real kernel, with a user who follows the links in its outputs.

    book = run_attended(folder / "guide.ipynb", Visitor(issuer.issuer))

The kernel may ask for input, as under JupyterLab. Under nbclient itself a sign-in is not possible.
"""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.client import KernelClient
from nbclient import NotebookClient

from .form_browser import FormBrowser
from .scripted_browser import ScriptedBrowser, person_meant
from .threads import joined

LINKS = re.compile(r'href="(https?://[^"]+(?:/authorize\?|/activate\?user_code=)[^"]*)"')
"""Of a sign-in, and of a device's with its code filled in."""


class Visitor:
    """A user who signs in at the local issuer's pages: Alice, or the user in the link's `login_hint`."""

    def __init__(self, issuer: str) -> None:
        """Begin with a browser that the issuer does not know."""
        self._browser = FormBrowser(issuer)
        self.answers: list[str] = []
        """The buttons that were pressed."""

    def follow(self, url: str) -> None:
        """Open *url*, answer each page, and bring what the issuer answers to the redirect URI."""
        name = person_meant(url)
        browser = self._browser.open(url)
        while browser.arrival is None and (button := self._next(name)):
            self.answers.append(button)
            browser.press(button)
        if browser.arrival is not None:
            ScriptedBrowser().arrive(browser.arrival.url)

    def _next(self, name: str) -> str | None:
        """Return the button of the page that goes on, if there is one."""
        page = self._browser.page
        buttons = self._browser.form.buttons if page is not None and "<form" in page.text else {}
        return next((each for each in (name, "Confirm", "Allow") if each in buttons), None)


class AttendedClient(NotebookClient):
    """Runs a notebook as nbclient does; each link to a sign-in that it shows is followed once, in a thread."""

    def __init__(self, book: nbformat.NotebookNode, follow: Callable[[str], None], folder: Path) -> None:
        super().__init__(book, timeout=60, resources={"metadata": {"path": str(folder)}})
        self.allow_errors = True
        self._follow = follow
        self.followed: dict[str, threading.Thread] = {}

    async def async_start_new_kernel_client(self) -> KernelClient:
        """Connect to the kernel as a front end that can be asked."""
        client = await super().async_start_new_kernel_client()
        client.allow_stdin = True
        return client

    def process_message(self, msg: dict[str, Any], cell: nbformat.NotebookNode, cell_index: int) -> Any:
        """Look for links, then do as nbclient does."""
        for link in LINKS.findall(msg["content"].get("data", {}).get("text/html", "")):
            self._open(html.unescape(link))
        return super().process_message(msg, cell, cell_index)

    def _open(self, url: str) -> None:
        if url not in self.followed:
            self.followed[url] = threading.Thread(target=self._follow, args=(url,), daemon=True)
            self.followed[url].start()


def run_attended(path: Path, visitor: Visitor, environ: Mapping[str, str]) -> nbformat.NotebookNode:
    """Return the notebook of *path* as it is after all cells have run, in *environ*, failing ones too."""
    client = AttendedClient(nbformat.read(path, as_version=4), visitor.follow, path.parent)
    book: nbformat.NotebookNode = client.execute(env=dict(environ))
    joined(client.followed.values(), 60)
    return book
