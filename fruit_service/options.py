"""Option types that both command lines of this package use."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable


def number(least: int, most: int) -> Callable[[str], int]:
    """Return an argparse type for a whole number from *least* to *most*."""

    def read(text: str) -> int:
        if not (re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return read
