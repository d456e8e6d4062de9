"""A place that fails costs one warning in a process, however often it fails."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

from ..settings.params import IpyauthWarning

Warn = Callable[[str], None]
"""Shows the user a sentence."""

_warned: dict[str, object] = {}


def issue_warning(sentence: str) -> None:
    """Show *sentence* as Python shows warnings: on standard error, in a notebook below the cell."""
    try:
        warnings.warn(sentence, IpyauthWarning, stacklevel=2)
    except IpyauthWarning:  # of a filter that makes warnings errors: no sign-in ends by a place that takes nothing
        print(f"Warning: {sentence}", file=sys.stderr, flush=True)


def warn_once(place: str, sentence: str, warn: Warn) -> None:
    """Show *sentence*, unless this process has had a warning of *place* already."""
    mine = object()
    if _warned.setdefault(place, mine) is mine:
        warn(sentence)
