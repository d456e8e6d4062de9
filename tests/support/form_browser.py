"""A browser of forms and redirects: it walks the issuer's pages and stops where it would leave them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests


@dataclass
class Form:
    """A form of a page: where it goes, its hidden fields, and its buttons by their accessible name."""

    action: str
    method: str = "post"
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class _Forms(HTMLParser):
    """Reads the one form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.form: Form | None = None
        self._button: tuple[str, str] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form = Form(given["action"], given.get("method", "get"))
        elif self.form and tag == "input":
            self.form.fields[given["name"]] = given.get("value", "")
        elif self.form and tag == "button":
            self._button, self._text = (given.get("name", ""), given.get("value", "")), given.get("aria-label", "")

    def handle_data(self, data: str) -> None:
        if self._button:
            self._text = self._text if self._text.strip() else data

    def handle_endtag(self, tag: str) -> None:
        if self.form and tag == "button" and self._button:
            self.form.buttons[self._text.strip()] = self._button
            self._button = None


@dataclass(frozen=True)
class Arrival:
    """What came to the client: at which URL, by which method, with which parameters."""

    method: str
    url: str
    parameters: dict[str, str]


class FormBrowser:
    """Follows redirects within the issuer; `page` is what it shows, `arrival` what it carried to the client."""

    def __init__(self, issuer: str) -> None:
        """Begin without cookies."""
        self._issuer = issuer
        self._session = requests.Session()
        self._session.trust_env = False
        self.page: requests.Response | None = None
        self.arrival: Arrival | None = None

    def open(self, url: str) -> FormBrowser:
        """Go to *url* and as far as redirects lead."""
        return self._follow(self._session.get(url, allow_redirects=False))

    def press(self, name: str, **entered: str) -> FormBrowser:
        """Press the button *name* of the page, with what was *entered* in its fields."""
        form = self.form
        button, value = form.buttons[name]
        fields = {**form.fields, **entered, **({button: value} if button else {})}
        return self.post(form.action, fields) if form.method == "post" else self.get(form.action, fields)

    def get(self, action: str, fields: dict[str, str]) -> FormBrowser:
        """Send *fields* in the query, as a form of the page would."""
        assert self.page is not None
        return self._follow(self._session.get(urljoin(self.page.url, action), params=fields, allow_redirects=False))

    def post(self, action: str, fields: dict[str, str]) -> FormBrowser:
        """Send *fields* as a form of the page would."""
        assert self.page is not None
        return self._follow(self._session.post(urljoin(self.page.url, action), fields, allow_redirects=False))

    @property
    def form(self) -> Form:
        """The form of the page."""
        assert self.page is not None
        reader = _Forms()
        reader.feed(self.page.text)
        assert reader.form is not None
        return reader.form

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters that were carried to the client."""
        assert self.arrival is not None
        return self.arrival.parameters

    def _follow(self, response: requests.Response) -> FormBrowser:
        self.page, self.arrival = response, None
        if response.is_redirect:
            location = urljoin(response.url, response.headers["Location"])
            if location.startswith(self._issuer):
                return self.open(location)
            parts = urlsplit(location)
            self.arrival = Arrival("GET", location, dict(parse_qsl(parts.fragment or parts.query)))
        elif "form_post.js" in response.text:
            # What the script does: the form goes off by itself.
            form = self.form
            self.arrival = Arrival("POST", form.action, {name: value for name, value in form.fields.items() if name})
        return self
