"""A link as a QR code, for the camera of another device. It needs segno (`[qr]`)."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

LONGEST = 300
"""Longest link in characters. The code of a longer one is too fine for a camera in front of a screen."""

GET_QR = "For a QR code, run `pip install 'ipyauth-magic[qr]'`."

_SCALE = 8
"""Pixels of a module. The image is shown at half its size, so that it is sharp on a screen with double density."""


def lacks_segno() -> bool:
    """Tell whether there is no QR code because the extra is not installed."""
    return find_spec("segno") is None


def qr_image(url: str) -> tuple[str, int]:
    """Return the QR code of *url* as a `data:` URL of a PNG, with its width in pixels; `("", 0)` if there is none.

    The white quiet zone is part of the image, so that a camera recognizes it in a dark theme too.
    """
    code = _code(url)
    if code is None:
        return "", 0
    return code.png_data_uri(scale=_SCALE), code.symbol_size(scale=_SCALE)[0] // 2


def qr_text(url: str, encoding: str = "utf-8", has_colours: bool = True) -> str:
    """Return the QR code of *url* as half blocks for a terminal; empty if *encoding* has no blocks.

    With *has_colours* it is white on black on any terminal, without it has the terminal's own colours.
    """
    from io import StringIO

    code = _code(url)
    if code is None or not _has_blocks(encoding):
        return ""
    drawn = StringIO()
    code.terminal(drawn, border=2, compact=True)
    lines = drawn.getvalue().splitlines()
    return "\n".join(f"\x1b[97;40m{line}\x1b[0m" if has_colours else line for line in lines)


def _has_blocks(encoding: str) -> bool:
    try:
        "▀▄█".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _code(url: str) -> Any:
    try:
        import segno
    except ImportError:
        return None
    return segno.make_qr(url) if len(url) <= LONGEST else None
