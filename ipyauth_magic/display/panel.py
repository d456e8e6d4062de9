"""Where a sign-in is shown: a notebook's output, a terminal, or a script's standard error."""

from __future__ import annotations

import os
import sys
import uuid
from typing import Protocol

from ..flows.sign_in import Attempt
from ..text import plain
from .card import Card, escaped
from .cards import countdown_text, device_card, over_card, patience_text, waiting_card
from .prompt import read_in_notebook, read_in_terminal
from .qr import qr_text
from .shell import current_shell

BLANK = {"text/html": "", "text/plain": ""}
"""Shows nothing."""


class Panel(Protocol):
    """Shows one sign-in from its link to its end."""

    def tick(self, attempt: Attempt) -> None:
        """Show what is new about *attempt*."""

    def ask(self, attempt: Attempt) -> None:
        """Ask the user for the URL at which the browser ended, until it serves or *attempt* is over."""

    def end(self, card: Card | None) -> None:
        """Replace the link, so that none stays in a saved notebook, by *card* or by nothing."""


def in_notebook() -> bool:
    """Tell whether a kernel shows outputs, which can be replaced; a terminal cannot."""
    return getattr(current_shell(), "kernel", None) is not None


def somebody_can_answer() -> bool:
    """Tell whether a person may follow a link: not under nbclient, nbconvert or papermill."""
    kernel = getattr(current_shell(), "kernel", None)
    return kernel is None or bool(getattr(kernel, "_allow_stdin", True))


def panel(owns_cell: bool = False) -> Panel:
    """Return the panel that suits where this runs; *owns_cell*: nobody else shows anything in the cell's output."""
    return NotebookPanel(owns_cell) if in_notebook() else TextPanel()


def card_of(attempt: Attempt) -> Card:
    """Return the card of a sign-in under way."""
    scope = attempt.grant.scope(attempt.params.scope)
    if (asked := attempt.device_authorization) is not None:
        return device_card(asked.user_code, asked.verification_uri, asked.verification_uri_complete, scope)
    browser = (attempt.why_no_browser, attempt.wants_browser)
    return waiting_card(attempt.url, attempt.redirect_uri, scope, *browser, attempt.way)


def show(bundle: dict[str, str]) -> None:
    """Show a MIME bundle once."""
    from IPython.display import display

    display(bundle, raw=True)


class NotebookPanel:
    """Two outputs: the card with the link, which stands still, and the countdown."""

    def __init__(self, owns_cell: bool = False) -> None:
        self._owns_cell = owns_cell
        self._refusal = ""
        self._begin()

    def _begin(self) -> None:
        self._card = Output()
        self._countdown = Output()
        self._shown: Card | None = None

    def tick(self, attempt: Attempt) -> None:
        """Show the link once it is known, and the time left."""
        card = card_of(attempt)
        if card != self._shown:
            self._shown = card
            self._card.show(card.bundle())
        text = f"{self._refusal} {countdown_text(attempt.seconds_left)}".strip()
        self._countdown.show({"text/html": f'<div style="opacity:0.8">{escaped(text)}</div>', "text/plain": text})

    def ask(self, attempt: Attempt) -> None:
        """Ask in a box that shows nothing, as a password's; the countdown goes on."""
        while not attempt.is_over:
            try:
                text = read_in_notebook(lambda: attempt.is_over, lambda: self._tick_beside_box(attempt))
            except KeyboardInterrupt:
                self._drop_box()
                raise
            if text is None or (refusal := attempt.paste(text)) is None:
                return
            self._refusal = refusal
            self.tick(attempt)

    def _tick_beside_box(self, attempt: Attempt) -> None:
        if attempt.is_over:
            self._card.show(over_card(attempt.error is None).bundle())
            self._countdown.show(BLANK)
        else:
            self.tick(attempt)

    def _drop_box(self) -> None:
        """Take the box of a user who interrupted away: JupyterLab leaves it there, dead, unless all the output goes."""
        if self._owns_cell:
            from IPython.display import clear_output

            clear_output()
            self._begin()

    def end(self, card: Card | None) -> None:
        """Replace link and countdown by *card*, or by nothing."""
        if self._shown is not None:
            self._countdown.show(BLANK)
        if card is not None or self._shown is not None:
            self._card.show(card.bundle() if card else BLANK)


class Output:
    """One output of a cell that can be replaced later, from any thread."""

    def __init__(self) -> None:
        self._id: str | None = None

    def show(self, bundle: dict[str, str]) -> None:
        """Show *bundle* in place of what was shown."""
        from IPython.display import display, update_display

        if self._id is None:
            self._id = uuid.uuid4().hex
            display(bundle, raw=True, display_id=self._id)
        else:
            update_display(bundle, raw=True, display_id=self._id)


class TextPanel:
    """Lines that cannot be replaced: the link once, why no browser opened as soon as that is known, then the end."""

    def __init__(self) -> None:
        self._has_link = False
        self._has_reason = False
        self._stream = sys.stderr if current_shell() is None else sys.stdout

    def tick(self, attempt: Attempt) -> None:
        """Show the link once it is known, and once that no browser opens it."""
        if attempt.url is None:
            return
        reason = attempt.why_no_browser
        if not self._has_link:
            card = card_of(attempt)
            parts = (card.text(), self._qr(card), f"  {patience_text(attempt.seconds_left)}")
            self._print("\n".join(filter(None, parts)))
            self._has_link = True
        elif reason and not self._has_reason:
            self._print(f"  Follow the link: {reason}.")
        self._has_reason = bool(reason)

    def ask(self, attempt: Attempt) -> None:
        """Ask in a line that shows nothing, if there is a terminal."""
        while not attempt.is_over:
            text = read_in_terminal(self._stream, lambda: attempt.is_over)
            if text is None or (refusal := attempt.paste(text)) is None:
                return
            self._print(f"  {plain(refusal, 600)}")

    def end(self, card: Card | None) -> None:
        """Show *card*."""
        if card is not None:
            self._print(card.text())

    def _qr(self, card: Card) -> str:
        """Return the QR code of the link of a card with a code, where a camera may look at a screen."""
        if card.code is None or card.link is None or not self._stream.isatty():
            return ""
        return qr_text(card.link.url, self._stream.encoding, os.environ.get("TERM") != "dumb")

    def _print(self, text: str) -> None:
        print(text + "\n", end="", file=self._stream, flush=True)  # at once: an interrupt must not part them
