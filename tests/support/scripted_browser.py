"""A person's browser, played by a script over real sockets: idle socket, favicon, redirect, the page's script."""

from __future__ import annotations

import contextlib
import html.parser
import http.client
import re
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from .threads import joined

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def send(method: str, url: str, body: str | bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Send one request and return its answer; no redirect is followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


class TooLate(Exception):
    """The sign-in has ended before the tab came, which shows the browser's own page."""


@contextlib.contextmanager
def at_the_listener() -> Iterator[None]:
    """Raise `TooLate` where the listener closes a connection, or takes none any more."""
    try:
        yield
    except ConnectionError as error:
        raise TooLate from error


@dataclass
class ScriptedBrowser:
    """Follows a sign-in link as a browser would, up to the page that tells how it ended.

    Attributes:
        change: alters the response's parameters before they reach the listener, as an attacker or a bad provider would.
        before: called with the redirect's URL before it is followed, to make noise.
        idle_socket: hold a connection open to the callback port and say nothing on it.
        opened: the links that were followed.
        started: the same, as the program got them: a short address of the listener may lead to a link.
    """

    change: Callable[[dict[str, str]], dict[str, str]] = lambda parameters: parameters
    before: Callable[[str], None] = lambda url: None
    idle_socket: bool = True
    answers: list[Answer] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    tabs: list[threading.Thread] = field(default_factory=list)
    _opening: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def open(self, url: str) -> Answer:
        """Open *url* and follow it to the end; the last answer is what the tab shows."""
        url = self.led_from(url)
        answer = send("GET", url)
        if answer.status == 200 and "form" in answer.text:
            return self.submit(url, answer)
        location = answer.headers["Location"]
        return self.arrive(location)

    def led_from(self, url: str) -> str:
        """Note that *url* was opened, and return the link that it leads to."""
        self.started.append(url)
        self.opened.append(url)
        with at_the_listener():
            link = link_behind(url)
        self.opened[self.opened.index(url)] = link
        return link

    def open_in_thread(self, url: str) -> threading.Thread:
        """Open *url* while the caller goes on."""
        return self.in_tab(lambda: self.open(url))

    def in_tab(self, load: Callable[[], object]) -> threading.Thread:
        """Call *load* while the caller goes on; `join` waits for its end."""

        def open_tab() -> None:
            with contextlib.suppress(TooLate):
                load()

        thread = threading.Thread(target=open_tab, name="scripted-browser", daemon=True)
        with self._opening:  # a tab that is not started cannot be waited for
            thread.start()
            self.tabs.append(thread)
        return thread

    def join(self) -> None:
        """Wait until every tab shows its last page, so that none goes on in the next test."""
        with self._opening:
            tabs = list(self.tabs)
        joined(tabs, 20)

    def arrive(self, location: str) -> Answer:
        """Come to the redirect URI with a response, in the fragment or in the query."""
        self.before(location)
        self.seen += [value for _, value in parse_qsl(urlsplit(location).fragment)]
        callback, _, fragment = location.partition("#")
        parts = urlsplit(callback)
        with at_the_listener(), self._held(parts.hostname, parts.port):
            page = send("GET", callback)
            self.answers.append(page)
            # After a response in a query, the browser is not needed any more.
            with contextlib.suppress(*([ConnectionError] if parts.query else [])):
                send("GET", f"{parts.scheme}://{parts.netloc}/favicon.ico")
            if not fragment:
                return page
            return self._relay(callback, urlencode(self.change(dict(parse_qsl(fragment)))))

    def _held(self, host: str | None, port: int | None) -> contextlib.AbstractContextManager[object]:
        """Return a connection on which nothing is said, if this browser holds one."""
        if not self.idle_socket:
            return contextlib.nullcontext()
        return socket.create_connection((str(host), port or 80))

    def _relay(self, callback: str, body: str) -> Answer:
        parts = urlsplit(callback)
        headers = {
            "Origin": f"{parts.scheme}://{parts.netloc}",
            "Content-Type": FORM,
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "cors",
        }
        answer = send("POST", callback, body, headers)
        self.answers.append(answer)
        return answer

    def submit(self, url: str, page: Answer) -> Answer:
        """Submit a form_post page as its script would, and follow the 303."""
        form = _Form(page.text)
        parts = urlsplit(url)
        headers = {"Origin": f"{parts.scheme}://{parts.netloc}", "Content-Type": FORM, "Sec-Fetch-Site": "cross-site"}
        self.before(form.action)
        with at_the_listener():
            answer = send("POST", form.action, urlencode(self.change(form.fields)), headers)
            self.answers.append(answer)
            if answer.status != 303:
                return answer
            target = urlsplit(form.action)
            answer = send("GET", f"{target.scheme}://{target.netloc}{answer.headers['Location']}")
            self.answers.append(answer)
            return answer


class _Form(html.parser.HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = values["action"]
        if tag == "input" and values.get("name"):
            self.fields[values["name"]] = values.get("value", "")


def link_behind(url: str) -> str:
    """Return the link that *url* leads to if it is a short address of a listener, else *url*."""
    return send("GET", url).headers["Location"] if urlsplit(url).path.startswith("/sign-in/") else url


def query_of(url: str) -> dict[str, str]:
    """Return the parameters in the query of *url*."""
    return dict(parse_qsl(urlsplit(url).query))


def person_meant(url: str) -> str:
    """Return the user for the link of a sign-in: its `login_hint`, else Alice."""
    return query_of(url).get("login_hint", "alice").partition("@")[0].capitalize()


def links_in(text: str) -> list[str]:
    """Return the http addresses in *text*."""
    return re.findall(r"https?://[^\s\"'<>]+", text)


def use_as_browser(patch: pytest.MonkeyPatch, open_link: Callable[[str], object]) -> None:
    """Let `webbrowser` open each link by *open_link*, whose result tells whether a browser began."""
    program = webbrowser.GenericBrowser("scripted")
    patch.setattr(program, "open", lambda url, new=0: bool(open_link(url)))
    patch.setattr(webbrowser, "get", lambda using=None: program)
