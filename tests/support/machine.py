"""Environments of machines that tests need: a value of None takes a variable away."""

from __future__ import annotations

import os
from collections.abc import Mapping

NO_BROWSER: Mapping[str, str | None] = dict.fromkeys(
    (
        *("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"),
        *("AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_AUDIENCE", "AUTH0_CALLBACK_URL"),
    )
)
"""A machine without a browser, and without parameters of the user who runs the tests."""


def environment(*changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return the environment of this process with *changes*, the last ones winning."""
    merged: dict[str, str | None] = {**os.environ}
    for change in changes:
        merged |= change
    return {name: value for name, value in merged.items() if value is not None}
