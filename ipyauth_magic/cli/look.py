"""How text looks in the user's terminal: colours and links where it has them, and no line longer than it is wide."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from ..display.card import Card, Link
from ..display.qr import GET_QR, lacks_segno
from ..text import plain

_COLOURS = {"good": "32", "waiting": "34", "bad": "31", "warning": "33", "still": "39"}
_MARKS = {"good": "✓ ", "bad": "✗ ", "warning": "! "}
_BOLD, _DIM, _UNDERLINED, _YELLOW = "1", "2", "4", "33"


@dataclass(frozen=True)
class Look:
    """What a stream can show.

    Attributes:
        has_colours: SGR sequences (ECMA-48, 8.3.117).
        has_links: a text can be a link (OSC 8), and shows it when it is clicked.
        has_marks: the stream's encoding has the marks for good and bad.
        width: letters in a line; None where lines are not laid out, as in a file.
    """

    has_colours: bool = False
    has_links: bool = False
    has_marks: bool = False
    width: int | None = None

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str] = os.environ) -> Look:
        """Return the look of *stream*, by `NO_COLOR`, `FORCE_COLOR` and `TERM` of *environ* too."""
        is_terminal = stream.isatty()
        can = is_terminal and environ.get("TERM") != "dumb" and _takes_sequences()
        forced = environ.get("FORCE_COLOR", "") not in ("", "0")
        return cls(
            has_colours=not environ.get("NO_COLOR") and (forced or can),
            has_links=can and environ.get("TERM") != "linux",  # the console of Linux shows what it does not know
            has_marks=_has_marks(stream),
            width=_width(stream, environ) if is_terminal else None,
        )

    def card(self, card: Card) -> str:
        """Return *card* as lines."""
        lines = [self._title(card)]
        column = max((len(label) for label, _ in card.rows), default=0)
        lines += [self._row(label, plain(value), column, label in card.warned) for label, value in card.rows]
        if card.code:
            code = self._styled(plain(card.code.text), _BOLD)
            lines += [f"  Open {card.code.url} on any device, and enter", "", f"      {code}", ""]
            lines += [self._sentence(GET_QR)] if lacks_segno() else []
        if card.link:
            lines += self._link(card.link)
        lines += [self._sentence(each) for each in (card.ready, card.note_as_text) if each]
        if card.hint:
            lines += [self._sentence(card.hint.words), *([f"      {plain(card.hint.text)}"] if card.hint.text else [])]
        if card.folded and card.folded.is_said:
            lines += [self._sentence(each) for each in card.folded.sentences]
        return "\n".join(lines)

    def error(self, sentence: str) -> str:
        """Return *sentence* as an error; its later lines say what to do."""
        lines = [(line, " " * (len(line) - len(line.lstrip()))) for line in sentence.split("\n")]
        first, *more = [self.wrapped(line.lstrip(), indent, indent) for line, indent in lines]
        if self.has_colours:
            first = f"{self._styled(self._mark('bad') or 'Error: ', _COLOURS['bad'])}{first}"
        return "\n".join([first, *more])

    def warning(self, sentence: str) -> str:
        """Return *sentence* as a warning."""
        label, text = "Warning:", self.wrapped(f"Warning: {sentence}")
        return f"{self._styled(label, _YELLOW)}{text[len(label) :]}"

    def wrapped(self, text: str, first: str = "", rest: str = "") -> str:
        """Return *text* in lines that fit; a long address stays in one piece, so that it can be copied."""
        if self.width is None:
            return first + text
        return textwrap.fill(
            text,
            self.width - 1,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _title(self, card: Card) -> str:
        return self._styled(self._mark(card.mood) + plain(card.title), _BOLD, _COLOURS[card.mood])

    def _row(self, label: str, value: str, column: int, is_warning: bool) -> str:
        lines = self.wrapped(value, " " * (column + 4), " " * (column + 4))[column + 4 :]
        return f"  {self._styled(f'{label:<{column}}', _DIM)}  {self._styled(lines, _YELLOW) if is_warning else lines}"

    def _sentence(self, text: str) -> str:
        return self.wrapped(plain(text, 600), "  ", "  ")

    def _link(self, link: Link) -> list[str]:
        """Return a label that is the link, and the address once, in one piece: a terminal breaks it where it must."""
        if not self.has_links or not (link.url.isascii() and link.url.isprintable()):
            return [f"  {link.label}:", f"  {link.url}"]
        label = self._styled(link.label, _BOLD, _UNDERLINED)
        return [f"  {_linked(label, link.url)}", f"  {_linked(self._styled(link.url, _DIM), link.url)}"]

    def _mark(self, mood: str) -> str:
        return _MARKS.get(mood, "") if self.has_marks else ""

    def _styled(self, text: str, *codes: str) -> str:
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.has_colours and text else text


def _linked(text: str, url: str) -> str:
    """Return *text* as a link to *url* (OSC 8: Hyperlinks in terminal emulators, Egmont Koblinger)."""
    return f"\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\"


def _width(stream: TextIO, environ: Mapping[str, str]) -> int:
    """Return the letters in a line: `COLUMNS` prevails (POSIX, 8.3), and no terminal is taken to be very narrow."""
    if (columns := environ.get("COLUMNS", "")).isdecimal() and int(columns):
        return max(40, int(columns))
    try:
        return max(40, os.get_terminal_size(stream.fileno()).columns)
    except OSError:
        return 80


def _has_marks(stream: TextIO) -> bool:
    try:
        "".join(_MARKS.values()).encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _takes_sequences() -> bool:
    """Return whether the terminal understands escape sequences: that of Windows does so once it is told to."""
    if sys.platform != "win32":
        return True
    import ctypes

    # SetConsoleMode, ENABLE_VIRTUAL_TERMINAL_PROCESSING; -12 is standard error.
    kernel32, mode = ctypes.windll.kernel32, ctypes.c_uint32()
    handle = kernel32.GetStdHandle(-12)
    if not kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
        return False
    return bool(mode.value & 4 or kernel32.SetConsoleMode(handle, mode.value | 4))
