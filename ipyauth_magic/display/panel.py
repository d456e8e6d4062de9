"""Where a sign-in is shown: a notebook's output, a terminal, or a script's standard error."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.resources import files
from textwrap import wrap
from typing import Protocol

from ..flows.sign_in import Progress, SignIn, State
from ..text import encodable, plain
from .card import Card, wrapped
from .cards import countdown_html, countdown_text, over_card, patience_text, why_not_opened
from .interrupt import cancelled_by_interrupt
from .prompt import read_in_notebook, read_in_terminal
from .qr import qr_text
from .shell import current_shell
from .view import progress_card

BLANK = {"text/html": "", "text/plain": ""}
"""Shows nothing."""


class Panel(Protocol):
    """Shows one sign-in from its link to its end."""

    def can_be_answered(self) -> bool:
        """Tell whether a person sees it and may follow a link."""

    def tick(self, progress: Progress) -> None:
        """Show what is new."""

    def ask(self, sign_in: SignIn) -> None:
        """Ask the user for the address at which the browser ended, until it serves or *sign_in* is over."""

    def clear(self) -> None:
        """Take the link away."""

    def end(self, card: Card | None) -> None:
        """Replace the link, so that none stays in a saved notebook, by *card* or by nothing."""

    def interruptible(self, hint: Callable[[], str]) -> AbstractContextManager[None]:
        """Return a context in which an interrupt cancels the task that awaits the sign-in; *hint* ends its error."""


def in_notebook() -> bool:
    """Tell whether outputs are shown by a kernel's front end, where they can be replaced; a terminal's lines stay."""
    return getattr(current_shell(), "kernel", None) is not None


def person_can_answer() -> bool:
    """Tell whether a person may follow a link: not under nbclient, nbconvert or papermill."""
    kernel = getattr(current_shell(), "kernel", None)
    return kernel is None or bool(getattr(kernel, "_allow_stdin", True))


def panel(owns_cell: bool = False) -> Panel:
    """Return the panel for a notebook or a terminal; *owns_cell*: no other code shows anything in the cell's output."""
    return NotebookPanel(owns_cell) if in_notebook() else TextPanel()


def show_text(text: str) -> None:
    """Print *text* on standard output, whatever its encoding is."""
    print(encodable(text, sys.stdout))


def show(bundle: dict[str, str]) -> None:
    """Show a MIME bundle once."""
    from IPython.display import display

    display(printable(bundle), raw=True)


def introduce(card: Card) -> Callable[[], None]:
    """Show the *card* that names an API and its server before a sign-in, and return what takes that away again.

    A notebook shows a card, in an output of its own above that of the sign-in. In a terminal it is a line, which stays.
    """
    if in_notebook():
        output = Output()
        output.show(card.bundle())
        return output.empty
    TextPanel().say(f"{card.title}. {'. '.join(' '.join(row) for row in card.rows)}.")
    return lambda: None


def printable(bundle: dict[str, str]) -> dict[str, str]:
    """Return *bundle* with a text that standard output can print, where IPython runs in a terminal."""
    return {**bundle, "text/plain": encodable(bundle["text/plain"], sys.stdout)}


class NotebookPanel:
    """Two outputs: the card with the link, which stands still, and the countdown.

    Each new card is an output of its own, and the one before is made empty. So a front end that does not replace
    outputs, as `jupyter console`, shows every card, and JupyterLab shows only the last.
    """

    def __init__(self, owns_cell: bool = False) -> None:
        self._owns_cell = owns_cell
        self._begin()

    def _begin(self) -> None:
        self._card = Output()
        self._countdown = Output()
        self._refusal = Output()
        self._script = Output()
        self._shown: Card | None = None

    @property
    def _outputs(self) -> tuple[Output, ...]:
        return self._card, self._countdown, self._refusal, self._script

    def can_be_answered(self) -> bool:
        """Tell whether a person may follow the link: not under nbclient, nbconvert or papermill."""
        return person_can_answer()

    def tick(self, progress: Progress) -> None:
        """Show the link once it is known, and the time left."""
        card = progress_card(progress)
        if card != self._shown:
            self._show_anew(card)
        text = countdown_text(progress.seconds_left)
        html = countdown_html(progress.seconds_left, progress.share_left)
        self._countdown.show({"text/html": html, "text/plain": text})

    def ask(self, sign_in: SignIn) -> None:
        """Ask in a box that shows nothing, as a password's; the countdown goes on."""
        try:
            self._ask(sign_in)
        finally:
            self._drop_boxes()

    def _ask(self, sign_in: SignIn) -> None:
        while not sign_in.progress.is_over:
            text = read_in_notebook(lambda: sign_in.progress.is_over, lambda: self._tick_beside_box(sign_in.progress))
            if text is None or sign_in.progress.is_over:
                return
            if (refusal := sign_in.response_source.paste(text)) is None:
                return
            self.tick(sign_in.progress)
            self._refuse(refusal)

    def _refuse(self, sentence: str) -> None:
        """Show in an output of its own, below the box, why what was pasted does not serve."""
        self._refusal.empty()
        self._refusal = Output()
        self._refusal.show(Card("bad", "This address was not accepted", note=sentence).bundle())

    def _tick_beside_box(self, progress: Progress) -> None:
        if progress.is_over:
            self._show_anew(over_card(progress.state is State.DONE))
            self._script.show({"application/javascript": _answer_box(), "text/plain": ""})
        else:
            self.tick(progress)

    def _show_anew(self, card: Card) -> None:
        """Show *card* in an output of its own, with room for a countdown below it."""
        for output in self._outputs:  # first: there are never two links at a time
            output.empty()
        self._begin()
        self._shown = card
        self._card.show(card.bundle())

    def _drop_boxes(self) -> None:
        """Take the boxes away: JupyterLab leaves their prompts there, and one of a user who interrupted is dead."""
        if self._owns_cell:
            from IPython.display import clear_output

            clear_output()
            self._begin()

    def clear(self) -> None:
        """Take link and countdown away."""
        self.end(None)

    def end(self, card: Card | None) -> None:
        """Replace link and countdown by *card*, or by nothing."""
        if card is not None:
            Output().show(card.bundle())
        for output in self._outputs:
            output.empty()

    def interruptible(self, hint: Callable[[], str]) -> AbstractContextManager[None]:
        """Return a context in which Kernel > Interrupt cancels the task: an awaited cell is not ended by the kernel."""
        return cancelled_by_interrupt(hint)


def _answer_box() -> str:
    """Return the script that answers the input box of a cell."""
    return files(__package__).joinpath("answer_box.js").read_text(encoding="utf-8")


class Output:
    """One output of a cell that can be replaced later, from any thread."""

    def __init__(self) -> None:
        self._id: str | None = None

    def show(self, bundle: dict[str, str]) -> None:
        """Show *bundle* in place of what was shown."""
        from IPython.display import display, update_display

        if self._id is None:
            self._id = secrets.token_hex(16)
            display(printable(bundle), raw=True, display_id=self._id)
        else:
            update_display(printable(bundle), raw=True, display_id=self._id)

    def empty(self) -> None:
        """Show nothing in place of what was shown, if anything was."""
        if self._id is not None:
            self.show(BLANK)


class TextPanel:
    """Lines that cannot be replaced: the link once, why no browser opened as soon as that is known, then the end."""

    def __init__(self) -> None:
        self._has_link = False
        self._has_reason = False
        self._stream = sys.stderr if current_shell() is None else sys.stdout

    def can_be_answered(self) -> bool:
        """Tell whether a person may follow the link: every terminal has one, for all that is known here."""
        return person_can_answer()

    def tick(self, progress: Progress) -> None:
        """Show the link once it is known, and once that no browser opens it."""
        if progress.url is None:
            return
        reason = progress.why_no_browser
        if not self._has_link:
            card = progress_card(progress)
            parts = (self._text(card), self._qr(card), f"  {patience_text(progress.seconds_left)}")
            self._print("\n".join(filter(None, parts)))
            self._has_link = True
        elif reason and not self._has_reason:
            self._print("\n".join(wrapped(why_not_opened(reason))))
        self._has_reason = bool(reason)

    def ask(self, sign_in: SignIn) -> None:
        """Ask in a line that shows nothing, if there is a terminal."""
        while not sign_in.progress.is_over:
            text = read_in_terminal(self._stream, lambda: sign_in.progress.is_over)
            if text is None or (refusal := sign_in.response_source.paste(text)) is None:
                return
            self._print(f"  {plain(refusal, 600)}")

    def clear(self) -> None:
        """Do nothing: lines of a terminal stay."""

    def end(self, card: Card | None) -> None:
        """Show *card*."""
        if card is not None:
            self._print(self._text(card))

    def say(self, sentence: str) -> None:
        """Print *sentence* on lines of its own."""
        self._print("\n".join(wrap(plain(sentence, 600), 88, break_long_words=False, break_on_hyphens=False)))

    def interruptible(self, hint: Callable[[], str]) -> AbstractContextManager[None]:
        """Return a context without an effect: asyncio itself ends the task of a script (`asyncio.run`)."""
        return nullcontext()

    def _text(self, card: Card) -> str:
        return card.text()

    def _qr(self, card: Card) -> str:
        """Return the QR code of the link of a card with a code, where a camera may look at a screen."""
        if card.code is None or card.link is None or not self._stream.isatty():
            return ""
        return qr_text(card.link.url, self._stream.encoding, os.environ.get("TERM") != "dumb")

    def _print(self, text: str) -> None:
        line = encodable(text + "\n", self._stream)
        print(line, end="", file=self._stream, flush=True)  # at once: an interrupt must not part them
