"""An extension that does nothing: what `%load_ext` itself costs."""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """Do nothing."""
