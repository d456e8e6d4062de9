"""A notebook's panel in two kinds of front end: one replaces outputs, the other shows each output once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ipyauth_magic.callback.routes import Environment, routes_to
from ipyauth_magic.display import panel
from ipyauth_magic.display.card import Card
from ipyauth_magic.display.panel import NotebookPanel, TextPanel
from ipyauth_magic.flows.sign_in import Progress, State

[HERE] = routes_to(["http://127.0.0.1:1/cb"], Environment())
ASKED = Progress(State.WAITING, "openid", "http://127.0.0.1:1/cb", HERE, wants_browser=True, ends_at=1e12)
LINK = replace(ASKED, url="https://x.test/authorize?state=s")
NO_BROWSER = replace(LINK, why_no_browser="no browser was found on this machine")


class FrontEnds:
    """What stands in a front end that replaces outputs, and what another has printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.standing: dict[str, str] = {}
        self.printed: list[str] = []
        self.scripts: dict[str, str] = {}
        self.cleared: list[bool] = []
        monkeypatch.setattr("IPython.display.clear_output", lambda: self.cleared.append(True))
        monkeypatch.setattr("IPython.display.display", self._display)
        monkeypatch.setattr("IPython.display.update_display", self._update)

    def _display(self, bundle: dict[str, str], *, raw: bool, display_id: str) -> None:
        self.printed.append(bundle["text/plain"])
        self._update(bundle, raw=raw, display_id=display_id)

    def _update(self, bundle: dict[str, str], *, raw: bool, display_id: str) -> None:
        self.standing[display_id] = bundle["text/plain"]
        self.scripts[display_id] = bundle.get("application/javascript", "")

    def seen(self) -> list[str]:
        """Return the outputs that stand and are not empty, from top to bottom."""
        return [text for text in self.standing.values() if text]


@pytest.fixture
def front_ends(monkeypatch: pytest.MonkeyPatch) -> FrontEnds:
    """Both kinds, which get the same messages."""
    return FrontEnds(monkeypatch)


def titles(texts: list[str]) -> list[str]:
    """Return the first line of each."""
    return [text.splitlines()[0] for text in texts]


@pytest.mark.parametrize("first", [ASKED, LINK])
def test_each_step_is_seen_in_both(first: Progress, front_ends: FrontEnds) -> None:
    """Where outputs are replaced, one card stands, with its countdown below; else link, reason and end are printed."""
    shown = NotebookPanel()
    shown.tick(first)
    for progress in (LINK, LINK, NO_BROWSER, NO_BROWSER):
        shown.tick(progress)
        assert [title[:10] for title in titles(front_ends.seen())] == ["Sign in at", "Waiting fo"]
    shown.end(Card("good", "Signed in as alice"))
    assert front_ends.seen() == ["Signed in as alice"]
    printed = "\n".join(front_ends.printed)
    assert printed.count("https://x.test/authorize") == 2
    assert printed.count("No browser tab opens: no browser was found") == 1
    assert printed.endswith("Signed in as alice")


def test_a_countdown_is_replaced(front_ends: FrontEnds) -> None:
    """It comes once with each card; its further ticks print nothing."""
    shown = NotebookPanel()
    for seconds in (300, 200, 100):
        shown.tick(replace(LINK, code_ends_at=seconds))
    assert [title[:10] for title in titles(front_ends.printed)] == ["Sign in at", "Waiting fo"]


def test_a_failure_leaves_nothing(front_ends: FrontEnds) -> None:
    """Neither link nor countdown; without a sign-in there was no output at all."""
    shown: Any = NotebookPanel()
    shown.clear()
    assert front_ends.printed == []
    shown.tick(NO_BROWSER)
    shown.clear()
    assert front_ends.seen() == []


class Asked:
    """A sign-in whose response comes by itself while the box is open, after a paste that does not serve."""

    def __init__(self) -> None:
        self.progress = replace(LINK, route=HERE)
        self.response_source = self

    def paste(self, text: str) -> str:
        """Refuse it."""
        return f"{text} is not the address."


@pytest.mark.parametrize("owns_cell", [True, False])
def test_the_box_is_answered_when_the_response_has_come_by_itself(
    owns_cell: bool, front_ends: FrontEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a script of the front end's, which does not stay; a refusal stands by itself; an own cell is cleared."""
    shown, sign_in = NotebookPanel(owns_cell), Asked()
    answers: list[str] = []

    def read(is_over: Callable[[], bool], tick: Callable[[], None]) -> str:
        if not answers:
            answers.append("this")
            return "this"
        assert "This address was not accepted\n  this is not the address." in front_ends.seen()
        sign_in.progress = replace(sign_in.progress, state=State.DONE, url=None)
        tick()
        assert [text for text in front_ends.scripts.values() if "jp-Stdin-input" in text]
        assert titles(front_ends.seen()) == ["You are signed in"]
        return "half of an address"

    monkeypatch.setattr(panel, "read_in_notebook", read)
    shown.ask(sign_in)
    shown.end(Card("good", "Signed in as alice"))
    assert front_ends.cleared == [True] * owns_cell
    if not owns_cell:
        assert front_ends.seen() == ["Signed in as alice"]
        assert not any(front_ends.scripts.values())


def test_a_terminal_says_once_what_to_do_without_a_browser(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason comes later than the link. It follows alone."""
    shown = TextPanel()
    for progress in (ASKED, LINK, NO_BROWSER, NO_BROWSER):
        shown.tick(progress)
    said = " ".join("".join(capsys.readouterr()).split())
    assert said.count("use the address above") == 1
    assert said.count("No browser tab opens: no browser was found on this machine.") == 1
    assert '"Open the sign-in page"' not in said
