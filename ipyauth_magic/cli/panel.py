"""Where a sign-in is shown at the command line."""

from __future__ import annotations

from ..display.card import Card
from ..display.panel import TextPanel
from .output import card_text


class CommandPanel(TextPanel):
    """The lines of a sign-in on standard error, as the terminal there can show them."""

    def _text(self, card: Card) -> str:
        return card_text(card)
