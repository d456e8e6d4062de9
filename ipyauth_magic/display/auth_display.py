"""An `Auth` as the last line of a cell: the live widget where anywidget is installed, else a card."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakSet

from ..errors import IpyauthError, NotSignedIn, SignInNeeded
from ..flows.authenticator import Authenticator
from .cards import ready
from .guards import guard
from .panel import Output, in_notebook, person_can_answer
from .shell import current_shell
from .traceback_masking import show_below
from .view import card_of, view_of

if TYPE_CHECKING:
    from ..protocol.refusal import Refusal
    from .widget import AuthWidget

NOTEBOOK_WAIT, TERMINAL_WAIT = 3.0, 10.0
"""Seconds for the link to become known: a terminal's lines stay, and of a notebook's front ends some, as
`jupyter console`, do not draw a card again."""


class AuthDisplay:
    """Shows what an `Authenticator` holds, wherever it was displayed, and offers the sign-in there.

    Args:
        authenticator: held strongly, as the outputs of a notebook are.
    """

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._widget: AuthWidget | None = None
        self._cards: list[Output] = []
        self._drawing = threading.RLock()
        authenticator.changed.connect(self._refresh)
        authenticator.source.refused = self._note
        _DISPLAYS.add(self)
        if (shell := current_shell()) is not None:
            guard(shell)

    def show(self) -> None:
        """Show the widget; or the card, where there is no widget, or no person to use it."""
        if (widget := self._live_widget()) is None:
            self._show_card()
            return
        self._authenticator.adopt()
        widget.show()

    def ready(self) -> str:
        """Return the sentence about the user's variable that holds this display's `Auth`; empty while there is none."""
        return ready(own[0]) if (own := self._names()) else ""

    def _names(self) -> list[str]:
        """Return the user's variables that hold this display's `Auth`."""
        variables = getattr(current_shell(), "user_ns", {})
        return [name for name, value in list(variables.items()) if self._is_of(value) and not name.startswith("_")]

    def _is_of(self, value: object) -> bool:
        # By the module first: other people's objects may do anything when they are asked for an attribute.
        return type(value).__module__ == "ipyauth_magic.auth" and getattr(value, "_display", None) is self

    def is_of(self, ours: object) -> bool:
        """Tell whether *ours*, an object of this package, is a part of what is shown here."""
        own = (self._authenticator, self._authenticator.source)
        return any(ours is each or getattr(ours, "_authenticator", None) is each for each in own)

    def _note(self, refusal: Refusal) -> None:
        """Have a line shown below the cell whose request an API refused."""
        from .step_up import note

        note(self._authenticator, self._names, refusal)

    def _refresh(self) -> None:
        """Bring all that was shown up to date; from any thread, and blocks no longer than a card is drawn."""
        if self._widget is not None:
            self._widget.refresh()
        if self._cards and in_notebook():
            with self._drawing:  # else an earlier state, drawn by another thread, could be the last that is shown
                is_over = self._authenticator.under_way is None
                bundle = card_of(self._authenticator, self.ready()).bundle()
                for output in self._cards:
                    output.show(bundle)
                if is_over:
                    self._cards.clear()  # what they show now is final

    def _live_widget(self) -> AuthWidget | None:
        """Return the one widget, shown as often as it may be.

        Without a person it would only be saved: nbclient writes the state of every widget into the notebook.
        """
        if not in_notebook() or not person_can_answer():
            return None
        try:
            from .widget import AuthWidget
        except ImportError:  # the extra `[widget]` is not installed
            return None
        if self._widget is None:
            self._widget = AuthWidget(self._authenticator)
        return self._widget

    def _show_card(self) -> None:
        """Show the card; if no tokens serve and a person sees it, it offers the sign-in, and does not block."""
        authenticator = self._authenticator
        authenticator.adopt()
        view = view_of(authenticator)
        if not view.serves and person_can_answer():
            try:
                sign_in = authenticator.offer()
            except IpyauthError as error:
                Output().show(replace(view, error=str(error)).card().bundle())
                return
            seconds = NOTEBOOK_WAIT if in_notebook() else TERMINAL_WAIT
            sign_in.pause(seconds, until=lambda: sign_in.progress.url is not None)
        output = Output()
        with self._drawing:
            self._cards.append(output)
            output.show(card_of(authenticator, self.ready()).bundle())


_DISPLAYS: WeakSet[AuthDisplay] = WeakSet()


def _offer_below(error: BaseException, ours: Iterator[object]) -> None:
    """Show below *error* in a notebook, if it asks for a sign-in, what offers that; *ours* leads to whose it is."""
    if not isinstance(error, (NotSignedIn, SignInNeeded)) or not in_notebook() or not person_can_answer():
        return
    displays = list(_DISPLAYS)
    display = next((display for each in ours for display in displays if display.is_of(each)), None)
    if display is not None:
        display.show()


show_below(_offer_below)
