"""What the commands write: the token alone to standard output, all that a person reads to standard error."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from ..display.card import Card
from ..protocol.tokens import Masked
from ..text import encodable
from .look import Look
from .words import for_terminal

GOOD, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses; the last one is what a shell reports of a program that Ctrl-C ended."""


def say(text: str) -> None:
    """Write *text* and a line's end to standard error."""
    print(encodable(for_terminal(text), sys.stderr), file=sys.stderr, flush=True)


def say_card(card: Card) -> None:
    """Write *card* to standard error, as it suits a terminal."""
    say(card_text(card))


def say_error(error: Exception) -> None:
    """Write the sentence of *error* to standard error."""
    say(Look.of(sys.stderr).error(for_terminal(str(error))))


def warn(sentence: str) -> None:
    """Write *sentence* to standard error, as a warning."""
    say(Look.of(sys.stderr).warning(for_terminal(sentence)))


def card_text(card: Card) -> str:
    """Return *card* as text for standard error."""
    return for_terminal(Look.of(sys.stderr).card(card))


@dataclass(frozen=True)
class Output:
    """Standard output, for the token alone."""

    descriptor: int

    @classmethod
    def taken(cls) -> Output | None:
        """Return standard output, or None if it is closed; whatever else the process writes goes to standard error.

        A browser would inherit standard output: it would write between, and `$(...)` would wait for the browser's end.
        """
        if sys.stdout is None:
            return None
        own = os.dup(1)
        try:
            os.dup2(2, 1)
        except OSError:  # standard error is closed
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return cls(own)

    @property
    def is_terminal(self) -> bool:
        """Whether standard output is a terminal."""
        return os.isatty(self.descriptor)

    def write(self, token: Masked) -> int:
        """Write *token*, or the header with it, and a line's end, once; return the exit status."""
        try:
            with open(self.descriptor, "wb") as stream:
                stream.write(f"{token}\n".encode("ascii"))
        except BrokenPipeError:
            return FAILED
        except OSError as error:
            say(f"The token cannot be written to standard output: {error.strerror}.")
            return FAILED
        return GOOD
