"""What the commands print suits the terminal: colours and links where it has them, and the words of a terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import errors
from ipyauth_magic.callback.routes import Environment, routes_to
from ipyauth_magic.cli.look import Look
from ipyauth_magic.cli.words import for_terminal
from ipyauth_magic.display.card import Address, Card, Code, Folded, Link
from tests.support.command_line import Machine

URL = "https://issuer.example/authorize?" + "&".join(f"parameter{i}={'v' * 40}" for i in range(9))
CARD = Card(
    "good",
    "Signed in as alice",
    [("Provider", "https://issuer.example/"), ("Scopes", "openid profile " + "read:usual-fruit " * 8)],
    Link("Open the sign-in page", URL),
    "A note that is longer than the line of the terminal, so that it has to be broken between two of its words.",
)
EVERYTHING = Look(has_colours=True, has_links=True, has_marks=True, width=60)


class Stream(io.StringIO):
    """A stream that is a terminal, or not."""

    def __init__(self, is_terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__()
        self._is_terminal, self._encoding = is_terminal, encoding

    @property
    def encoding(self) -> str:
        """The encoding of what is written."""
        return self._encoding

    def isatty(self) -> bool:
        """Return what the test says."""
        return self._is_terminal


LOOKS = {
    "a terminal": (True, {"TERM": "xterm-256color"}, True, True),
    "a file": (False, {"TERM": "xterm-256color"}, False, False),
    "NO_COLOR": (True, {"TERM": "xterm", "NO_COLOR": "1"}, False, True),
    "an empty NO_COLOR counts as absent": (True, {"TERM": "xterm", "NO_COLOR": ""}, True, True),
    "FORCE_COLOR in a log": (False, {"FORCE_COLOR": "1"}, True, False),
    "FORCE_COLOR=0": (False, {"FORCE_COLOR": "0"}, False, False),
    "both": (True, {"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"}, False, True),
    "a dumb terminal": (True, {"TERM": "dumb"}, False, False),
    "the console of Linux": (True, {"TERM": "linux"}, True, False),
}


@pytest.mark.parametrize("name", LOOKS)
def test_the_conventions_of_terminals(name: str) -> None:
    """https://no-color.org, FORCE_COLOR, TERM=dumb."""
    is_terminal, environ, has_colours, has_links = LOOKS[name]
    look = Look.of(Stream(is_terminal), environ)
    assert (look.has_colours, look.has_links) == (has_colours, has_links)
    assert (look.width is None) is not is_terminal


def test_a_terminal_without_the_marks() -> None:
    """Gets the words alone."""
    look = Look.of(Stream(True, "ascii"), {"TERM": "xterm", "COLUMNS": "60"})
    assert (look.has_marks, look.width) == (False, 60)
    assert look.card(CARD).isascii()


def test_a_file_gets_no_sequence() -> None:
    """And each row in one line."""
    text = Look().card(CARD)
    assert "\x1b" not in text
    assert text.splitlines()[1] == "  Provider  https://issuer.example/"
    assert f"\n  {URL}\n" in text


def test_lines_fit_the_terminal_and_the_address_stands_there_once() -> None:
    """In one piece, so that it can be copied; it and the label above it are links."""
    text = EVERYTHING.card(CARD)
    linked = re.findall(r"\x1b\]8;;([^\x1b]*)\x1b\\(.*?)\x1b\]8;;\x1b\\", text)
    assert [url for url, _ in linked] == [URL, URL]
    seen = re.sub(r"\x1b\]8;;[^\x1b]*\x1b\\|\x1b\[[\d;]*m", "", text)
    assert seen.count(URL) == 1
    assert [line for line in seen.splitlines() if len(line) >= 60 and URL not in line] == []
    assert "✓ Signed in as alice" in seen
    assert re.search(r"^  Scopes    openid profile", seen, re.MULTILINE)
    assert re.search(r"^            read:usual-fruit", seen, re.MULTILINE), "the next line stands below the value"


def test_every_part_of_a_card_is_there() -> None:
    """What a notebook folds, too; a warning is yellow."""
    card = Card(
        "warning",
        "Careful",
        [("Not granted", "read:all")],
        ready="`auth` is ready.",
        hint=Address("Register this:", "http://127.0.0.1:8765/callback/"),
        folded=Folded("More", ["If the page does not come back, paste its address."]),
        warned=("Not granted",),
    )
    lines = Look().card(card).splitlines()
    assert lines == [
        "Careful",
        "  Not granted  read:all",
        "  `auth` is ready.",
        "  Register this:",
        "      http://127.0.0.1:8765/callback/",
        "  If the page does not come back, paste its address.",
    ]
    assert lines == card.text().splitlines()
    assert "\x1b[33mread:all\x1b[0m" in EVERYTHING.card(card)


def test_an_address_that_could_end_the_sequence_is_no_link() -> None:
    """It comes from the provider."""
    text = EVERYTHING.card(Card("waiting", "Sign in", link=Link("Open", "https://x.example/\x1b\\evil")))
    assert "\x1b]8" not in text


def test_a_code_stands_alone() -> None:
    """So that it is seen at once."""
    text = Look().card(Card("waiting", "Sign in", code=Code("ABCD-EFGH", "https://issuer.example/activate")))
    assert "  Open https://issuer.example/activate on any device, and enter\n\n      ABCD-EFGH\n" in text


def test_errors_are_marked_where_there_are_colours() -> None:
    """The words are the same everywhere."""
    assert EVERYTHING.error("It failed.\nTry again.") == "\x1b[31m✗ \x1b[0mIt failed.\nTry again."
    assert Look().error("It failed.\nTry again.") == "It failed.\nTry again."
    assert EVERYTHING.warning("Careful.") == "\x1b[33mWarning:\x1b[0m Careful."


NOTEBOOK = re.compile(r"\b(kernel|cell|notebook|sign_in\(\))|%%?(auth0|token|login)\b")


def test_errors_have_the_words_of_a_terminal() -> None:
    """No notebook, cell or kernel is there."""
    shown = [
        errors.NotSignedIn(),
        errors.NotSignedIn(elsewhere=True),
        errors.SignInNeeded(),
        errors.PortTaken([8765]),
        errors.NobodyCanAnswer("none was found"),
        errors.SignInTimeout(300, "http://127.0.0.1:8765/callback/"),
        errors.SignInTimeout(300, None),
        errors.SignInCancelled(),
        errors.StoreBusy(75),
        errors.StoreUnavailable("keyring", "it is locked"),
        *(errors.ProviderRefused(code) for code in errors.REMEDIES),
    ]
    assert [text for error in shown if NOTEBOOK.search(text := for_terminal(str(error)))] == []


def test_routes_have_the_words_of_a_terminal() -> None:
    """Wherever the command runs."""
    uris = ("http://127.0.0.1:8765/callback/", "https://hub.example/hub/user-redirect/callback/", "https://x.example/c")
    places = (
        Environment(),
        Environment(hub_prefix="/user/ada/"),
        Environment(proxy_uri="https://code.example/proxy/{{port}}/"),
        Environment(host="Google Colab"),
        Environment(ssh="ada@192.0.2.7"),
        Environment(is_container=True),
    )
    routes = [route for place in places for route in routes_to(uris, place)]
    routes += routes_to(uris[:1], Environment(), bind="0.0.0.0")
    assert len(routes) > 10
    assert [text for route in routes if NOTEBOOK.search(text := for_terminal(f"{route.reason} {route.advice}"))] == []


def test_a_sign_in_speaks_of_the_command(tmp_path: Path, own_issuer: LocalIssuer) -> None:
    """From its link to its end."""
    machine = Machine(tmp_path, own_issuer)
    ran = machine.run("login", "-f", "demo.env", "--no-browser", "--timeout", "1", "--bind", "0.0.0.0")
    assert ran.returncode == 1
    assert "This command listens on 0.0.0.0" in ran.stderr
    assert not NOTEBOOK.search(ran.stderr.replace("ipyauth_magic", ""))
