"""A card: a title, rows of label and value, perhaps a link, as HTML for a notebook and as text for a terminal.

The HTML has only elements and styles that an untrusted notebook keeps. JupyterLab drops a style with a theme variable
as its colour, so the colours are fixed, and are readable on white and on black.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from ..markup import AS_IT_IS as AS_IT_IS  # also for those who compose HTML of the tables below
from ..markup import Table
from ..markup import escaped as escaped
from ..text import plain
from .qr import qr_image

Row = tuple[str, str]

LINE = "rgba(128,128,128,0.45)"
ACCENTS = {"good": "#388e3c", "waiting": "#1976d2", "bad": "#d32f2f", "still": "#8a8a8a"}
LINK_STYLE = (
    "display:inline-block;padding:6px 14px;border-radius:4px;background:#1565c0;color:#fff;"
    "text-decoration:none;font-weight:600"
)

CODE_STYLE = (
    "font-family:monospace;font-size:2em;font-weight:600;letter-spacing:0.12em;line-height:1.6;"
    "user-select:all;-webkit-user-select:all"  # one click selects the whole code, without the space between letters
)
QR_STYLE = "display:inline-block;vertical-align:top;margin:4px 0;border-radius:4px;background:#fff"


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
class Card:
    """The content of a card. Each text may come from outside: it is escaped when it is rendered.

    Attributes:
        mood: `good`, `waiting`, `bad` or `still`; sets the colour of the edge.
        note: a sentence under the rows.
        code: shown large, with a QR code of the link if segno is installed.
        table: stands below the rows.
    """

    mood: str
    title: str
    rows: Sequence[Row] = ()
    link: Link | None = None
    note: str = ""
    code: Code | None = None
    table: Table | None = None

    def bundle(self) -> dict[str, str]:
        """Return the card as a MIME bundle for `display(..., raw=True)`."""
        return {"text/html": self.html(), "text/plain": self.text()}

    def html(self) -> str:
        """Return the card as HTML."""
        style = (
            f"border:1px solid {LINE};border-left:4px solid {ACCENTS[self.mood]};border-radius:4px;"
            "padding:10px 14px;margin:4px 0;max-width:46em;line-height:1.5"
        )
        inner = f'<div style="font-weight:600">{escaped(self.title)}</div>'
        inner += table(self.rows)
        inner += self.table.html() if self.table else ""
        link = _button(self.link) if self.link else ""
        inner += _code(self.code, link, self.link) if self.code else link
        if self.note:
            inner += f'<div style="opacity:0.8;margin-top:4px">{escaped(self.note)}</div>'
        return f'<div class="{AS_IT_IS}" style="{style}">{inner}</div>'

    def text(self) -> str:
        """Return the card as text."""
        width = max((len(label) for label, _ in self.rows), default=0)
        lines = [plain(self.title)]
        lines += [f"  {label:<{width}}  {plain(value)}" for label, value in self.rows]
        if self.table:
            lines += ["", *self.table.text().splitlines(), ""]
        if self.code:
            lines += [f"  Open {self.code.url} on any device, and enter", "", f"      {plain(self.code.text)}", ""]
        if self.link:
            lines += [f"  {self.link.label}:", f"  {self.link.url}"]
        if self.note:
            lines.append(f"  {plain(self.note, 600)}")
        return "\n".join(lines).rstrip("\n")


def _anchor(url: str, inner: str, style: str) -> str:
    return f'<a href="{html.escape(url)}" target="_blank" rel="noopener" style="{style}">{inner}</a>'


def _button(link: Link) -> str:
    return f'<div style="margin:8px 0">{_anchor(link.url, escaped(link.label), LINK_STYLE)}</div>'


def _code(code: Code, button: str, link: Link | None) -> str:
    """Return *code* with its page, above *button*. The QR code of *link* is beside them if there is room."""
    where = _anchor(code.url, escaped(code.url), "text-decoration:underline")
    words = (
        f'<div>Open {where} on any device, and enter</div><div style="{CODE_STYLE}">{escaped(code.text)}</div>{button}'
    )
    source, width = qr_image(link.url) if link else ("", 0)
    image = f'<img src="{source}" alt="QR code of the link" width="{width}" style="{QR_STYLE}">' if source else ""
    return f'<div style="display:inline-block;vertical-align:top;margin:4px 28px 4px 0">{words}</div>{image}'


def table(rows: Sequence[Row]) -> str:
    """Return *rows* as an HTML table with a header cell in each row."""
    if not rows:
        return ""
    left = "text-align:left;vertical-align:top;padding:1px 16px 1px 0;white-space:nowrap"
    head = f'style="{left};font-weight:normal;opacity:0.75"'
    # An untrusted notebook keeps only `break-word`. `anywhere` also wraps a long word in a narrow table.
    wrap = "overflow-wrap:break-word;overflow-wrap:anywhere"
    cell = f'style="text-align:left;vertical-align:top;padding:1px 0;{wrap}"'
    body = "".join(
        f'<tr style="background:none"><th scope="row" {head}>{escaped(label)}</th><td {cell}>{escaped(value)}</td></tr>'
        for label, value in rows
    )
    style = "border:none;margin:4px 0;border-collapse:collapse"
    return f'<table class="{AS_IT_IS}" style="{style}"><tbody>{body}</tbody></table>'
