"""HTML for a notebook and text for a terminal: texts from outside escaped, and tables of them.

Front ends typeset TeX in the HTML of an output. A provider's text could draw a link or cover our words by it, so each
outermost element has the classes `AS_IT_IS`, and `escaped` takes the delimiters apart.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from .text import plain

AS_IT_IS = "mathjax_ignore tex2jax_ignore"
"""The classes of an element in which MathJax 3 and 4 (JupyterLab, Notebook 7) and MathJax 2 (nbconvert, nbviewer) leave
text as it is."""

WIDTH = 80
"""Columns of a terminal that a table fits into."""

_GAP = 2
_UNBROKEN = 40
"""A word of at most so many letters is not parted, if the table has room for it."""
_LIMIT = 600

# Each property is first as an untrusted notebook keeps it, and then as it should be.
_ALL = (
    "text-align:left;text-align:start;vertical-align:top;background:none;border:none;line-height:1.5;"
    "padding:1px 16px 1px 0;padding-inline:0 16px;font-weight:normal"
)
_HEAD = f"{_ALL};border-bottom:1px solid rgba(128,128,128,0.35);opacity:0.75"
_CELL = f"{_ALL};overflow-wrap:break-word"


class Sentence(str):
    """Words of ours in a cell or a row: what stands between backticks is code. Any other text stays as it is."""

    __slots__ = ()


@dataclass(frozen=True)
class Table:
    """Rows under the names of their columns. Each text may come from outside: it is escaped when it is rendered."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def html(self) -> str:
        """Return the table as HTML, with elements and styles that an untrusted notebook keeps."""
        head = "".join(f'<th scope="col" style="{_HEAD}">{escaped(name)}</th>' for name in self.columns)
        body = "".join(f'<tr style="background:none">{_cells(row)}</tr>' for row in self.rows)
        style = "border:none;margin:6px 0;border-collapse:collapse;font-size:100%"
        return (
            f'<table class="{AS_IT_IS}" style="{style}"><thead><tr style="background:none">{head}</tr></thead>'
            f"<tbody>{body}</tbody></table>"
        )

    def text(self, width: int = WIDTH) -> str:
        """Return the table as lines of at most *width* columns; a cell that is too long has several lines."""
        rows = [[plain(cell, _LIMIT) for cell in row] for row in (self.columns, *self.rows)]
        widths = _widths(rows, width)
        return "\n".join(line for row in rows for line in _lines(row, widths))


def escaped(text: str) -> str:
    """Return *text* for HTML: without control characters, escaped, and with nothing in it that is typeset as TeX."""
    # KaTeX knows no such class as `AS_IT_IS`, and some front ends drop classes. No program looks for a formula across
    # elements, so each `$` and each backslash is in an element of its own.
    return re.sub(r"[$\\]", r"<span>\g<0></span>", html.escape(plain(text, _LIMIT)))


def prose(text: str) -> str:
    """Return *text* for HTML, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped(text))


def in_cell(text: str) -> str:
    """Return the *text* of a cell for HTML: a `Sentence` with its code, any other as it is."""
    return prose(text) if isinstance(text, Sentence) else escaped(text)


def _cells(row: Sequence[str]) -> str:
    first, *rest = row
    cells = "".join(f'<td style="{_style(cell)}"><bdi>{in_cell(cell)}</bdi></td>' for cell in rest)
    return f'<th scope="row" style="{_style(first)}"><bdi>{escaped(first)}</bdi></th>{cells}'


def _style(cell: str) -> str:
    """Return the style of *cell*, in which only a long word may be parted: `anywhere` makes a column narrow."""
    has_long_word = any(len(word) > _UNBROKEN for word in cell.split())
    return f"{_CELL};overflow-wrap:anywhere" if has_long_word else _CELL


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the width of each column: as wide as its longest cell, and less where the sum is above *width*.

    The widest column gets narrower first, and long words are parted last.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, cells)) for cells in columns]
    words = [max((len(word) for cell in cells for word in cell.split()), default=1) for cells in columns]
    for least in ([min(word, _UNBROKEN) for word in words], [min(word, 8) for word in words]):
        while sum(widths) + _GAP * (len(widths) - 1) > width:
            room = [have - need for have, need in zip(widths, least, strict=True)]
            if max(room) <= 0:
                break
            widths[max(range(len(widths)), key=lambda i: (room[i] > 0, widths[i]))] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    cells = [
        textwrap.wrap(cell, max(width, 1), break_on_hyphens=False) or [""]
        for cell, width in zip(row, widths, strict=True)
    ]
    for parts in zip_longest(*cells, fillvalue=""):
        padded = (f"{part:<{width}}" for part, width in zip(parts, widths, strict=True))
        yield (" " * _GAP).join(padded).rstrip()
