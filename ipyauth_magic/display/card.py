"""A card: a title, rows of label and value, perhaps a link, as HTML for a notebook and as text for a terminal.

The HTML has only elements and styles that an untrusted notebook keeps. JupyterLab drops a style with a theme variable
as its colour, so the colours are fixed, and are readable on white and on black.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from textwrap import wrap

from ..markup import AS_IT_IS as AS_IT_IS  # also for those who compose HTML of the tables below
from ..markup import Sentence as Sentence
from ..markup import Table, in_cell, prose
from ..markup import escaped as escaped
from ..text import plain
from .qr import GET_QR, lacks_segno, qr_image

Row = tuple[str, str]

LINE = "rgba(128,128,128,0.35)"
ACCENTS = {"good": "#2e7d32", "waiting": "#1976d2", "bad": "#c62828", "still": "#757575", "warning": "#b26a00"}
MARKS = {"good": "✓", "waiting": "…", "bad": "✕", "warning": "!"}
"""The sign in a disc before a title, for eyes that tell no green from red."""

WIDTH = "max-width:44em"
QUIET = "opacity:0.8"
LINK_STYLE = (
    "display:inline-block;padding:7px 16px;border-radius:6px;background:#1565c0;color:#fff;"
    "text-decoration:none;font-weight:600"
)
# One click selects the whole, in an untrusted notebook a double click a part of it.
SELECTABLE = "user-select:all;-webkit-user-select:all"
CODE_STYLE = (
    "font-family:monospace;font-size:2em;font-weight:600;letter-spacing:0.12em;line-height:1.6;"
    f"overflow-wrap:break-word;overflow-wrap:anywhere;{SELECTABLE}"
)
QR_STYLE = "display:inline-block;vertical-align:top;margin:4px 0;border-radius:6px;background:#fff;max-width:100%"
# The longhands with `inline` are for pages that are read from right to left. An untrusted notebook drops them.
FRAME = (
    f"box-sizing:border-box;border:1px solid {LINE};border-left:4px solid %(accent)s;"
    f"border-inline-end:1px solid {LINE};border-inline-start:4px solid %(accent)s;border-radius:8px;"
    f"padding:12px 16px;margin:4px 0;{WIDTH};line-height:1.5"
)


@dataclass(frozen=True)
class Link:
    """A link that opens in a new tab. A terminal shows its URL."""

    label: str
    url: str


@dataclass(frozen=True)
class Code:
    """A code that the user enters at *url*, on any device (RFC 8628, section 3.3)."""

    text: str
    url: str


@dataclass(frozen=True)
class Address:
    """A sentence, and an address under it that one click selects; without one where *text* is empty."""

    words: str
    text: str = ""


@dataclass(frozen=True)
class Folded:
    """Sentences that a notebook folds under *title*. A terminal cannot fold, so it shows them if *is_said*."""

    title: str
    sentences: Sequence[str]
    is_said: bool = True


@dataclass(frozen=True)
class Meter:
    """The *share* of a lifetime that is left, 0 to 1, as a bar, and the *words* that say the same."""

    share: float
    words: str


@dataclass(frozen=True)
class Card:
    """The content of a card. Each text may come from outside: it is escaped when it is rendered.

    Text between backticks in `ready`, `note`, `hint`, `folded` and each `Sentence` of a row is shown as code.

    Attributes:
        mood: `good`, `waiting`, `bad`, `warning` or `still`; sets the colour of the edge and the mark.
        note: a sentence under the rows.
        code: shown large, with a QR code of the link if segno is installed.
        ready: a sentence about how to use the result.
        hint: for a user who meets an error page.
        folded: for a user who meets another problem.
        warned: the labels of the rows that are a warning.
        table: stands below the rows.
        meter: stands below them too: how much of a lifetime is left.
    """

    mood: str
    title: str
    rows: Sequence[Row] = ()
    link: Link | None = None
    note: str = ""
    code: Code | None = None
    ready: str = ""
    hint: Address | None = None
    folded: Folded | None = None
    warned: Collection[str] = ()
    table: Table | None = None
    meter: Meter | None = None

    def bundle(self) -> dict[str, str]:
        """Return the card as a MIME bundle for `display(..., raw=True)`."""
        return {"text/html": self.html(), "text/plain": self.text()}

    def html(self) -> str:
        """Return the card as HTML. A notebook that is not trusted keeps all of it but the roles."""
        # Not `h3`: JupyterLab lists the headings of outputs in the table of contents.
        title = (
            f'<div role="heading" aria-level="3" dir="auto" style="font-weight:600">{mark(self.mood)}'
            f"{escaped(self.title)}</div>"
        )
        link = _button(self.link) if self.link else ""
        action = _code(self.code, link, self.link) if self.code else link
        said = "".join(paragraph(each) for each in (self.ready, self.note) if each)
        more = (_address(self.hint) if self.hint else "") + (_details(self.folded) if self.folded else "")
        columns = (self.table.html() if self.table else "") + (_meter(self.meter, self.mood) if self.meter else "")
        inner = title + table(self.rows, self.warned) + columns + action + said + more
        return f'<div role="status" class="{AS_IT_IS}" style="{FRAME % {"accent": ACCENTS[self.mood]}}">{inner}</div>'

    @property
    def note_as_text(self) -> str:
        """The note for a terminal, which has no button of the link's label: its address stands above."""
        return self.note.replace(f'"{self.link.label}"', "the address above") if self.link else self.note

    def text(self) -> str:
        """Return the card as text."""
        width = max((len(label) for label, _ in self.rows), default=0)
        lines = [plain(self.title)]
        lines += [f"  {label:<{width}}  {plain(value)}" for label, value in self.rows]
        if self.table:
            lines += ["", *self.table.text().splitlines(), ""]
        if self.meter:
            lines += [f"  Lifetime: [{'#' * round(self.meter.share * 20):-<20}] {self.meter.words}"]
        if self.code:
            lines += [f"  Open {self.code.url} on any device, and enter", "", f"      {plain(self.code.text)}", ""]
            lines += wrapped(GET_QR) if lacks_segno() else []
        if self.link:
            lines += [f"  {self.link.label}:", f"  {self.link.url}"]
        lines += [line for each in (self.ready, self.note_as_text) for line in wrapped(each)]
        if self.hint:
            lines += [*wrapped(self.hint.words), *([f"      {plain(self.hint.text)}"] if self.hint.text else [])]
        if self.folded and self.folded.is_said:
            lines += [line for each in self.folded.sentences for line in wrapped(each)]
        return "\n".join(lines).rstrip("\n")


def wrapped(text: str) -> list[str]:
    """Return *text* as lines for a terminal; a word that is longer than a line, as an address, stays whole."""
    return [f"  {line}" for line in wrap(plain(text, 600), 84, break_long_words=False, break_on_hyphens=False)]


def mark(mood: str) -> str:
    """Return the mark of *mood* in a disc of its colour, as HTML; nothing where it has none."""
    if mood not in MARKS:
        return ""
    ink = "#000" if mood == "warning" else "#fff"  # 4.5:1 on the disc (WCAG 2.2, 1.4.3)
    style = (
        f"display:inline-block;min-width:1.5em;height:1.5em;line-height:1.5;border-radius:1em;font-size:0.8em;"
        f"font-weight:600;text-align:center;background:{ACCENTS[mood]};color:{ink}"
    )
    return f'<span aria-hidden="true" style="{style}">{MARKS[mood]}</span> '


def paragraph(text: str) -> str:
    """Return *text* as a quiet paragraph of a card."""
    return f'<div dir="auto" style="{QUIET};margin-top:6px">{prose(text)}</div>'


def bar(share: float, mood: str) -> str:
    """Return a thin bar of which *share*, 0 to 1, is filled, as HTML. The words beside it say the same."""
    # Not `progress`: an untrusted notebook keeps no colour for it, and front ends draw it as high as text.
    filled = f"width:{100 * share:.1f}%;height:3px;border-radius:2px;background:{ACCENTS[mood]}"
    return (
        f'<div aria-hidden="true" style="{WIDTH};height:3px;border-radius:2px;background:{LINE}">'
        f'<div style="{filled}"></div></div>'
    )


def _meter(meter: Meter, mood: str) -> str:
    words = f'<div style="{QUIET};margin-top:2px">Lifetime: {escaped(meter.words)}</div>'
    return f'<div style="margin:6px 0 2px 0">{bar(meter.share, mood)}{words}</div>'


def _anchor(url: str, inner: str, style: str) -> str:
    return f'<a href="{html.escape(url)}" target="_blank" rel="noopener" style="{style}">{inner}</a>'


def _button(link: Link) -> str:
    return f'<div style="margin:8px 0">{_anchor(link.url, escaped(link.label), LINK_STYLE)}</div>'


def _code(code: Code, button: str, link: Link | None) -> str:
    """Return *code* with its page, above *button*. The QR code of *link* is beside them if there is room."""
    where = _anchor(code.url, f"<bdi>{escaped(code.url)}</bdi>", "text-decoration:underline")
    words = (
        f'<div style="overflow-wrap:break-word;overflow-wrap:anywhere">Open {where} on any device, and enter</div>'
        f'<div dir="ltr" style="{CODE_STYLE}">{escaped(code.text)}</div>'
        f'<div style="{QUIET};font-size:0.9em">Click to select.</div>{button}'
    )
    source, width = qr_image(link.url) if link else ("", 0)
    image = f'<img src="{source}" alt="QR code of the link" width="{width}" style="{QR_STYLE}">' if source else ""
    get = "" if source or not lacks_segno() else paragraph(GET_QR)
    # No wider, so that the QR code has room beside it.
    box = "display:inline-block;vertical-align:top;max-width:24em;margin:4px 28px 4px 0"
    return f'<div style="{box}">{words}</div>{image}{get}'


def _address(address: Address) -> str:
    text = (
        f'<div dir="ltr" style="font-family:monospace;overflow-wrap:break-word;overflow-wrap:anywhere;{SELECTABLE}">'
        f"{escaped(address.text)}</div>"
    )
    return f'<div style="{QUIET};margin-top:6px">{prose(address.words)}</div>{text if address.text else ""}'


def _details(folded: Folded) -> str:
    inner = "".join(paragraph(each) for each in folded.sentences)
    summary = f'<summary style="cursor:pointer">{escaped(folded.title)}</summary>'
    return f'<details style="margin-top:6px">{summary}{inner}</details>'


def table(rows: Sequence[Row], warned: Collection[str] = ()) -> str:
    """Return *rows* as an HTML table with a header cell in each row; a row with a label of *warned* has the mark."""
    if not rows:
        return ""
    # Each property is first as an untrusted notebook keeps it, and then as it should be.
    start = "text-align:left;text-align:start;vertical-align:top;background:none;border:none;line-height:1.5"
    side = "padding:1px 16px 1px 0;padding-inline:0 16px"
    head = f'style="{start};{side};white-space:nowrap;font-weight:normal;opacity:0.75"'
    wrap_words = "overflow-wrap:break-word;overflow-wrap:anywhere"
    cell = f"{start};padding:1px 0;{wrap_words}"
    body = ""
    for label, value in rows:
        is_warned = label in warned
        style = f"{cell};font-weight:600" if is_warned else cell
        inner = f"{mark('warning') if is_warned else ''}<bdi>{in_cell(value)}</bdi>"
        body += (
            f'<tr style="background:none"><th scope="row" {head}>{escaped(label)}</th>'
            f'<td style="{style}">{inner}</td></tr>'
        )
    style = "border:none;margin:6px 0;border-collapse:collapse;font-size:100%"
    return f'<table class="{AS_IT_IS}" style="{style}"><tbody>{body}</tbody></table>'
