"""What `token?` and Shift-Tab show of a token: that it is one, and no part of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..token import AccessToken, IdToken

_ASKED = ("info", "_info")
"""The methods that tell of an object; IPython has had one, the other, or both."""


def guard_inspector(shell: Any) -> None:
    """Let *shell*'s inspector show the `repr` of a token where it shows the text of other strings."""
    inspector = shell.inspector
    for name in _ASKED:
        if hasattr(inspector, name) and name not in vars(inspector):
            setattr(inspector, name, _guarded(getattr(inspector, name)))


def unguard_inspector(shell: Any) -> None:
    """Take the guard away."""
    for name in _ASKED:
        vars(shell.inspector).pop(name, None)


def _guarded(info: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(obj: Any, *args: Any, **kwargs: Any) -> Any:
        told = info(obj, *args, **kwargs)
        if isinstance(obj, (AccessToken, IdToken)):
            told["string_form"] = repr(obj)
        return told

    return guarded
