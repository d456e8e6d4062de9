"""Option types that both command lines of this package use."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def number(least: int, most: int) -> Callable[[str], int]:
    """Return an argparse type for a whole number from *least* to *most*."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return read
